// What users of other Dynamos and of replicated Redis reported as lost, resurrected or divergent,
// played on whole clusters. Above each: where it was reported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kSecondUs = 1'000'000;

size_t VersionsAt(ClusterTester& cluster, size_t node, std::string_view key) {
  const auto container = cluster.at(node).server().store().ReadContainer({0, key});
  return container ? (*container)->versions.size() : 0;
}

bool HasRecord(ClusterTester& cluster, size_t node, std::string_view key) {
  const auto container = cluster.at(node).server().store().ReadContainer({0, key});
  return !container || !(*container)->context.empty();
}

uint64_t HintsAt(ClusterTester& cluster, size_t node) {
  uint64_t hints = 0;
  for (const auto& [target, waiting] : cluster.at(node).server().store().hints().waiting()) {
    hints += waiting.hints;
  }
  return hints;
}

// The context in the reply of DYN.GET and DYN.SET: the only long word in quotes that comes first.
std::string ContextOfGet(const std::string& reply) {
  const size_t begin = reply.find('"') + 1;
  return reply.substr(begin, reply.find('"', begin) - begin);
}
std::string ContextOfSet(const std::string& reply) {
  return ContextOfGet(reply.substr(reply.find("2)")));
}

std::string Name(std::string_view prefix, size_t number) {
  return std::string(prefix) + std::to_string(number);
}

// riak_cs issue 1006: siblings grew to three times the number of writers, and beyond.
TEST(Scenarios, SevenWritersLeaveNoMoreThanSevenSiblings) {
  constexpr size_t kWriters = 7;
  ClusterTester cluster(3);
  size_t most = 0;
  for (size_t round = 0; round < 30; ++round) {
    std::vector<std::string> contexts;
    for (size_t writer = 0; writer < kWriters; ++writer) {
      const std::string client = Name("writer", writer);
      contexts.push_back(ContextOfGet(cluster.Run(writer % 3, client, "DYN.GET k")));
    }
    for (size_t writer = 0; writer < kWriters; ++writer) {
      const std::string value = Name("v", writer) + Name("-", round);
      const std::string context = contexts[writer].empty() ? "" : " CONTEXT " + contexts[writer];
      ASSERT_THAT(cluster.Run(writer % 3, Name("writer", writer), "DYN.SET k " + value + context),
                  HasSubstr("OK"));
      for (size_t node = 0; node < 3; ++node) {
        most = std::max(most, VersionsAt(cluster, node, "k"));
      }
    }
  }
  EXPECT_EQ(most, kWriters);
}

// riak_test issue 383: the siblings of two clients that never read grew without end.
TEST(Scenarios, TwoClientsThatGoOnFromTheirOwnWritesLeaveTwoSiblings) {
  ClusterTester cluster(3);
  std::string contexts[2];
  for (size_t i = 0; i < 200; ++i) {
    std::string& context = contexts[i % 2];
    const std::string line =
        Name("DYN.SET k v", i) + (context.empty() ? "" : " CONTEXT " + context);
    context = ContextOfSet(cluster.Run(i % 3, Name("client", i % 2), line));
    for (size_t node = 0; node < 3; ++node) ASSERT_LE(VersionsAt(cluster, node, "k"), 2U) << i;
  }
  EXPECT_EQ(VersionsAt(cluster, 0, "k"), 2U);
}

