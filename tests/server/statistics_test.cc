#include "server/statistics.h"

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

constexpr int64_t kTickUs = 100'000;

TEST(Statistics, CountsErrorsByTheirCode) {
  Statistics statistics;
  statistics.CountError("ERR syntax error");
  statistics.CountError("ERR no such key\r\n");
  statistics.CountError("WRONGTYPE Operation against a key");
  statistics.CountError("NOAUTH\r\n");
  EXPECT_EQ(statistics.total_error_replies, 4U);
  EXPECT_EQ(statistics.errors.size(), 3U);
  EXPECT_EQ(statistics.errors["ERR"], 2U);
  EXPECT_EQ(statistics.errors["WRONGTYPE"], 1U);
  EXPECT_EQ(statistics.errors["NOAUTH"], 1U);
}

TEST(Statistics, KeepsABoundedNumberOfErrorCodes) {
  Statistics statistics;
  for (size_t i = 0; i < 2 * Statistics::kMaxErrorCodes; ++i) {
    statistics.CountError("E" + std::to_string(i) + " text");
  }
  statistics.CountError("E0 again");
  EXPECT_EQ(statistics.errors.size(), Statistics::kMaxErrorCodes);
  EXPECT_EQ(statistics.errors["E0"], 2U);
  EXPECT_EQ(statistics.total_error_replies, 2 * Statistics::kMaxErrorCodes + 1);
}

TEST(Rate, IsZeroBeforeAnythingCanBeCompared) {
  Rate rate;
  EXPECT_EQ(rate.per_second(), 0);
  rate.Sample(1'000'000, 5'000'000);
  EXPECT_EQ(rate.per_second(), 0);
}

TEST(Rate, AveragesTheLastSixteenSamples) {
  Rate rate;
  uint64_t total = 0;
  int64_t now_us = 1'000'000;
  for (int i = 0; i < 17; ++i) rate.Sample(total += 10, now_us += kTickUs);
  EXPECT_DOUBLE_EQ(rate.per_second(), 100);
  for (int i = 0; i < 8; ++i) rate.Sample(total, now_us += kTickUs);
  EXPECT_DOUBLE_EQ(rate.per_second(), 50);
  for (int i = 0; i < 8; ++i) rate.Sample(total, now_us += kTickUs);
  EXPECT_DOUBLE_EQ(rate.per_second(), 0);
}

TEST(Rate, ACounterThatWasResetIsNoSample) {
  Rate rate;
  rate.Sample(1000, 1'000'000);
  rate.Sample(5, 1'100'000);
  EXPECT_EQ(rate.per_second(), 0);
  rate.Sample(21, 1'200'000);
  EXPECT_DOUBLE_EQ(rate.per_second(), 10);
}

TEST(Rate, TwoSamplesAtOneTimeCountOnce) {
  Rate rate;
  rate.Sample(0, 1'000'000);
  rate.Sample(10, 1'000'000);
  EXPECT_EQ(rate.per_second(), 0);
}

}  // namespace
}  // namespace cartwheel::server
