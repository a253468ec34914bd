// WAIT as clients of a cluster see it. Nodes are numbered from 0; with three of them each owns
// every key.
#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

using testing::StartsWith;

constexpr int64_t kSecondUs = 1'000'000;

void ForgetHints(ClusterTester& cluster, size_t nodes) {
  for (size_t node = 0; node < nodes; ++node) cluster.at(node).server().store().hints().Clear();
}

size_t RequestsUnderWay(ClusterTester& cluster, size_t node) {
  return cluster.at(node).server().gateway()->node().requests_under_way();
}

std::string IdOf(ClusterTester& cluster, size_t node, std::string_view client) {
  return std::to_string(cluster.at(node).session(client).id);
}

// How long it took is not below `at_least_us` and not much above it.
std::string WaitFor(ClusterTester& cluster, const std::string& line, int64_t at_least_us) {
  constexpr int64_t kStepsUs = 10'000;
  const int64_t began_us = cluster.at(0).now().monotonic_us;
  const std::string reply = cluster.Run(0, line);
  const int64_t took_us = cluster.at(0).now().monotonic_us - began_us;
  EXPECT_GE(took_us, at_least_us) << line;
  EXPECT_LE(took_us, at_least_us + kStepsUs) << line;
  return reply;
}

TEST(WaitInCluster, IsAnsweredWithTheOwnersButOneThatHaveWhatTheConnectionWrote) {
  ClusterTester cluster(3);
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  EXPECT_EQ(WaitFor(cluster, "WAIT 1 0", 0), "(integer) 1") << "as soon as there are so many";
  EXPECT_EQ(WaitFor(cluster, "WAIT 2 0", 0), "(integer) 2");
  EXPECT_EQ(WaitFor(cluster, "WAIT 0 0", 0), "(integer) 2");
  EXPECT_EQ(WaitFor(cluster, "WAIT 3 100", 100'000), "(integer) 2") << "N=3 is two replicas";
  EXPECT_THAT(cluster.Run(0, "WAIT x 0"), StartsWith("(error) ERR value is not an integer"));
  EXPECT_THAT(cluster.Run(0, "WAIT 1 -1"), StartsWith("(error) ERR timeout is negative"));
}

TEST(WaitInCluster, WhoHasWrittenNothingIsToldWhichOwnersCanBeReached) {
  ClusterTester cluster(3);
  EXPECT_EQ(WaitFor(cluster, "WAIT 2 0", 0), "(integer) 2");
  EXPECT_EQ(cluster.Run(0, "GET k"), "(nil)");
  cluster.CutOff(2);
  EXPECT_EQ(WaitFor(cluster, "WAIT 0 0", 0), "(integer) 1");
  EXPECT_EQ(WaitFor(cluster, "WAIT 2 50", 50'000), "(integer) 1");
}

TEST(WaitInCluster, ANodeThatIsDownDoesNotCountAndTheTimeRunsOut) {
  ClusterTester cluster(3);
  cluster.Run(0, "SET before v");
  EXPECT_EQ(cluster.Run(0, "WAIT 2 0"), "(integer) 2");
  cluster.CutOff(2);
  EXPECT_EQ(WaitFor(cluster, "WAIT 2 500", 500'000), "(integer) 1");
  EXPECT_EQ(WaitFor(cluster, "WAIT 1 0", 0), "(integer) 1");
  EXPECT_EQ(cluster.Run(0, "SET after v"), "OK");
  EXPECT_EQ(WaitFor(cluster, "WAIT 2 500", 500'000), "(integer) 1");
}

TEST(WaitInCluster, IsAnsweredOnceTheNodeIsBackAndHasWhatItMissed) {
  ClusterTester cluster(3);
  cluster.CutOff(2);
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  cluster.at(0).Receive("client", "WAIT 2 0\r\nPING\r\n");
  cluster.Advance(2 * kSecondUs);
  EXPECT_EQ(cluster.at(0).Take("client"), "");
  cluster.HealAll();
  cluster.Advance(2 * kSecondUs);
  EXPECT_EQ(cluster.at(0).Take("client"), ":2\r\n+PONG\r\n");
}

TEST(WaitInCluster, ACopyWithAStandInIsNone) {
  ClusterTester cluster(5);
  const auto nodes = cluster.NodesFor("k");
  cluster.CutOff(nodes[2]);
  EXPECT_EQ(cluster.Run(nodes[0], "SET k v"), "OK");
  EXPECT_GT(cluster.at(nodes[3]).server().store().counts(0).keys, 0U) << "it stands in";
  EXPECT_EQ(cluster.Run(nodes[0], "WAIT 2 200"), "(integer) 1");
  EXPECT_EQ(cluster.Run(nodes[0], "WAIT 1 0"), "(integer) 1");
}

TEST(WaitInCluster, ASilentOwnerHoldsUpNobodyWhoHasEnough) {
  ClusterTester cluster(3);
  cluster.Run(0, "SET k v");
  cluster.Freeze(2);
  EXPECT_EQ(WaitFor(cluster, "WAIT 1 0", 0), "(integer) 1");
  EXPECT_EQ(WaitFor(cluster, "WAIT 2 600", 600'000), "(integer) 1");
}

TEST(WaitInCluster, AnOwnerThatLostItsDataDoesNotCountUntilItHasItBack) {
  ClusterTester cluster(3);
  cluster.Run(0, "SET k v");
  cluster.LoseData(2);
  cluster.Heal(0, 2);
  EXPECT_EQ(cluster.Run(0, "WAIT 2 100"), "(integer) 1") << "node 1 may know of more";
  cluster.Heal(1, 2);
  EXPECT_EQ(cluster.Run(0, "WAIT 2 5000"), "(integer) 2");
}

// Every way in which a connection writes: the third owner misses it, for good, and is back.
class WaitAfterAWrite : public testing::TestWithParam<const char*> {};

TEST_P(WaitAfterAWrite, AsksForItWhoeverItsCoordinatorIs) {
  ClusterTester cluster(5);
  const auto nodes = cluster.NodesFor("k");
  cluster.Run(nodes[0], "other", "SET k 1");
  cluster.Run(nodes[0], "other", "SET {k}2 1");
  for (const size_t gateway : {nodes[0], nodes[4]}) {
    SCOPED_TRACE(gateway);
    cluster.CutOff(nodes[2]);
    EXPECT_THAT(cluster.Run(gateway, GetParam()), testing::Not(StartsWith("(error)")));
    ForgetHints(cluster, 5);
    cluster.HealAll();
    EXPECT_EQ(cluster.Run(gateway, "WAIT 2 100"), "(integer) 1");
    EXPECT_EQ(cluster.Run(gateway, "other", "WAIT 0 0"), "(integer) 2");
    cluster.Run(nodes[0], "other", "SET k 1");
  }
}

INSTANTIATE_TEST_SUITE_P(All, WaitAfterAWrite,
                         testing::Values("SET k v", "DEL k", "INCR k", "APPEND k v", "EXPIRE k 99",
                                         "MSET k v other v", "MSET k v {k}2 v", "DEL k nothing",
                                         "RENAME k {k}2", "DYN.SET k v", "FLUSHALL"));

TEST(WaitInCluster, WhatOthersWroteIsNotAskedFor) {
  ClusterTester cluster(3);
  cluster.CutOff(2);
  cluster.Run(0, "other", "SET k 1");
  ForgetHints(cluster, 3);
  cluster.HealAll();
  cluster.Run(0, "SET k 2");
  EXPECT_EQ(cluster.Run(0, "WAIT 2 0"), "(integer) 2") << "the one before it is missing there";
  EXPECT_EQ(cluster.Run(0, "other", "WAIT 2 100"), "(integer) 1");
}

TEST(WaitInCluster, AWriteThatWasNotStoredIsNotAskedForAndHidesNoneAfterIt) {
  ClusterTester cluster(3);
  cluster.at(0).engine().FailCommits(storage::Error::Kind::kNoSpace);
  EXPECT_THAT(cluster.Run(0, "SET k v"), StartsWith("(error)"));
  EXPECT_EQ(cluster.Run(0, "WAIT 2 0"), "(integer) 2");
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  EXPECT_EQ(cluster.Run(0, "WAIT 2 0"), "(integer) 2");
}

TEST(WaitInCluster, StandsInItsPlaceAmongOtherRequests) {
  ClusterTester cluster(5);
  cluster.at(0).Receive("client", "SET a 1\r\nWAIT 2 0\r\nSET b 2\r\nWAIT 0 0\r\nPING\r\n");
  cluster.Advance(100'000);
  EXPECT_EQ(cluster.at(0).Take("client"), "+OK\r\n:2\r\n+OK\r\n:2\r\n+PONG\r\n");
}

TEST(WaitInCluster, UnblockEndsItWithWhatIsKnownOrAnError) {
  ClusterTester cluster(3);
  cluster.CutOff(2);
  cluster.Run(0, "SET k v");
  const std::string unblock = "CLIENT UNBLOCK " + IdOf(cluster, 0, "client");
  EXPECT_EQ(cluster.Run(0, "other", unblock), "(integer) 0");
  cluster.at(0).Receive("client", "WAIT 2 0\r\nPING\r\n");
  cluster.Advance(kSecondUs);
  EXPECT_EQ(cluster.Run(0, "other", unblock), "(integer) 1");
  cluster.Advance(10'000);
  EXPECT_EQ(cluster.at(0).Take("client"), ":1\r\n+PONG\r\n");

  cluster.at(0).Receive("client", "WAIT 2 0\r\nPING\r\n");
  cluster.Advance(kSecondUs);
  EXPECT_EQ(cluster.Run(0, "other", unblock + " ERROR"), "(integer) 1");
  cluster.Advance(10'000);
  EXPECT_EQ(cluster.at(0).Take("client"),
            "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n+PONG\r\n");
  EXPECT_EQ(RequestsUnderWay(cluster, 0), 0U);
}

TEST(WaitInCluster, UnblockLeavesAClientAloneThatWaitsForOtherNodes) {
  ClusterTester cluster(3);
  cluster.Freeze(1);
  cluster.Freeze(2);
  cluster.at(0).Receive("client", "INCR n\r\nPING\r\n");
  cluster.Settle();
  const std::string unblock = "CLIENT UNBLOCK " + IdOf(cluster, 0, "client");
  EXPECT_EQ(cluster.Run(0, "other", unblock), "(integer) 0");
  EXPECT_EQ(cluster.Run(0, "other", unblock + " ERROR"), "(integer) 0");
  cluster.Advance(10'000);
  EXPECT_EQ(cluster.at(0).Take("client"), "");
  cluster.Thaw(1);
  cluster.Thaw(2);
  cluster.Advance(2 * kSecondUs);
  const std::string replies = cluster.at(0).Take("client");
  EXPECT_TRUE(replies.ends_with("\r\n+PONG\r\n")) << replies;
  EXPECT_EQ(std::ranges::count(replies, '\n'), 2) << replies;
}

TEST(WaitInCluster, InATransactionItWaitsForOneRoundAtMost) {
  ClusterTester cluster(3);
  cluster.at(0).Receive("client", "MULTI\r\nSET k v\r\nWAIT 2 0\r\nGET k\r\nWAIT 3 0\r\nEXEC\r\n");
  cluster.Advance(50'000);
  EXPECT_EQ(cluster.at(0).Take("client"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
            "*4\r\n+OK\r\n:2\r\n$1\r\nv\r\n:2\r\n");
  cluster.Freeze(2);
  cluster.at(0).Receive("client", "MULTI\r\nWAIT 2 0\r\nEXEC\r\n");
  cluster.Advance(240'000);
  EXPECT_EQ(cluster.at(0).Take("client"), "+OK\r\n+QUEUED\r\n*1\r\n");
  cluster.Advance(20'000);
  EXPECT_EQ(cluster.at(0).Take("client"), ":1\r\n");
}

TEST(WaitInCluster, NothingIsLeftOfItWhenItsClientLeaves) {
  ClusterTester cluster(3);
  cluster.CutOff(2);
  cluster.Run(0, "SET k v");
  cluster.Advance(2 * kSecondUs);
  cluster.at(0).Receive("client", "WAIT 2 0\r\n");
  cluster.Advance(kSecondUs);
  EXPECT_EQ(RequestsUnderWay(cluster, 0), 1U);
  cluster.at(0).Disconnect("client");
  cluster.Advance(kSecondUs);
  EXPECT_EQ(RequestsUnderWay(cluster, 0), 0U);
}

TEST(WaitInCluster, WhoSendsNoMoreIsToldWhatIsKnown) {
  ClusterTester cluster(3);
  cluster.CutOff(2);
  cluster.Run(0, "SET k v");
  cluster.at(0).Receive("client", "WAIT 2 0\r\n");
  cluster.Advance(kSecondUs);
  cluster.at(0).EndInput("client");
  cluster.Advance(10'000);
  EXPECT_EQ(cluster.at(0).Take("client"), ":1\r\n");
  EXPECT_FALSE(cluster.at(0).connected("client"));

  cluster.at(0).Receive("all at once", "SET k v\r\nWAIT 2 0\r\n");
  cluster.at(0).EndInput("all at once");
  cluster.Advance(kSecondUs);
  EXPECT_EQ(cluster.at(0).Take("all at once"), "+OK\r\n:1\r\n");
  EXPECT_FALSE(cluster.at(0).connected("all at once"));
}

TEST(WaitInCluster, SilentClientsWaitInSilence) {
  ClusterTester cluster(3);
  cluster.at(0).Receive("client", "SET k v\r\nCLIENT REPLY SKIP\r\nWAIT 2 0\r\nPING\r\n");
  cluster.Advance(50'000);
  EXPECT_EQ(cluster.at(0).Take("client"), "+OK\r\n+PONG\r\n");
}

}  // namespace
}  // namespace cartwheel::server
