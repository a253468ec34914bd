// What clients of a cluster see of it. Nodes are numbered from 0; with three of them and N=3 each
// holds every key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// What a node's own replica holds.
std::string Stored(ClusterTester& cluster, size_t node, std::string_view key) {
  ServerTester& tester = cluster.at(node);
  const auto value = tester.server().store().Read({0, key}, tester.now().unix_ms());
  return value && *value ? std::string((*value)->bytes) : "(none)";
}

TEST(InCluster, AnyNodeAnswersWhatAnyOtherTook) {
  ClusterTester cluster(3);
  EXPECT_EQ(cluster.Run(0, "SET k one"), "OK");
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(cluster.Run(node, "GET k"), "\"one\"");
  EXPECT_EQ(cluster.Run(1, "SET k two"), "OK");
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(cluster.Run(node, "GET k"), "\"two\"");
  EXPECT_EQ(cluster.Run(2, "DEL k"), "(integer) 1");
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(cluster.Run(node, "GET k"), "(nil)");
  EXPECT_EQ(cluster.Run(2, "DEL k"), "(integer) 0");
}

TEST(InCluster, EveryOwnerStoresAWrite) {
  ClusterTester cluster(3);
  cluster.Run(0, "SET k v");
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(Stored(cluster, node, "k"), "v");
}