// KeyDB issue 366: the two sides of a split kept different values for ever.
TEST(Scenarios, OppositeOrdersOnTwoSidesOfASplitEndAlike) {
  ClusterTester cluster(3, {.n = 3, .r = 1, .w = 1});
  cluster.CutOff(2);
  EXPECT_EQ(cluster.Run(0, "SET k A"), "OK");
  EXPECT_EQ(cluster.Run(2, "SET k B"), "OK");
  cluster.Advance(10'000);
  EXPECT_EQ(cluster.Run(0, "SET k B"), "OK");
  EXPECT_EQ(cluster.Run(2, "SET k A"), "OK");
  cluster.HealAll();
  cluster.Advance(10 * kSecondUs);
  const std::string value = cluster.Run(0, "GET k");
  for (size_t node = 0; node < 3; ++node) {
    EXPECT_EQ(cluster.Run(node, "GET k"), value);
    EXPECT_EQ(VersionsAt(cluster, node, "k"), 2U) << "and neither side's is lost";
  }
}

// KeyDB issue 111: increments at several masters were lost when one went away.
TEST(Scenarios, ThirtyThousandIncrementsAddUpThoughANodeIsAwayForAThirdOfThem) {
  constexpr size_t kBatches = 30;
  std::string batch;
  for (size_t i = 0; i < 1000 / 3 + 1; ++i) batch += "INCR n\r\n";
  ClusterTester cluster(3);
  size_t replies = 0;
  for (size_t i = 0; i < kBatches; ++i) {
    if (i == 10) cluster.CutOff(2);
    if (i == 20) cluster.HealAll();
    for (size_t node = 0; node < 3; ++node) {
      // Its clients turn to another one meanwhile.
      const size_t at = i >= 10 && i < 20 && node == 2 ? 0 : node;
      const std::string client = Name("client", node);
      cluster.at(at).Receive(client, batch);
      cluster.Settle();
      cluster.Advance(kSecondUs);
      for (const resp::Reply& reply : cluster.at(at).TakeReplies(client)) {
        ASSERT_THAT(resp::ToString(reply), StartsWith("(integer)"));
        ++replies;
      }
    }
  }
  cluster.Advance(10 * kSecondUs);
  EXPECT_EQ(replies, kBatches * 3 * (1000 / 3 + 1));
  for (size_t node = 0; node < 3; ++node) {
    EXPECT_EQ(cluster.Run(node, "DYN.QUORUM R 1 GET n"), "\"" + std::to_string(replies) + "\"");
  }
}

// KeyDB issue 447: a key that was deleted during a split came back from the other side.
TEST(Scenarios, WhatWasDeletedDuringASplitStaysDeleted) {
  ClusterTester cluster(3);
  EXPECT_EQ(cluster.Run(0, "SET k v"), "OK");
  cluster.CutOff(2);
  EXPECT_EQ(cluster.Run(0, "DEL k"), "(integer) 1");
  cluster.HealAll();
  cluster.Advance(10 * kSecondUs);
  for (size_t node = 0; node < 3; ++node) {
    EXPECT_EQ(cluster.Run(node, "DYN.QUORUM R 1 GET k"), "(nil)") << node;
  }
  // Nor once the deletion is forgotten.
  cluster.Advance(30 * kSecondUs);
  for (size_t node = 0; node < 3; ++node) {
    EXPECT_FALSE(HasRecord(cluster, node, "k")) << "every owner has seen it: " << node;
    EXPECT_EQ(cluster.Run(node, "DYN.QUORUM R 3 GET k"), "(nil)") << node;
  }
}

// olric issue 225: keys were missing while nodes were restarted one after the other.
TEST(Scenarios, EveryKeyIsFoundAtEveryMomentWhileNodesAreAwayInTurn) {
  constexpr size_t kNodes = 5;
  ClusterTester cluster(kNodes);
  for (size_t i = 0; i < 50; ++i) ASSERT_EQ(cluster.Run(i % kNodes, Name("SET k", i) + " v"), "OK");
  for (size_t away = 0; away < kNodes; ++away) {
    cluster.CutOff(away);
    for (size_t i = 0; i < 50; ++i) {
      const size_t node = (away + 1 + i % (kNodes - 1)) % kNodes;
      ASSERT_EQ(cluster.Run(node, Name("GET k", i)), "\"v\"") << away;
      ASSERT_EQ(cluster.Run(node, Name("SET k", i) + " v"), "OK") << away;
    }
    cluster.HealAll();  // and no pause before the next one
  }
}

// scylladb issue 8863: hints for a node that was away for long made clients' writes fail.
TEST(Scenarios, LongAbsenceFailsNoWriteAndIsMadeUpFor) {
  ClusterTester cluster(3);
  cluster.CutOff(2);
  std::string batch;
  for (size_t i = 0; i < 2000; ++i) batch += Name("SET k", i) + " value\r\n";
  for (int round = 0; round < 4; ++round) {
    cluster.at(0).Receive("client", batch);
    cluster.Advance(kSecondUs);
    const auto replies = cluster.at(0).TakeReplies("client");
    ASSERT_EQ(replies.size(), 2000U);
    for (const resp::Reply& reply : replies) ASSERT_EQ(resp::ToString(reply), "OK");
    cluster.Advance(30 * kSecondUs);
  }
  EXPECT_EQ(HintsAt(cluster, 0), 2000U);
  cluster.HealAll();
  cluster.Advance(20 * kSecondUs);
  EXPECT_EQ(HintsAt(cluster, 0), 0U);
  for (size_t i = 0; i < 2000; ++i) ASSERT_EQ(VersionsAt(cluster, 2, Name("k", i)), 1U) << i;
}

// dynomite issue 460: a command with keys on several nodes was answered for some of them.
TEST(Scenarios, ACommandOfManyKeysIsAnsweredWholeOrWithAnError) {
  ClusterTester cluster(5);
  EXPECT_EQ(cluster.Run(0, "MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8"), "OK");
  cluster.CutOff(4);
  EXPECT_EQ(cluster.Run(0, "MGET a b c d e f g h"),
            "1) \"1\"\n2) \"2\"\n3) \"3\"\n4) \"4\"\n5) \"5\"\n6) \"6\"\n7) \"7\"\n8) \"8\"");
  // Of some of these keys an owner is away.
  EXPECT_THAT(cluster.Run(0, "DYN.QUORUM PR 3 MGET a b c d e f g h"), StartsWith("(error)"));
  EXPECT_THAT(cluster.Run(0, "DYN.QUORUM PW 3 MSET a 9 b 9 c 9 d 9 e 9 f 9 g 9 h 9"),
              StartsWith("(error)"));
}

// valkey issue 2181: with half of the nodes gone the rest served nothing until somebody helped.
TEST(Scenarios, HalfOfTheNodesGoOnAndTheOthersCatchUpByThemselves) {
  constexpr size_t kNodes = 6;
  ClusterTester cluster(kNodes);
  for (size_t i = 0; i < 60; ++i) ASSERT_EQ(cluster.Run(0, Name("SET k", i) + " old"), "OK");
  for (size_t gone = 3; gone < kNodes; ++gone) cluster.CutOff(gone);
  for (size_t i = 0; i < 60; ++i) {
    ASSERT_EQ(cluster.Run(i % 3, Name("SET k", i) + " new"), "OK");
    ASSERT_EQ(cluster.Run((i + 1) % 3, Name("GET k", i)), "\"new\"");
  }
  cluster.HealAll();
  cluster.Advance(20 * kSecondUs);
  for (size_t node = 0; node < kNodes; ++node) EXPECT_EQ(HintsAt(cluster, node), 0U) << node;
  for (size_t i = 0; i < 60; ++i) {
    ASSERT_EQ(cluster.Run(3 + i % 3, Name("DYN.QUORUM R 3 GET k", i)), "\"new\"");
  }
}

// Riak's ReapErase: a key that expired during a split came back with the repair.
TEST(Scenarios, WhatExpiredDuringASplitNeverReturns) {
  ClusterTester cluster(3);
  EXPECT_EQ(cluster.Run(0, "SET k v PX 1000"), "OK");
  cluster.CutOff(2);
  cluster.Advance(3 * kSecondUs);
  EXPECT_EQ(cluster.Run(0, "GET k"), "(nil)");
  cluster.HealAll();
  for (int i = 0; i < 5; ++i) {
    for (size_t node = 0; node < 3; ++node) {
      EXPECT_EQ(cluster.Run(node, "DYN.QUORUM R 3 GET k"), "(nil)") << node;
      EXPECT_EQ(cluster.Run(node, "DYN.QUORUM R 1 GET k"), "(nil)") << node;
    }
    cluster.Advance(10 * kSecondUs);
  }
}

// riak_kv issue 679: a vnode that had forgotten a key's deletion, or lost its data, numbered its
// next write as one before, which others held to be older than what they knew: it was dropped.
TEST(Scenarios, AWriteAfterALossIsNotTakenForOneBeforeIt) {
  for (const bool deleted : {true, false}) {
    ClusterTester cluster(5);
    const std::vector<size_t> nodes = cluster.NodesFor("k");
    const size_t owner = nodes[0];
    // The third owner is away, so that a fallback keeps the key for it.
    cluster.CutOff(nodes[2]);
    for (const char* value : {"v1", "v2", "v3"}) {
      ASSERT_EQ(cluster.Run(owner, std::string("SET k ") + value), "OK");
    }
    if (deleted) {
      ASSERT_EQ(cluster.Run(owner, "DEL k"), "(integer) 1");
    }
    ASSERT_GT(HintsAt(cluster, nodes[3]) + HintsAt(cluster, nodes[4]), 0U);
    // Then the first loses its data, and takes a write while it knows of nobody ...
    cluster.LoseData(owner);
    cluster.Advance(kSecondUs);
    ASSERT_EQ(cluster.Run(owner, "DYN.QUORUM W 1 SET k new"), "OK");
    // ... and all that is old arrives, some of it twice.
    for (const size_t node : nodes) cluster.SayTwice(node);
    cluster.HealAll();
    cluster.Advance(10 * kSecondUs);
    for (const size_t node : nodes) {
      EXPECT_EQ(cluster.Run(node, "DYN.QUORUM R 3 GET k"), "\"new\"") << node;
      EXPECT_EQ(HintsAt(cluster, node), 0U) << node;
    }
    for (const size_t at : {nodes[0], nodes[1], nodes[2]}) {
      EXPECT_EQ(VersionsAt(cluster, at, "k"), deleted ? 1U : 2U) << at;
    }
  }
}

// scylladb issue 23712: a hint that came after its key's tombstone had been purged brought the key
// back.
TEST(Scenarios, AHintThatComesAfterTheDeletionIsForgottenBringsNothingBack) {
  ClusterTester cluster(5);
  const std::vector<size_t> nodes = cluster.NodesFor("k");
  cluster.CutOff(nodes[2]);
  ASSERT_EQ(cluster.Run(nodes[0], "SET k v"), "OK");
  cluster.Advance(kSecondUs);
  const size_t fallback = HintsAt(cluster, nodes[3]) > 0 ? nodes[3] : nodes[4];
  ASSERT_GT(HintsAt(cluster, fallback), 0U);
  cluster.CutOff(fallback);
  for (const size_t node : nodes) {
    if (node != fallback && node != nodes[2]) cluster.Heal(node, nodes[2]);
  }
  // A read hands the third what it missed; then all three see the deletion, and forget it.
  EXPECT_EQ(cluster.Run(nodes[0], "DYN.QUORUM R 3 GET k"), "\"v\"");
  EXPECT_EQ(cluster.Run(nodes[0], "DEL k"), "(integer) 1");
  cluster.Advance(40 * kSecondUs);
  for (const size_t at : {nodes[0], nodes[1], nodes[2]}) {
    ASSERT_FALSE(HasRecord(cluster, at, "k")) << at;
  }
  ASSERT_GT(HintsAt(cluster, fallback), 0U);
  cluster.HealAll();
  cluster.Advance(20 * kSecondUs);
  EXPECT_EQ(HintsAt(cluster, fallback), 0U);
  for (const size_t node : nodes) {
    EXPECT_EQ(VersionsAt(cluster, node, "k"), 0U) << node;
    EXPECT_EQ(cluster.Run(node, "DYN.QUORUM R 3 GET k"), "(nil)") << node;
  }
}

// A disk was replaced: what its node had acknowledged with one other was read as absent.
TEST(Scenarios, ANodeWithAnEmptyDiskHidesNothing) {
  ClusterTester cluster(3);
  cluster.CutOff(2);
  ASSERT_EQ(cluster.Run(0, "SET k v"), "OK");
  cluster.LoseData(0);  // and with it the hint for the third
  cluster.at(1).server().store().hints().Clear();
  cluster.HealAll();
  for (const size_t node : {0U, 2U, 1U}) EXPECT_EQ(cluster.Run(node, "GET k"), "\"v\"") << node;
  EXPECT_GT(cluster.at(0).server().gateway()->node().RebuildingPartitions(), 0U);
}

}  // namespace
}  // namespace cartwheel::server
