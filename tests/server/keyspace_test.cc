// Commands on the whole keyspace: SCAN, KEYS, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "server/server.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using Names = std::multiset<std::string>;

Names TextsOf(const resp::Reply& array) {
  Names names;
  for (const resp::Reply& element : array.elements) names.insert(element.text);
  return names;
}

// Every key a full SCAN returns; `options` stand behind each cursor.
Names ScanAll(ServerTester& redis, std::string_view options) {
  Names names;
  std::string cursor = "0";
  int pages = 0;
  do {
    const resp::Reply page = redis.Send("alice", "SCAN " + cursor + " " + std::string(options));
    EXPECT_EQ(page.elements.size(), 2U);
    cursor = page.elements[0].text;
    names.merge(TextsOf(page.elements[1]));
    EXPECT_LT(++pages, 10'000);
  } while (cursor != "0" && pages < 10'000);
  return names;
}

Names Fill(ServerTester& redis, int count) {
  Names names;
  std::string requests;
  for (int i = 0; i < count; ++i) {
    names.insert("key:" + std::to_string(i));
    requests += "SET key:" + std::to_string(i) + " v\r\n";
  }
  redis.Exchange("alice", requests);
  return names;
}

TEST(Keyspace, ScanReturnsEveryKeyOnceWhateverTheCount) {
  ServerTester redis;
  const Names names = Fill(redis, 500);
  redis.Exchange("alice", "SELECT 1\r\nSET elsewhere v\r\nSELECT 0\r\n");
  for (std::string_view options : {"", "COUNT 1", "COUNT 7", "COUNT 100000", "MATCH *",
                                   "TYPE string", "match key:* count 50 type STRING"}) {
    EXPECT_EQ(ScanAll(redis, options), names) << options;
  }
}

TEST(Keyspace, ScanPagesAreOfAboutTheCount) {
  ServerTester redis;
  Fill(redis, 500);
  EXPECT_EQ(redis.Send("alice", "SCAN 0").elements[1].elements.size(), 10U);
  EXPECT_EQ(redis.Send("alice", "SCAN 0 COUNT 33").elements[1].elements.size(), 33U);
}

TEST(Keyspace, ScanFilters) {
  ServerTester redis;
  Fill(redis, 20);
  redis.SendArgs("alice", {"SET", "", "empty"});
  EXPECT_EQ(ScanAll(redis, "MATCH key:1?"), ScanAll(redis, "MATCH key:[1][0-9]"));
  EXPECT_EQ(ScanAll(redis, "MATCH key:1?").size(), 10U);
  EXPECT_EQ(ScanAll(redis, "MATCH key:?"), ScanAll(redis, "MATCH x MATCH key:?"));
  EXPECT_EQ(ScanAll(redis, "MATCH \"\""), Names{""});
  EXPECT_EQ(ScanAll(redis, "TYPE hash"), Names{});
  EXPECT_EQ(ScanAll(redis, "TYPE nonsense"), Names{});
}

TEST(Keyspace, ScanRefusesWhatRedisRefuses) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "SCAN \"0\\x00x\"\r\n"), "*2\r\n$1\r\n0\r\n*0\r\n");
  for (std::string_view cursor : {"x", "1x", "-", "+", "\" 1\"", "18446744073709551616", "0x0"}) {
    EXPECT_EQ(redis.Run("alice", "SCAN " + std::string(cursor)), "(error) ERR invalid cursor")
        << cursor;
  }
  for (std::string_view options :
       {"MATCH", "COUNT", "TYPE", "COUNT 0", "COUNT -1", "FOO bar", "MATCH a COUNT"}) {
    EXPECT_EQ(redis.Run("alice", "SCAN 0 " + std::string(options)), "(error) ERR syntax error")
        << options;
  }
  EXPECT_EQ(redis.Run("alice", "SCAN 0 COUNT x"),
            "(error) ERR value is not an integer or out of range");
}

