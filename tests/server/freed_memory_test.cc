#include "server/freed_memory.h"

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr int64_t kSecond = 1'000'000;

TEST(FreedMemory, IsReturnedOnceWhenUseHasBeenLowForAWhile) {
  FreedMemory freed;
  EXPECT_FALSE(freed.Observe(100 * kMiB, 0));
  EXPECT_FALSE(freed.Observe(85 * kMiB, 100 * kSecond)) << "too little";
  EXPECT_FALSE(freed.Observe(20 * kMiB, 101 * kSecond));
  EXPECT_FALSE(freed.Observe(20 * kMiB, 110 * kSecond));
  EXPECT_TRUE(freed.Observe(20 * kMiB, 111 * kSecond));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(freed.Observe(20 * kMiB, (112 + i) * kSecond));
}

TEST(FreedMemory, IsKeptForUseThatRisesAgain) {
  FreedMemory freed;
  for (int64_t second = 0; second < 1000; ++second) {
    EXPECT_FALSE(freed.Observe(second % 9 == 0 ? 100 * kMiB : 10 * kMiB, second * kSecond));
  }
}

TEST(FreedMemory, IsReturnedAgainAfterAnotherRise) {
  FreedMemory freed;
  for (int64_t round = 0; round < 3; ++round) {
    EXPECT_FALSE(freed.Observe(100 * kMiB, round * 100 * kSecond));
    EXPECT_FALSE(freed.Observe(10 * kMiB, round * 100 * kSecond));
    EXPECT_TRUE(freed.Observe(10 * kMiB, (round * 100 + 10) * kSecond));
  }
}

}  // namespace
}  // namespace cartwheel::server
