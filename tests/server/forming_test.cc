// Servers that form a cluster by themselves.
#include "server/forming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/forming_tester.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kSecond = 1'000'000;

// Where the others reach it, "" for: to be found out.
std::string AddressIn(const ClusterConfig& config) {
  return Text(MembershipOptionsOf(config, cluster::NodeId{1}, 1).address);
}

TEST(Forming, WhereOthersReachANodeIsSaidOrFoundOut) {
  ClusterConfig config;
  config.port = 17'000;
  config.bind = "*";
  EXPECT_EQ(AddressIn(config), ":17000");
  config.bind = "10.0.0.1";
  EXPECT_EQ(AddressIn(config), "10.0.0.1:17000");
  config.join = {{.host = "node", .port = 17'000}};
  EXPECT_EQ(AddressIn(config), ":17000") << "it will find itself in the list";
  config.announced_port = 30'000;
  EXPECT_EQ(AddressIn(config), "10.0.0.1:30000");
  config.announced_host = "db1.example";
  EXPECT_EQ(AddressIn(config), "db1.example:30000");
}

TEST(Forming, ThreeServersFormAClusterAndServe) {
  FormingTester cluster(3);
  cluster.BeginAll();
  cluster.Advance(3 * kSecond);
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(cluster.Run(i, "DYN.QUORUM R 3 GET k"), "\"v\"") << i;
    EXPECT_THAT(cluster.Run(i, "CLUSTER INFO"), HasSubstr("cluster_known_nodes:3\\r")) << i;
    EXPECT_THAT(cluster.Run(i, "CLUSTER INFO"), HasSubstr("cluster_current_epoch:2\\r")) << i;
    EXPECT_EQ(cluster.at(i).server().gateway()->node().RebuildingPartitions(), 0U) << i;
    EXPECT_THAT(cluster.Run(i, "CLUSTER RING"), HasSubstr("\\n  0000000000000066  node-2:"));
  }
}

TEST(Forming, ANodeThatIsInNoClusterServesNoKeys) {
  FormingTester cluster(3);
  cluster.Begin(1);
  cluster.Advance(5 * kSecond);
  for (const char* line :
       {"GET k", "SET k v", "DBSIZE", "FLUSHALL", "DYN.GET k", "SCAN 0", "CLUSTER RING"}) {
    EXPECT_THAT(cluster.Run(1, line), StartsWith("(error) CLUSTERDOWN this node is not yet"))
        << line;
  }
  EXPECT_EQ(cluster.Run(1, "PING"), "PONG");
  EXPECT_THAT(cluster.Run(1, "CLUSTER INFO"), StartsWith("\"cluster_state:fail"));
  EXPECT_EQ(cluster.Run(1, "CLUSTER SLOTS"), "(empty array)");
  cluster.BeginAll();
  cluster.Advance(3 * kSecond);
  EXPECT_EQ(cluster.Run(1, "SET k v"), "OK");
}

TEST(Forming, OneThatComesLaterOwnsItsShareAtOnceWhileNothingIsThere) {
  FormingTester cluster(5);
  for (const size_t node : {0U, 1U, 2U}) cluster.Begin(node);
  cluster.Advance(4 * kSecond);
  EXPECT_THAT(cluster.Run(0, "CLUSTER INFO"), HasSubstr("cluster_known_nodes:3\\r"));
  cluster.Begin(3);
  cluster.Advance(4 * kSecond);
  EXPECT_THAT(cluster.Run(3, "CLUSTER INFO"), HasSubstr("cluster_known_nodes:4\\r"));
  EXPECT_EQ(cluster.Run(3, "CLUSTER PLAN"), "\"nothing is planned\\n\"");
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  cluster.Begin(4);
  cluster.Advance(4 * kSecond);
  EXPECT_THAT(cluster.Run(4, "CLUSTER INFO"), HasSubstr("cluster_known_nodes:5\\r"));
  EXPECT_THAT(cluster.Run(4, "CLUSTER PLAN"), HasSubstr("joins\\n"));
  EXPECT_EQ(cluster.Run(4, "GET k"), "\"v\"");
  EXPECT_EQ(cluster.Run(4, "SET k again"), "OK");
  EXPECT_EQ(cluster.Run(0, "GET k"), "\"again\"");
}

// Only who has just been let in waits for links.
TEST(Forming, AChangeOfTheMembersHoldsNoClientUp) {
  FormingTester cluster(4);
  for (const size_t node : {0U, 1U, 2U}) cluster.Begin(node);
  cluster.Advance(4 * kSecond);
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  cluster.CutOff(2);
  cluster.Advance(3 * kSecond);
  cluster.Begin(3);
  const auto has_come = [&] {
    return cluster.Run(0, "CLUSTER INFO").find("cluster_known_nodes:4") != std::string::npos;
  };
  const auto longest_get_us = [&] {
    const int64_t began_us = cluster.at(0).now().monotonic_us;
    EXPECT_EQ(cluster.Run(0, "GET k"), "\"v\"");
    return cluster.at(0).now().monotonic_us - began_us;
  };
  int64_t longest_us = 0;
  for (int i = 0; i < 1000 && !has_come(); ++i) {
    cluster.Advance(5'000);
    longest_us = std::max(longest_us, longest_get_us());
  }
  ASSERT_TRUE(has_come());
  longest_us = std::max(longest_us, longest_get_us());
  EXPECT_LT(longest_us, 50'000) << "the one that is away was waited for";
}

TEST(Forming, UnderAutoCommitKeysAreMovedToWhoComesLater) {
  FormingTester cluster(4, ServerTester::InMemory(), cluster::AutoCommit::kYes);
  for (const size_t node : {0U, 1U, 2U}) cluster.Begin(node);
  cluster.Advance(4 * kSecond);
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  cluster.Begin(3);
  cluster.Advance(20 * kSecond);
  EXPECT_EQ(cluster.Run(3, "CLUSTER PLAN"), "\"nothing is planned\\n\"");
  EXPECT_THAT(cluster.Run(3, "CLUSTER RING"), HasSubstr("  768 "));
  EXPECT_EQ(cluster.Run(3, "GET k"), "\"v\"");
}

TEST(Forming, NobodyIsAMemberBeforeThatIsStored) {
  FormingTester cluster(1);
  cluster.BeginAll();
  cluster.at(0).engine().FailCommits(storage::Error::Kind::kNoSpace, 20);
  cluster.Advance(50'000);
  EXPECT_THAT(cluster.Run(0, "GET k"), StartsWith("(error) CLUSTERDOWN"));
  cluster.Advance(5 * kSecond);
  EXPECT_EQ(cluster.Run(0, "DYN.QUORUM R 1 GET k"), "(nil)");
}

}  // namespace
}  // namespace cartwheel::server
