#include <gmock/gmock.h>

#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using ::testing::HasSubstr;

Config Watchful() {
  Config config = ServerTester::InMemory();
  config.slowlog_log_slower_than = 1000;
  config.latency_monitor_threshold = 1;
  return config;
}

// One command that takes as long as said; later ones take no time.
void RunFor(ServerTester& redis, int64_t microseconds, std::string_view line) {
  ServerTester::command_takes_us = microseconds;
  redis.Run("a", line);
  ServerTester::command_takes_us = 0;
}

TEST(SlowLogCommand, ShowsSlowCommandsNewestFirst) {
  ServerTester redis(Watchful());
  redis.Run("a", "CLIENT SETNAME joe");
  RunFor(redis, 1500, "SET k v");
  RunFor(redis, 2500, "GET k");
  RunFor(redis, 999, "GET k");
  EXPECT_EQ(redis.Run("b", "SLOWLOG LEN"), "(integer) 2");
  EXPECT_EQ(redis.Exchange("b", "SLOWLOG GET\r\n"),
            "*2\r\n*6\r\n:1\r\n:1700000000\r\n:2500\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
            "$15\r\n127.0.0.1:50001\r\n$3\r\njoe\r\n"
            "*6\r\n:0\r\n:1700000000\r\n:1500\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
            "$15\r\n127.0.0.1:50001\r\n$3\r\njoe\r\n");
}

TEST(SlowLogCommand, GetTakesACount) {
  ServerTester redis(Watchful());
  for (int i = 0; i < 12; ++i) RunFor(redis, 5000, "GET k");
  EXPECT_EQ(redis.Send("b", "SLOWLOG GET").elements.size(), 10U);
  EXPECT_EQ(redis.Send("b", "SLOWLOG GET 3").elements.size(), 3U);
  EXPECT_EQ(redis.Send("b", "SLOWLOG GET 0").elements.size(), 0U);
  EXPECT_EQ(redis.Send("b", "SLOWLOG GET -1").elements.size(), 12U);
  for (std::string_view bad : {"-2", "x"}) {
    EXPECT_EQ(redis.Run("b", "SLOWLOG GET " + std::string(bad)),
              "(error) ERR count should be greater than or equal to -1");
  }
  EXPECT_EQ(redis.Run("b", "SLOWLOG GET 1 2"),
            "(error) ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG "
            "HELP.");
}

TEST(SlowLogCommand, ResetForgets) {
  ServerTester redis(Watchful());
  RunFor(redis, 5000, "GET k");
  EXPECT_EQ(redis.Run("b", "SLOWLOG RESET"), "OK");
  EXPECT_EQ(redis.Run("b", "SLOWLOG LEN"), "(integer) 0");
}

TEST(LatencyCommand, KeepsWhatTookLongerThanTheThreshold) {
  ServerTester redis(Watchful());
  RunFor(redis, 3000, "SCAN 0");
  RunFor(redis, 900, "GET k");
  redis.Advance(10'000'000);
  RunFor(redis, 2000, "SCAN 0");
  RunFor(redis, 7000, "GET k");
  EXPECT_EQ(redis.Exchange("b", "LATENCY LATEST\r\n"),
            "*2\r\n*4\r\n$7\r\ncommand\r\n:1700000010\r\n:2\r\n:3\r\n"
            "*4\r\n$12\r\nfast-command\r\n:1700000010\r\n:7\r\n:7\r\n");
  EXPECT_EQ(redis.Exchange("b", "LATENCY HISTORY command\r\n"),
            "*2\r\n*2\r\n:1700000000\r\n:3\r\n*2\r\n:1700000010\r\n:2\r\n");
  EXPECT_EQ(redis.Exchange("b", "LATENCY HISTORY fork\r\n"), "*0\r\n");
  EXPECT_EQ(redis.Run("b", "LATENCY RESET command command fork"), "(integer) 1");
  EXPECT_EQ(redis.Run("b", "LATENCY RESET"), "(integer) 1");
  EXPECT_EQ(redis.Exchange("b", "LATENCY LATEST\r\n"), "*0\r\n");
}

TEST(LatencyCommand, DoctorDescribesEvents) {
  ServerTester redis;
  EXPECT_THAT(redis.Send("b", "LATENCY DOCTOR").text, HasSubstr("latency-monitor-threshold"));
  redis.Run("b", "CONFIG SET latency-monitor-threshold 2");
  EXPECT_EQ(redis.Send("b", "LATENCY DOCTOR").text, "Nothing took 2 ms or longer.\n");
  RunFor(redis, 4000, "GET k");
  EXPECT_EQ(redis.Send("b", "LATENCY DOCTOR").text,
            "fast-command: 1 seconds with spikes, average 4 ms, worst 4 ms\n");
}

TEST(LatencyCommand, HistogramCountsUpToTheEdgesOfRedis) {
  ServerTester redis;
  RunFor(redis, 1, "GET k");
  RunFor(redis, 16, "GET k");
  RunFor(redis, 30, "GET k");
  RunFor(redis, 1000, "GET k");
  EXPECT_EQ(redis.Exchange("b", "LATENCY HISTOGRAM get nope\r\n"),
            "*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:4\r\n$14\r\nhistogram_usec\r\n"
            "*8\r\n:1\r\n:1\r\n:16\r\n:2\r\n:33\r\n:3\r\n:1056\r\n:4\r\n");
  redis.Send("b", "HELLO 3");
  EXPECT_EQ(redis.Exchange("b", "LATENCY HISTOGRAM GET\r\n"),
            "%1\r\n$3\r\nget\r\n%2\r\n$5\r\ncalls\r\n:4\r\n$14\r\nhistogram_usec\r\n"
            "%4\r\n:1\r\n:1\r\n:16\r\n:2\r\n:33\r\n:3\r\n:1056\r\n:4\r\n");
}

TEST(LatencyCommand, HistogramOfAContainerIsThatOfItsSubcommands) {
  ServerTester redis;
  RunFor(redis, 5, "CLIENT ID");
  RunFor(redis, 5, "CLIENT GETNAME");
  RunFor(redis, 5, "PING");
  EXPECT_EQ(redis.Send("b", "LATENCY HISTOGRAM client").elements.size(), 4U);
  EXPECT_EQ(redis.Send("b", "LATENCY HISTOGRAM client|id").elements.size(), 2U);
  EXPECT_EQ(redis.Send("b", "LATENCY HISTOGRAM set").elements.size(), 0U);
  EXPECT_EQ(redis.Send("c", "LATENCY HISTOGRAM").elements.size(), 8U);
}

TEST(LatencyCommand, HistogramCountsTheLongestCommands) {
  ServerTester redis;
  RunFor(redis, int64_t{1} << 45, "GET k");
  const resp::Reply reply = redis.Send("b", "LATENCY HISTOGRAM get");
  ASSERT_EQ(reply.elements.size(), 2U);
  EXPECT_EQ(reply.elements[1].elements[3].elements.back().integer, 1);
}

}  // namespace
}  // namespace cartwheel::server
