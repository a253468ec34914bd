#include "server/duration_histogram.h"

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

TEST(DurationHistogram, EmptyHasNoPercentile) {
  const DurationHistogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.Percentile(50), 0);
  EXPECT_EQ(histogram.CountAtMost(1'000'000), 0U);
}

TEST(DurationHistogram, ShortDurationsAreExact) {
  for (int64_t microseconds = 0; microseconds < 32; ++microseconds) {
    DurationHistogram histogram;
    histogram.Record(microseconds);
    EXPECT_EQ(histogram.Percentile(50), microseconds);
  }
}

TEST(DurationHistogram, PercentilesAreAtMostASixteenthTooHigh) {
  for (int64_t microseconds = 1; microseconds < (int64_t{1} << 40);
       microseconds += microseconds / 3 + 1) {
    DurationHistogram histogram;
    histogram.Record(microseconds);
    EXPECT_GE(histogram.Percentile(99), microseconds);
    EXPECT_LE(histogram.Percentile(99), microseconds + microseconds / 16);
  }
}

TEST(DurationHistogram, BucketsFollowEachOtherWithoutGaps) {
  int64_t previous_edge = -1;
  for (int64_t microseconds = 0; microseconds < 5000; ++microseconds) {
    DurationHistogram one;
    one.Record(microseconds);
    const int64_t edge = one.Percentile(50);
    if (edge != previous_edge) {
      EXPECT_EQ(microseconds, previous_edge + 1);
    }
    previous_edge = edge;
  }
}

TEST(DurationHistogram, PercentileCountsDurationsFromTheShortest) {
  DurationHistogram histogram;
  for (int i = 0; i < 90; ++i) histogram.Record(10);
  for (int i = 0; i < 9; ++i) histogram.Record(20);
  histogram.Record(31);
  EXPECT_EQ(histogram.Percentile(50), 10);
  EXPECT_EQ(histogram.Percentile(90), 10);
  EXPECT_EQ(histogram.Percentile(99), 20);
  EXPECT_EQ(histogram.Percentile(99.9), 31);
  EXPECT_EQ(histogram.Percentile(100), 31);
}

TEST(DurationHistogram, CountsWhatTookAtMost) {
  DurationHistogram histogram;
  for (int64_t microseconds : {1, 2, 4, 8, 1000}) histogram.Record(microseconds);
  EXPECT_EQ(histogram.CountAtMost(0), 0U);
  EXPECT_EQ(histogram.CountAtMost(2), 2U);
  EXPECT_EQ(histogram.CountAtMost(900), 4U);
  EXPECT_EQ(histogram.CountAtMost(INT64_MAX), 5U);
}

TEST(DurationHistogram, AnythingLongerCountsAsTheLastBucket) {
  DurationHistogram histogram;
  histogram.Record(INT64_MAX);
  histogram.Record(int64_t{1} << 50);
  EXPECT_EQ(histogram.Percentile(100), (int64_t{1} << 41) - 1);
}

TEST(DurationHistogram, AClockThatStepsBackCountsAsNoTime) {
  DurationHistogram histogram;
  histogram.Record(-5);
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.Percentile(100), 0);
}

TEST(DurationHistogram, ResetForgetsEverything) {
  DurationHistogram histogram;
  histogram.Record(7);
  histogram.Reset();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.CountAtMost(INT64_MAX), 0U);
}

}  // namespace
}  // namespace cartwheel::server
