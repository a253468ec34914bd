// CLUSTER JOIN, PLAN, COMMIT, CANCEL, LEAVE, REWEIGHT, REPLACE and FORGET.
#include <string>
#include <vector>

#include <fmt/format.h>
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

constexpr size_t kKeys = 200;
constexpr const char* kTakenOut = "(error) CLUSTERDOWN this node was taken out";

Config WithCopies(int64_t n) {
  Config config = ServerTester::InMemory();
  config.dyn_n = config.dyn_r = config.dyn_w = n;
  return config;
}

// So many nodes that are one cluster.
class Formed : public FormingTester {
 public:
  explicit Formed(size_t nodes, cluster::AutoCommit auto_commit = cluster::AutoCommit::kWhenEmpty,
                  const Config& config = ServerTester::InMemory())
      : FormingTester(nodes, config, auto_commit) {
    BeginAll();
    Advance(4 * kSecond);
  }
  // The last of them comes when the others hold keys.
  struct LastComesLate {};
  Formed(size_t nodes, LastComesLate late) : FormingTester(nodes) {
    static_cast<void>(late);
    for (size_t i = 0; i + 1 < nodes; ++i) Begin(i);
    Advance(4 * kSecond);
    std::string set = "MSET";
    for (size_t i = 0; i < kKeys; ++i) set += fmt::format(" key{0} value{0}", i);
    EXPECT_EQ(Run(0, set), "OK");
    Begin(nodes - 1);
    Advance(3 * kSecond);
  }
  // Every key, as this node reads it.
  testing::AssertionResult HasAllKeys(size_t node) {
    std::string get = "MGET";
    for (size_t i = 0; i < kKeys; ++i) get += fmt::format(" key{}", i);
    const std::string read = Run(node, get);
    for (size_t i = 0; i < kKeys; ++i) {
      const std::string line = fmt::format("{}) \"value{}\"", i + 1, i);
      if (!read.contains(line)) return testing::AssertionFailure() << line << " not in\n" << read;
    }
    return testing::AssertionSuccess();
  }
  bool IsSettled(size_t node) { return Run(node, "CLUSTER PLAN") == "\"nothing is planned\\n\""; }
  // Until nothing is on its way any more, as the first of `nodes` says. All of them read all keys
  // at every step. False: it took too long.
  bool AllReadWhileItMoves(const std::vector<size_t>& nodes) {
    for (int step = 0; step < 300; ++step) {
      for (const size_t node : nodes) {
        const auto has_all = HasAllKeys(node);
        EXPECT_TRUE(has_all) << "step " << step;
        if (!has_all) return false;
      }
      if (IsSettled(nodes.front())) return true;
      Advance(kSecond / 10);
    }
    return false;
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
    EXPECT_THAT(cluster.Run(2, line), StartsWith(kTakenOut));
  }
  EXPECT_EQ(cluster.Run(2, "CLUSTER COMMIT"), "(error) ERR this node is in no cluster");
  EXPECT_EQ(cluster.Run(2, "CLUSTER JOIN node-1 7000"), "OK");
  cluster.Advance(5 * kSecond);
  EXPECT_EQ(cluster.Run(2, "DYN.QUORUM W 3 SET k v"), "OK");
}

TEST(ClusterForget, IsRefusedWithTheReason) {
  Formed cluster(3, cluster::AutoCommit::kWhenEmpty, WithCopies(1));
  EXPECT_EQ(cluster.Run(0, "CLUSTER FORGET " + IdOf(cluster, 0)),
            "(error) ERR I tried hard but I can't forget myself...");
  EXPECT_EQ(cluster.Run(0, "CLUSTER FORGET " + IdOf(cluster, 1)),
            "(error) ERR it is alive; stop it first");
  EXPECT_EQ(cluster.Run(0, "CLUSTER FORGET nobody"), "(error) ERR Unknown node nobody");
  EXPECT_EQ(cluster.Run(0, "MSET k v l v m v n v o v p v"), "OK");
  cluster.Lose(2);
  EXPECT_THAT(cluster.Run(0, "CLUSTER FORGET " + IdOf(cluster, 2)),
              HasSubstr(" partitions have no other owner; what they hold would be lost"));
  EXPECT_THAT(cluster.Run(0, "CLUSTER INFO"), HasSubstr("cluster_known_nodes:3\\r"));
}

