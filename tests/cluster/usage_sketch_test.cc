#include "cluster/usage_sketch.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kMinute = 60'000;
using Tracks = UsageSketch::Tracks;

UsageSketch Sketch(Tracks tracks, uint64_t log_factor = 10, uint64_t decay_minutes = 1) {
  UsageSketch sketch;
  sketch.Configure({.tracks = tracks,
                    .cells = 1024,
                    .lfu_log_factor = log_factor,
                    .lfu_decay_minutes = decay_minutes});
  return sketch;
}

TEST(UsageSketch, WithoutAPolicyNothingIsNoted) {
  UsageSketch sketch;
  EXPECT_FALSE(sketch.Touch(1, kNow));
  sketch.TouchNew(1, kNow);
  sketch.Heard(1, 9, kNow);
  EXPECT_EQ(sketch.ColdnessOf(1, kNow), 0U);
  EXPECT_EQ(sketch.IdleMs(1, kNow), std::nullopt);
  EXPECT_EQ(sketch.FrequencyOf(1, kNow), std::nullopt);
}

TEST(UsageSketch, ItsSizeFollowsTheLimitWithinBounds) {
  EXPECT_EQ(UsageSketch::CellsFor(0), 1024U);
  EXPECT_EQ(UsageSketch::CellsFor(64 << 20), 1U << 20);
  EXPECT_EQ(UsageSketch::CellsFor(uint64_t{1} << 50), 1U << 26);
}

TEST(UsageSketch, WhatWasUsedLaterIsLessCold) {
  UsageSketch sketch = Sketch(Tracks::kRecency);
  sketch.Touch(1, kNow);
  sketch.Touch(2, kNow + 10'000);
  const int64_t later = kNow + 20'000;
  EXPECT_GT(sketch.ColdnessOf(1, later), sketch.ColdnessOf(2, later));
  EXPECT_GT(sketch.ColdnessOf(3, later), sketch.ColdnessOf(1, later)) << "never used";
  EXPECT_NEAR(static_cast<double>(*sketch.IdleMs(1, later)), 20'000, 128);
  EXPECT_EQ(sketch.IdleMs(3, later), std::nullopt);
}

TEST(UsageSketch, AUseIsNewsOnceASecond) {
  UsageSketch sketch = Sketch(Tracks::kRecency);
  EXPECT_TRUE(sketch.Touch(1, kNow));
  EXPECT_FALSE(sketch.Touch(1, kNow + 500));
  EXPECT_FALSE(sketch.Touch(1, kNow + 900));
  EXPECT_TRUE(sketch.Touch(1, kNow + 2500));
}

TEST(UsageSketch, AClockThatGoesBackTakesNothingFromAnybody) {
  UsageSketch sketch = Sketch(Tracks::kRecency);
  sketch.Touch(1, kNow);
  sketch.Touch(2, kNow + 10'000);
  sketch.Touch(3, kNow - 3'600'000);
  sketch.Touch(4, kNow - 3'590'000);
  const int64_t later = kNow - 3'580'000;
  EXPECT_GT(sketch.ColdnessOf(1, later), sketch.ColdnessOf(2, later));
  EXPECT_EQ(sketch.ColdnessOf(2, later), sketch.ColdnessOf(3, later)) << "no time had passed";
  EXPECT_GT(sketch.ColdnessOf(3, later), sketch.ColdnessOf(4, later));
}

TEST(UsageSketch, ANewKeyHasAFrequencyToBeginWith) {
  UsageSketch sketch = Sketch(Tracks::kFrequency);
  sketch.TouchNew(1, kNow);
  EXPECT_EQ(sketch.FrequencyOf(1, kNow), 5);
  EXPECT_EQ(sketch.ColdnessOf(1, kNow), 250U);
  EXPECT_EQ(sketch.ColdnessOf(2, kNow), 255U);
}

// Redis's documentation has a table: with a factor of 10 some 10 after 100 uses, 18 after 1000 and
// 142 after 100,000.
TEST(UsageSketch, FrequencyGrowsLikeALogarithm) {
  UsageSketch sketch = Sketch(Tracks::kFrequency);
  sketch.TouchNew(1, kNow);
  int uses = 0;
  const auto frequency_after = [&](int until) {
    for (; uses < until; ++uses) sketch.Touch(1, kNow);
    return static_cast<double>(*sketch.FrequencyOf(1, kNow));
  };
  EXPECT_NEAR(frequency_after(100), 10, 3);
  EXPECT_NEAR(frequency_after(1000), 18, 5);
  EXPECT_NEAR(frequency_after(100'000), 142, 20);
  EXPECT_EQ(frequency_after(10'000'000), 255);
}

TEST(UsageSketch, AFactorOfZeroCountsEveryUse) {
  UsageSketch sketch = Sketch(Tracks::kFrequency, 0);
  sketch.TouchNew(1, kNow);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(sketch.Touch(1, kNow));
  EXPECT_EQ(sketch.FrequencyOf(1, kNow), 25);
}

TEST(UsageSketch, FrequencyDecaysWithTime) {
  UsageSketch sketch = Sketch(Tracks::kFrequency, 0, 2);
  sketch.TouchNew(1, kNow);
  for (int i = 0; i < 20; ++i) sketch.Touch(1, kNow);
  EXPECT_EQ(sketch.FrequencyOf(1, kNow + 5 * kMinute), 23);
  EXPECT_EQ(sketch.FrequencyOf(1, kNow + 500 * kMinute), 0);
  UsageSketch forever = Sketch(Tracks::kFrequency, 0, 0);
  forever.TouchNew(1, kNow);
  EXPECT_EQ(forever.FrequencyOf(1, kNow + 500 * kMinute), 5);
}

TEST(UsageSketch, WhatAnotherNodeTellsRaisesAndNeverLowers) {
  UsageSketch sketch = Sketch(Tracks::kFrequency, 0);
  sketch.Heard(1, 40, kNow);
  EXPECT_EQ(sketch.FrequencyOf(1, kNow), 40);
  sketch.Heard(1, 7, kNow);
  EXPECT_EQ(sketch.FrequencyOf(1, kNow), 40);
  UsageSketch recency = Sketch(Tracks::kRecency);
  recency.Heard(1, 0, kNow);
  EXPECT_EQ(recency.IdleMs(1, kNow), 0);
}

TEST(UsageSketch, AnotherPolicyBeginsAnew) {
  UsageSketch sketch = Sketch(Tracks::kRecency);
  sketch.Touch(1, kNow);
  UsageSketch::Options options = sketch.options();
  options.lfu_log_factor = 3;
  sketch.Configure(options);
  EXPECT_NE(sketch.IdleMs(1, kNow), std::nullopt) << "nothing of it has to do with recency";
  options.tracks = Tracks::kFrequency;
  sketch.Configure(options);
  EXPECT_EQ(sketch.FrequencyOf(1, kNow), std::nullopt);
}

}  // namespace
}  // namespace cartwheel::cluster