TEST(Keyspace, ScanTakesAnyNumberAsACursor) {
  ServerTester redis;
  Fill(redis, 5);
  for (std::string_view start : {"\"\"", "+0", "-0", "00"}) {
    EXPECT_EQ(redis.Send("alice", "SCAN " + std::string(start)).elements[1].elements.size(), 5U)
        << start;
  }
  for (std::string_view cursor : {"-1", "18446744073709551615", "281474976710656", "12345"}) {
    EXPECT_EQ(redis.Send("alice", "SCAN " + std::string(cursor)).elements.size(), 2U) << cursor;
  }
}

TEST(Keyspace, KeysMatchesTheWholeDatabase) {
  ServerTester redis;
  const Names names = Fill(redis, 5'000);  // more than a page
  redis.Exchange("alice", "SELECT 1\r\nSET elsewhere v\r\nSELECT 0\r\n");
  EXPECT_EQ(TextsOf(redis.Send("alice", "KEYS *")), names);
  EXPECT_EQ(TextsOf(redis.Send("alice", "KEYS key:4999")), Names{"key:4999"});
  EXPECT_EQ(TextsOf(redis.Send("alice", "KEYS key:[12]")), (Names{"key:1", "key:2"}));
  EXPECT_EQ(redis.Exchange("alice", "KEYS none*\r\n"), "*0\r\n");
}

TEST(Keyspace, RandomKeyIsOneOfTheDatabases) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "RANDOMKEY\r\n"), "$-1\r\n");
  const Names names = Fill(redis, 20);
  std::set<std::string> seen;
  for (int i = 0; i < 500; ++i) seen.insert(redis.Send("alice", "RANDOMKEY").text);
  EXPECT_TRUE(std::ranges::includes(names, seen));
  EXPECT_GT(seen.size(), 10U);
  redis.Exchange("alice", "SELECT 1\r\n");
  EXPECT_EQ(redis.Exchange("alice", "RANDOMKEY\r\n"), "$-1\r\n");
}

TEST(Keyspace, SizesAndFlushesAreOfOneDatabase) {
  ServerTester redis;
  Fill(redis, 30);
  redis.Exchange("alice", "SELECT 1\r\nSET a v EX 100\r\nSET b v\r\n");
  EXPECT_EQ(redis.Run("alice", "DBSIZE"), "(integer) 2");
  EXPECT_EQ(redis.Exchange("alice", "SELECT 0\r\nDBSIZE\r\nFLUSHDB\r\nDBSIZE\r\nEXISTS key:1\r\n"),
            "+OK\r\n:30\r\n+OK\r\n:0\r\n:0\r\n");
  EXPECT_EQ(redis.Exchange("alice", "SELECT 1\r\nDBSIZE\r\nFLUSHDB\r\nDBSIZE\r\n"),
            "+OK\r\n:2\r\n+OK\r\n:0\r\n");
}

TEST(Keyspace, FlushAllEmptiesEveryDatabase) {
  ServerTester redis;
  redis.Exchange("alice", "SET a v\r\nSELECT 7\r\nSET b v EX 9\r\nSET c v\r\n");
  EXPECT_EQ(redis.Exchange("alice", "FLUSHALL\r\nDBSIZE\r\nSELECT 0\r\nDBSIZE\r\nKEYS *\r\n"),
            "+OK\r\n:0\r\n+OK\r\n:0\r\n*0\r\n");
  EXPECT_EQ(redis.Run("alice", "SET a again"), "OK");
  EXPECT_EQ(redis.Run("alice", "DBSIZE"), "(integer) 1");
}

TEST(Keyspace, FlushesTakeAsyncOrSync) {
  ServerTester redis;
  for (std::string_view command : {"FLUSHALL", "FLUSHDB"}) {
    for (std::string_view mode : {"", " ASYNC", " sync"}) {
      EXPECT_EQ(redis.Run("alice", std::string(command) + std::string(mode)), "OK");
    }
    for (std::string_view mode : {" x", " SYNC x", " SYNC ASYNC"}) {
      EXPECT_EQ(redis.Run("alice", std::string(command) + std::string(mode)),
                "(error) ERR syntax error");
    }
  }
}

}  // namespace
}  // namespace cartwheel::server