TEST(ClusterForget, OfADeadOwnerItsCoOwnersGiveTheKeysToOthers) {
  Formed cluster(4, Formed::LastComesLate{});
  ASSERT_EQ(cluster.Run(0, "CLUSTER COMMIT"), "OK");
  ASSERT_TRUE(cluster.AllReadWhileItMoves({0, 1, 2, 3}));
  const std::string gone = IdOf(cluster, 1);
  cluster.Lose(1);
  ASSERT_EQ(cluster.Run(3, "CLUSTER FORGET " + gone), "OK");
  EXPECT_TRUE(cluster.AllReadWhileItMoves({0, 2, 3})) << cluster.Run(0, "CLUSTER PLAN");
  EXPECT_THAT(cluster.Run(0, "CLUSTER NODES"), testing::Not(HasSubstr(gone)));
  EXPECT_THAT(cluster.Run(0, "CLUSTER RING"), HasSubstr("1024 partitions, 3 copies of each"));
  EXPECT_EQ(cluster.Run(2, "DYN.QUORUM R 3 GET key7"), "\"value7\"");
}

TEST(ClusterPlan, ShowsWhatTheCommitThenDoes) {
  Formed cluster(3, cluster::AutoCommit::kNo);
  EXPECT_EQ(cluster.Run(1, "SET k v"), "OK") << "members that own nothing serve clients, too";
  EXPECT_EQ(cluster.Run(2, "GET k"), "\"v\"");
  const std::string plan = cluster.Run(2, "CLUSTER PLAN");
  EXPECT_THAT(
      plan,
      AllOf(HasSubstr("@17000                        0 -> 1       0 -> 1024  joins\\n"),
            HasSubstr("\\nmoves 2048 of 3072 copies of partitions, 66.7 %: about "),
            HasSubstr(", 1 seconds or more\\n"), HasSubstr("\\ncopies of a partition: 1 -> 3\\n"),
            HasSubstr("CLUSTER COMMIT carries it out")))
      << plan;
  EXPECT_EQ(cluster.Run(1, "CLUSTER COMMIT"), "OK");
  cluster.Advance(kSecond / 10);
  EXPECT_THAT(cluster.Run(2, "CLUSTER PLAN"),
              AllOf(HasSubstr("on their way now: "), HasSubstr("CLUSTER CANCEL stops it")));
  cluster.Advance(20 * kSecond);
  EXPECT_TRUE(cluster.IsSettled(2)) << cluster.Run(2, "CLUSTER PLAN");
  EXPECT_THAT(cluster.Run(2, "CLUSTER RING"), HasSubstr("1024 partitions, 3 copies of each"));
  EXPECT_EQ(cluster.Run(1, "DYN.QUORUM R 3 GET k"), "\"v\"");
  EXPECT_EQ(cluster.Run(1, "DYN.QUORUM W 3 SET k v"), "OK");
  EXPECT_EQ(cluster.Run(1, "CLUSTER COMMIT"), "(error) ERR nothing is planned");
}

TEST(ClusterPlan, OfAnEmptyClusterIsCarriedOutAtOnce) {
  Formed cluster(3, cluster::AutoCommit::kNo);
  EXPECT_THAT(cluster.Run(2, "CLUSTER PLAN"), HasSubstr("CLUSTER COMMIT carries it out"));
  EXPECT_EQ(cluster.Run(1, "CLUSTER COMMIT"), "OK");
  cluster.Advance(kSecond);
  EXPECT_TRUE(cluster.IsSettled(2));
  EXPECT_THAT(cluster.Run(2, "CLUSTER RING"), HasSubstr("1024 partitions, 3 copies of each"));
}

TEST(ClusterCommit, IsRefusedWhileSomebodyWhoTakesPartIsAway) {
  Formed cluster(4, Formed::LastComesLate{});
  cluster.Lose(3);
  EXPECT_EQ(cluster.Run(0, "CLUSTER COMMIT"),
            "(error) ERR the member at node-3:17000 cannot be reached");
  EXPECT_THAT(cluster.Run(0, "CLUSTER PLAN"),
              HasSubstr("CLUSTER COMMIT cannot be done now: the member at node-3:17000 cannot"));
}

TEST(ClusterCancel, DropsThePlanOfWhoOwnsSomething) {
  Formed cluster(3);
  EXPECT_EQ(cluster.Run(0, "CLUSTER CANCEL"), "(error) ERR there is nothing to cancel");
  EXPECT_EQ(cluster.Run(0, "CLUSTER LEAVE"), "OK");
  cluster.Advance(kSecond);
  EXPECT_FALSE(cluster.IsSettled(1));
  EXPECT_EQ(cluster.Run(2, "CLUSTER CANCEL"), "OK");
  cluster.Advance(kSecond);
  EXPECT_TRUE(cluster.IsSettled(1));
}

