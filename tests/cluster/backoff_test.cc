#include "cluster/backoff.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

TEST(Backoff, ItDoublesFromTheFirstToTheLongestDelay) {
  Backoff backoff(1);
  for (const int64_t full : {100, 200, 400, 800, 1600, 2000, 2000, 2000, 2000}) {
    const int64_t delay = backoff.NextDelayMs();
    EXPECT_GT(delay, full / 2);
    EXPECT_LE(delay, full);
  }
  backoff.Reset();
  EXPECT_LE(backoff.NextDelayMs(), Backoff::kFirstMs);
}

TEST(Backoff, SeedsDiffer) {
  int same = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Backoff one(seed);
    Backoff next(seed + 1);
    Backoff again(seed);
    const int64_t delay = one.NextDelayMs();
    EXPECT_EQ(delay, again.NextDelayMs());
    if (delay == next.NextDelayMs()) ++same;
  }
  EXPECT_LT(same, 5);
}

}  // namespace
}  // namespace cartwheel::cluster
