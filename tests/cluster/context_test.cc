#include "cluster/context.h"

#include <initializer_list>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cluster/allocation_counter.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

constexpr ActorId kA{1};
constexpr ActorId kB{2};

Context Of(std::initializer_list<Context::Interval> intervals) {
  Context context;
  for (const auto& interval : intervals) EXPECT_TRUE(context.AppendInterval(interval));
  return context;
}

Context Joined(Context a, const Context& b) {
  a.Join(b);
  return a;
}

constexpr uint64_t kActors = 3;
constexpr uint64_t kNumbers = 12;

Context RandomContext(Random& random) {
  Context context;
  for (uint64_t actor = 1; actor <= kActors; ++actor) {
    for (uint64_t number = random.Below(3) + 1; number <= kNumbers;) {
      const uint64_t last = number + random.Below(3);
      if (random.Percent(40)) context.AppendInterval({ActorId{actor}, number, last});
      number = last + 1 + random.Below(3);
    }
  }
  return context;
}

std::set<Dot> DotsOf(const Context& context) {
  std::set<Dot> dots;
  for (uint64_t actor = 1; actor <= kActors; ++actor) {
    for (uint64_t number = 0; number <= kNumbers + 4; ++number) {
      const Dot dot{ActorId{actor}, number};
      if (context.Covers(dot)) dots.insert(dot);
    }
  }
  return dots;
}

TEST(Context, AnIntervalCoversItsEndsAndWhatLiesBetween) {
  const Context context = Of({{kA, 3, 5}, {kA, 8, 8}, {kB, 1, 1}});
  for (const uint64_t number : {3, 4, 5, 8}) EXPECT_TRUE(context.Covers({kA, number})) << number;
  for (const uint64_t number : {1, 2, 6, 7, 9})
    EXPECT_FALSE(context.Covers({kA, number})) << number;
  EXPECT_TRUE(context.Covers({kB, 1}));
  EXPECT_FALSE(context.Covers({kB, 3}));
}

TEST(Context, AdjacentIntervalsStayTwo) {
  EXPECT_EQ(Joined(Of({{kA, 1, 2}}), Of({{kA, 3, 4}})), Of({{kA, 1, 2}, {kA, 3, 4}}));
}

TEST(Context, OverlappingIntervalsBecomeOne) {
  EXPECT_EQ(Joined(Of({{kA, 1, 3}, {kA, 5, 6}}), Of({{kA, 3, 5}})), Of({{kA, 1, 6}}));
}

TEST(Context, JoinIsCommutativeAssociativeAndIdempotentAndCoversWhatEitherDoes) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Context a = RandomContext(random);
    const Context b = RandomContext(random);
    const Context c = RandomContext(random);
    const Context joined = Joined(a, b);
    ASSERT_EQ(joined, Joined(b, a));
    ASSERT_EQ(Joined(joined, c), Joined(a, Joined(b, c)));
    ASSERT_EQ(Joined(a, a), a);
    ASSERT_EQ(Joined(joined, a), joined);
    std::set<Dot> either = DotsOf(a);
    either.merge(DotsOf(b));
    ASSERT_EQ(DotsOf(joined), either);
  }
}

TEST(Context, ItIncludesWhatItCoversToTheLastInterval) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const Context a = RandomContext(random);
    const Context b = random.Percent(50) ? Joined(a, RandomContext(random)) : RandomContext(random);
    ASSERT_EQ(b.Includes(a), Joined(b, a) == b);
  }
}

TEST(Context, ANewWriteIsAnIntervalOfItsOwnOrMakesTheLastOneLonger) {
  Context context = Of({{kA, 3, 5}, {kB, 7, 7}});
  context.Append({kA, 8});
  EXPECT_EQ(context, Of({{kA, 3, 5}, {kA, 8, 8}, {kB, 7, 7}}));
  EXPECT_EQ(context.Extend({kA, 11}), 8u);
  EXPECT_EQ(context.Extend({kB, 9}), 7u);
  EXPECT_EQ(context, Of({{kA, 3, 5}, {kA, 8, 11}, {kB, 7, 9}}));
  EXPECT_EQ(context.Extend({ActorId{3}, 4}), 4u);
  EXPECT_EQ(context.Highest(ActorId{3}), 4u);
}

TEST(ContextDeathTest, AWriteBelowWhatIsKnownOfItsActorIsABugOfTheCaller) {
  Context context = Of({{kA, 3, 5}});
  EXPECT_DEATH(context.Append({kA, 5}), "above all before");
  EXPECT_DEATH(context.Extend({kA, 4}), "above all before");
}

TEST(Context, TheHighestNumberIsTheLastOne) {
  const Context context = Of({{kA, 3, 5}, {kA, 8, 9}, {kB, 7, 7}});
  EXPECT_EQ(context.Highest(kA), 9u);
  EXPECT_EQ(context.Highest(kB), 7u);
  EXPECT_EQ(context.Highest(ActorId{3}), 0u);
}

TEST(Context, ItIsWithinAFloorThatReachesEveryHighestNumber) {
  const Context context = Of({{kA, 3, 5}, {kA, 8, 9}, {kB, 7, 7}});
  const auto floor = [](uint64_t a, uint64_t b) {
    return [a, b](ActorId actor) { return actor == kA ? a : b; };
  };
  EXPECT_TRUE(context.IsWithin(floor(9, 7)));
  EXPECT_FALSE(context.IsWithin(floor(8, 7)));
  EXPECT_FALSE(context.IsWithin(floor(9, 6)));
  EXPECT_TRUE(Context().IsWithin(floor(0, 0)));
}

TEST(Context, IntervalsOutOfOrderAreNotAppended) {
  Context context = Of({{kA, 3, 5}, {kB, 3, 5}});
  const Context before = context;
  const std::vector<Context::Interval> wrong = {{kA, 8, 9},        {kB, 5, 6},
                                                {kB, 8, 7},        {kB, 0, 0},
                                                {ActorId{}, 1, 1}, {kB, 9, kMaxDotNumber + 1}};
  for (const auto& interval : wrong) EXPECT_FALSE(context.AppendInterval(interval));
  EXPECT_EQ(context, before);
  EXPECT_TRUE(context.AppendInterval({kB, 6, kMaxDotNumber}));
}

TEST(Context, TwoActorsNeedNoAllocation) {
  const size_t before = AllocationCount();
  Context context;
  context.Append({kA, 1});
  Context other;
  other.Append({kB, 4});
  context.Join(other);
  context.Extend({kA, 9});
  EXPECT_EQ(AllocationCount(), before);
  EXPECT_TRUE(context.Covers({kA, 5}));
}

}  // namespace
}  // namespace cartwheel::cluster
