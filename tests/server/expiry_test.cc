// Expired keys: invisible at once, reclaimed in the background at a bounded cost.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "server/server.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

// Past the last millisecond of a PX 1 key, before the next Tick of its own accord.
constexpr int64_t kShortUs = 2'000;

void SetExpiring(ServerTester& redis, int count, std::string_view milliseconds) {
  std::string requests;
  for (int i = 0; i < count; ++i) {
    requests += "SET key:" + std::to_string(i) + " v PX " + std::string(milliseconds) + "\r\n";
  }
  redis.Exchange("alice", requests);
}

// A server that has had its first Tick, so that the next one is 100 ms away.
struct Expiry : testing::Test {
  Expiry() { redis.Advance(1); }
  uint64_t stored() { return redis.server().store().counts(0).keys; }
  ServerTester redis;
};

TEST_F(Expiry, AnExpiredKeyIsInvisibleToEveryCommand) {
  redis.Exchange("alice", "SET k v PX 1\r\nSET n 5 PX 1\r\nSET other x\r\n");
  redis.Advance(kShortUs);
  ASSERT_EQ(stored(), 3U);  // nothing is reclaimed yet
  EXPECT_EQ(redis.Exchange("alice", "GET k\r\nEXISTS k\r\nTTL k\r\nTYPE k\r\nSTRLEN k\r\n"),
            "$-1\r\n:0\r\n:-2\r\n+none\r\n:0\r\n");
  EXPECT_EQ(
      redis.Exchange("alice", "DEL k\r\nPERSIST k\r\nEXPIRE k 9\r\nRENAME k l\r\nCOPY k l\r\n"),
      ":0\r\n:0\r\n:0\r\n-ERR no such key\r\n:0\r\n");
  EXPECT_EQ(redis.Exchange("alice", "KEYS *\r\nSCAN 0\r\nRANDOMKEY\r\n"),
            "*1\r\n$5\r\nother\r\n*2\r\n$1\r\n0\r\n*1\r\n$5\r\nother\r\n$5\r\nother\r\n");
  EXPECT_EQ(redis.Exchange("alice", "INCR n\r\nTTL n\r\nSETNX k w\r\nTTL k\r\n"),
            ":1\r\n:-1\r\n:1\r\n:-1\r\n");
}

TEST_F(Expiry, LivesThroughItsLastMillisecond) {
  redis.Run("alice", "SET k v PX 50");
  redis.Advance(50'000);
  EXPECT_EQ(redis.Run("alice", "PTTL k"), "(integer) 0");
  EXPECT_EQ(redis.Run("alice", "GETEX k"), "\"v\"");
  EXPECT_EQ(redis.Run("alice", "SET k w KEEPTTL"), "OK");
  EXPECT_EQ(redis.Run("alice", "GET k"), "\"w\"");
  redis.Advance(1'000);
  EXPECT_EQ(redis.Run("alice", "GET k"), "(nil)");
}

TEST_F(Expiry, IsReclaimedSoonWithoutBeingAskedFor) {
  SetExpiring(redis, 10, "500");
  redis.Advance(400'000);
  EXPECT_EQ(stored(), 10U);
  redis.Advance(250'000);
  EXPECT_EQ(stored(), 0U);
  EXPECT_EQ(redis.server().statistics().expired_keys, 10U);
  EXPECT_EQ(redis.Run("alice", "DBSIZE"), "(integer) 0");
}

TEST_F(Expiry, ReclaimsAThousandKeysATickUntilDone) {
  SetExpiring(redis, 2'500, "1");
  redis.Advance(100'000);
  EXPECT_EQ(stored(), 1'500U);
  redis.Advance(10'000);
  EXPECT_EQ(stored(), 500U);
  redis.Advance(10'000);
  EXPECT_EQ(stored(), 0U);
  EXPECT_EQ(redis.server().statistics().expired_keys, 2'500U);
}

TEST_F(Expiry, AKeyWhoseExpiryMovedStays) {
  redis.Exchange("alice", "SET a v PX 50\r\nSET b v PX 50\r\nSET c v PX 50\r\nSET d v PX 50\r\n");
  redis.Exchange("alice", "PERSIST a\r\nPEXPIRE b 5000\r\nSET c w\r\nRENAME d e\r\n");
  redis.Advance(1'000'000);
  EXPECT_EQ(redis.Exchange("alice", "MGET a b c d e\r\nDBSIZE\r\n"),
            "*5\r\n$1\r\nv\r\n$1\r\nv\r\n$1\r\nw\r\n$-1\r\n$-1\r\n:3\r\n");
  redis.Advance(5'000'000);
  EXPECT_EQ(redis.Exchange("alice", "EXISTS b\r\nDBSIZE\r\n"), ":0\r\n:2\r\n");
}

TEST_F(Expiry, GoesOnWhileClientsArePaused) {
  SetExpiring(redis, 10, "50");
  redis.Run("alice", "CLIENT PAUSE 1000");
  redis.Advance(1'000'000);
  EXPECT_EQ(stored(), 0U);
}

}  // namespace
}  // namespace cartwheel::server
