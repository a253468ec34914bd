// Actors of incarnations that are gone, among members whose links work at once. X makes a write
// that reaches nobody, and one that all receive; then its disk is lost.
#include "cluster/former_actors.h"

#include <memory>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "tests/cluster/moving_nodes.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kRoundUs = 30 * kSecondUs;
constexpr size_t kLost = 1;
constexpr size_t kKept = 2;

class FormerActorsTest : public MovingNodes {
 protected:
  ActorId ActorAt(size_t at) { return machines_[at].store->VnodeOf(Moving()).actor; }
  const ReceivedDots& ReceivedAt(size_t at) {
    return machines_[at].store->VnodeOf(Moving()).received;
  }
  uint64_t ClosedAt(size_t at) { return machines_[at].node->former_actors().closed(); }

  // The write is at X alone, and nobody is owed it, unless B is reached, which keeps it for A.
  void WriteAtXAlone(bool b_is_reached = false) {
    for (const size_t other : {kA, kB, kY}) {
      if (other != kB || !b_is_reached) Cut(kX, other);
    }
    BeginWrite(kX, kLost, "lost", {.n = 3, .r = 1, .w = 1});
    Run(3 * kSecondUs);
    machines_[kX].store->hints().Clear();
    for (const size_t other : {kA, kB, kY}) {
      if (other != kB || !b_is_reached) Mend(kX, other);
    }
  }
  void LoseDiskOfX() {
    Stop(kX);
    machines_[kX].engine = std::make_unique<storage::FaultyEngine>(storage::NewMemoryEngine());
    may_have_lost_writes = true;
    Start(kX, State::kBefore);
    may_have_lost_writes = false;
    Run(10 * kSecondUs);  // it is given what the others have
    ASSERT_TRUE(machines_[kX].store->IsComplete(Moving()));
  }
  // Of X's former actor the first write is missing at all, and the second one deleted.
  void MakeGap() {
    WriteAtXAlone();
    former_ = ActorAt(kX);
    Write(kX, kKept, "v");
    LoseDiskOfX();
    Write(kA, kKept, "");
    ASSERT_FALSE(ReceivedAt(kA).Has({former_, 1}));
    ASSERT_TRUE(ReceivedAt(kA).Has({former_, 2}));
  }
  bool AllForgot(size_t number) {
    return !HasRecord(kA, number) && !HasRecord(kX, number) && !HasRecord(kY, number);
  }

  ActorId former_{};
};

TEST_F(FormerActorsTest, ADeletionBehindAGapThatNothingFillsIsForgottenInTheEnd) {
  MakeGap();
  Run(kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 0U) << "once is not enough";
  EXPECT_TRUE(HasRecord(kA, kKept));
  Run(2 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 1U);
  for (const size_t at : {kA, kX, kY}) EXPECT_TRUE(ReceivedAt(at).IsClosed(former_)) << at;
  EXPECT_TRUE(AllForgot(kKept));
  Run(3 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 1U) << "and it is done with";
}

TEST_F(FormerActorsTest, WhoLivesIsNotClosed) {
  for (const size_t at : {kA, kX, kY}) Write(at, at, "v");
  Run(4 * kRoundUs);
  for (const size_t at : {kA, kX, kY}) {
    EXPECT_EQ(ClosedAt(at), 0U);
    EXPECT_FALSE(ReceivedAt(kA).IsClosed(ActorAt(at)));
  }
}

// The stand-in's copy is all that is left of the write.
TEST_F(FormerActorsTest, NothingIsClosedWhileAMemberKeepsSomethingForOthers) {
  passes_over = [](const Message& message) {
    const auto* copy = std::get_if<Replicate>(&message);
    return copy != nullptr && HintDelivery::IsDelivery(copy->id);
  };
  WriteAtXAlone(true);
  former_ = ActorAt(kX);
  Write(kX, kKept, "v");
  ASSERT_FALSE(machines_[kB].store->hints().waiting().empty());
  LoseDiskOfX();
  Run(4 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 0U);
  passes_over = nullptr;
  Run(5 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 1U);
  EXPECT_EQ(ValueAt(kA, kLost), "lost");
}

TEST_F(FormerActorsTest, NothingIsClosedWhileAMemberCannotBeAsked) {
  MakeGap();
  Cut(kA, kB);
  Run(4 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 0U);
  Mend(kA, kB);
  Run(3 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 1U);
}

TEST_F(FormerActorsTest, NothingIsClosedWhileAMemberDoesNotAnswer) {
  MakeGap();
  passes_over = [](const Message& message) { return std::holds_alternative<FormerReply>(message); };
  Run(4 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 0U);
}

// What one owner has of the actor may still come to the others.
TEST_F(FormerActorsTest, NothingIsClosedWhileOwnersHaveReceivedDifferently) {
  MakeGap();
  passes_over = [](const Message& message) {
    return std::holds_alternative<SameRoots>(message) || std::holds_alternative<AskTree>(message);
  };
  ReceivedDots lost;
  lost.Add({former_, 1});
  machines_[kY].store->JoinReceived(Moving(), lost);
  Run(4 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 0U);
  passes_over = nullptr;
  Run(4 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 1U);
}

// They may be others than those who were asked.
TEST_F(FormerActorsTest, OtherOwnersBeginAnew) {
  MakeGap();
  Run(kRoundUs);
  round = 1;
  SetRing(State::kBefore);
  Run(kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 0U);
  Run(2 * kRoundUs);
  EXPECT_EQ(ClosedAt(kA), 1U);
}

TEST_F(FormerActorsTest, WhoStoodInTakesAnotherActor) {
  Write(kB, kKept, "v");
  former_ = ActorAt(kB);
  Run(5 * kRoundUs);
  EXPECT_NE(ActorAt(kB), former_);
  for (const size_t at : {kA, kX, kY}) EXPECT_TRUE(ReceivedAt(at).IsClosed(former_)) << at;
  EXPECT_EQ(ValueAt(kA, kKept), "v");
  Write(kB, kKept, "w");
  EXPECT_EQ(ValueAt(kA, kKept), "w");
}

TEST_F(FormerActorsTest, WhoIsClosedThoughItLivesTakesAnotherActor) {
  Write(kX, kKept, "v");
  former_ = ActorAt(kX);
  ReceivedDots closed;
  closed.Close(former_);
  machines_[kA].store->JoinReceived(Moving(), closed);
  Run(10 * kSecondUs);
  EXPECT_NE(ActorAt(kX), former_);
  Write(kX, kKept, "w");
  EXPECT_EQ(ValueAt(kA, kKept), "w");
}

}  // namespace
}  // namespace cartwheel::cluster
