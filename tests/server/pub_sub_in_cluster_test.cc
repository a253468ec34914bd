// Publishing on one node to those who have subscribed on another.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;

// What the client has received since the last call.
std::string Received(ClusterTester& cluster, size_t node, std::string_view client) {
  cluster.Settle();
  return cluster.at(node).Take(client);
}

std::string MessageOf(std::string_view channel, std::string_view message) {
  std::string bytes;
  resp::ReplyWriter reply(bytes, resp::Protocol::kResp2);
  reply.Array(3);
  reply.Bulk("message");
  reply.Bulk(channel);
  reply.Bulk(message);
  return bytes;
}

TEST(PubSubInCluster, AMessageReachesSubscribersOnEveryNode) {
  ClusterTester cluster(3);
  for (size_t node = 0; node < 3; ++node) cluster.Run(node, "listener", "SUBSCRIBE news");
  cluster.Run(1, "globber", "PSUBSCRIBE n*");
  EXPECT_EQ(cluster.Run(0, "speaker", "PUBLISH news hello"), "(integer) 1")
      << "those on its own node";
  for (size_t node = 0; node < 3; ++node) {
    EXPECT_EQ(Received(cluster, node, "listener"), MessageOf("news", "hello")) << node;
  }
  EXPECT_THAT(Received(cluster, 1, "globber"), HasSubstr("pmessage"));
  EXPECT_EQ(cluster.Run(0, "speaker", "PUBLISH other hello"), "(integer) 0");
  EXPECT_EQ(Received(cluster, 2, "listener"), "");
}

TEST(PubSubInCluster, ShardChannelsAreApart) {
  ClusterTester cluster(3);
  cluster.Run(1, "listener", "SUBSCRIBE news");
  cluster.Run(1, "sharded", "SSUBSCRIBE news");
  cluster.Run(0, "speaker", "SPUBLISH news hello");
  EXPECT_EQ(Received(cluster, 1, "listener"), "");
  EXPECT_THAT(Received(cluster, 1, "sharded"), HasSubstr("smessage"));
}

TEST(PubSubInCluster, WhoIsCutOffMissesIt) {
  ClusterTester cluster(3);
  cluster.Run(2, "listener", "SUBSCRIBE news");
  cluster.CutOff(2);
  cluster.Run(0, "speaker", "PUBLISH news one");
  cluster.HealAll();
  cluster.Run(0, "speaker", "PUBLISH news two");
  EXPECT_EQ(Received(cluster, 2, "listener"), MessageOf("news", "two"));
}

TEST(PubSubInCluster, ATransactionPublishesToo) {
  ClusterTester cluster(3);
  cluster.Run(2, "listener", "SUBSCRIBE news");
  cluster.Run(0, "speaker", "MULTI");
  cluster.Run(0, "speaker", "SET k v");
  cluster.Run(0, "speaker", "PUBLISH news written");
  EXPECT_EQ(Received(cluster, 2, "listener"), "");
  cluster.at(0).Receive("speaker", "EXEC\r\n");
  cluster.Advance(50'000);
  EXPECT_EQ(Received(cluster, 2, "listener"), MessageOf("news", "written"));
}

// Whoever is told to look finds what was written before.
TEST(PubSubInCluster, AMessageLeavesAfterTheWritesBeforeItAreAcknowledged) {
  ClusterTester cluster(3);
  cluster.Run(0, "listener", "SUBSCRIBE news");
  cluster.Freeze(1);
  cluster.Freeze(2);
  cluster.at(0).Receive("speaker", "SET k v\r\nPUBLISH news k\r\n");
  cluster.Advance(50'000);
  EXPECT_EQ(Received(cluster, 0, "listener"), "");
  cluster.Thaw(1);
  cluster.Thaw(2);
  cluster.Advance(1'500'000);
  EXPECT_EQ(Received(cluster, 0, "listener"), MessageOf("news", "k"));
  EXPECT_THAT(Received(cluster, 0, "speaker"), testing::EndsWith(":1\r\n"));
}

}  // namespace
}  // namespace cartwheel::server
