// A partition on its way from one member to another: what comes, what is refused, what is let go.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/moving_nodes.h"

namespace cartwheel::cluster {
namespace {

using Kind = WriteOutcome::Kind;

constexpr size_t kKeys = 300;

class MovingData : public MovingNodes {
 protected:
  void Fill(size_t keys = kKeys, const std::string& value = "v") {
    for (size_t i = 0; i < keys; ++i) {
      const auto outcome = Write(kA, i, value + std::to_string(i));
      ASSERT_TRUE(outcome && outcome->kind == Kind::kAcknowledged) << i;
    }
  }
  // Some of it has come, in small parts.
  void BeginToMove() {
    refill.part_bytes = 500;
    Stop(kB);
    Start(kB, State::kBefore);
    Run(kSecondUs);
    Fill();
    SetRing(State::kPrepare);
    for (int i = 0; i < 5; ++i) {
      machines_[kB].node->OnTime(now());
      Turn(kB);
      Turn(kA);
    }
  }
  // As after a loss: it hears of more than it made.
  void MakeRebuild(size_t at) {
    ReceivedDots of_another_life;
    of_another_life.RaiseBase(machines_[at].store->ActorOf(Moving()), 1'000'000);
    ASSERT_TRUE(machines_[at].store->RotateIfBehind(Moving(), of_another_life));
  }
  void ExpectAll(size_t at, size_t keys = kKeys) {
    for (size_t i = 0; i < keys; ++i) EXPECT_EQ(ValueAt(at, i), "v" + std::to_string(i)) << i;
  }
};

// ---- what comes

TEST_F(MovingData, WhoComesGetsAllAndIsThenComplete) {
  Fill();
  SetRing(State::kPrepare);
  EXPECT_FALSE(HasArrived());
  Run(kSecondUs);
  EXPECT_TRUE(HasArrived());
  ExpectAll(kB);
  EXPECT_TRUE(machines_[kB].store->IsComplete(Moving()));
  EXPECT_TRUE(machines_[kB].store->VnodeOf(Moving()).received.Includes(
      machines_[kA].store->VnodeOf(Moving()).received));
}

TEST_F(MovingData, TheSecondSourceSendsOnlyWhatTheFirstDidNotHave) {
  Fill();
  SetRing(State::kPrepare);
  Run(kSecondUs);
  EXPECT_EQ(machines_[kB].node->refill().progress().records, kKeys);
}

TEST_F(MovingData, AWriteThatWhoGoesMissedComesFromTheOthers) {
  Fill(10);
  for (const size_t other : {kX, kY, kB}) Cut(kA, other);
  for (const size_t other : {kX, kY}) Cut(kB, other);  // or it would stand in for A
  ASSERT_EQ(Write(kX, 3, "new")->kind, Kind::kAcknowledged);
  Mend(kA, kB);
  Mend(kY, kB);
  SetRing(State::kPrepare);
  Run(kSecondUs);
  EXPECT_TRUE(HasArrived()) << "A and Y are enough: N-W+1";
  EXPECT_EQ(ValueAt(kA, 3), "v3");
  EXPECT_EQ(ValueAt(kB, 3), "new");
}

TEST_F(MovingData, WhoComesIsNotCompleteWithoutWhoGoes) {
  Fill(10);
  Cut(kA, kB);
  SetRing(State::kPrepare);
  Run(5 * kSecondUs);
  EXPECT_FALSE(HasArrived()) << "what A alone acknowledged would be missed";
  EXPECT_FALSE(machines_[kB].store->IsComplete(Moving()));
  Mend(kA, kB);
  Run(2 * kSecondUs);
  EXPECT_TRUE(HasArrived());
}

TEST_F(MovingData, NobodyWaitsForWhoIsGone) {
  Fill(10);
  Stop(kA);
  gone = kA;
  SetRing(State::kPrepare);
  Run(2 * kSecondUs);
  EXPECT_TRUE(HasArrived()) << "X and Y are enough";
  ExpectAll(kB, 10);
}

TEST_F(MovingData, NobodyWaitsForWhoTurnsOutToBeGone) {
  Fill();
  Stop(kA);
  SetRing(State::kPrepare, {kB, kX, kY});
  Run(15 * kSecondUs);  // all others are gone through by then
  EXPECT_FALSE(HasArrived());
  gone = kA;
  SetRing(State::kPrepare, {kB, kX, kY});
  Run(2 * kSecondUs);
  EXPECT_TRUE(HasArrived());
}

TEST_F(MovingData, WhoRebuildsWaitsForNobodyWhoIsGoneEither) {
  Fill(10);
  Stop(kA);
  round = 1;
  SetRing(State::kBefore, {kB, kX, kY});  // what A said before counts no more
  MakeRebuild(kX);
  Run(15 * kSecondUs);
  EXPECT_FALSE(machines_[kX].store->IsComplete(Moving()))
      << "what X and A acknowledged, Y may lack";
  gone = kA;
  SetRing(State::kBefore, {kB, kX, kY});
  Run(2 * kSecondUs);
  EXPECT_TRUE(machines_[kX].store->IsComplete(Moving()));
}

TEST_F(MovingData, WritesMeanwhileReachWhoComes) {
  Fill();
  refill.part_bytes = 100;
  Stop(kB);
  Start(kB, State::kBefore);
  Run(kSecondUs);
  SetRing(State::kPrepare);
  Settle();
  ASSERT_FALSE(HasArrived());
  ASSERT_EQ(Write(kX, 7, "new")->kind, Kind::kAcknowledged);
  ASSERT_EQ(Write(kX, 250, "")->kind, Kind::kAcknowledged);
  EXPECT_EQ(ValueAt(kB, 7), "new");
  Run(20 * kSecondUs);
  ASSERT_TRUE(HasArrived());
  EXPECT_EQ(ValueAt(kB, 7), "new");
  EXPECT_EQ(ValueAt(kB, 250), "(none)");
}

TEST_F(MovingData, ABrokenLinkSendsNothingTwice) {
  BeginToMove();
  Cut(kA, kB);
  const uint64_t before = machines_[kB].node->refill().progress().records;
  Run(kSecondUs);
  Mend(kA, kB);
  Run(5 * kSecondUs);
  ASSERT_TRUE(HasArrived());
  ExpectAll(kB);
  EXPECT_GT(before, 0U);
  EXPECT_EQ(machines_[kB].node->refill().progress().records, kKeys);
}

TEST_F(MovingData, ARestartIsNotSentWhatHasArrived) {
  BeginToMove();
  Turn(kB);
  const uint64_t before = machines_[kB].node->refill().progress().records;
  Stop(kB);
  Start(kB, State::kPrepare);
  Run(5 * kSecondUs);
  ASSERT_TRUE(HasArrived());
  ExpectAll(kB);
  EXPECT_GT(before, 0U);
  EXPECT_EQ(before + machines_[kB].node->refill().progress().records, kKeys);
}

TEST_F(MovingData, AFullDiskIsToldAndNothingIsLost) {
  Fill();
  machines_[kB].engine->FailCommits(storage::Error::Kind::kNoSpace, 1'000'000);
  SetRing(State::kPrepare);
  Run(5 * kSecondUs);
  EXPECT_EQ(machines_[kB].node->refill().Trouble(now().monotonic_us), "") << "it may pass";
  Run(10 * kSecondUs);
  EXPECT_FALSE(HasArrived());
  EXPECT_EQ(machines_[kB].node->refill().Trouble(now().monotonic_us), "its disk is full, or fails");
  ExpectAll(kA);
  machines_[kB].engine->FailCommits(storage::Error::Kind::kNoSpace, 0);
  Run(2 * kSecondUs);
  EXPECT_TRUE(HasArrived());
  EXPECT_EQ(machines_[kB].node->refill().Trouble(now().monotonic_us), "");
  ExpectAll(kB);
}

TEST_F(MovingData, ComesNoFasterThanTheLimit) {
  refill.max_bytes_per_second = 60'000;
  refill.part_bytes = 6'000;
  Stop(kB);
  Start(kB, State::kBefore);
  Run(kSecondUs);
  Fill(100, std::string(3'000, 'v'));  // 300 KB
  SetRing(State::kPrepare);
  Run(3 * kSecondUs);
  EXPECT_LT(machines_[kB].node->refill().progress().bytes, 210'000U);
  EXPECT_FALSE(HasArrived());
  Run(5 * kSecondUs);
  EXPECT_TRUE(HasArrived());
}

TEST_F(MovingData, SmallRecordsCountForTheLimitAsWhatTheyCost) {
  refill.max_bytes_per_second = 60'000;
  refill.part_bytes = 200;
  Stop(kB);
  Start(kB, State::kBefore);
  Run(kSecondUs);
  Fill(200, "v");
  SetRing(State::kPrepare);
  Run(3 * kSecondUs);
  EXPECT_FALSE(HasArrived());
  Run(6 * kSecondUs);
  EXPECT_TRUE(HasArrived());
}

TEST_F(MovingData, WhatWasGivenUpAndBeginsAgainIsBroughtAnew) {
  Fill(10);
  SetRing(State::kPrepare);
  Run(kSecondUs);
  ASSERT_TRUE(HasArrived());
  round = 1;
  SetRing(State::kBefore, {kA, kX, kY});  // B does not hear of it
  ASSERT_EQ(Write(kA, 3, "new")->kind, Kind::kAcknowledged);
  round = 2;
  SetRing(State::kPrepare);
  EXPECT_FALSE(HasArrived()) << "it has missed a write";
  Run(kSecondUs);
  EXPECT_TRUE(HasArrived());
  EXPECT_EQ(ValueAt(kB, 3), "new");
}

// ---- what is meant for other owners

TEST_F(MovingData, WhoKnowsMoreRefusesAndTheRequestBeginsAgain) {
  SetRing(State::kPrepare, {kB, kX, kY});
  const auto id = BeginWrite(kA, 1, "v1");
  ASSERT_TRUE(id.has_value());
  Settle();
  EXPECT_FALSE(OutcomeOf(*id)) << "nobody does anything under the owners before";
  EXPECT_FALSE(HasRecord(kX, 1));
  EXPECT_THAT(machines_[kA].node->TakeAhead(), testing::Not(testing::IsEmpty()));
  SetRing(State::kPrepare, {kA});
  Settle();
  ASSERT_TRUE(OutcomeOf(*id));
  EXPECT_EQ(OutcomeOf(*id)->kind, Kind::kAcknowledged);
  EXPECT_EQ(ValueAt(kB, 1), "v1");
  EXPECT_EQ(machines_[kA].node->statistics().restarted, 1U);
}

TEST_F(MovingData, WhoKnowsLessKeepsWhatItIsAskedUntilItKnows) {
  SetRing(State::kPrepare, {kA, kB});
  const auto id = BeginWrite(kA, 1, "v1");
  Settle();
  EXPECT_FALSE(OutcomeOf(*id)) << "one of W";
  EXPECT_FALSE(HasRecord(kX, 1));
  EXPECT_THAT(machines_[kX].node->TakeAhead(), testing::ElementsAre(IdOf(kA)));
  SetRing(State::kPrepare, {kX});
  Settle();
  ASSERT_TRUE(OutcomeOf(*id));
  EXPECT_EQ(OutcomeOf(*id)->kind, Kind::kAcknowledged);
  EXPECT_EQ(ValueAt(kX, 1), "v1");
}

TEST_F(MovingData, ASourceThatDoesNotKnowOfItGivesNothing) {
  Fill(10);
  SetRing(State::kPrepare, {kB, kX, kY});
  Run(5 * kSecondUs);
  EXPECT_FALSE(HasArrived()) << "A goes on to acknowledge what B is not told";
  SetRing(State::kPrepare, {kA});
  Run(2 * kSecondUs);
  EXPECT_TRUE(HasArrived());
}

TEST_F(MovingData, WhoIsTakenOutGivesUpWhatIsUnderWay) {
  const auto id = BeginWrite(kA, 1, "v1");
  ASSERT_TRUE(id.has_value());
  Turn(kA);  // its copies are on their way, and nobody has answered
  LearnThatItIsOut(kA);
  Settle();
  ASSERT_TRUE(OutcomeOf(*id));
  EXPECT_EQ(OutcomeOf(*id)->kind, Kind::kUncertain) << "not acknowledged by itself alone";
  EXPECT_FALSE(BeginWrite(kA, 2, "v2")) << "nothing begins";
}

TEST_F(MovingData, WhoMayHaveBeenTakenOutSaysWhyAReadFailsWhenItKnows) {
  for (const size_t owner : {kA, kX, kY}) Cut(kB, owner);
  const RequestId read = BeginRead(kB, 1);
  Run(kSecondUs / 2);
  EXPECT_FALSE(OutcomeOfRead(kB, read)) << "B owns nothing, so it may be out";
  LearnThatItIsOut(kB);
  Settle();
  EXPECT_EQ(OutcomeOfRead(kB, read), ReadOutcome::Kind::kTooFew);
  EXPECT_FALSE(machines_[kB].node->in_cluster());
}

TEST_F(MovingData, NoReadWaitsForThatWordForLong) {
  for (const size_t owner : {kA, kX, kY}) Cut(kB, owner);
  for (const size_t other : {kX, kY}) Cut(kA, other);
  const RequestId read = BeginRead(kB, 1);
  const RequestId of_owner = BeginRead(kA, 1);
  Run(kSecondUs / 10);
  EXPECT_EQ(OutcomeOfRead(kA, of_owner), ReadOutcome::Kind::kTooFew) << "who owns is not out";
  EXPECT_FALSE(OutcomeOfRead(kB, read));
  Run(kSecondUs);
  EXPECT_EQ(OutcomeOfRead(kB, read), ReadOutcome::Kind::kTooFew);
}

// ---- what is let go

TEST_F(MovingData, WhoGoesDeletesWhatAllOwnersHave) {
  Fill();
  for (const State state : {State::kPrepare, State::kSwitch}) {
    SetRing(state);
    Run(2 * kSecondUs);
    ExpectAll(kA);
  }
  EXPECT_FALSE(machines_[kA].node->retire().IsDrained() &&
               machines_[kA].node->retire().partitions_left() > 0);
  SetRing(State::kAfter);
  Run(2 * kSecondUs);
  for (size_t i = 0; i < kKeys; ++i) EXPECT_FALSE(HasRecord(kA, i)) << i;
  EXPECT_TRUE(machines_[kA].node->retire().IsDrained());
  for (const size_t owner : {kB, kX, kY}) ExpectAll(owner);
}

TEST_F(MovingData, NothingIsDeletedWhileAnOwnerHasNotSaidThatItHasIt) {
  Fill(10);
  SetRing(State::kPrepare);
  Run(kSecondUs);
  SetRing(State::kSwitch);
  Cut(kA, kY);
  SetRing(State::kAfter);
  Run(5 * kSecondUs);
  ExpectAll(kA, 10);
  EXPECT_FALSE(machines_[kA].node->retire().IsDrained());
  Mend(kA, kY);
  Run(5 * kSecondUs);
  for (size_t i = 0; i < 10; ++i) EXPECT_FALSE(HasRecord(kA, i)) << i;
}

TEST_F(MovingData, NothingIsDeletedWhileAnOwnerKnowsLess) {
  Fill(10);
  SetRing(State::kPrepare);
  Run(kSecondUs);
  SetRing(State::kSwitch);
  SetRing(State::kAfter, {kA, kB, kX});
  Run(5 * kSecondUs);
  ExpectAll(kA, 10);
  SetRing(State::kAfter, {kY});
  Run(5 * kSecondUs);
  EXPECT_FALSE(HasRecord(kA, 1));
}

TEST_F(MovingData, WhatOnlyWhoGoesHasIsHandedOnFirst) {
  Fill(10);
  SetRing(State::kPrepare);
  Run(kSecondUs);
  for (const size_t other : {kB, kX, kY}) Cut(kA, other);
  // It misses the rest, and has taken something in alone.
  ASSERT_TRUE(BeginWrite(kA, 3, "late", {.n = 3, .r = 1, .w = 1}).has_value() || HasRecord(kA, 3));
  machines_[kA].store->Write({0, Key(4)}, Change::Put("alone", kNoExpiry), now().unix_ms);
  Settle();
  SetRing(State::kSwitch, {kB, kX, kY});
  SetRing(State::kAfter, {kB, kX, kY});
  Run(kSecondUs);
  for (const size_t other : {kB, kX, kY}) Mend(kA, other);
  SetRing(State::kAfter, {kA});
  Run(10 * kSecondUs);
  for (const size_t owner : {kB, kX, kY}) EXPECT_EQ(ValueAt(owner, 4), "alone") << owner;
  for (size_t i = 0; i < 10; ++i) EXPECT_FALSE(HasRecord(kA, i)) << i;
}

TEST_F(MovingData, HintsForWhoWentGoToThoseWhoOwn) {
  Fill(10);
  for (const size_t other : {kB, kX, kY}) Cut(kA, other);
  for (const size_t other : {kX, kY}) Cut(kB, other);
  ASSERT_EQ(Write(kX, 3, "new")->kind, Kind::kAcknowledged);
  Run(2 * kSecondUs);
  ASSERT_TRUE(machines_[kX].store->hints().waiting().contains(IdOf(kA)));
  for (const size_t other : {kX, kY}) Mend(kB, other);
  SetRing(State::kAfter, {kB, kX, kY});  // as with who is gone
  Run(10 * kSecondUs);
  EXPECT_TRUE(machines_[kX].store->hints().waiting().empty());
  EXPECT_EQ(ValueAt(kB, 3), "new");
}

}  // namespace
}  // namespace cartwheel::cluster