TEST(InCluster, ReplicasThatAgreeDoNotSendEachOtherTheValue) {
  ClusterTester cluster(3);
  const std::string value(10'000, 'v');
  EXPECT_EQ(cluster.Run(0, "SET k " + value), "OK");
  cluster.bytes_between_nodes = 0;
  EXPECT_EQ(cluster.Run(0, "GET k"), "\"" + value + "\"");
  EXPECT_GT(cluster.bytes_between_nodes, 0U);
  EXPECT_LT(cluster.bytes_between_nodes, 1'000U);
}

TEST(InCluster, DwIsReachedWhenSoManyHaveSynced) {
  ClusterTester cluster(3, {}, Config{});
  const auto syncs = [&](size_t node) { return cluster.at(node).engine().syncs_asked_for; };
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(syncs(node), 0);
  EXPECT_EQ(cluster.Run(0, "DYN.QUORUM DW 3 SET k v"), "OK");
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(syncs(node), 1);
}

TEST(InCluster, WithoutDisksDwIsNeverReached) {
  ClusterTester cluster(3);
  EXPECT_THAT(cluster.Run(0, "DYN.QUORUM DW 1 SET k v"), StartsWith("(error) UNCERTAIN"));
}

TEST(InCluster, KeysOfOtherNodesAreServedToo) {
  ClusterTester cluster(5);
  for (int i = 0; i < 40; ++i) {
    const std::string key = "key" + std::to_string(i);
    EXPECT_EQ(cluster.Run(i % 5, "SET " + key + " " + key), "OK");
    EXPECT_EQ(cluster.Run((i + 2) % 5, "GET " + key), "\"" + key + "\"");
    size_t copies = 0;
    for (size_t node = 0; node < 5; ++node) copies += Stored(cluster, node, key) == key ? 1 : 0;
    EXPECT_EQ(copies, 3U);
  }
}

TEST(InCluster, SecondHopsAreCounted) {
  ClusterTester cluster(5);
  const std::vector<size_t> owner_first = cluster.NodesFor("k");
  EXPECT_EQ(cluster.Run(owner_first[0], "SET k v"), "OK");
  const auto hops = [&](size_t node) { return cluster.at(node).server().gateway()->hops(); };
  EXPECT_EQ(hops(owner_first[0]).coordinated_here, 1U);
  EXPECT_EQ(hops(owner_first[0]).passed_on, 0U);
  EXPECT_EQ(cluster.Run(owner_first[4], "GET k"), "\"v\"");
  EXPECT_EQ(hops(owner_first[4]).passed_on, 1U);
  EXPECT_EQ(hops(owner_first[4]).coordinated_here, 0U);
  EXPECT_EQ(hops(owner_first[0]).coordinated_here, 1U) << "of its own clients alone";
}

// What a client of the fifth node, which does not own the key, waits for its reply.
struct Waited {
  std::string reply;
  int64_t ms;
};
Waited RunTimed(ClusterTester& cluster, size_t node, const std::string& line) {
  const int64_t began_us = cluster.at(node).now().monotonic_us;
  std::string reply = cluster.Run(node, line);
  return {std::move(reply), (cluster.at(node).now().monotonic_us - began_us) / 1000};
}

TEST(InCluster, AReadGoesOnToTheNextWhenTheOneItWasPassedOnToIsSilent) {
  ClusterTester cluster(5);
  const std::vector<size_t> nodes = cluster.NodesFor("k");
  EXPECT_EQ(cluster.Run(nodes[4], "SET k v"), "OK");
  cluster.Freeze(nodes[0]);
  const Waited first = RunTimed(cluster, nodes[4], "GET k");
  EXPECT_EQ(first.reply, "\"v\"");
  EXPECT_GE(first.ms, 250);
  EXPECT_LE(first.ms, 300) << "the rpc timeout and little more";
  const Waited next = RunTimed(cluster, nodes[4], "GET k");
  EXPECT_EQ(next.reply, "\"v\"");
  EXPECT_LE(next.ms, 50) << "nobody waits for it again";
  cluster.Thaw(nodes[0]);
  cluster.Advance(1'000'000);
  EXPECT_EQ(cluster.Run(nodes[4], "INFO dynamo").find(":down"), std::string::npos);
}

TEST(InCluster, AReadGoesOnToTheNextWhenTheOneItWasPassedOnToIsLost) {
  ClusterTester cluster(5);
  const std::vector<size_t> nodes = cluster.NodesFor("k");
  EXPECT_EQ(cluster.Run(nodes[4], "MSET k v"), "OK");
  cluster.Freeze(nodes[0]);
  cluster.at(nodes[4]).Receive("client", "GET k\r\n");
  cluster.Settle();
  EXPECT_EQ(cluster.at(nodes[4]).Take("client"), "");
  cluster.CutOff(nodes[0]);
  cluster.Advance(100'000);
  EXPECT_EQ(cluster.at(nodes[4]).Take("client"), "$1\r\nv\r\n");
}

TEST(InCluster, AWriteIsNotDoneAgainElsewhereButTheNextOneGoesThereAtOnce) {
  ClusterTester cluster(5);
  const std::vector<size_t> nodes = cluster.NodesFor("k");
  cluster.Freeze(nodes[0]);
  cluster.at(nodes[4]).Receive("patient", "SET k late\r\n");
  cluster.Settle();
  cluster.Advance(300'000);
  const Waited next = RunTimed(cluster, nodes[4], "SET k soon");
  EXPECT_EQ(next.reply, "OK");
  EXPECT_LE(next.ms, 5);
  EXPECT_EQ(cluster.at(nodes[4]).Take("patient"), "");
  cluster.Advance(1'000'000);
  EXPECT_THAT(cluster.at(nodes[4]).Take("patient"), StartsWith("-UNCERTAIN"));
}

TEST(InCluster, ManyKeysAreTakenApartAndPutTogether) {
  ClusterTester cluster(5);
  EXPECT_EQ(cluster.Run(0, "MSET a 1 b 2 c 3 d 4 e 5"), "OK");
  EXPECT_EQ(cluster.Run(1, "MGET a b nothing c d e"),
            "1) \"1\"\n2) \"2\"\n3) (nil)\n4) \"3\"\n5) \"4\"\n6) \"5\"");
  EXPECT_EQ(cluster.Run(2, "EXISTS a b nothing e"), "(integer) 3");
  EXPECT_EQ(cluster.Run(3, "DEL a b nothing"), "(integer) 2");
  EXPECT_EQ(cluster.Run(4, "RENAME c f"), "OK");
  EXPECT_EQ(cluster.Run(0, "MGET a c f"), "1) (nil)\n2) (nil)\n3) \"3\"");
}

TEST(InCluster, APipelineIsAnsweredInOrder) {
  ClusterTester cluster(3);
  ServerTester& node = cluster.at(0);
  node.Receive("c", "SET k a\r\nAPPEND k b\r\nGET k\r\nPING\r\nINCR n\r\nSET k c\r\nGET k\r\n");
  cluster.Advance(20'000);
  EXPECT_EQ(node.Take("c"), "+OK\r\n:2\r\n$2\r\nab\r\n+PONG\r\n:1\r\n+OK\r\n$1\r\nc\r\n");
}

TEST(InCluster, UpdatesOfDifferentKeysDoNotWaitForEachOther) {
  ClusterTester cluster(5);
  std::string requests;
  std::string replies;
  for (int i = 0; i < 50; ++i) {
    requests += "APPEND k" + std::to_string(i) + " x\r\n";
    replies += ":1\r\n";
  }
  cluster.at(0).Receive("c", requests);
  cluster.Settle();  // one after the other they would take a turn each
  EXPECT_EQ(cluster.at(0).Take("c"), replies);
}

TEST(InCluster, ARequestSeesTheUpdateOfItsKeyBeforeIt) {
  ClusterTester cluster(5);
  std::string requests;
  std::string replies;
  for (int i = 0; i < 20; ++i) {
    const std::string a = "a" + std::to_string(i);
    const std::string b = "b" + std::to_string(i);
    requests += "APPEND " + a + " x\r\nAPPEND " + b + " y\r\nMGET " + b + " " + a + "\r\nDEL " + a +
                " " + b + "\r\nDEL " + a + "\r\n";
    replies += ":1\r\n:1\r\n*2\r\n$1\r\ny\r\n$1\r\nx\r\n:2\r\n:0\r\n";
  }
  cluster.at(0).Receive("c", requests);
  cluster.Advance(500'000);
  EXPECT_EQ(cluster.at(0).Take("c"), replies);
}

TEST(InCluster, AnUpdateBeforeWatchIsNoChangeToWhatIsWatched) {
  ClusterTester cluster(3);
  cluster.at(0).Receive(
      "c", "APPEND k x\r\nWATCH k\r\nMULTI\r\nAPPEND k y\r\nAPPEND l z\r\nEXEC\r\nGET k\r\n");
  cluster.Advance(50'000);
  EXPECT_EQ(cluster.at(0).Take("c"),
            ":1\r\n+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:2\r\n:1\r\n$2\r\nxy\r\n");
}

TEST(InCluster, ATransactionIsAnsweredAsOne) {
  ClusterTester cluster(3);
  ServerTester& node = cluster.at(0);
  node.Receive("c", "SET k a\r\nMULTI\r\nAPPEND k b\r\nPING\r\nGET k\r\nEXEC\r\nGET k\r\n");
  cluster.Advance(20'000);
  EXPECT_EQ(node.Take("c"),
            "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:2\r\n+PONG\r\n$2\r\nab\r\n"
            "$2\r\nab\r\n");
}

TEST(InCluster, OneNodeAwayChangesNothingForClients) {
  ClusterTester cluster(3);
  cluster.Run(0, "SET k old");
  cluster.CutOff(2);
  EXPECT_EQ(cluster.Run(0, "SET k new"), "OK");
  EXPECT_EQ(cluster.Run(1, "GET k"), "\"new\"");
  EXPECT_EQ(cluster.Run(1, "APPEND k er"), "(integer) 5");
}

// Dynamo, section 4.6.
TEST(InCluster, WhatANodeMissedIsHandedToItWithoutARead) {
  ClusterTester cluster(3);
  cluster.CutOff(2);
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  EXPECT_EQ(cluster.Run(1, "SET other w"), "OK");
  cluster.Advance(2'000'000);
  EXPECT_EQ(Stored(cluster, 2, "k"), "(none)");
  cluster.HealAll();
  cluster.Advance(2'000'000);
  EXPECT_EQ(Stored(cluster, 2, "k"), "v");
  EXPECT_EQ(Stored(cluster, 2, "other"), "w");
  for (size_t node = 0; node < 3; ++node) {
    EXPECT_TRUE(cluster.at(node).server().gateway()->node().hints().waiting().empty());
  }
}

TEST(InCluster, OthersStandInForOwnersThatAreAway) {
  ClusterTester cluster(5);
  const auto& ring = cluster.at(0).server().gateway()->node().ring();
  const auto owners = ring.OwnersOf(cluster::PartitionOf(cluster::SlotOf("k")));
  const size_t first = static_cast<size_t>(owners[0]) - 1;
  cluster.CutOff(static_cast<size_t>(owners[1]) - 1);
  cluster.CutOff(static_cast<size_t>(owners[2]) - 1);
  EXPECT_EQ(cluster.Run(first, "SET k v"), "OK");
  cluster.Advance(500'000);
  size_t copies = 0;
  for (size_t node = 0; node < 5; ++node) copies += Stored(cluster, node, "k") == "v" ? 1 : 0;
  EXPECT_EQ(copies, 3U) << "the first N healthy nodes hold it";
  cluster.HealAll();
  cluster.Advance(3'000'000);
  for (size_t node = 0; node < 5; ++node) {
    const bool owns = std::ranges::find(owners, ClusterTester::IdOf(node)) != owners.end();
    EXPECT_EQ(Stored(cluster, node, "k"), owns ? "v" : "(none)") << node;
  }
}

TEST(InCluster, BothSidesOfAPartitionTakeWritesWhenOneIsEnough) {
  ClusterTester cluster(3, {.n = 3, .r = 1, .w = 1});
  cluster.CutOff(0);
  EXPECT_EQ(cluster.Run(0, "SET k left"), "OK");
  cluster.Advance(10'000);
  EXPECT_EQ(cluster.Run(1, "SET k right"), "OK");
  cluster.HealAll();
  cluster.Advance(3'000'000);
  for (size_t node = 0; node < 3; ++node) {
    const auto container = cluster.at(node).server().store().ReadContainer({0, "k"});
    ASSERT_TRUE(container.has_value());
    EXPECT_EQ((*container)->versions.size(), 2U) << "neither is lost";
    EXPECT_EQ(cluster.Run(node, "GET k"), "\"right\"") << "the later one is shown";
  }
}

TEST(InCluster, TooFewReplicasAreToldAsSuch) {
  ClusterTester cluster(3);
  cluster.Run(0, "SET k v");
  cluster.CutOff(0);
  EXPECT_THAT(cluster.Run(0, "SET k w"), StartsWith("(error) NOREPLICAS W=2"));
  EXPECT_THAT(cluster.Run(0, "GET k"), StartsWith("(error) CLUSTERDOWN R=2"));
  cluster.HealAll();
  cluster.Advance(2'000'000);
  EXPECT_EQ(cluster.Run(0, "GET k"), "\"v\"") << "what was refused never happened";
}

TEST(InCluster, AWriteThatOthersDoNotAnswerIsUncertain) {
  ClusterTester cluster(3);
  cluster.Freeze(1);
  cluster.Freeze(2);
  EXPECT_THAT(cluster.Run(0, "SET k v"), StartsWith("(error) UNCERTAIN acked=1 need=2"));
}

TEST(InCluster, IncrementsOfAllNodesAddUp) {
  ClusterTester cluster(3, {.n = 3, .r = 1, .w = 1});
  cluster.CutOff(0);
  for (int i = 0; i < 10; ++i) {
    cluster.Run(0, "INCR n");
    cluster.Run(1, "INCRBY n 10");
  }
  cluster.HealAll();
  cluster.Advance(3'000'000);
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(cluster.Run(node, "GET n"), "\"110\"");
}

TEST(InCluster, UpdatesThroughOneNodeNeverOverwriteEachOther) {
  ClusterTester cluster(3);
  std::string requests;
  for (int i = 0; i < 5; ++i) requests += "APPEND k x\r\n";
  for (const std::string client : {"a", "b", "c", "d"}) cluster.at(0).Receive(client, requests);
  cluster.Advance(200'000);
  EXPECT_EQ(cluster.Run(1, "STRLEN k"), "(integer) 20");
}

TEST(InCluster, AReadRepairsAReplicaThatLacksSomething) {
  ClusterTester cluster(3, {.n = 3, .r = 3, .w = 1});
  cluster.CutOff(2);
  cluster.Run(0, "SET k v");
  cluster.Heal(1, 2);  // the hint is at node 0, which it cannot reach
  cluster.Settle();
  EXPECT_EQ(Stored(cluster, 2, "k"), "(none)");
  cluster.HealAll();
  EXPECT_EQ(cluster.Run(1, "GET k"), "\"v\"");
  EXPECT_EQ(Stored(cluster, 2, "k"), "v");
}

// P12.
TEST(InCluster, WhatIsHeardTwiceIsDoneOnce) {
  ClusterTester cluster(5);
  for (size_t node = 0; node < 5; ++node) cluster.SayTwice(node);
  for (int i = 0; i < 20; ++i) {
    const std::string key = "n" + std::to_string(i);
    EXPECT_EQ(cluster.Run(i % 5, "INCRBY " + key + " 5"), "(integer) 5");
    EXPECT_EQ(cluster.Run((i + 1) % 5, "GET " + key), "\"5\"");
    EXPECT_EQ(cluster.Run((i + 2) % 5, "APPEND " + key + " 0"), "(integer) 2");
    EXPECT_EQ(cluster.Run((i + 3) % 5, "GET " + key), "\"50\"");
  }
}

TEST(InCluster, ANodeThatStoodStillIsHandedWhatItMissed) {
  ClusterTester cluster(3);
  cluster.Freeze(2);
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  cluster.Advance(5'000'000);  // suspected by now, its link stands
  cluster.Thaw(2);
  cluster.Advance(10'000'000);
  EXPECT_EQ(Stored(cluster, 2, "k"), "v");
}

TEST(InCluster, ACopyFromAnotherNodeIsAChangeToWhoWatchesTheKey) {
  ClusterTester cluster(3);
  cluster.Run(0, "watcher", "WATCH k");
  EXPECT_EQ(cluster.Run(1, "SET k theirs"), "OK");
  cluster.Run(0, "watcher", "MULTI");
  cluster.Run(0, "watcher", "SET k mine");
  EXPECT_EQ(cluster.Run(0, "watcher", "EXEC"), "(nil array)");
}

TEST(InCluster, ASilentSessionHearsItsPushesBehindRepliesThatAreWaitedFor) {
  ClusterTester cluster(3);
  ServerTester& node = cluster.at(0);
  node.Receive("c", "GET k\r\nCLIENT REPLY OFF\r\nSUBSCRIBE ch\r\nPING\r\n");
  cluster.Advance(20'000);
  EXPECT_EQ(node.Take("c"), "$-1\r\n*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n");
}

TEST(InCluster, ConflictsAreNotedWhereTheyAreRead) {
  ClusterTester cluster(3);
  cluster.Run(0, "DYN.SET k a");
  cluster.Run(0, "DYN.SET k b");
  EXPECT_EQ(cluster.Run(1, "DYN.CONFLICTS LEN"), "(integer) 0");
  cluster.Run(1, "GET k");
  EXPECT_EQ(cluster.Run(1, "DYN.CONFLICTS LEN"), "(integer) 1");
  EXPECT_THAT(cluster.Run(1, "DYN.KEYINFO k"), HasSubstr("node 2 (this node)"));
  EXPECT_THAT(cluster.Run(1, "DYN.QUORUM"), HasSubstr("N=3 R=2 W=2"));
  EXPECT_THAT(cluster.Run(1, "INFO dynamo"), HasSubstr("peer_3:up"));
}

TEST(InCluster, ANodeThatRebuildsReadsWhatItHasJustWritten) {
  ClusterTester cluster(3);
  auto& store = cluster.at(0).server().store();
  const auto partition = cluster::PartitionOfKey("k");
  // A copy that knows more of its own writes than it does makes it another incarnation.
  cluster::Container ahead;
  NoteDeletion(ahead, {store.ActorOf(partition), 1'000});
  ASSERT_TRUE(store.Apply({0, "other{k}"}, ahead, {}, cluster.at(0).now().unix_ms()));
  ASSERT_FALSE(store.IsComplete(partition));
  // The reads overtake the copies of the write, which wait for its commit.
  cluster.at(0).Receive("client", "SET k v\r\nGET k\r\n");
  cluster.Settle();
  EXPECT_EQ(cluster.at(0).Take("client"), "+OK\r\n$1\r\nv\r\n");
}

TEST(InCluster, LevelsOfACommandHoldInATransactionToo) {
  ClusterTester cluster(3);
  cluster.Run(0, "SET k v");
  cluster.CutOff(0);
  cluster.Run(0, "MULTI");
  cluster.Run(0, "DYN.QUORUM R 1 GET k");
  cluster.Run(0, "GET k");
  EXPECT_THAT(cluster.Run(0, "EXEC"), AllOf(StartsWith("1) \"v\"\n"), HasSubstr("CLUSTERDOWN")));
  cluster.Run(0, "MULTI");
  cluster.Run(0, "GET k");
  EXPECT_EQ(cluster.Run(0, "DYN.QUORUM R 1 EXEC"), "1) \"v\"");
}

TEST(InCluster, WhatWasNotKeptIsNotReadEither) {
  ClusterTester cluster(3);
  ServerTester& node = cluster.at(0);
  for (const char* client : {"writer", "reader"}) cluster.Run(0, client, "PING");
  node.engine().FailCommits(storage::Error::Kind::kNoSpace);
  node.Receive("writer", "SET k lost\r\n");
  node.Receive("reader", "GET k\r\n");
  cluster.Advance(2'000'000);
  EXPECT_THAT(node.Take("writer"), StartsWith("-MISCONF"));
  EXPECT_THAT(node.Take("reader"), StartsWith("-CLUSTERDOWN"));
}

TEST(InCluster, AFailedCommitIsNeitherAcknowledgedNorSent) {
  ClusterTester cluster(3);
  cluster.at(0).engine().FailCommits(storage::Error::Kind::kNoSpace);
  EXPECT_THAT(cluster.Run(0, "SET k v"), StartsWith("(error) MISCONF"));
  cluster.Advance(2'000'000);
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(Stored(cluster, node, "k"), "(none)");
}

}  // namespace
}  // namespace cartwheel::server
