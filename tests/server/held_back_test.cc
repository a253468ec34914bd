// Clients whose writes wait for the disk; CLIENT PAUSE, WAIT and DEBUG SLEEP: client_test.cc and
// admin_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;

TEST(WritesMustWait, HoldsBackWhatWritesAndNothingElse) {
  ServerTester redis;
  redis.Run("a", "SET k v");
  redis.engine().writes_must_wait = true;
  EXPECT_EQ(redis.Exchange("a", "SET k w\r\nGET k\r\n"), "");
  EXPECT_EQ(redis.Exchange("b", "DEL k\r\n"), "");
  EXPECT_EQ(redis.Run("c", "GET k"), "\"v\"");
  EXPECT_EQ(redis.Run("c", "PUBLISH channel message"), "(integer) 0");
  EXPECT_EQ(redis.Run("c", "PING"), "PONG");
  redis.Advance(3'000'000);
  EXPECT_EQ(redis.Take("a") + redis.Take("b"), "");
}

TEST(WritesMustWait, LetsThemGoOnWithinATickInTheirOrder) {
  ServerTester redis;
  redis.engine().writes_must_wait = true;
  redis.Exchange("b", "APPEND k 1\r\n");
  redis.Exchange("a", "APPEND k 2\r\nGET k\r\n");
  redis.Exchange("c", "APPEND k 3\r\n");
  redis.Advance(500'000);
  redis.engine().writes_must_wait = false;
  redis.Advance(10'000);
  EXPECT_EQ(redis.Take("b"), ":1\r\n");
  EXPECT_EQ(redis.Take("a"), ":2\r\n$2\r\n12\r\n");
  EXPECT_EQ(redis.Take("c"), ":3\r\n");
}

// The engine may change its mind with a commit too.
TEST(WritesMustWait, LetsThemGoOnAfterACommitThatEndsIt) {
  ServerTester redis;
  redis.engine().writes_must_wait = true;
  redis.Exchange("a", "SET k v\r\n");
  redis.engine().writes_must_wait = false;
  redis.Run("b", "PING");
  EXPECT_LE(redis.server().NextDeadline(), redis.now().monotonic_us);
  redis.Advance(1);
  EXPECT_EQ(redis.Take("a"), "+OK\r\n");
}

TEST(WritesMustWait, HoldsBackExecOnlyWhenItWrites) {
  ServerTester redis;
  redis.Exchange("a", "MULTI\r\nSET k v\r\n");
  redis.Exchange("b", "MULTI\r\nGET k\r\n");
  redis.engine().writes_must_wait = true;
  EXPECT_EQ(redis.Exchange("a", "EXEC\r\n"), "");
  EXPECT_EQ(redis.Exchange("b", "EXEC\r\n"), "*1\r\n$-1\r\n");
  redis.engine().writes_must_wait = false;
  redis.Advance(100'000);
  EXPECT_EQ(redis.Take("a"), "*1\r\n+OK\r\n");
}

TEST(WritesMustWait, IsNotIdling) {
  Config config = ServerTester::InMemory();
  config.timeout = 1;
  ServerTester redis(config);
  redis.engine().writes_must_wait = true;
  redis.Exchange("a", "SET k v\r\n");
  redis.session("idle");
  redis.Advance(5'000'000);
  EXPECT_FALSE(redis.connected("idle"));
  redis.engine().writes_must_wait = false;
  redis.Advance(100'000);
  EXPECT_EQ(redis.Take("a"), "+OK\r\n");
  EXPECT_TRUE(redis.connected("a"));
}

TEST(WritesMustWait, AnswersAClientThatSendsNoMore) {
  ServerTester redis;
  redis.engine().writes_must_wait = true;
  redis.Exchange("a", "SET k v\r\nSET l w\r\n");
  redis.EndInput("a");
  EXPECT_TRUE(redis.connected("a"));
  redis.engine().writes_must_wait = false;
  redis.Advance(100'000);
  EXPECT_EQ(redis.Take("a"), "+OK\r\n+OK\r\n");
  EXPECT_FALSE(redis.connected("a"));
}

TEST(WritesMustWait, StopsTheReclaimOfExpiredKeysToo) {
  ServerTester redis;
  redis.Run("a", "SET k v PX 10");
  redis.engine().writes_must_wait = true;
  redis.Advance(2'000'000);
  EXPECT_EQ(redis.Run("a", "DBSIZE"), "(integer) 1");
  EXPECT_EQ(redis.Run("a", "GET k"), "(nil)");
  redis.engine().writes_must_wait = false;
  redis.Advance(200'000);
  EXPECT_EQ(redis.Run("a", "DBSIZE"), "(integer) 0");
}

TEST(WritesMustWait, ShowsInInfo) {
  ServerTester redis{Config{}};
  redis.engine().writes_must_wait = true;
  redis.engine().state.delayed_writes = 7;
  redis.Exchange("a", "SET k v\r\n");
  const std::string info = redis.Exchange("b", "INFO persistence\r\n");
  EXPECT_THAT(info, HasSubstr("writes_waiting:1\r\n"));
  EXPECT_THAT(info, HasSubstr("writes_delayed:7\r\n"));
  EXPECT_THAT(info, HasSubstr("clients_held_back:1\r\n"));
}

TEST(EngineTicks, ComeTenTimesASecondAndMoreOftenWhileWritesWait) {
  ServerTester redis;
  redis.session("a");
  const int before = redis.engine().ticks;
  redis.Advance(1'000'000);
  EXPECT_GE(redis.engine().ticks - before, 10);
  redis.engine().writes_must_wait = true;
  redis.Run("a", "PING");
  const int waiting = redis.engine().ticks;
  redis.Advance(1'000'000);
  EXPECT_GE(redis.engine().ticks - waiting, 99);
}

TEST(EngineSettings, AreWhatConfigSetSays) {
  ServerTester redis{Config{}};
  EXPECT_EQ(redis.Run("a",
                      "CONFIG SET appendfsync always maxmemory 64mb maxstorage 1gb "
                      "checkpoint-log-size 2mb checkpoint-interval 7"),
            "OK");
  const auto& settings = redis.engine().settings;
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->durability, storage::Durability::kAlways);
  EXPECT_EQ(settings->memory_bytes, 64ULL << 20);
  EXPECT_EQ(settings->storage_bytes, 1ULL << 30);
  EXPECT_EQ(settings->checkpoint_log_bytes, 2ULL << 20);
  EXPECT_EQ(settings->checkpoint_interval_ms, 7000);
}

}  // namespace
}  // namespace cartwheel::server
