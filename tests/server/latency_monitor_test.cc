#include "server/latency_monitor.h"

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

TEST(LatencyMonitor, KeepsTheWorstOfASecond) {
  LatencyMonitor monitor;
  monitor.Add("command", 100, 20);
  monitor.Add("command", 100, 50);
  monitor.Add("command", 100, 30);
  monitor.Add("command", 101, 10);
  const LatencyMonitor::Series& series = monitor.series().at("command");
  ASSERT_EQ(series.samples.size(), 2U);
  EXPECT_EQ(series.samples[0].unix_s, 100);
  EXPECT_EQ(series.samples[0].milliseconds, 50);
  EXPECT_EQ(series.samples[1].milliseconds, 10);
  EXPECT_EQ(series.max_ms, 50);
}

TEST(LatencyMonitor, KeepsTheLast160SecondsAndTheWorstOfAll) {
  LatencyMonitor monitor;
  monitor.Add("commit", 0, 999);
  for (int64_t second = 1; second <= 200; ++second) monitor.Add("commit", second, second);
  const LatencyMonitor::Series& series = monitor.series().at("commit");
  EXPECT_EQ(series.samples.size(), 160U);
  EXPECT_EQ(series.samples.front().unix_s, 41);
  EXPECT_EQ(series.samples.back().unix_s, 200);
  EXPECT_EQ(series.max_ms, 999);
}

TEST(LatencyMonitor, EventsAreApart) {
  LatencyMonitor monitor;
  monitor.Add("command", 1, 5);
  monitor.Add("commit", 1, 7);
  EXPECT_EQ(monitor.series().size(), 2U);
  EXPECT_TRUE(monitor.Reset("command"));
  EXPECT_FALSE(monitor.Reset("command"));
  EXPECT_EQ(monitor.series().size(), 1U);
  EXPECT_EQ(monitor.series().at("commit").max_ms, 7);
}

}  // namespace
}  // namespace cartwheel::server