TEST(ClusterCancel, StopsWhatIsOnItsWayUntilTheNextCommit) {
  Formed cluster(4, Formed::LastComesLate{});
  EXPECT_EQ(cluster.Run(1, "CLUSTER COMMIT"), "OK");
  cluster.Advance(kSecond / 5);
  ASSERT_THAT(cluster.Run(1, "CLUSTER PLAN"), HasSubstr("on their way now: "));
  EXPECT_EQ(cluster.Run(2, "CLUSTER CANCEL"), "OK");
  cluster.Advance(5 * kSecond);
  EXPECT_THAT(cluster.Run(1, "CLUSTER PLAN"),
              AllOf(HasSubstr("\\nnothing is moved: cancelled by an operator\\n"),
                    HasSubstr("CLUSTER COMMIT carries it out"),
                    testing::Not(HasSubstr("on their way now"))));
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(cluster.HasAllKeys(i));
  EXPECT_EQ(cluster.Run(3, "CLUSTER COMMIT"), "OK");
  EXPECT_TRUE(cluster.AllReadWhileItMoves({0, 1, 2, 3}));
}

TEST(ClusterLeave, IsRefusedWithTheReason) {
  Formed cluster(3);
  EXPECT_EQ(cluster.Run(0, "CLUSTER LEAVE nobody"), "(error) ERR Unknown node nobody");
  EXPECT_EQ(cluster.Run(0, "CLUSTER LEAVE a b"), "(error) ERR syntax error");
  EXPECT_EQ(cluster.Run(0, "CLUSTER LEAVE"), "OK");
  cluster.Advance(kSecond);
  EXPECT_EQ(cluster.Run(0, "CLUSTER LEAVE " + IdOf(cluster, 1)), "OK");
  cluster.Advance(kSecond);
  EXPECT_EQ(cluster.Run(2, "CLUSTER LEAVE"), "(error) ERR nobody else would own anything");
  cluster.Lose(2);
  EXPECT_EQ(cluster.Run(0, "CLUSTER LEAVE " + IdOf(cluster, 2)),
            "(error) ERR it cannot be reached; CLUSTER FORGET takes out who is dead");
}

TEST(ClusterReweight, IsPlannedAndThenCarriedOut) {
  Formed cluster(4, Formed::LastComesLate{});
  ASSERT_EQ(cluster.Run(0, "CLUSTER COMMIT"), "OK");
  ASSERT_TRUE(cluster.AllReadWhileItMoves({0, 1, 2, 3}));
  EXPECT_EQ(cluster.Run(1, "CLUSTER REWEIGHT " + IdOf(cluster, 3) + " 2"), "OK");
  cluster.Advance(kSecond);
  EXPECT_THAT(cluster.Run(1, "CLUSTER PLAN"),
              AllOf(HasSubstr("1 -> 2"), HasSubstr("another weight\\n")));
  EXPECT_EQ(cluster.Run(1, "CLUSTER COMMIT"), "OK");
  EXPECT_TRUE(cluster.AllReadWhileItMoves({0, 1, 2, 3}));
  // 3 of 5 parts of the weights would be more than all partitions: it has a copy of each.
  EXPECT_THAT(cluster.Run(1, "CLUSTER RING"), HasSubstr("  1024   33.3 %"));
}

TEST(ClusterReweight, IsRefusedWithTheReason) {
  Formed cluster(3);
  const std::string line = "CLUSTER REWEIGHT " + IdOf(cluster, 1);
  EXPECT_EQ(cluster.Run(0, "CLUSTER REWEIGHT nobody 1"), "(error) ERR Unknown node nobody");
  for (const char* weight : {"0", "-1", "10001", "x"}) {
    EXPECT_EQ(cluster.Run(0, line + " " + weight),
              "(error) ERR the weight is a number from 1 to 10000; CLUSTER LEAVE is for who is to "
              "hold nothing")
        << weight;
  }
}

