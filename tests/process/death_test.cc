// Five real nodes under load, one of which dies, stands still or is cut off by the network: what
// the clients of the others see.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/networks.h"
#include "tests/process/server_cluster.h"

namespace cartwheel {
namespace {

using std::chrono::steady_clock;

constexpr int kNodes = 5;
constexpr int kVictim = 3;
constexpr int kClientsOfANode = 2;

// What 300 ms are made of: after dyn-rpc-timeout another node is asked, whose answer is here within
// the rest.
constexpr int64_t kBoundUs = int64_t{250'000 + 50'000} * CARTWHEEL_SLOWDOWN;
// Well before any detector notices (1.5 s): a read may meet the lost node twice, at the node that
// it is passed on to and then as one of those which that node's successor asks.
constexpr int64_t kLongestUs = int64_t{3 * 250'000} * CARTWHEEL_SLOWDOWN;
// A write that another node coordinates is not made anew elsewhere: its client is told that nobody
// knows once the deadline of a request has passed, after the node was given its rpc timeout.
constexpr int64_t kUncertainUs = int64_t{1'000'000 + 250'000 + 250'000} * CARTWHEEL_SLOWDOWN;

// CARTWHEEL_DEATHS: the bounds as they stand. Otherwise the machine may be busy with other tests,
// and only what is far off them fails.
int64_t Slack() {
  return std::getenv("CARTWHEEL_DEATHS") == nullptr ? 4 : 1;
}

struct Operation {
  bool writes = false;
  steady_clock::time_point began;
  int64_t took_us = 0;
  std::string reply;
};

// One operation after another at one node, on keys that all of them own.
class Load {
 public:
  Load(Client client, size_t number) : client_(std::move(client)), number_(number) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Load() { End(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  void End() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Once it has ended: a write and a read of its key in turn.
  const std::vector<Operation>& operations() const { return operations_; }

 private:
  void Run() {
    for (size_t i = 0; !stop_; ++i) {
      const std::string key = "k" + std::to_string(number_) + ":" + std::to_string(i % 100);
      Do({"SET", key, "v"});
      Do({"GET", key});
    }
  }
  void Do(const Words& command) {
    Operation operation{.writes = command.size() == 3, .began = steady_clock::now(), .reply = ""};
    operation.reply = client_.Call(command);
    operation.took_us =
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - operation.began)
            .count();
    operations_.push_back(std::move(operation));
  }

  Client client_;
  const size_t number_;
  std::atomic<bool> stop_ = false;
  std::vector<Operation> operations_;
  std::thread thread_;
};

// Microseconds, ascending.
using Times = std::vector<int64_t>;

std::string Show(const Times& times) {
  if (times.empty()) return "none";
  return std::to_string(times.size()) + ", p50 " + std::to_string(times[times.size() / 2]) +
         " us, p99.9 " + std::to_string(times[times.size() * 999 / 1000]) + " us, longest " +
         std::to_string(times.back()) + " us";
}

// Of the operations that ended after something had happened.
struct Outcome {
  Times all;
  Times reads;
  Times writes;
  Times uncertain;
};

// Fails for a reply that none of them may get.
Outcome OutcomeOf(const std::vector<std::unique_ptr<Load>>& loads,
                  steady_clock::time_point happened) {
  Outcome outcome;
  for (const auto& load : loads) {
    size_t uncertain = 0;
    bool written = false;
    for (const Operation& each : load->operations()) {
      const bool certain = each.reply == (each.writes ? "OK" : "v");
      // Nobody knows whether there is something to read.
      const bool nothing_known = !each.writes && !written && each.reply == "(nil)";
      written = each.writes ? certain : written;
      if (!certain && !nothing_known) {
        EXPECT_TRUE(each.writes && each.reply.starts_with("-UNCERTAIN")) << each.reply;
        ++uncertain;
      }
      if (each.began + std::chrono::microseconds(each.took_us) < happened) continue;
      Times& its = !certain ? outcome.uncertain : each.writes ? outcome.writes : outcome.reads;
      its.push_back(each.took_us);
      outcome.all.push_back(each.took_us);
    }
    EXPECT_LE(uncertain, 1U) << "only what was under way at the victim";
  }
  for (Times* times : {&outcome.all, &outcome.reads, &outcome.writes, &outcome.uncertain}) {
    std::ranges::sort(*times);
  }
  return outcome;
}

// What befalls the victim in the midst of it.
template <typename Happens>
void ExpectThatOthersServeOn(ServerCluster& nodes, const char* what, Happens&& happens) {
  nodes.StartAll();
  ASSERT_TRUE(nodes.AwaitAllUp());
  std::vector<std::unique_ptr<Load>> loads;
  for (int id = 1; id <= kNodes; ++id) {
    for (int i = 0; i < kClientsOfANode && id != kVictim; ++i) {
      loads.push_back(std::make_unique<Load>(nodes.Connect(id), loads.size()));
    }
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  const auto happened = steady_clock::now();
  happens();
  EXPECT_TRUE(nodes.AwaitPeer(kVictim, "down"));
  const std::chrono::duration<double> noticed = steady_clock::now() - happened;
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  for (const auto& load : loads) load->End();
  const Outcome outcome = OutcomeOf(loads, happened);
  std::cout << what << ", noticed by all within " << noticed.count() << " s; since then "
            << Show(outcome.all) << "\n  reads: " << Show(outcome.reads)
            << "\n  writes: " << Show(outcome.writes)
            << "\n  uncertain writes: " << Show(outcome.uncertain) << "\n";
  EXPECT_LT(outcome.all[outcome.all.size() * 999 / 1000], Slack() * kBoundUs);
  EXPECT_LT(outcome.reads.back(), Slack() * kLongestUs);
  EXPECT_LT(outcome.writes.back(), Slack() * kLongestUs);
  EXPECT_TRUE(outcome.uncertain.empty() || outcome.uncertain.back() < Slack() * kUncertainUs);
}

TEST(Death, ANodeThatIsKilledCostsClientsOfOthersNothingButWhatItHadUnderWay) {
  ServerCluster nodes(kNodes);
  ExpectThatOthersServeOn(nodes, "killed", [&] { nodes.Kill(kVictim); });
}

TEST(Death, ANodeThatStandsStillIsPassedOverUntilItGoesOn) {
  ServerCluster nodes(kNodes);
  ExpectThatOthersServeOn(nodes, "stopped", [&] { nodes.Pause(kVictim); });
  nodes.Resume(kVictim);
  EXPECT_TRUE(nodes.AwaitPeer(kVictim, "up"));
}

TEST(Death, ANodeThatTheNetworkCutsOffIsPassedOverUntilItIsBack) {
  const Switch wires(kNodes);
  if (!wires.ok()) GTEST_SKIP() << kNoNetworks;
  ServerCluster nodes(kNodes,
                      {.of_all = {"--cluster-secret", "of this test alone"}, .wires = &wires});
  ExpectThatOthersServeOn(nodes, "cut off", [&] { wires.Unplug(kVictim); });
  wires.Plug(kVictim);
  EXPECT_TRUE(nodes.AwaitAllUp());
}

}  // namespace
}  // namespace cartwheel
