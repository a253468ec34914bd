#include "cluster/moves.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/numbered_members.h"

namespace cartwheel::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Row = std::span<const NodeId>;

constexpr NodeId kA{1};
constexpr NodeId kB{2};
constexpr NodeId kC{3};
constexpr NodeId kD{4};

// A topology with what its members have told of it.
class Moves : public ::testing::Test {
 protected:
  // All are linked and know it.
  void Begin(Topology topology) {
    topology_ = std::move(topology);
    states_.clear();
    for (const TopologyMember& member : topology_.members) {
      states_[member.node] = {.linked = true, .epoch = epoch_, .arrived = {}, .trouble = {}};
    }
  }
  // From A, B and C to B, C and D: each partition that has a D is on its way to it.
  void BeginWithOneMove(MoveStep step = MoveStep::kPrepare) {
    epoch_ = 10;
    Begin(Of(4));
    for (Partition p = 0; p < kPartitions; ++p) {
      SetRow(topology_.owners, p, std::array{kA, kB, kC});
    }
    topology_.moves = {{.partition = 5, .step = step, .to = {kB, kC, kD}}};
    topology_.epochs[5] = 10;
    target_ = topology_.owners;
    SetRow(target_, 5, std::array{kB, kC, kD});
  }
  void Arrive(NodeId node, Partition partition) { states_[node].arrived.push_back(partition); }
  std::optional<Topology> Next() {
    if (target_.nodes.empty()) target_ = TargetOf(topology_);
    return NextMoves(topology_, target_, states_, options_);
  }
  // False: nothing follows.
  bool Go() {
    auto next = Next();
    if (!next) return false;
    StampEpochs(topology_, *next, ++epoch_);
    topology_ = *std::move(next);
    return true;
  }

  Topology topology_;
  OwnerTable target_;
  MemberStates states_;
  MoveOptions options_;
  uint64_t epoch_ = 1;
};

// ---- each rule

TEST_F(Moves, WhatIsAsTheWeightsAskForIsSettled) {
  EXPECT_TRUE(IsSettled(Of(1)));
  EXPECT_TRUE(IsSettled(Of(5)));
  Begin(Of(5));
  EXPECT_FALSE(Next());
}

TEST_F(Moves, FromPrepareToSwitchWhenAllHaveAdoptedItAndItHasArrived) {
  BeginWithOneMove();
  EXPECT_FALSE(Next()) << "D has not got it";
  Arrive(kD, 5);
  ASSERT_TRUE(Go());
  ASSERT_THAT(topology_.moves, SizeIs(1));
  EXPECT_EQ(topology_.moves[0].step, MoveStep::kSwitch) << "not straight to the new owners";
  EXPECT_THAT(RowOf(topology_.owners, 5), ElementsAre(kA, kB, kC));
  EXPECT_EQ(topology_.epochs[5], 11U);
}

TEST_F(Moves, WhatWasToldBeforeTheMoveDoesNotCount) {
  BeginWithOneMove();
  Arrive(kD, 5);
  states_[kD].epoch = 9;
  EXPECT_FALSE(Next());
}

TEST_F(Moves, WhoGoesHasToHaveAdoptedPrepare) {
  BeginWithOneMove();
  Arrive(kD, 5);
  states_[kA].epoch = 9;
  EXPECT_FALSE(Next());
}

TEST_F(Moves, WhoStaysNeedNotAsLongAsEnoughHave) {
  BeginWithOneMove();
  Arrive(kD, 5);
  states_[kB].epoch = 9;
  EXPECT_TRUE(Next()) << "A and C are two of those before, C and D two of those after";
  states_[kC].epoch = 9;
  EXPECT_FALSE(Next()) << "two that do not know of it are W of three";
}

TEST_F(Moves, AllHaveToWhereOneAnswerIsEnough) {
  BeginWithOneMove();
  Arrive(kD, 5);
  options_.levels.r = 1;
  states_[kB].epoch = 9;
  EXPECT_FALSE(Next());
  states_[kB].epoch = 10;
  EXPECT_TRUE(Next());
}

TEST_F(Moves, AdoptionCountsOfThoseWhoAreAwayToo) {
  BeginWithOneMove();
  Arrive(kD, 5);
  for (auto& [node, state] : states_) state.linked = false;
  EXPECT_TRUE(Next());
}

TEST_F(Moves, FromSwitchToTheNewOwnersWhenItIsAdopted) {
  BeginWithOneMove(MoveStep::kSwitch);
  for (const NodeId node : {kA, kD}) {
    states_[node].epoch = 9;
    EXPECT_FALSE(Next()) << static_cast<uint64_t>(node);
    states_[node].epoch = 10;
  }
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.moves, IsEmpty());
  EXPECT_THAT(RowOf(topology_.owners, 5), ElementsAre(kB, kC, kD));
}

TEST_F(Moves, WhoIsGoneIsNotWaitedFor) {
  BeginWithOneMove();
  Arrive(kD, 5);
  topology_.members[0].weight = 0;
  topology_.members[0].gone = true;
  states_.erase(kA);
  ASSERT_TRUE(Go());
  EXPECT_EQ(topology_.moves[0].step, MoveStep::kSwitch);
}

TEST_F(Moves, ThenAllWhoAreLeftHaveToKnow) {
  BeginWithOneMove();
  Arrive(kD, 5);
  for (const size_t gone : {0U, 1U}) {
    topology_.members[gone].weight = 0;
    topology_.members[gone].gone = true;
    states_.erase(topology_.members[gone].node);
  }
  states_[kC].epoch = 9;
  EXPECT_FALSE(Next());
  states_[kC].epoch = 10;
  EXPECT_TRUE(Next());
}

