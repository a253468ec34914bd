// The commands on the whole keyspace as clients of a cluster see them.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

using testing::StartsWith;

constexpr int64_t kSecondUs = 1'000'000;

std::set<std::string> KeysOf(int count) {
  std::set<std::string> keys;
  for (int i = 0; i < count; ++i) keys.insert("key" + std::to_string(i));
  return keys;
}

void Fill(ClusterTester& cluster, size_t nodes, const std::set<std::string>& keys) {
  size_t at = 0;
  for (const std::string& key : keys) {
    ASSERT_EQ(cluster.Run(at++ % nodes, "SET " + key + " v"), "OK");
  }
}

std::vector<std::string> Keys(ClusterTester& cluster, size_t node,
                              const std::string& line = "KEYS *") {
  std::vector<std::string> keys;
  for (const auto& element : cluster.Ask(node, "reader", line).elements)
    keys.push_back(element.text);
  std::ranges::sort(keys);
  return keys;
}

std::vector<std::string> Scan(ClusterTester& cluster, size_t node, const std::string& options) {
  std::vector<std::string> keys;
  std::string cursor = "0";
  do {
    const auto reply = cluster.Ask(node, "reader", "SCAN " + cursor + " " + options);
    EXPECT_EQ(reply.elements.size(), 2U);
    if (reply.elements.size() != 2) break;
    cursor = reply.elements[0].text;
    for (const auto& element : reply.elements[1].elements) keys.push_back(element.text);
  } while (cursor != "0" && keys.size() < 10'000);
  std::ranges::sort(keys);
  return keys;
}

TEST(KeyspaceInCluster, EveryNodeListsTheKeysOfAll) {
  ClusterTester cluster(5);
  const auto keys = KeysOf(60);
  Fill(cluster, 5, keys);
  const std::vector<std::string> all(keys.begin(), keys.end());
  for (size_t node = 0; node < 5; ++node) {
    EXPECT_EQ(Keys(cluster, node), all) << node;
    EXPECT_EQ(Scan(cluster, node, "COUNT 7"), all) << node;
    EXPECT_EQ(cluster.Run(node, "DBSIZE"), "(integer) 60") << node;
  }
  EXPECT_EQ(Keys(cluster, 3, "KEYS key5*").size(), 11U);
  EXPECT_EQ(Scan(cluster, 3, "MATCH key5* COUNT 3").size(), 11U);
  EXPECT_EQ(Scan(cluster, 3, "TYPE hash").size(), 0U);
}

TEST(KeyspaceInCluster, AnEmptyOneHasNone) {
  ClusterTester cluster(5);
  EXPECT_EQ(cluster.Run(1, "KEYS *"), "(empty array)");
  EXPECT_EQ(Scan(cluster, 1, "").size(), 0U);
  EXPECT_EQ(cluster.Run(1, "DBSIZE"), "(integer) 0");
  EXPECT_EQ(cluster.Run(1, "RANDOMKEY"), "(nil)");
  EXPECT_EQ(cluster.Run(1, "FLUSHALL"), "OK");
  EXPECT_EQ(cluster.Run(1, "SCAN x"), "(error) ERR invalid cursor");
  EXPECT_EQ(cluster.Run(1, "SCAN 281474976710656"), "1) \"0\"\n2) (empty array)");
}

TEST(KeyspaceInCluster, EveryKeyIsARandomKeyOnce) {
  ClusterTester cluster(5);
  const std::set<std::string> keys = {"{tag}1", "{tag}2", "{tag}3", "other"};
  Fill(cluster, 5, keys);
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) seen.insert(cluster.Ask(i % 5, "reader", "RANDOMKEY").text);
  EXPECT_EQ(seen, keys);
}

TEST(KeyspaceInCluster, AFlushDeletesWhatAnyNodeHasInThatDatabase) {
  ClusterTester cluster(5);
  Fill(cluster, 5, KeysOf(40));
  cluster.Run(2, "SELECT 3");
  cluster.Run(2, "SET three v");
  EXPECT_EQ(cluster.Run(0, "FLUSHDB"), "OK");
  for (size_t node = 0; node < 5; ++node) EXPECT_EQ(Keys(cluster, node).size(), 0U) << node;
  EXPECT_EQ(cluster.Run(2, "GET three"), "\"v\"");
  EXPECT_EQ(cluster.Run(1, "FLUSHALL ASYNC"), "OK");
  EXPECT_EQ(cluster.Run(2, "GET three"), "(nil)");
  EXPECT_EQ(cluster.Run(1, "FLUSHALL NOW"), "(error) ERR syntax error");
}

