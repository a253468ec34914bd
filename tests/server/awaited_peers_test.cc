// A node that has just started reaches nobody yet: for a moment its clients wait instead of being
// refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

using testing::StartsWith;

constexpr int64_t kMillisecond = 1'000;

class AwaitedPeers : public testing::Test {
 protected:
  // Node 2 has just started and is not linked.
  AwaitedPeers() { nodes_.LoseData(2); }
  std::string Said() {
    nodes_.Settle();
    return nodes_.at(2).Take("client");
  }
  void Say(const std::string& line) { nodes_.at(2).Receive("client", line + "\r\n"); }

  ClusterTester nodes_{3};
};

TEST_F(AwaitedPeers, ClientsWaitUntilTheLinksAreUp) {
  Say("SET k v");
  nodes_.Advance(50 * kMillisecond);
  EXPECT_EQ(Said(), "");
  nodes_.Heal(0, 2);
  EXPECT_EQ(Said(), "") << "one is still missing";
  nodes_.Heal(1, 2);
  nodes_.Advance(10 * kMillisecond);
  EXPECT_EQ(Said(), "+OK\r\n");
}

TEST_F(AwaitedPeers, WhatNeedsNobodyIsAnsweredAtOnce) {
  Say("PING");
  EXPECT_EQ(Said(), "+PONG\r\n");
  Say("CLUSTER KEYSLOT k");
  EXPECT_EQ(Said(), ":7629\r\n");
}

TEST_F(AwaitedPeers, WhoStaysAwayIsNotWaitedForForLong) {
  Say("SET k v");
  nodes_.Advance(990 * kMillisecond);
  EXPECT_EQ(Said(), "");
  nodes_.Advance(20 * kMillisecond);
  EXPECT_THAT(Said(), StartsWith("-NOREPLICAS"));
}

TEST_F(AwaitedPeers, ALinkThatBreaksLaterHoldsNobodyUp) {
  nodes_.HealAll();
  nodes_.CutOff(2);
  Say("SET k v");
  EXPECT_THAT(Said(), StartsWith("-NOREPLICAS"));
}

}  // namespace
}  // namespace cartwheel::server