TEST(ClusterReplace, TheNewOneGetsTheShareOfTheOld) {
  Formed cluster(4, Formed::LastComesLate{});
  ASSERT_EQ(cluster.Run(0, "CLUSTER REPLACE " + IdOf(cluster, 1) + " " + IdOf(cluster, 3)), "OK");
  cluster.Advance(kSecond);
  EXPECT_THAT(cluster.Run(2, "CLUSTER PLAN"),
              AllOf(HasSubstr("0 -> 1       0 -> 1024  joins\\n"),
                    HasSubstr("1 -> 0       1024 -> 0  leaves\\n"),
                    HasSubstr("\\nmoves 1024 of 3072 copies of partitions, 33.3 %: about ")));
  EXPECT_EQ(cluster.Run(0, "CLUSTER COMMIT"), "OK");
  EXPECT_TRUE(cluster.AllReadWhileItMoves({0, 2, 3})) << cluster.Run(0, "CLUSTER PLAN");
  cluster.Advance(3 * kSecond);
  EXPECT_THAT(cluster.Run(1, "GET key1"), StartsWith(kTakenOut));
  EXPECT_EQ(cluster.Run(3, "DYN.QUORUM R 3 GET key7"), "\"value7\"");
}

TEST(ClusterReplace, IsRefusedWithTheReason) {
  Formed cluster(3);
  const std::string line = "CLUSTER REPLACE " + IdOf(cluster, 1) + " ";
  EXPECT_EQ(cluster.Run(0, line + "nobody"), "(error) ERR Unknown node nobody");
  EXPECT_EQ(cluster.Run(0, "CLUSTER REPLACE nobody nobody"), "(error) ERR Unknown node nobody");
  EXPECT_EQ(cluster.Run(0, line + IdOf(cluster, 1)),
            "(error) ERR a member does not come in its own place");
  EXPECT_EQ(cluster.Run(0, line + IdOf(cluster, 2)),
            "(error) ERR who comes in its place has a share already; one that has joined and is "
            "planned takes it");
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

TEST(ClusterJoin, OfAClusterThatHoldsKeysIsPlanned) {
  Formed cluster(4, Formed::LastComesLate{});
  EXPECT_THAT(cluster.Run(3, "CLUSTER INFO"), HasSubstr("cluster_known_nodes:4\\r"));
  EXPECT_THAT(cluster.Run(0, "CLUSTER PLAN"), HasSubstr("0 -> 1        0 -> 768  joins\\n"));
  EXPECT_TRUE(cluster.HasAllKeys(3)) << "it serves clients before it owns anything";
}

TEST(ClusterMoves, KeysAreReadAtEveryNodeWhileOneComesAndOneGoes) {
  Formed cluster(4, Formed::LastComesLate{});
  ASSERT_EQ(cluster.Run(1, "CLUSTER COMMIT"), "OK");
  ASSERT_TRUE(cluster.AllReadWhileItMoves({0, 1, 2, 3})) << cluster.Run(0, "CLUSTER PLAN");
  EXPECT_GT(cluster.at(3).server().store().counts(0).keys, 0U);
  EXPECT_LT(cluster.at(0).server().store().counts(0).keys, kKeys);

  const std::string leaving = IdOf(cluster, 0);
  ASSERT_EQ(cluster.Run(2, "CLUSTER LEAVE " + leaving), "OK");
  cluster.Advance(kSecond);
  EXPECT_THAT(cluster.Run(1, "CLUSTER PLAN"), HasSubstr("768 -> 0  leaves\\n"));
  ASSERT_EQ(cluster.Run(1, "CLUSTER COMMIT"), "OK");
  ASSERT_TRUE(cluster.AllReadWhileItMoves({1, 2, 3})) << cluster.Run(1, "CLUSTER PLAN");
  cluster.Advance(3 * kSecond);
  EXPECT_THAT(cluster.Run(0, "GET key1"), StartsWith(kTakenOut));
  EXPECT_THAT(cluster.Run(1, "CLUSTER NODES"), testing::Not(HasSubstr(leaving)));
  for (const size_t node : {1, 2, 3}) {
    EXPECT_TRUE(cluster.HasAllKeys(node));
    EXPECT_EQ(cluster.at(node).server().store().counts(0).keys, kKeys) << "each has a copy";
  }
}

TEST(ClusterMembers, OfAFixedListStayWhoTheyAre) {
  ClusterTester cluster(3, {.n = 3, .r = 2, .w = 2});
  for (const char* line : {"CLUSTER PLAN", "CLUSTER COMMIT", "CLUSTER CANCEL", "CLUSTER FORGET x",
                           "CLUSTER LEAVE", "CLUSTER REWEIGHT x 1", "CLUSTER REPLACE x y",
                           "CLUSTER JOIN node-1 7000", "CLUSTER MEET node-1 7000"}) {
    EXPECT_EQ(cluster.Run(0, line),
              "(error) ERR the members of this cluster are those of cluster-nodes")
        << line;
  }
}

}  // namespace
}  // namespace cartwheel::server
