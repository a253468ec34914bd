#include "server/cluster_config.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config.h"

namespace cartwheel::server {
namespace {

using cluster::NodeId;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kThree = "cluster-nodes 2=b:7002 1=a:7001 3=c:7003\n";

struct Outcome {
  std::string error{};
  ClusterConfig cluster{};
};

Outcome Parse(const std::string& text) {
  Config config;
  std::vector<std::string> ignored;
  if (auto applied = ApplyConfigText(text, "c.conf", config, ignored); !applied) {
    return {.error = applied.error()};
  }
  auto cluster = ClusterConfigOf(config);
  if (!cluster) return {.error = cluster.error()};
  return {.cluster = std::move(*cluster)};
}

std::string ErrorOfNodes(const std::string& words) {
  return Parse("cluster-nodes " + words + "\ncluster-self 1\n").error;
}

TEST(ClusterConfig, WithoutNodesItIsOneAlone) {
  const Outcome outcome = Parse("");
  EXPECT_EQ(outcome.error, "");
  EXPECT_TRUE(outcome.cluster.alone());
  EXPECT_EQ(outcome.cluster.levels, (cluster::Levels{.n = 3, .r = 2, .w = 2}));
}

TEST(ClusterConfig, MembersAreInTheOrderOfTheirIds) {
  const ClusterConfig cluster = Parse(kThree + "cluster-self 2").cluster;
  EXPECT_THAT(cluster.members,
              ElementsAre(ClusterMember{NodeId{1}, "a", 7001}, ClusterMember{NodeId{2}, "b", 7002},
                          ClusterMember{NodeId{3}, "c", 7003}));
  EXPECT_EQ(cluster.self, NodeId{2});
  EXPECT_EQ(cluster.member(NodeId{3}).Address(), "c:7003");
  EXPECT_EQ(cluster.bind, "b");
  EXPECT_EQ(Parse(kThree + "cluster-self 2\ncluster-bind *").cluster.bind, "*");
}

TEST(ClusterConfig, NumbersAreInTheUnitsOfTheirNames) {
  const ClusterConfig cluster =
      Parse(
          "dyn-n 5\ndyn-r 4\ndyn-w 3\ndyn-rpc-timeout 100\ndyn-deadline 2000\n"
          "cluster-link-sendbuf-limit 64mb")
          .cluster;
  EXPECT_EQ(cluster.levels, (cluster::Levels{.n = 5, .r = 4, .w = 3}));
  EXPECT_EQ(cluster.rpc_timeout_us, 100'000);
  EXPECT_EQ(cluster.deadline_us, 2'000'000);
  EXPECT_EQ(cluster.link_sendbuf_limit, 64 << 20);
}

TEST(ClusterConfig, AnIpv6AddressStandsInBrackets) {
  const ClusterConfig cluster = Parse("cluster-nodes 1=[::1]:7001\ncluster-self 1").cluster;
  EXPECT_EQ(cluster.bind, "::1");
  EXPECT_EQ(cluster.members.front().Address(), "[::1]:7001");
  EXPECT_THAT(ErrorOfNodes("1=::1:7001"), HasSubstr("write an IPv6 address as [ADDRESS]"));
}

TEST(ClusterConfig, WhatANodeIsNotIsSaidWithFileLineAndWord) {
  const std::string place = "c.conf:1: cluster-nodes: ";
  for (const std::string word : {"a:7001", "1", "1=a", "7001:1=a"}) {
    EXPECT_EQ(ErrorOfNodes(word), place + word + ": not of the form ID=HOST:PORT");
  }
  for (const std::string word : {"0=a:1", "-1=a:1", "x=a:1", "=a:1", "9223372036854775808=a:1"}) {
    EXPECT_EQ(ErrorOfNodes(word), place + word + ": the id is not a number from 1 on");
  }
  for (const std::string word : {"1=a:0", "1=a:65536", "1=a:", "1=a:x", "1=a:07"}) {
    EXPECT_EQ(ErrorOfNodes(word), place + word + ": the port is not a number from 1 to 65535");
  }
  for (const std::string word : {"1=:7001", "1=*:7001", "1=[]:7001"}) {
    EXPECT_EQ(ErrorOfNodes(word), place + word + ": the host is neither a name nor an address");
  }
}

TEST(ClusterConfig, IdsAndAddressesAreNamedOnce) {
  EXPECT_EQ(ErrorOfNodes("1=a:1 2=b:1 1=c:1"),
            "c.conf:1: cluster-nodes: 1=c:1: the id is another node's already");
  EXPECT_EQ(ErrorOfNodes("1=a:1 2=b:1 3=b:1"),
            "c.conf:1: cluster-nodes: 3=b:1: the address is another node's already");
}

TEST(ClusterConfig, ThereIsALimitOfMembers) {
  std::string words;
  for (size_t id = 1; id <= kMaxMembers; ++id) {
    words += std::to_string(id) + "=node" + std::to_string(id) + ":1 ";
  }
  EXPECT_EQ(ErrorOfNodes(words), "");
  EXPECT_EQ(ErrorOfNodes(words + "9999=more:1"),
            "c.conf:1: cluster-nodes: 513 nodes, over the limit of 512");
}

TEST(ClusterConfig, SelfIsOneOfTheNodes) {
  EXPECT_EQ(Parse(kThree).error, "cluster-self: say which of the cluster-nodes this is");
  EXPECT_EQ(Parse(kThree + "cluster-self 4").error,
            "cluster-self: 4 is not among the cluster-nodes");
  EXPECT_EQ(Parse("cluster-self 4").error,
            "cluster-self: there are no cluster-nodes that it could be one of");
}

TEST(ClusterConfig, LevelsFitEachOther) {
  EXPECT_EQ(Parse("dyn-r 4").error, "dyn-r: R must be between 1 and N=3, not 4");
  EXPECT_EQ(Parse("dyn-n 1\ndyn-r 1").error, "dyn-w: W must be between 1 and N=1, not 2");
  EXPECT_EQ(Parse("dyn-n 8").error, "c.conf:1: dyn-n: argument must be between 1 and 7 inclusive");
}

TEST(ClusterConfig, ARequestIsWaitedForAtLeastAsLongAsAMember) {
  EXPECT_EQ(Parse("dyn-deadline 249").error,
            "dyn-deadline: 249 ms is less than the dyn-rpc-timeout of 250");
}

TEST(ClusterConfig, ClientsOutsideHaveAPortOfTheirOwnAndAreToldAHost) {
  EXPECT_EQ(Parse("cluster-outside-port 7000\ncluster-outside-ip docker.test").error, "");
  EXPECT_EQ(Parse("cluster-outside-port 7000").error,
            "cluster-outside-ip: say at which host its clients reach the nodes");
  EXPECT_EQ(Parse("cluster-outside-ip docker.test").error,
            "cluster-outside-port: say at which port cluster-outside-ip is told");
  EXPECT_EQ(Parse("cluster-outside-port 6379\ncluster-outside-ip docker.test").error,
            "cluster-outside-port: 6379 is `port`, whose clients are told other hosts");
}

TEST(ClusterConfig, AllOfAFrameFitsIntoTheSendBuffer) {
  EXPECT_THAT(Parse("cluster-link-sendbuf-limit 1mb").error, HasSubstr("between 67108864 and "));
}

TEST(ClusterConfig, TheNameTellsClustersApartTheSameWayForEver) {
  EXPECT_EQ(ClusterIdOf("cartwheel"), Parse("").cluster.cluster_id);
  EXPECT_NE(ClusterIdOf("cartwheel"), ClusterIdOf("cartwheel2"));
  EXPECT_EQ(ClusterIdOf("a"), 0xaf63dc4c8601ec8c);  // of the FNV-1a test vectors
}

}  // namespace
}  // namespace cartwheel::server
