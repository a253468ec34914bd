// Real clusters whose nodes come and go while clients go on, each reply checked (steady_load.h).
//
// CARTWHEEL_MOVES: the bounds of time as they stand, and the runs that take long. Otherwise the
// machine may be busy with other tests, and times are only told. CARTWHEEL_MOVES_MB: how much is
// moved to measure that.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_cluster.h"
#include "tests/process/server_process.h"
#include "tests/process/steady_load.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::chrono::seconds kMovingPatience{120};

bool IsMeasured() {
  return std::getenv("CARTWHEEL_MOVES") != nullptr;
}

ServerCluster::Options Joining(std::vector<std::string> more = {}) {
  std::vector<std::string> of_all = {"--cluster-secret", "of this test alone"};
  of_all.insert(of_all.end(), more.begin(), more.end());
  return {.members = ServerCluster::Members::kJoining, .of_all = std::move(of_all)};
}

void GoOn(std::chrono::milliseconds time) {
  std::this_thread::sleep_for(time);
}

std::string Plan(ServerCluster& nodes, int node) {
  return nodes.Connect(node).Call({"CLUSTER", "PLAN"});
}

// A plan takes the node a while to work out, which clients would notice: it is not asked for often.
[[nodiscard]] bool AwaitThatPlan(ServerCluster& nodes, int node,
                                 const std::function<bool(const std::string& plan)>& says,
                                 std::chrono::seconds patience = kMovingPatience) {
  return Eventually(
      [&] {
        GoOn(std::chrono::milliseconds(200));
        return says(Plan(nodes, node));
      },
      patience);
}

bool IsSettled(const std::string& plan) {
  return plan == "nothing is planned\n";
}

// Until a plan of so many who join or leave is known there.
[[nodiscard]] bool AwaitPlan(ServerCluster& nodes, int node, const std::string& change, int count) {
  return AwaitThatPlan(nodes, node, [&](const std::string& plan) {
    int found = 0;
    for (size_t at = plan.find("  " + change + "\n"); at != std::string::npos;
         at = plan.find("  " + change + "\n", at + 1)) {
      ++found;
    }
    return found == count;
  });
}

// COMMIT, and until nothing is on its way any more.
[[nodiscard]] bool Commit(ServerCluster& nodes, int node) {
  const std::string reply = nodes.Connect(node).Call({"CLUSTER", "COMMIT"});
  EXPECT_EQ(reply, "OK");
  return reply == "OK" && AwaitThatPlan(nodes, node, IsSettled);
}

// As soon as nobody has anything against it any more.
[[nodiscard]] bool CommitInTheEnd(ServerCluster& nodes, int node) {
  const auto may_be_done = [](const std::string& plan) {
    return plan.contains("CLUSTER COMMIT carries it out");
  };
  return AwaitThatPlan(nodes, node, may_be_done) && Commit(nodes, node);
}

void ExpectNothingLost(const SteadyLoad& load) {
  EXPECT_THAT(load.losses(), IsEmpty());
  // On a machine that has more to do than it can, requests run out of time.
  if (IsMeasured()) {
    EXPECT_THAT(load.errors(), IsEmpty());
  }
  for (const std::string& error : load.errors()) std::cout << "error: " << error << "\n";
}

// Whatever happens, clients hardly notice.
void ShowTimes(const SteadyLoad& load, const std::vector<std::string>& phases) {
  const SteadyLoad::Times quiet = load.TimesOf(0);
  for (size_t i = 0; i < phases.size(); ++i) {
    const SteadyLoad::Times times = load.TimesOf(static_cast<int>(i));
    std::cout << phases[i] << ": " << SteadyLoad::Show(times) << "\n";
    if (!IsMeasured()) continue;
    constexpr int64_t kSlackUs = 5000;
    EXPECT_LE(SteadyLoad::Percentile(times, 0.99),
              2 * SteadyLoad::Percentile(quiet, 0.99) + kSlackUs)
        << phases[i];
  }
}

