// A node that has just started reaches nobody yet: for a moment its clients wait instead of being
// refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using testing::StartsWith;

constexpr int64_t kMillisecond = 1'000;

// Node 1 of three, which has just started.
class AwaitedPeers : public testing::Test {
 protected:
  static ClusterOptions OfThree() {
    ClusterOptions options;
    options.self = cluster::NodeId{1};
    options.cluster_id = 1;
    for (uint64_t id = 1; id <= 3; ++id) {
      options.members.push_back({.node = cluster::NodeId{id}, .zone = ""});
    }
    return options;
  }
  void PeerUp(uint64_t id) {
    node_.server().PeerUp(cluster::NodeId{id}, node_.now());
    node_.Advance(kMillisecond);
  }
  void Say(const std::string& line) {
    node_.Receive("client", line + "\r\n");
    node_.EndTurn();
  }
  std::string Said() { return node_.Take("client"); }

  ServerTester node_{ServerTester::InMemory(), OfThree()};
};

TEST_F(AwaitedPeers, ClientsWaitUntilTheLinksAreUp) {
  Say("DYN.QUORUM W 1 SET k v");
  node_.Advance(50 * kMillisecond);
  EXPECT_EQ(Said(), "");
  PeerUp(2);
  EXPECT_EQ(Said(), "") << "one is still missing";
  PeerUp(3);
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
  node_.Advance(990 * kMillisecond);
  EXPECT_EQ(Said(), "");
  node_.Advance(20 * kMillisecond);
  EXPECT_THAT(Said(), StartsWith("-NOREPLICAS"));
}

TEST_F(AwaitedPeers, ALinkThatBreaksLaterHoldsNobodyUp) {
  PeerUp(2);
  PeerUp(3);
  node_.server().PeerDown(cluster::NodeId{2}, node_.now());
  node_.server().PeerDown(cluster::NodeId{3}, node_.now());
  Say("SET k v");
  EXPECT_THAT(Said(), StartsWith("-NOREPLICAS"));
}

}  // namespace
}  // namespace cartwheel::server
