#include "server/slow_log.h"

#include <gmock/gmock.h>

namespace cartwheel::server {
namespace {

using ::testing::ElementsAre;

void Add(SlowLog& log, std::vector<std::string_view> args, size_t max_entries = 10) {
  log.Add(1'700'000'000, 123, args, "127.0.0.1:1", "joe", max_entries);
}

TEST(SlowLog, KeepsTheNewestFirst) {
  SlowLog log;
  Add(log, {"SET", "a", "b"});
  Add(log, {"GET", "a"});
  ASSERT_EQ(log.entries().size(), 2U);
  EXPECT_EQ(log.entries()[0].id, 1U);
  EXPECT_THAT(log.entries()[0].args, ElementsAre("GET", "a"));
  EXPECT_EQ(log.entries()[1].id, 0U);
  EXPECT_EQ(log.entries()[1].unix_s, 1'700'000'000);
  EXPECT_EQ(log.entries()[1].microseconds, 123);
  EXPECT_EQ(log.entries()[1].client_address, "127.0.0.1:1");
  EXPECT_EQ(log.entries()[1].client_name, "joe");
}

TEST(SlowLog, DropsTheOldestPastItsLength) {
  SlowLog log;
  for (int i = 0; i < 5; ++i) Add(log, {"PING"}, 3);
  ASSERT_EQ(log.entries().size(), 3U);
  EXPECT_EQ(log.entries().back().id, 2U);
  Add(log, {"PING"}, 1);
  EXPECT_EQ(log.entries().size(), 1U);
  Add(log, {"PING"}, 0);
  EXPECT_TRUE(log.entries().empty());
}

TEST(SlowLog, NumbersGoOnAfterAReset) {
  SlowLog log;
  Add(log, {"PING"});
  log.Clear();
  EXPECT_TRUE(log.entries().empty());
  Add(log, {"PING"});
  EXPECT_EQ(log.entries().front().id, 1U);
}

TEST(SlowLog, CutsLongArguments) {
  SlowLog log;
  const std::string fits(128, 'x');
  const std::string too_long(130, 'y');
  Add(log, {"SET", fits, too_long});
  EXPECT_THAT(log.entries().front().args,
              ElementsAre("SET", fits, std::string(128, 'y') + "... (2 more bytes)"));
}

TEST(SlowLog, CutsManyArguments) {
  SlowLog log;
  Add(log, std::vector<std::string_view>(32, "a"));
  EXPECT_EQ(log.entries().front().args.size(), 32U);
  EXPECT_EQ(log.entries().front().args.back(), "a");
  Add(log, std::vector<std::string_view>(40, "a"));
  EXPECT_EQ(log.entries().front().args.size(), 32U);
  EXPECT_EQ(log.entries().front().args.back(), "... (9 more arguments)");
}

}  // namespace
}  // namespace cartwheel::server
