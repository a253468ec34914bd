// CLUSTER JOIN, PLAN, COMMIT and FORGET.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/cluster_tester.h"
#include "tests/server/forming_tester.h"

namespace cartwheel::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kSecond = 1'000'000;

// The id of a member as clients see it.
std::string IdOf(FormingTester& cluster, size_t node) {
  const uint64_t id = cluster.at(0).server().gateway()->options().cluster_id;
  return RedisNodeId(id, FormingTester::IdOf(node));
}

// So many nodes that are one cluster.
class Formed : public FormingTester {
 public:
  explicit Formed(size_t nodes, bool auto_commit = true)
      : FormingTester(nodes, ServerTester::InMemory(), auto_commit) {
    BeginAll();
    Advance(4 * kSecond);
  }
  // Long enough for the others to take it for lost.
  void Lose(size_t node) {
    CutOff(node);
    Advance(4 * kSecond);
  }
};

TEST(ClusterForget, OnceOnAnyNodeIsForAll) {
  Formed cluster(4);
  const std::string gone = IdOf(cluster, 3);
  cluster.Lose(3);
  ASSERT_EQ(cluster.Run(1, "CLUSTER FORGET " + gone), "OK");
  cluster.Advance(kSecond);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(cluster.Run(i, "CLUSTER INFO"), HasSubstr("cluster_known_nodes:3\\r")) << i;
    EXPECT_THAT(cluster.Run(i, "CLUSTER NODES"), testing::Not(HasSubstr(gone))) << i;
    EXPECT_EQ(cluster.Run(i, "CLUSTER FORGET " + gone), "(error) ERR Unknown node " + gone);
  }
  EXPECT_EQ(cluster.Run(0, "DYN.QUORUM W 3 SET k v"), "OK");
}

TEST(ClusterForget, WhoIsBackServesNothingAndSaysWhy) {
  Formed cluster(3);
  const std::string gone = IdOf(cluster, 2);
  cluster.Lose(2);
  ASSERT_EQ(cluster.Run(0, "CLUSTER FORGET " + gone), "OK");
  cluster.Advance(kSecond);
  cluster.Mend();
  cluster.Advance(5 * kSecond);
  for (const char* line : {"GET k", "SET k v", "CLUSTER RING", "CLUSTER PLAN"}) {
    EXPECT_THAT(cluster.Run(2, line), StartsWith("(error) CLUSTERDOWN this node was taken out"));
  }
  EXPECT_EQ(cluster.Run(2, "CLUSTER COMMIT"), "(error) ERR this node is in no cluster");
  EXPECT_EQ(cluster.Run(2, "CLUSTER JOIN node-1 7000"), "OK");
  cluster.Advance(5 * kSecond);
  EXPECT_EQ(cluster.Run(2, "DYN.QUORUM W 3 SET k v"), "OK");
}

TEST(ClusterForget, IsRefusedWithTheReason) {
  Formed cluster(3);
  EXPECT_EQ(cluster.Run(0, "CLUSTER FORGET " + IdOf(cluster, 0)),
            "(error) ERR I tried hard but I can't forget myself...");
  EXPECT_EQ(cluster.Run(0, "CLUSTER FORGET " + IdOf(cluster, 1)),
            "(error) ERR it is alive; stop it first");
  EXPECT_EQ(cluster.Run(0, "CLUSTER FORGET nobody"), "(error) ERR Unknown node nobody");
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  cluster.Lose(2);
  EXPECT_THAT(cluster.Run(0, "CLUSTER FORGET " + IdOf(cluster, 2)),
              StartsWith("(error) ERR the cluster holds keys"));
  EXPECT_THAT(cluster.Run(0, "CLUSTER INFO"), HasSubstr("cluster_known_nodes:3\\r"));
}

TEST(ClusterPlan, ShowsWhatTheCommitThenDoes) {
  Formed cluster(3, false);
  EXPECT_EQ(cluster.Run(1, "SET k v"), "OK") << "members that own nothing serve clients, too";
  EXPECT_EQ(cluster.Run(2, "GET k"), "\"v\"");
  const std::string plan = cluster.Run(2, "CLUSTER PLAN");
  EXPECT_THAT(plan,
              AllOf(HasSubstr("@17000                        0 -> 1       0 -> 1024  joins\\n"),
                    HasSubstr("\\nmoves 2048 of 3072 copies of partitions, 66.7 %\\n"),
                    HasSubstr("\\ncopies of a partition: 1 -> 3\\n"),
                    HasSubstr("CLUSTER COMMIT cannot be done now: the cluster holds keys")))
      << plan;
  EXPECT_THAT(cluster.Run(0, "CLUSTER COMMIT"), StartsWith("(error) ERR the cluster holds keys"));
  EXPECT_EQ(cluster.Run(0, "DEL k"), "(integer) 1");
  cluster.Advance(3 * kSecond);
  EXPECT_THAT(cluster.Run(2, "CLUSTER PLAN"), HasSubstr("CLUSTER COMMIT carries it out"));
  EXPECT_EQ(cluster.Run(1, "CLUSTER COMMIT"), "OK");
  cluster.Advance(kSecond);
  EXPECT_EQ(cluster.Run(2, "CLUSTER PLAN"), "\"nothing is planned\\n\"");
  EXPECT_THAT(cluster.Run(2, "CLUSTER RING"), HasSubstr("1024 partitions, 3 copies of each"));
  EXPECT_EQ(cluster.Run(1, "DYN.QUORUM W 3 SET k v"), "OK");
  EXPECT_EQ(cluster.Run(1, "CLUSTER COMMIT"), "(error) ERR nothing is planned");
}

TEST(ClusterJoin, IsRefusedAtOnceWhereItCannotBe) {
  Formed cluster(3);
  EXPECT_EQ(cluster.Run(0, "CLUSTER JOIN node-9 7000"),
            "(error) ERR this node cannot join another cluster: it is in a cluster of 3 members "
            "already");
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  EXPECT_THAT(cluster.Run(0, "CLUSTER JOIN node-9 7000"), HasSubstr(": it holds keys; a node"));
  EXPECT_THAT(cluster.Run(0, "CLUSTER JOIN node-9 port"), StartsWith("(error) ERR Invalid node"));
}

TEST(ClusterMembers, OfAFixedListStayWhoTheyAre) {
  ClusterTester cluster(3, {.n = 3, .r = 2, .w = 2});
  for (const char* line : {"CLUSTER PLAN", "CLUSTER COMMIT", "CLUSTER FORGET x",
                           "CLUSTER JOIN node-1 7000", "CLUSTER MEET node-1 7000"}) {
    EXPECT_EQ(cluster.Run(0, line),
              "(error) ERR the members of this cluster are those of cluster-nodes")
        << line;
  }
}

}  // namespace
}  // namespace cartwheel::server
