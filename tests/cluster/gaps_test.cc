#include "cluster/gaps.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr ActorId kActor{7};
constexpr NodeId kOwner{1};

ReceivedDots UpTo(uint64_t number) {
  ReceivedDots received;
  received.RaiseBase(kActor, number);
  return received;
}

class GapsTest : public testing::Test {
 protected:
  bool Look(uint64_t told, uint64_t own, int64_t at_us, Partition partition = 3) {
    return gaps_.Look(partition, kOwner, UpTo(told), UpTo(own), at_us);
  }
  Gaps gaps_{{.after_us = 10 * kSecond}};
};

TEST_F(GapsTest, WhatIsHereIsNoGap) {
  for (int64_t s = 0; s < 100; s += 5) EXPECT_FALSE(Look(5, 5, s * kSecond));
  for (int64_t s = 100; s < 200; s += 5) EXPECT_FALSE(Look(5, 9, s * kSecond));
}

TEST_F(GapsTest, WhatStaysAwayIsOneOnceItIsLate) {
  EXPECT_FALSE(Look(5, 4, 0));
  EXPECT_FALSE(Look(5, 4, 9 * kSecond));
  EXPECT_TRUE(Look(5, 4, 10 * kSecond));
  EXPECT_FALSE(Look(5, 4, 11 * kSecond)) << "it is told once, then waited for anew";
  EXPECT_TRUE(Look(5, 4, 20 * kSecond));
}

TEST_F(GapsTest, WritesOnTheirWayAreNone) {
  // The owner is always some writes ahead; what it told a moment ago has come.
  for (int64_t s = 0; s < 1000; ++s) {
    const auto number = static_cast<uint64_t>(s);
    EXPECT_FALSE(Look(number + 3, number, s * kSecond)) << s;
  }
}

TEST_F(GapsTest, OneGapAmongWritesOnTheirWayIsFound) {
  ReceivedDots own;
  bool found = false;
  for (uint64_t number = 1; number <= 40; ++number) {
    if (number != 5) own.Add({kActor, number});
    const auto now_us = static_cast<int64_t>(number) * kSecond;
    found = gaps_.Look(3, kOwner, UpTo(number + 1), own, now_us) || found;
  }
  EXPECT_TRUE(found);
}

TEST_F(GapsTest, EachPartitionHasItsOwn) {
  EXPECT_FALSE(Look(5, 4, 0, 3));
  EXPECT_FALSE(Look(5, 4, 9 * kSecond, 4));
  EXPECT_FALSE(Look(5, 4, 12 * kSecond, 4));
  EXPECT_TRUE(Look(5, 4, 12 * kSecond, 3));
}

TEST_F(GapsTest, NothingIsRememberedOnceItIsCleared) {
  EXPECT_FALSE(Look(5, 4, 0));
  gaps_.Clear();
  EXPECT_FALSE(Look(5, 4, 10 * kSecond));
}

}  // namespace
}  // namespace cartwheel::cluster
