// kill -9 at any moment: a restart finds every acknowledged write and none that nobody sent,
// whatever appendfsync says. The log is flushed and begun anew every megabyte, so that the moments
// fall into flushes and removals too.
//
// CARTWHEEL_CRASHES=100 makes it so many kills under each setting (`make crash`).
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <thread>

#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

constexpr int kWriters = 3;
constexpr int kPipelined = 16;
constexpr int kMostKeys =
    50'000;  // then the store is emptied, or reading it back would take ever longer

// Every key and value follows from writer and number, so that a reader knows what was written.
std::string KeyOf(int writer, int number) {
  std::string key = "w" + std::to_string(writer) + ":" + std::to_string(number);
  if (number % 50 == 0) key += std::string(600, 'k');
  return key;
}
std::string ValueOf(int writer, int number) {
  const std::string text = KeyOf(writer, number) + " value ";
  return number % 200 == 0 ? text + std::string(70 << 10, 'v') : text;
}
std::string CounterOf(int writer) {
  return "counter" + std::to_string(writer);
}

// Writes its keys in order and counts them, both in pipelines, until the server is gone.
class Writer {
 public:
  explicit Writer(int id) : id_(id) {}

  void Run(int port) {
    Client client(port);
    std::deque<bool> expected;  // per request under way: whether it counts
    while (client.connected()) {
      while (expected.size() < 2 * kPipelined) {
        client.Append({"SET", KeyOf(id_, sent_), ValueOf(id_, sent_)});
        ++sent_;
        client.Append({"INCR", CounterOf(id_)});
        ++counted_;
        expected.insert(expected.end(), {false, true});
      }
      const std::string reply = client.Read();
      if (reply == "(closed)") return;
      const bool counts = expected.front();
      expected.pop_front();
      if (counts) {
        EXPECT_EQ(reply, std::to_string(++acknowledged_count_));
      } else {
        EXPECT_EQ(reply, "OK");
        ++acknowledged_;
      }
    }
  }

  // Between runs: looks at what a restart found, and goes on from there.
  void Verify(Client& client) {
    for (int i = 0; i < sent_; ++i) client.Append({"GET", KeyOf(id_, i)});
    int found = 0;
    for (int i = 0; i < sent_; ++i) {
      const std::string value = client.Read();
      if (value == "(nil)") continue;
      ASSERT_EQ(value, ValueOf(id_, i));
      // In order, hence a prefix.
      ASSERT_EQ(i, found);
      ++found;
    }
    EXPECT_GE(found, acknowledged_);
    const std::string count = client.Call({"GET", CounterOf(id_)});
    const int counted = count == "(nil)" ? 0 : std::stoi(count);
    EXPECT_GE(counted, acknowledged_count_);
    EXPECT_LE(counted, counted_);
    EXPECT_TRUE(counted == found || counted == found - 1) << counted << " of " << found;
    sent_ = acknowledged_ = found;
    counted_ = acknowledged_count_ = counted;
  }

  // The store was emptied.
  void BeginAgain() { acknowledged_ = sent_ = counted_ = acknowledged_count_ = 0; }

  int found() const { return sent_; }
  int acknowledged() const { return acknowledged_; }

 private:
  const int id_;
  // Requests, and replies to them, over all runs.
  std::atomic<int> acknowledged_ = 0;
  int sent_ = 0;
  int counted_ = 0;
  int acknowledged_count_ = 0;
};

int Rounds() {
  constexpr int kRoundsInCi = 4;
  const char* wanted = std::getenv("CARTWHEEL_CRASHES");
  return wanted == nullptr ? kRoundsInCi : std::stoi(wanted);
}

class Kill : public testing::TestWithParam<const char*> {};

TEST_P(Kill, ARestartReturnsEveryAcknowledgedWriteAndInventsNone) {
  ServerProcess server({"--appendfsync", GetParam(), "--checkpoint-log-size", "1mb"});
  std::deque<Writer> writers;
  for (int id = 0; id < kWriters; ++id) writers.emplace_back(id);
  for (int round = 0; round < Rounds(); ++round) {
    std::vector<std::jthread> threads;
    std::vector<int> begun;
    for (Writer& writer : writers) begun.push_back(writer.acknowledged());
    for (Writer& writer : writers) {
      threads.emplace_back([&writer, &server] { writer.Run(server.port()); });
    }
    // Once all are under way, at a moment that differs from round to round.
    const int written = 1 + round * 1237 % 4000;
    const bool under_way = Eventually([&] {
      for (int id = 0; id < kWriters; ++id) {
        if (writers[id].acknowledged() < begun[id] + written) return false;
      }
      return true;
    });
    EXPECT_TRUE(under_way);
    server.Kill();
    threads.clear();
    server.Start();
    Client client(server.port());
    int keys = kWriters;
    for (Writer& writer : writers) {
      writer.Verify(client);
      keys += writer.found();
    }
    EXPECT_EQ(client.Call({"DBSIZE"}), std::to_string(keys));
    if (testing::Test::HasFailure()) return;
    if (keys < kMostKeys) continue;
    ASSERT_EQ(client.Call({"FLUSHALL"}), "OK");
    for (Writer& writer : writers) writer.BeginAgain();
  }
}

INSTANTIATE_TEST_SUITE_P(All, Kill, testing::Values("always", "everysec", "no"),
                         [](const auto& setting) { return std::string(setting.param); });

}  // namespace
}  // namespace cartwheel