TEST(KeyspaceInCluster, WhatWasFlushedWhileANodeWasAwayDoesNotComeBackWithIt) {
  ClusterTester cluster(5);
  Fill(cluster, 5, KeysOf(40));
  cluster.CutOff(4);
  EXPECT_EQ(cluster.Run(0, "FLUSHALL"), "OK");
  EXPECT_EQ(cluster.Run(0, "SET new v"), "OK");
  cluster.HealAll();
  cluster.Advance(10 * kSecondUs);
  for (size_t node = 0; node < 5; ++node) {
    EXPECT_EQ(Keys(cluster, node), std::vector<std::string>{"new"}) << node;
  }
  EXPECT_EQ(cluster.at(4).server().store().counts(0).keys,
            cluster.at(4).server().store().Read({0, "new"}, 0)->has_value() ? 1U : 0U);
}

TEST(KeyspaceInCluster, AFlushFindsWhatItsOwnNodeMissed) {
  ClusterTester cluster(3);
  cluster.CutOff(0);
  cluster.Run(1, "SET missed v");
  cluster.at(1).server().store().hints().Clear();
  cluster.HealAll();
  EXPECT_EQ(cluster.Run(0, "FLUSHALL"), "OK");
  for (size_t node = 0; node < 3; ++node) EXPECT_EQ(cluster.Run(node, "GET missed"), "(nil)");
}

TEST(KeyspaceInCluster, KeysOnWhichReplicasDifferAreRead) {
  ClusterTester cluster(3);
  Fill(cluster, 3, {"stays", "goes"});
  cluster.CutOff(2);
  cluster.Run(0, "DEL goes");
  cluster.Run(0, "SET comes v");
  cluster.at(0).server().store().hints().Clear();
  cluster.HealAll();
  const std::vector<std::string> now = {"comes", "stays"};
  EXPECT_EQ(Keys(cluster, 2), now);
  EXPECT_EQ(Scan(cluster, 2, "COUNT 1"), now);
}

TEST(KeyspaceInCluster, WithoutAQuorumItIsAnErrorAndNotAPartOfTheKeys) {
  ClusterTester cluster(3);
  Fill(cluster, 3, KeysOf(5));
  cluster.CutOff(0);
  for (const std::string command : {"KEYS *", "SCAN 0", "DBSIZE", "RANDOMKEY", "FLUSHALL"}) {
    EXPECT_THAT(cluster.Run(0, command), StartsWith("(error) CLUSTERDOWN")) << command;
  }
  EXPECT_EQ(Keys(cluster, 1).size(), 5U);
  EXPECT_EQ(Keys(cluster, 0, "DYN.QUORUM R 1 KEYS *").size(), 5U);
}

TEST(KeyspaceInCluster, ASilentNodeIsWaitedForAndThenPassedOver) {
  ClusterTester cluster(3);
  Fill(cluster, 3, KeysOf(5));
  cluster.Freeze(2);
  EXPECT_EQ(Keys(cluster, 0).size(), 5U);
  EXPECT_EQ(cluster.Run(0, "DBSIZE"), "(integer) 5");
}

TEST(KeyspaceInCluster, ItSeesWhatStoodBeforeItAndIsSeenByWhatStandsBehind) {
  ClusterTester cluster(5);
  Fill(cluster, 5, KeysOf(30));
  cluster.at(0).Receive("client",
                        "SET a 1\r\nSET b 2\r\nFLUSHALL\r\nKEYS *\r\nSET c 3\r\nKEYS *\r\n");
  cluster.Advance(50'000);
  EXPECT_EQ(cluster.at(0).Take("client"), "+OK\r\n+OK\r\n+OK\r\n*0\r\n+OK\r\n*1\r\n$1\r\nc\r\n");
}

TEST(KeyspaceInCluster, ATransactionRunsThemInTheirPlaces) {
  ClusterTester cluster(5);
  Fill(cluster, 5, KeysOf(10));
  cluster.at(1).Receive(
      "client", "MULTI\r\nSET a 1\r\nDBSIZE\r\nFLUSHDB\r\nSET b 2\r\nKEYS *\r\nEXEC\r\nGET b\r\n");
  cluster.Advance(50'000);
  EXPECT_EQ(cluster.at(1).Take("client"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
            "*5\r\n+OK\r\n:11\r\n+OK\r\n+OK\r\n*1\r\n$1\r\nb\r\n$1\r\n2\r\n");
}

TEST(KeyspaceInCluster, WatchersOfAFlushedKeyHearOfIt) {
  ClusterTester cluster(3);
  cluster.Run(1, "SET k v");
  cluster.Run(0, "watcher", "WATCH k");
  EXPECT_EQ(cluster.Run(2, "FLUSHALL"), "OK");
  cluster.Run(0, "watcher", "MULTI");
  cluster.Run(0, "watcher", "PING");
  EXPECT_EQ(cluster.Run(0, "watcher", "EXEC"), "(nil array)");
}

TEST(KeyspaceInCluster, AClientThatLeavesInTheMiddleOfItHurtsNobody) {
  ClusterTester cluster(5);
  Fill(cluster, 5, KeysOf(10));
  cluster.at(0).Receive("client", "FLUSHALL\r\n");
  cluster.at(0).Disconnect("client");
  cluster.Settle();
  EXPECT_EQ(Keys(cluster, 1).size(), 0U);
}

}  // namespace
}  // namespace cartwheel::server
