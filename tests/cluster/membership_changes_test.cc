// What an operator changes of the members, on any of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/membership.h"
#include "tests/cluster/forming_world.h"

namespace cartwheel::cluster {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000;

class MembershipChanges : public ::testing::Test {
 protected:
  void Form(size_t nodes, AutoCommit auto_commit = AutoCommit::kYes) {
    std::vector<NodeAddress> seeds;
    for (size_t i = 0; i < nodes; ++i) seeds.push_back(FormingWorld::AddressOf(i));
    for (size_t i = 0; i < nodes; ++i) world_.Add(seeds);
    world_.auto_commit = auto_commit;
    for (size_t i = 0; i < nodes; ++i) world_.Start(i);
    ASSERT_TRUE(world_.RunUntilOne(5 * kSecond));
  }
  std::string Forget(size_t at, size_t node) {
    const std::string why_not = world_.node(at).Forget(world_.IdOf(node), world_.now_us());
    world_.RunFor(kSecond);
    return why_not;
  }
  std::string Commit(size_t at) {
    const std::string why_not = world_.node(at).Commit(world_.now_us());
    world_.RunFor(kSecond);
    return why_not;
  }
  // The members that run, and who knows of their keys.
  void AllHoldKeys() {
    for (size_t i = 0; i < world_.size(); ++i) {
      if (world_.runs(i)) world_.SetHoldsKeys(i, true);
    }
    world_.RunFor(kSecond);
  }
  // Who comes to them owns nothing at first.
  void FormPlanned(size_t nodes) {
    Form(nodes, AutoCommit::kNo);
    EXPECT_EQ(Commit(0), "");
  }
  size_t Join() {
    const size_t late = world_.Add({FormingWorld::AddressOf(1)});
    world_.Start(late);
    EXPECT_TRUE(world_.RunUntilOne(5 * kSecond));
    return late;
  }
  NodeId IdOf(size_t node) const { return world_.IdOf(node); }
  const Topology& TopologyAt(size_t node) { return *world_.node(node).topology(); }
  bool HasSaid(std::string_view text) {
    for (size_t i = 0; i < world_.size(); ++i) {
      for (const std::string& notice : world_.notices(i)) {
        if (notice.contains(text)) return true;
      }
    }
    return false;
  }
  // 0: it is in no cluster.
  size_t MembersAt(size_t node) {
    const Topology* const topology = world_.node(node).topology();
    return topology == nullptr ? 0 : topology->members.size();
  }
  size_t PartitionsOf(size_t node) {
    return static_cast<size_t>(std::ranges::count(world_.node(0).topology()->owners.nodes,  //
                                                  world_.IdOf(node)));
  }
  void TearDown() override { EXPECT_THAT(world_.violations(), IsEmpty()); }