TEST_F(Moves, WhatIsOnItsWayToWhoLeavesIsGivenUp) {
  BeginWithOneMove();
  topology_.members[3].weight = 0;
  ASSERT_TRUE(Go());
  EXPECT_THAT(RowOf(topology_.owners, 5), ElementsAre(kA, kB, kC));
  EXPECT_FALSE(
      std::ranges::any_of(topology_.moves, [](const Move& move) { return move.partition == 5; }));
}

// ---- where they begin

TEST_F(Moves, SoManyAtOnceToOneMember) {
  Topology topology = With(Of(4), {MemberNumber(5)}, Placing::kByMoves);
  EXPECT_FALSE(IsSettled(topology));
  options_.at_once = 7;
  Begin(topology);
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.moves, SizeIs(7));
  for (const Move& move : topology_.moves) {
    EXPECT_EQ(move.step, MoveStep::kPrepare);
    EXPECT_TRUE(std::ranges::count(move.to, NodeId{5}) == 1);
    EXPECT_EQ(topology_.epochs[move.partition], epoch_);
  }
  EXPECT_FALSE(Next()) << "those under way count";
}

TEST_F(Moves, FewerOwnersComeAFewAtATimeToo) {
  Topology topology = Of(4, 3);
  topology.n = 2;
  options_.at_once = 7;
  Begin(topology);
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.moves, SizeIs(7));
}

TEST_F(Moves, NoneBeginWithoutThoseWhoComeAndGo) {
  Begin(With(Of(4), {MemberNumber(5)}, Placing::kByMoves));
  states_[NodeId{5}].linked = false;
  EXPECT_FALSE(Next());
  states_[NodeId{5}].linked = true;
  states_[kA].linked = false;
  ASSERT_TRUE(Go());
  for (const Move& move : topology_.moves) {
    const Row from = RowOf(topology_.owners, move.partition);
    const bool goes = std::ranges::count(from, kA) == 1 && std::ranges::count(move.to, kA) == 0;
    EXPECT_FALSE(goes) << move.partition;
  }
}

TEST_F(Moves, WhileHaltedNoneBeginButSwitchesGoOn) {
  Topology topology = With(Of(4), {MemberNumber(5)}, Placing::kByMoves);
  Begin(topology);
  ASSERT_TRUE(Go());
  topology_.moves[0].step = MoveStep::kSwitch;
  const Move switched = topology_.moves[0];
  topology_ = Halted(topology_, "the disk\n" + std::string(300, 'x'));
  EXPECT_THAT(topology_.moves, ElementsAre(switched)) << "its owners before have missed something";
  EXPECT_THAT(topology_.halt, SizeIs(kMaxHaltBytes));
  EXPECT_TRUE(topology_.halt.starts_with("the disk?"));
  EXPECT_TRUE(DecodeTopology(EncodeTopology(topology_)).has_value());
  for (auto& [node, state] : states_) state.epoch = epoch_;
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.moves, IsEmpty());
  EXPECT_FALSE(Next());
  topology_ = Planned(topology_, Placing::kByMoves);
  EXPECT_TRUE(Next()) << "the plan goes on";
}

TEST_F(Moves, AnotherOrderNeedsNoMoves) {
  Topology topology = Of(4);
  std::swap(topology.owners.nodes[0], topology.owners.nodes[1]);
  Begin(topology);
  target_ = Of(4).owners;
  ASSERT_TRUE(Go());
  EXPECT_EQ(topology_.owners, target_);
  EXPECT_EQ(topology_.epochs[0], 0U);
}

// ---- who is taken out

TEST_F(Moves, WhoOwnsNothingIsTakenOutOnceItHasHandedOnWhatItKeeps) {
  Topology topology = Of(3);
  topology.members.push_back(MemberNumber(9, 0));
  topology.epochs[3] = 6;
  epoch_ = 6;
  Begin(topology);
  EXPECT_FALSE(IsSettled(topology_));
  EXPECT_FALSE(Next());
  states_[NodeId{9}].drained = true;
  states_[NodeId{9}].epoch = 5;
  EXPECT_FALSE(Next()) << "it may have been an owner then";
  states_[NodeId{9}].epoch = 6;
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.members, SizeIs(3));
  EXPECT_TRUE(IsSettled(topology_));
}

TEST_F(Moves, WhoIsGoneIsTakenOutAtOnceAndWhoIsPlannedStays) {
  Topology topology = Of(3);
  topology.members.push_back(MemberNumber(8, 0));
  topology.members.back().gone = true;
  topology.members.push_back(MemberNumber(9, 0));
  topology.members.back().planned_weight = 1;
  Begin(topology);
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.members, SizeIs(4));
  EXPECT_NE(FindMember(topology_, NodeId{9}), nullptr);
  EXPECT_TRUE(IsSettled(topology_));
}

TEST_F(Moves, WithoutAnybodyToOwnAnythingNothingIsDone) {
  Topology topology = Of(2);
  for (TopologyMember& member : topology.members) member.weight = 0;
  Begin(topology);
  EXPECT_TRUE(IsSettled(topology_));
  EXPECT_EQ(TargetOf(topology_), topology_.owners);
  EXPECT_FALSE(Next());
}

}  // namespace
}  // namespace cartwheel::cluster
