#include "cluster/apply.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr ActorId kA{1};
constexpr ActorId kB{2};

Container With(Dot dot, std::string_view bytes) {
  Container container;
  Put(container, {.dot = dot, .value_dot = dot, .hlc = {}, .bytes = bytes});
  return container;
}

Floor Within(uint64_t a, uint64_t b) {
  Floor floor;
  floor.Set(kA, a);
  floor.Set(kB, b);
  return floor;
}

ReceivedDots UpTo(uint64_t a, uint64_t b) {
  ReceivedDots received;
  received.RaiseBase(kA, a);
  received.RaiseBase(kB, b);
  return received;
}

TEST(ApplyCopy, ANewWriteIsStored) {
  const auto applied = ApplyCopy(nullptr, With({kA, 1}, "v"), {}, {}, {});
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->versions.size(), 1u);
  EXPECT_FALSE(applied->own_contiguous);
}

TEST(ApplyCopy, ARecordKeepsWhatItSaysOfItsOwnWrites) {
  const Container local = With({kA, 1}, "v");
  EXPECT_TRUE(ApplyCopy(&local, With({kB, 1}, "w"), {}, {}, {})->own_contiguous);
}

TEST(ApplyCopy, AVersionThatWasReceivedOnceAndIsNoLongerLiveIsObsolete) {
  EXPECT_FALSE(ApplyCopy(nullptr, With({kA, 1}, "v"), UpTo(1, 0), Within(1, 0), {}));
  const Container local = With({kB, 1}, "w");
  const auto applied = ApplyCopy(&local, With({kA, 1}, "v"), UpTo(1, 1), {}, {});
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->Find({kA, 1}), nullptr);
  EXPECT_TRUE(applied->context.Covers({kA, 1}));
}

// It was removed, or the disk lost it: a context left by the copy would settle that.
TEST(ApplyCopy, WhatBringsNothingNewLeavesNoRecord) {
  EXPECT_FALSE(ApplyCopy(nullptr, With({kA, 1}, "v"), UpTo(1, 0), {}, {}));
  Container counted;
  Increment(counted, {kA, 1}, 5);
  EXPECT_FALSE(ApplyCopy(nullptr, counted, UpTo(1, 0), {}, {}));
  // But a deletion, or a write that it knows of, is new.
  Container more = With({kA, 1}, "v");
  more.context.Join(With({kB, 1}, "w").context);
  const auto applied = ApplyCopy(nullptr, more, UpTo(1, 0), {}, {});
  ASSERT_TRUE(applied);
  EXPECT_TRUE(applied->IsDeleted());
  EXPECT_TRUE(applied->context.Covers({kB, 1}));
}

TEST(ApplyCopy, ReceivedDotsDoNotDeleteWhatTheRecordHolds) {
  const Container local = With({kA, 1}, "v");
  EXPECT_EQ(*ApplyCopy(&local, With({kA, 1}, "v"), UpTo(1, 0), {}, {}), local);
}

TEST(ApplyCopy, ADeletionIsStoredUntilEverybodyHasSeenIt) {
  Container deleted = With({kA, 1}, "v");
  DiscardAll(deleted);
  NoteDeletion(deleted, {kA, 2});
  EXPECT_TRUE(ApplyCopy(nullptr, deleted, UpTo(1, 0), Within(1, 0), {}));
  EXPECT_FALSE(ApplyCopy(nullptr, deleted, UpTo(1, 0), Within(2, 0), {}));
}

TEST(ApplyCopy, WhatWasFlushedStaysAway) {
  Container copy = With({kA, 4}, "v");
  const FlushMap flushed = {{kA, 4}};
  const auto applied = ApplyCopy(nullptr, copy, {}, {}, flushed);
  ASSERT_TRUE(applied);
  EXPECT_TRUE(applied->IsDeleted());
  Increment(copy, {kA, 5}, 7);
  EXPECT_EQ(ApplyCopy(nullptr, copy, {}, {}, flushed)->counter.Sum(), 7);
}

TEST(ApplyCopy, CountsThatWereForgottenArriveReset) {
  Container counted;
  Increment(counted, {kA, 1}, 5);
  EXPECT_FALSE(ApplyCopy(nullptr, counted, UpTo(1, 0), Within(1, 0), {}));
  const Container local = With({kB, 1}, "1");
  const auto applied = ApplyCopy(&local, counted, UpTo(1, 1), {}, {});
  EXPECT_EQ(applied->counter.Sum(), 0);
  // The entry goes on where its actor never forgot it.
  Increment(counted, {kA, 2}, 3);
  EXPECT_EQ(ApplyCopy(&*applied, counted, UpTo(1, 1), {}, {})->counter.Sum(), 3);
}

TEST(MayForget, OnlyWhatIsDeletedAndWithinTheFloor) {
  Container container = With({kA, 1}, "v");
  EXPECT_FALSE(MayForget(container, Within(9, 9)));
  DiscardAll(container);
  NoteDeletion(container, {kA, 2});
  EXPECT_FALSE(MayForget(container, Within(1, 9)));
  EXPECT_TRUE(MayForget(container, Within(2, 0)));
}

TEST(MayForget, CountersOfFormerActorsAreKept) {
  Container container;
  Increment(container, {kA, 1}, 5);
  EXPECT_FALSE(MayForget(container, Within(9, 9)));
  DiscardAll(container);
  NoteDeletion(container, {kA, 2});
  Floor floor = Within(9, 9);
  EXPECT_TRUE(MayForget(container, floor));
  floor.SetFormer(kB);
  EXPECT_TRUE(MayForget(container, floor));
  floor.SetFormer(kA);
  EXPECT_FALSE(MayForget(container, floor));
}

// Why the floor's second rule exists: without it this owner would have forgotten the entry when the
// reset was within the floor, and this copy of the actor's, made before it saw the reset, is new.
TEST(MayForget, ALateIncrementOfAForgottenEntryBringsBackWhatWasReset) {
  Container actor;
  Increment(actor, {kA, 1}, 5);
  Increment(actor, {kA, 2}, 3);
  const auto late = ApplyCopy(nullptr, actor, UpTo(1, 1), Within(1, 1), {});
  ASSERT_TRUE(late);
  EXPECT_EQ(late->counter.Sum(), 8);
  // With the record kept, only what is new counts.
  Container kept;
  Increment(kept, {kA, 1}, 5);
  DiscardAll(kept);
  EXPECT_EQ(ApplyCopy(&kept, actor, UpTo(1, 1), Within(1, 1), {})->counter.Sum(), 3);
}

}  // namespace
}  // namespace cartwheel::cluster