  FormingWorld world_{1};
};

// ---- FORGET

TEST_F(MembershipChanges, ADeadNodeIsTakenOutByAnyOther) {
  Form(4);
  world_.Kill(3);
  world_.RunFor(kSecond);
  EXPECT_EQ(Forget(2, 3), "");
  EXPECT_TRUE(world_.IsOne(3));
}

TEST_F(MembershipChanges, SoIsTheOneThatUsedToPropose) {
  Form(3);
  const NodeId proposer = world_.node(0).Proposer();
  size_t dead = 0;
  while (world_.IdOf(dead) != proposer) ++dead;
  world_.Kill(dead);
  world_.RunFor(kSecond);
  EXPECT_EQ(Forget((dead + 1) % 3, dead), "");
  EXPECT_TRUE(world_.IsOne(2));
}

TEST_F(MembershipChanges, WhoWasTakenOutStaysOutWhenItComesBack) {
  Form(3);
  world_.Kill(2);
  world_.RunFor(kSecond);
  ASSERT_EQ(Forget(0, 2), "");
  for (int start = 0; start < 2; ++start) {
    world_.Start(2);
    world_.RunFor(5 * kSecond);
    EXPECT_EQ(MembersAt(2), 0U);
    EXPECT_TRUE(world_.node(2).is_taken_out());
    EXPECT_EQ(MembersAt(0), 2U);
    world_.Kill(2);
  }
  EXPECT_THAT(world_.notices(2), Contains(HasSubstr("was taken out of the cluster")));
}

TEST_F(MembershipChanges, ItComesBackWhenItIsToldTo) {
  Form(3);
  world_.Kill(2);
  world_.RunFor(kSecond);
  ASSERT_EQ(Forget(0, 2), "");
  world_.Start(2);
  world_.RunFor(3 * kSecond);
  ASSERT_EQ(MembersAt(2), 0U);
  EXPECT_EQ(world_.node(2).WhyNotJoin(), "");
  world_.node(2).Meet(FormingWorld::AddressOf(1));
  EXPECT_TRUE(world_.RunUntilOne(5 * kSecond));
}

TEST_F(MembershipChanges, WhoWasOnlyCutOffLearnsOfItToo) {
  Form(3);
  world_.Cut(0, 2);
  world_.Cut(1, 2);
  world_.RunFor(kSecond);
  ASSERT_EQ(Forget(1, 2), "");
  EXPECT_EQ(MembersAt(2), 3U) << "it has not heard of it";
  world_.MendAll();
  world_.RunFor(5 * kSecond);
  EXPECT_EQ(MembersAt(2), 0U);
  EXPECT_EQ(MembersAt(1), 2U);
}

TEST_F(MembershipChanges, TakenOutWithKeysItKeepsThem) {
  Form(3);
  world_.Cut(0, 2);
  world_.Cut(1, 2);
  world_.RunFor(kSecond);
  world_.SetHoldsKeys(2, true);
  ASSERT_EQ(Forget(1, 2), "");
  world_.MendAll();
  world_.RunFor(5 * kSecond);
  EXPECT_EQ(MembersAt(2), 0U);
  EXPECT_THAT(world_.notices(2), Contains(HasSubstr("keeps the keys that it holds")));
  EXPECT_EQ(world_.node(2).WhyNotJoin(), "it holds keys; a node joins empty");
}

TEST_F(MembershipChanges, WhoCannotBeTakenOut) {
  Form(3);
  EXPECT_EQ(Forget(0, 0), "a node does not take itself out");
  EXPECT_EQ(Forget(0, 2), "it is alive; stop it first");
  EXPECT_EQ(world_.node(0).Forget(NodeId{12345}, world_.now_us()), "it is no member");
  world_.Kill(2);
  world_.RunFor(kSecond);
  world_.Kill(1);
  world_.RunFor(kSecond);
  EXPECT_EQ(Forget(0, 2), "a majority of those who decide cannot be reached");
  EXPECT_EQ(MembersAt(0), 3U);
}

// ---- joining with a plan

TEST_F(MembershipChanges, WithoutAutoCommitWhoJoinsOwnsNothingUntilTheCommit) {
  Form(3, AutoCommit::kNo);
  EXPECT_EQ(PartitionsOf(0), kPartitions) << "who created it";
  EXPECT_EQ(PartitionsOf(1) + PartitionsOf(2), 0U);
  EXPECT_EQ(Commit(2), "");
  EXPECT_TRUE(world_.IsOne(3));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(PartitionsOf(i), kPartitions) << i;
  EXPECT_EQ(Commit(1), "nothing is planned");
}

TEST_F(MembershipChanges, PartitionsMoveToWhoIsPlannedWhenThereAreKeys) {
  Form(3, AutoCommit::kNo);
  ASSERT_EQ(Commit(0), "");
  world_.SetHoldsKeys(1, true);
  const size_t late = world_.Add({FormingWorld::AddressOf(2)});
  world_.Start(late);
  ASSERT_TRUE(world_.RunUntilOne(5 * kSecond));
  EXPECT_EQ(PartitionsOf(late), 0U);
  const OwnerTable before = TopologyAt(0).owners;
  world_.RunFor(kSecond);
  EXPECT_EQ(world_.node(0).Commit(world_.now_us()), "");
  world_.RunFor(100'000);
  EXPECT_EQ(TopologyAt(0).owners, before) << "nothing moves at once";
  ASSERT_TRUE(world_.RunUntilSettled(4, 20 * kSecond));
  EXPECT_EQ(PartitionsOf(late), 3 * kPartitions / 4);
  world_.RunFor(kSecond);
  EXPECT_TRUE(HasSaid("moves partitions: "));
  EXPECT_TRUE(HasSaid("all partitions are where they are to be"));
}

TEST_F(MembershipChanges, OnlyWhileAllWhoTakePartCanBeReached) {
  FormPlanned(4);
  AllHoldKeys();
  Join();
  world_.Kill(2);
  world_.RunFor(kSecond);
  EXPECT_EQ(Commit(0), "the member at node-2:7000 cannot be reached");
}

// ---- LEAVE

TEST_F(MembershipChanges, WhoLeavesHandsOnWhatItHoldsAndIsTakenOut) {
  Form(4);
  AllHoldKeys();
  EXPECT_EQ(world_.node(1).Leave(IdOf(1), world_.now_us()), "") << "itself";
  world_.RunFor(kSecond);
  EXPECT_EQ(world_.node(0).Leave(IdOf(1), world_.now_us()), "") << "it does already";
  world_.RunFor(kSecond);
  EXPECT_EQ(FindMember(TopologyAt(0), IdOf(1))->planned_weight, 0U);
  EXPECT_EQ(PartitionsOf(1), 3 * kPartitions / 4);
  ASSERT_EQ(Commit(2), "");
  world_.RunFor(20 * kSecond);
  EXPECT_EQ(MembersAt(0), 3U);
  EXPECT_EQ(MembersAt(1), 0U);
  EXPECT_TRUE(IsSettled(TopologyAt(0)));
}

TEST_F(MembershipChanges, WhoProposesLeavesToo) {
  Form(4);
  AllHoldKeys();
  size_t proposer = 0;
  while (IdOf(proposer) != world_.node(0).Proposer()) ++proposer;
  const size_t other = proposer == 0 ? 1 : 0;
  EXPECT_EQ(world_.node(other).Leave(IdOf(proposer), world_.now_us()), "");
  world_.RunFor(kSecond);
  ASSERT_EQ(Commit(proposer), "");
  world_.RunFor(20 * kSecond);
  EXPECT_EQ(MembersAt(other), 3U);
  EXPECT_EQ(MembersAt(proposer), 0U);
}

TEST_F(MembershipChanges, TwoOfThreeLeave) {
  Form(3);
  AllHoldKeys();
  for (const size_t node : {1U, 2U}) {
    EXPECT_EQ(world_.node(0).Leave(IdOf(node), world_.now_us()), "");
    world_.RunFor(kSecond);
  }
  EXPECT_EQ(world_.node(0).Leave(IdOf(0), world_.now_us()), "nobody else would own anything");
  ASSERT_EQ(Commit(0), "");
  world_.RunFor(30 * kSecond);
  EXPECT_EQ(MembersAt(0), 1U);
  EXPECT_EQ(TopologyAt(0).owners.copies, 1U);
}

TEST_F(MembershipChanges, WhoIsDeadDoesNotLeave) {
  Form(3);
  world_.Kill(2);
  world_.RunFor(kSecond);
  EXPECT_EQ(world_.node(0).Leave(IdOf(2), world_.now_us()),
            "it cannot be reached; CLUSTER FORGET takes out who is dead");
}

TEST_F(MembershipChanges, AnotherWeightIsPlannedAndMovesPartitions) {
  Form(4);
  AllHoldKeys();
  EXPECT_THAT(world_.node(0).Reweight(IdOf(1), 0, world_.now_us()), HasSubstr("between 1 and"));
  EXPECT_EQ(world_.node(0).Reweight(IdOf(1), 3, world_.now_us()), "");
  world_.RunFor(kSecond);
  EXPECT_EQ(world_.node(0).Reweight(IdOf(1), 1, world_.now_us()), "");
  world_.RunFor(kSecond);
  EXPECT_FALSE(HasPlan(TopologyAt(0))) << "as it is";
  EXPECT_EQ(world_.node(0).Reweight(IdOf(1), 3, world_.now_us()), "");
  world_.RunFor(kSecond);
  ASSERT_EQ(Commit(2), "");
  ASSERT_TRUE(world_.RunUntilSettled(4, 20 * kSecond));
  EXPECT_EQ(PartitionsOf(1), kPartitions);
}

// ---- who is dead, while there are keys

TEST_F(MembershipChanges, WhatADeadOwnerHeldComesToOthers) {
  Form(4);
  AllHoldKeys();
  world_.Kill(3);
  world_.RunFor(kSecond);
  ASSERT_EQ(Forget(1, 3), "");
  ASSERT_TRUE(world_.RunUntilSettled(3, 20 * kSecond));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(PartitionsOf(i), kPartitions);
}

TEST_F(MembershipChanges, WhoAloneHoldsSomethingIsNotTakenOut) {
  Form(5);
  AllHoldKeys();
  for (size_t i = 0; i < 5; ++i) world_.HoldUp(i, true);
  for (const size_t dead : {4U, 3U}) {
    world_.Kill(dead);
    world_.RunFor(kSecond);
    EXPECT_EQ(Forget(0, dead), "");
  }
  EXPECT_EQ(Forget(0, 3), "") << "it goes already";
  world_.Kill(2);
  world_.RunFor(kSecond);
  EXPECT_THAT(Forget(0, 2), HasSubstr("partitions have no other owner"));
  EXPECT_EQ(MembersAt(0), 5U);
}

TEST_F(MembershipChanges, WhoWasTakenOutDeadComesBackToNothing) {
  Form(4);
  AllHoldKeys();
  world_.Kill(3);
  world_.RunFor(kSecond);
  ASSERT_EQ(Forget(1, 3), "");
  world_.Start(3);
  world_.RunFor(20 * kSecond);
  EXPECT_EQ(MembersAt(0), 3U);
  EXPECT_EQ(MembersAt(3), 0U);
}

// ---- REPLACE

TEST_F(MembershipChanges, WhoComesInTheirPlaceTakesAll) {
  FormPlanned(4);
  AllHoldKeys();
  const size_t late = Join();
  EXPECT_THAT(world_.node(0).Replace(IdOf(2), IdOf(1), world_.now_us()),
              HasSubstr("has a share already"));
  EXPECT_EQ(world_.node(0).Replace(IdOf(2), IdOf(late), world_.now_us()), "");
  world_.RunFor(kSecond);
  ASSERT_EQ(Commit(0), "");
  world_.RunFor(20 * kSecond);
  EXPECT_EQ(MembersAt(2), 0U);
  EXPECT_EQ(PartitionsOf(late), 3 * kPartitions / 4);
}

TEST_F(MembershipChanges, AlsoOfWhoIsDead) {
  FormPlanned(4);
  AllHoldKeys();
  const size_t late = Join();
  world_.Kill(2);
  world_.RunFor(kSecond);
  EXPECT_EQ(world_.node(0).Replace(IdOf(2), IdOf(late), world_.now_us()), "");
  world_.RunFor(kSecond);
  EXPECT_TRUE(FindMember(TopologyAt(0), IdOf(2))->gone);
  EXPECT_THAT(TopologyAt(0).moves, IsEmpty()) << "it is only planned";
  ASSERT_EQ(Commit(0), "");
  ASSERT_TRUE(world_.RunUntilSettled(4, 20 * kSecond));
  EXPECT_EQ(PartitionsOf(late), 3 * kPartitions / 4);
}

// ---- CANCEL, and what goes wrong

TEST_F(MembershipChanges, APlanIsCancelled) {
  FormPlanned(4);
  EXPECT_EQ(world_.node(0).Cancel(world_.now_us()), "there is nothing to cancel");
  AllHoldKeys();
  Join();
  EXPECT_EQ(world_.node(0).Leave(IdOf(1), world_.now_us()), "");
  world_.RunFor(kSecond);
  EXPECT_EQ(world_.node(0).Cancel(world_.now_us()), "");
  world_.RunFor(kSecond);
  EXPECT_FALSE(FindMember(TopologyAt(0), IdOf(1))->planned_weight);
  EXPECT_TRUE(HasPlan(TopologyAt(0))) << "who owns nothing keeps its plan";
}

TEST_F(MembershipChanges, MovesAreCancelledAndACommitGoesOnWithThem) {
  world_.moves_at_once = 50;
  FormPlanned(4);
  AllHoldKeys();
  const size_t late = Join();
  ASSERT_EQ(Commit(0), "");
  EXPECT_EQ(world_.node(3).Cancel(world_.now_us()), "");
  world_.RunFor(5 * kSecond);
  EXPECT_EQ(TopologyAt(0).halt, "cancelled by an operator");
  EXPECT_THAT(TopologyAt(0).moves, IsEmpty());
  EXPECT_LT(PartitionsOf(late), 3 * kPartitions / 4);
  EXPECT_EQ(Commit(1), "");
  ASSERT_TRUE(world_.RunUntilSettled(5, 60 * kSecond));
  EXPECT_EQ(TopologyAt(0).halt, "");
}

TEST_F(MembershipChanges, TroubleOfWhoIsToTakeThemEndsTheMoves) {
  world_.moves_at_once = 50;
  FormPlanned(4);
  AllHoldKeys();
  const size_t late = Join();
  ASSERT_EQ(Commit(0), "");
  world_.SetTrouble(late, "its disk is full");
  world_.RunFor(2 * kSecond);
  EXPECT_EQ(TopologyAt(0).halt, "the member at node-4:7000: its disk is full");
  EXPECT_THAT(TopologyAt(0).moves, IsEmpty());
  world_.SetTrouble(late, "");
  world_.RunFor(5 * kSecond);
  EXPECT_NE(TopologyAt(0).halt, "") << "until an operator says so";
  EXPECT_EQ(Commit(0), "");
  EXPECT_TRUE(world_.RunUntilSettled(5, 60 * kSecond));
}

TEST_F(MembershipChanges, SoDoesWhatNeverArrives) {
  FormPlanned(4);
  AllHoldKeys();
  const size_t late = Join();
  world_.HoldUp(late, true);
  ASSERT_EQ(Commit(0), "");
  world_.RunFor(2 * kSecond);
  EXPECT_EQ(TopologyAt(0).halt, "");
  world_.RunFor(10 * kSecond);
  EXPECT_EQ(TopologyAt(0).halt, "what is on its way to the member at node-4:7000 does not arrive");
}

// Each step is synced by every member several times, and their clients wait for that.
TEST_F(MembershipChanges, StepsOfFewPartitionsWaitForOthers) {
  world_.arrives_within_us = 30 * kSecond;
  world_.move_stuck_us = 60 * kSecond;
  FormPlanned(4);
  AllHoldKeys();
  Join();
  ASSERT_EQ(Commit(0), "");
  const uint64_t before = std::ranges::max(TopologyAt(0).epochs);
  const int64_t began_us = world_.now_us();
  ASSERT_TRUE(world_.RunUntilSettled(5, 600 * kSecond));
  const auto seconds = static_cast<uint64_t>((world_.now_us() - began_us) / kSecond);
  ASSERT_GT(seconds, 30);
  EXPECT_LT(std::ranges::max(TopologyAt(0).epochs) - before, seconds + 10);
}

TEST_F(MembershipChanges, AClusterAtRestIsIdle) {
  Form(3);
  AllHoldKeys();
  ASSERT_TRUE(IsSettled(TopologyAt(0)));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_GT(world_.node(i).NextDeadline(), world_.now_us()) << i;
  }
}

TEST_F(MembershipChanges, APlanIsTakenBackByForget) {
  Form(3, AutoCommit::kNo);
  ASSERT_EQ(Commit(0), "");
  const size_t late = world_.Add({FormingWorld::AddressOf(2)});
  world_.Start(late);
  ASSERT_TRUE(world_.RunUntilOne(5 * kSecond));
  for (size_t i = 0; i < 3; ++i) world_.SetHoldsKeys(i, true);
  EXPECT_EQ(Forget(1, late), "") << "it is alive, and owns nothing";
  world_.RunFor(5 * kSecond);
  EXPECT_EQ(MembersAt(0), 3U);
  EXPECT_EQ(MembersAt(late), 0U);
}

TEST_F(MembershipChanges, TheOnlyOwnerIsNotTakenOut) {
  Form(3, AutoCommit::kNo);
  world_.Kill(0);
  world_.RunFor(kSecond);
  EXPECT_THAT(Forget(1, 0), HasSubstr("it alone owns what there is"));
}

// Several at once: each comes true in the end, or is refused, and nobody sees two of an epoch.
TEST_F(MembershipChanges, SeveralAtOnceComeAfterEachOther) {
  Form(6);
  for (const size_t dead : {4U, 5U}) world_.Kill(dead);
  world_.RunFor(kSecond);
  EXPECT_EQ(world_.node(1).Forget(world_.IdOf(4), world_.now_us()), "");
  EXPECT_EQ(world_.node(2).Forget(world_.IdOf(5), world_.now_us()), "");
  EXPECT_EQ(world_.node(1).Forget(world_.IdOf(5), world_.now_us()), "another change is under way");
  world_.RunFor(3 * kSecond);
  EXPECT_TRUE(world_.IsOne(4));
}

}  // namespace
}  // namespace cartwheel::cluster