TEST(Moves, AClusterGrowsAndShrinksWhileClientsGoOn) {
  ServerCluster nodes(5, Joining());
  nodes.Start(1);
  nodes.Start(2);
  ASSERT_TRUE(nodes.AwaitOneOf(2));
  SteadyLoad load(nodes);
  load.With(1);
  load.With(2);
  load.Begin();
  GoOn(std::chrono::seconds(2));

  load.NextPhase();
  nodes.Start(3);
  ASSERT_TRUE(nodes.AwaitOneOf(3));
  load.With(3);
  ASSERT_TRUE(AwaitPlan(nodes, 3, "joins", 1)) << Plan(nodes, 3);
  ASSERT_TRUE(Commit(nodes, 3)) << Plan(nodes, 3);

  load.NextPhase();
  nodes.Start(4);
  nodes.Start(5);
  ASSERT_TRUE(nodes.AwaitOneOf(5));
  load.With(4);
  load.With(5);
  ASSERT_TRUE(AwaitPlan(nodes, 2, "joins", 2)) << Plan(nodes, 2);
  ASSERT_TRUE(Commit(nodes, 2)) << Plan(nodes, 2);

  load.NextPhase();
  for (const int leaving : {1, 4}) {
    load.Leaves(leaving);
    EXPECT_TRUE(
        Eventually([&] { return nodes.Connect(leaving).Call({"CLUSTER", "LEAVE"}) == "OK"; }));
  }
  ASSERT_TRUE(AwaitPlan(nodes, 2, "leaves", 2)) << Plan(nodes, 2);
  ASSERT_TRUE(Commit(nodes, 2)) << Plan(nodes, 2);
  for (const int leaving : {1, 4}) {
    load.Leaves(leaving);
    EXPECT_TRUE(Eventually([&] {
      return nodes.Connect(leaving).Call({"GET", "key0"}).contains("was taken out of its cluster");
    })) << nodes.at(leaving).log();
    load.Without(leaving);
    EXPECT_EQ(nodes.Stop(leaving), 0);
  }
  EXPECT_TRUE(nodes.AwaitOneOf(3)) << nodes.Connect(2).Call({"CLUSTER", "NODES"});

  load.NextPhase();
  GoOn(std::chrono::seconds(1));
  load.End();
  ExpectNothingLost(load);
  for (const int node : {2, 3, 5}) EXPECT_EQ(load.LostAt(node), 0) << node;
  ShowTimes(load, {"two nodes, quiet", "a third comes", "two more come", "two leave",
                   "three nodes, quiet"});
}

// One goes as soon as the one before is back, which has missed writes meanwhile.
TEST(Moves, ARollingRestartLosesNothing) {
  ServerCluster nodes(3, Joining());
  nodes.StartAll();
  ASSERT_TRUE(nodes.AwaitOneOf(3));
  SteadyLoad load(nodes);
  for (const int node : {1, 2, 3}) load.With(node);
  load.Begin();
  GoOn(std::chrono::seconds(1));
  load.NextPhase();
  for (const int node : {1, 2, 3}) {
    EXPECT_EQ(nodes.Stop(node), 0);
    nodes.Start(node);
  }
  ASSERT_TRUE(nodes.AwaitOneOf(3));
  load.NextPhase();
  GoOn(std::chrono::seconds(1));
  load.End();
  ExpectNothingLost(load);
  for (const int node : {1, 2, 3}) EXPECT_EQ(load.LostAt(node), 0) << node;
  std::cout << load.broken() << " operations were made anew elsewhere\n";
  for (const int phase : {0, 1, 2}) std::cout << SteadyLoad::Show(load.TimesOf(phase)) << "\n";
}

// ---- how fast

constexpr size_t kValueBytes = 4096;

// As soon as the node is in a cluster.
void Fill(Client& client, size_t bytes) {
  ASSERT_TRUE(Eventually([&] { return client.Call({"GET", "key0"}) == "(nil)"; }));
  const std::string value(kValueBytes, 'v');
  constexpr size_t kPipeline = 500;
  const size_t keys = bytes / kValueBytes;
  for (size_t i = 0; i < keys; i += kPipeline) {
    const size_t end = std::min(keys, i + kPipeline);
    for (size_t at = i; at < end; ++at) client.Append({"SET", "key" + std::to_string(at), value});
    for (size_t at = i; at < end; ++at) ASSERT_EQ(client.Read(), "OK");
  }
}

