#include "cluster/container.h"

#include <string_view>

#include <gtest/gtest.h>

#include "tests/cluster/random.h"
#include "tests/cluster/random_containers.h"

namespace cartwheel::cluster {
namespace {

constexpr ActorId kA{1};
constexpr ActorId kB{2};

Version At(Dot dot, std::string_view bytes, uint64_t hlc = 1) {
  return {.dot = dot, .value_dot = dot, .hlc = Hlc{hlc}, .bytes = bytes};
}

// A container with one version.
Container With(Dot dot, std::string_view bytes) {
  Container container;
  Put(container, At(dot, bytes));
  return container;
}

TEST(Container, AWriteReplacesWhatItsWriterHasSeen) {
  Container container = With({kA, 1}, "old");
  const Seen seen = SeenOf(container);
  container = Sync(container, With({kB, 4}, "concurrent"));
  Discard(container, seen);
  Put(container, At({kA, 2}, "new"));
  ASSERT_EQ(container.versions.size(), 2u);
  EXPECT_EQ(container.Find({kA, 1}), nullptr);
  EXPECT_EQ(container.Find({kA, 2})->bytes, "new");
  EXPECT_EQ(container.Find({kB, 4})->bytes, "concurrent");
  EXPECT_TRUE(container.IsConsistent());
}

TEST(Container, ADeletionLeavesNothingButItsDot) {
  Container container = With({kA, 1}, "value");
  DiscardAll(container);
  NoteDeletion(container, {kA, 2});
  EXPECT_TRUE(container.IsDeleted());
  EXPECT_TRUE(container.context.Covers({kA, 2}));
  EXPECT_TRUE(Sync(container, With({kA, 1}, "value")).IsDeleted());
}

TEST(Container, AConcurrentWriteSurvivesADeletion) {
  Container deleted = With({kA, 1}, "value");
  Container written = deleted;
  DiscardAll(deleted);
  NoteDeletion(deleted, {kA, 2});
  written.own_contiguous = false;
  DiscardAll(written);
  Put(written, At({kB, 1}, "concurrent"));
  const Container both = Sync(deleted, written);
  ASSERT_EQ(both.versions.size(), 1u);
  EXPECT_EQ(both.versions[0].bytes, "concurrent");
}

TEST(Container, AWriterExtendsItsIntervalOnlyWhereItHasSeenAllOfItsOwn) {
  Container container = With({kA, 3}, "1");
  Put(container, At({kA, 7}, "2"));
  EXPECT_EQ(container.context.intervals().size(), 1u);
  Container copy = container;
  copy.own_contiguous = false;  // as it comes back from a peer after it was forgotten here
  Put(copy, At({kA, 9}, "3"));
  EXPECT_EQ(copy.context.intervals().size(), 2u);
  EXPECT_FALSE(copy.context.Covers({kA, 8}));
  EXPECT_TRUE(copy.own_contiguous);
}

TEST(Container, IncrementsStandBesideVersionsUntilBothAreDiscarded) {
  Container container = With({kA, 1}, "10");
  Increment(container, {kA, 2}, 5);
  Increment(container, {kA, 3}, -1);
  EXPECT_EQ(container.versions.size(), 1u);
  EXPECT_EQ(container.counter.Sum(), 4);
  EXPECT_EQ(container.counter.entries().size(), 1u);
  DiscardAll(container);
  EXPECT_TRUE(container.IsDeleted());
  EXPECT_TRUE(container.IsConsistent());
}

TEST(Container, AWriteResetsTheIncrementsThatItsWriterSawElsewhere) {
  Container elsewhere;
  Increment(elsewhere, {kB, 1}, 5);
  const Seen seen = SeenOf(elsewhere);
  Increment(elsewhere, {kB, 2}, 3);
  Container container;
  Discard(container, seen);
  Put(container, At({kA, 1}, "0"));
  EXPECT_TRUE(container.IsConsistent());
  EXPECT_EQ(container.counter.Sum(), 0);
  EXPECT_EQ(Sync(container, elsewhere).counter.Sum(), 3);
}

TEST(Container, SyncIsCommutativeAssociativeAndIdempotentToTheByte) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    const RandomContainers containers(seed, 15);
    Random random(seed);
    for (int i = 0; i < 5; ++i) {
      const Container& a = containers.Pick(random);
      const Container& b = containers.Pick(random);
      const Container& c = containers.Pick(random);
      const Container both = Sync(a, b);
      ASSERT_EQ(MessageOf(both), MessageOf(Sync(b, a)));
      ASSERT_EQ(MessageOf(Sync(both, c)), MessageOf(Sync(a, Sync(b, c))));
      ASSERT_EQ(MessageOf(Sync(a, a)), MessageOf(a));
      ASSERT_EQ(MessageOf(Sync(both, a)), MessageOf(both));
      ASSERT_TRUE(both.IsConsistent());
    }
  }
}

