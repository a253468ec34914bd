#include "cluster/hlc.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

TEST(Hlc, ItFollowsTheWallClock) {
  HybridClock clock;
  EXPECT_EQ(clock.Next(kNow), Hlc::At(kNow));
  EXPECT_EQ(clock.Next(kNow + 7).unix_ms(), kNow + 7);
}

TEST(Hlc, ItGrowsWithinAMillisecondAndWhenTheWallClockGoesBack) {
  HybridClock clock;
  Hlc before = clock.Next(kNow);
  for (const int64_t now : {kNow, kNow, kNow - 1000, kNow - 1, kNow}) {
    const Hlc next = clock.Next(now);
    EXPECT_LT(before, next);
    EXPECT_EQ(next.unix_ms(), kNow);
    before = next;
  }
}

TEST(Hlc, AFullMillisecondRunsIntoTheNext) {
  HybridClock clock;
  for (int i = 0; i < 1 << Hlc::kLogicalBits; ++i) clock.Next(kNow);
  EXPECT_EQ(clock.last().unix_ms(), kNow);
  EXPECT_EQ(clock.Next(kNow), Hlc::At(kNow + 1));
}

TEST(Hlc, ItIsLargerThanEveryTimeItObserved) {
  HybridClock clock;
  const Hlc remote{Hlc::At(kNow + HybridClock::kMaxOffsetMs).bits + 9};
  EXPECT_TRUE(clock.Observe(remote, kNow));
  EXPECT_GT(clock.Next(kNow), remote);
  EXPECT_TRUE(clock.Observe(Hlc::At(kNow - 5000), kNow));  // old news change nothing
  EXPECT_GT(clock.Next(kNow), remote);
}

TEST(Hlc, ATimeTooFarAheadIsNotTakenIn) {
  HybridClock clock;
  const Hlc before = clock.Next(kNow);
  EXPECT_FALSE(clock.Observe(Hlc::At(kNow + HybridClock::kMaxOffsetMs + 1), kNow));
  EXPECT_FALSE(clock.Observe(Hlc{~uint64_t{0}}, kNow));
  EXPECT_EQ(clock.last(), before);
}

TEST(Hlc, FortyEightBitsOfMillisecondsComeBack) {
  constexpr int64_t kLast = (int64_t{1} << 48) - 1;
  EXPECT_EQ(Hlc::At(kLast).unix_ms(), kLast);
}

}  // namespace
}  // namespace cartwheel::cluster