// Bytes of values a second that came from one node to another, whose limit is `bandwidth`.
double MeasureMove(size_t bytes, const std::string& bandwidth) {
  ServerCluster nodes(2, Joining({"--cluster-move-bandwidth", bandwidth}));
  nodes.Start(1);
  Client client = nodes.Connect(1);
  Fill(client, bytes);
  nodes.Start(2);
  EXPECT_TRUE(nodes.AwaitOneOf(2));
  EXPECT_TRUE(AwaitPlan(nodes, 1, "joins", 1));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(client.Call({"CLUSTER", "COMMIT"}), "OK");
  size_t resident[2] = {};
  EXPECT_TRUE(Eventually(
      [&] {
        for (const int node : {1, 2}) {
          size_t& most = resident[node - 1];
          most = std::max(most, nodes.at(node).run().resident_bytes());
        }
        GoOn(std::chrono::milliseconds(50));
        return IsSettled(client.Call({"CLUSTER", "PLAN"}));
      },
      std::chrono::minutes(10)));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  Client other = nodes.Connect(2);
  EXPECT_EQ(other.Call({"DYN.QUORUM", "R", "2", "STRLEN", "key0"}), std::to_string(kValueBytes));
  const double speed = static_cast<double>(bytes) / took.count();
  constexpr double kMega = 1e6;
  std::cout << bytes / 1'000'000 << " MB moved under cluster-move-bandwidth " << bandwidth << ": "
            << took.count() << " s, " << speed / kMega << " MB/s; most memory "
            << resident[0] / 1'000'000 << " MB at who gives, " << resident[1] / 1'000'000
            << " MB at who gets\n";
  return speed;
}

TEST(Moves, AreAsFastAsTheyAreAllowedToBe) {
  if (!IsMeasured()) GTEST_SKIP() << "takes long; make moves";
  const char* const asked = std::getenv("CARTWHEEL_MOVES_MB");
  const size_t bytes = static_cast<size_t>(asked == nullptr ? 64 : std::atoi(asked)) << 20;
  MeasureMove(bytes, "0");
  constexpr size_t kSeconds = 10;
  const size_t limit = bytes / kSeconds;
  EXPECT_LT(MeasureMove(bytes, std::to_string(limit)), 1.1 * static_cast<double>(limit));
}

// ---- a full disk

TEST(Moves, StopAtAFullDiskWithTheReasonAndGoOnWhenThereIsRoom) {
  constexpr int kFull = 4;
  constexpr size_t kBytes = 12 << 20;
  constexpr size_t kLastKey = kBytes / kValueBytes - 1;
  // The others are a majority, which can decide without the one that can store nothing.
  ServerCluster nodes(4, Joining());
  for (const int node : {1, 2, 3}) nodes.Start(node);
  ASSERT_TRUE(nodes.AwaitOneOf(3));
  Client client = nodes.Connect(1);
  Fill(client, kBytes);
  nodes.Start(kFull);
  ASSERT_TRUE(nodes.AwaitOneOf(4));
  ASSERT_TRUE(AwaitPlan(nodes, 1, "joins", 1)) << Plan(nodes, 1);
  rlimit before{};
  ASSERT_EQ(prlimit(nodes.at(kFull).run().pid(), RLIMIT_FSIZE, nullptr, &before), 0);
  const rlimit small{.rlim_cur = 3 << 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(prlimit(nodes.at(kFull).run().pid(), RLIMIT_FSIZE, &small, nullptr), 0);

  EXPECT_EQ(client.Call({"CLUSTER", "COMMIT"}), "OK");
  const auto has_stopped = [](const std::string& plan) {
    return plan.contains("nothing is moved: ");
  };
  // Who cannot take what comes says so after ten seconds.
  constexpr std::chrono::seconds kStopsWithin{100};
  ASSERT_TRUE(AwaitThatPlan(nodes, 1, has_stopped, kStopsWithin)) << Plan(nodes, 1);
  EXPECT_THAT(Plan(nodes, 1), HasSubstr("the member at " + nodes.address(kFull)));
  const std::string logs = nodes.at(1).log() + nodes.at(2).log() + nodes.at(3).log();
  EXPECT_THAT(logs, HasSubstr("partitions are not moved any more: "));
  const auto expect_all = [&](const char* when, const std::vector<int>& through) {
    for (const int node : through) {
      Client reader = nodes.Connect(node);
      for (size_t i = 0; i <= kLastKey; ++i) {
        ASSERT_EQ(reader.Call({"STRLEN", "key" + std::to_string(i)}), std::to_string(kValueBytes))
            << when << ", node " << node << ", key" << i;
      }
    }
  };
  // What moved last it cannot keep in mind itself, so others refuse what it asks for its clients.
  expect_all("while the disk is full", {1, 2, 3});

  ASSERT_EQ(prlimit(nodes.at(kFull).run().pid(), RLIMIT_FSIZE, &before, nullptr), 0);
  ASSERT_TRUE(CommitInTheEnd(nodes, 1)) << Plan(nodes, 1);
  expect_all("after it", {1, 2, 3, kFull});
  EXPECT_EQ(nodes.Connect(kFull).Call({"DYN.QUORUM", "R", "3", "STRLEN", "key0"}),
            std::to_string(kValueBytes));
}

}  // namespace
}  // namespace cartwheel