TEST(Container, DiscardingAllIsDiscardingWhatIsSeenOfIt) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const RandomContainers containers(seed, 12);
    for (const Container& state : containers.states()) {
      Container all = state;
      DiscardAll(all);
      Container seen = state;
      Discard(seen, SeenOf(state));
      ASSERT_EQ(all, seen);
      ASSERT_TRUE(all.IsDeleted());
    }
  }
}

TEST(Container, WhatIsSeenJoins) {
  const RandomContainers containers(1, 30);
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    const Container& a = containers.Pick(random);
    const Container& b = containers.Pick(random);
    Seen seen = SeenOf(a);
    seen.Join(SeenOf(b));
    ASSERT_EQ(seen, SeenOf(Sync(a, b)));
  }
}

TEST(Container, TheWinnerIsTheLatestThatHasNotExpired) {
  Container container;
  EXPECT_EQ(Winner(container, 0), nullptr);
  container = With({kA, 1}, "early");
  Container other;
  Version late = At({kB, 1}, "late", 9);
  late.expire_at = 100;
  Put(other, late);
  container = Sync(container, other);
  EXPECT_EQ(Winner(container, 100)->bytes, "late");
  EXPECT_EQ(Winner(container, 101)->bytes, "early");
}

TEST(Container, AmongTimesThatAreEqualTheDotDecides) {
  const Container both = Sync(With({kA, 9}, "a"), With({kB, 1}, "b"));
  EXPECT_EQ(Winner(both, 0)->bytes, "b");
}

TEST(Container, OfOneValueTheLongestExpiryWins) {
  const Container value = With({kA, 1}, "value");
  const auto with_expiry = [&value](Dot dot, ExpireAt expire_at) {
    Container changed = value;
    changed.own_contiguous = false;
    Version version = *Winner(changed, 0);
    version.dot = dot;
    version.expire_at = expire_at;
    DiscardAll(changed);
    Put(changed, version);
    return changed;
  };
  const Container longer = with_expiry({kA, 2}, 200);
  const Container shorter = with_expiry({kB, 2}, 100);
  EXPECT_EQ(Winner(Sync(longer, shorter), 0)->expire_at, 200);
  const Container persisted = with_expiry({ActorId{3}, 1}, kNoExpiry);
  EXPECT_EQ(Winner(Sync(Sync(longer, persisted), shorter), 0)->expire_at, kNoExpiry);
}

TEST(Container, WhatItsContextDoesNotCoverIsInconsistent) {
  Container container = With({kA, 1}, "value");
  EXPECT_TRUE(container.IsConsistent());
  container.versions[0].value_dot = {kB, 1};
  EXPECT_FALSE(container.IsConsistent());
  container.versions[0].dot = container.versions[0].value_dot = {kA, 2};
  EXPECT_FALSE(container.IsConsistent());
  container.versions.clear();
  EXPECT_TRUE(container.IsConsistent());
  container.counter.Add({kA, 5}, 1, 5);
  EXPECT_FALSE(container.IsConsistent());
}

}  // namespace
}  // namespace cartwheel::cluster
