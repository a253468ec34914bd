#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;

constexpr std::string_view kOom =
    "(error) OOM command not allowed when used storage > 'maxstorage'.";

Config Limited(EvictionPolicy policy) {
  Config config;
  config.maxstorage = 1 << 20;
  config.eviction_policy = policy;
  return config;
}

std::string StatsField(ServerTester& redis, std::string_view name) {
  const std::string stats = redis.Exchange("info", "INFO stats\r\n");
  const size_t at = stats.find("\n" + std::string(name) + ":") + name.size() + 2;
  return stats.substr(at, stats.find('\r', at) - at);
}

int CountKeys(ServerTester& redis) {
  return std::stoi(redis.Run("count", "DBSIZE").substr(std::string_view("(integer) ").size()));
}

TEST(MaxStorage, RefusesWhatNeedsRoomAndNothingElse) {
  ServerTester redis(Limited(EvictionPolicy::kNoEviction));
  redis.Run("a", "SET k v");
  redis.Exchange("m", "MULTI\r\nSET q v\r\n");
  redis.engine().is_full = true;
  EXPECT_EQ(redis.Run("a", "SET l v"), kOom);
  EXPECT_EQ(redis.Run("a", "APPEND k v"), kOom);
  EXPECT_EQ(redis.Run("m", "EXEC"),
            "(error) EXECABORT Transaction discarded because of: OOM command not allowed when used "
            "storage > 'maxstorage'.");
  EXPECT_EQ(redis.Run("a", "GET k"), "\"v\"");
  EXPECT_EQ(redis.Run("a", "EXPIRE k 100"), "(integer) 1");
  EXPECT_EQ(redis.Run("a", "DEL k"), "(integer) 1");
  EXPECT_EQ(redis.Run("a", "FLUSHALL"), "OK");
  redis.engine().is_full = false;
  EXPECT_EQ(redis.Run("a", "SET l v"), "OK");
}

TEST(MaxStorage, OfZeroIsNoLimit) {
  ServerTester redis{Config{}};
  redis.engine().is_full = true;
  EXPECT_EQ(redis.Run("a", "SET k v"), "OK");
}

TEST(MaxStorage, AFullStoreIsFlushedSoThatDeletionsShow) {
  ServerTester redis(Limited(EvictionPolicy::kNoEviction));
  redis.engine().is_full = true;
  redis.Advance(5'000'000);
  EXPECT_EQ(redis.engine().flushes_started, 0);  // nothing to flush
  redis.engine().flushes_take_long = true;
  redis.engine().state.changes_since_flush = 5;
  redis.Advance(5'000'000);
  EXPECT_EQ(redis.engine().flushes_started, 1);  // one at a time
  redis.engine().state.flush_running = false;
  redis.engine().flushes_take_long = false;
  redis.Advance(200'000);
  EXPECT_EQ(redis.engine().flushes_started, 2);
}

TEST(AllKeysRandom, MakesRoomForTwiceWhatIsWritten) {
  ServerTester redis(Limited(EvictionPolicy::kAllKeysRandom));
  for (int i = 0; i < 100; ++i) {
    redis.Run("a", "SET old" + std::to_string(i) + " " + std::string(100, 'v'));
  }
  redis.engine().is_full = true;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(redis.Run("a", "SET new" + std::to_string(i) + " " + std::string(100, 'v')), "OK");
  }
  // About two for one: 100 + 20 - 40.
  EXPECT_GE(CountKeys(redis), 75);
  EXPECT_LE(CountKeys(redis), 85);
  EXPECT_EQ(StatsField(redis, "evicted_keys"), std::to_string(120 - CountKeys(redis)));
  const int before = CountKeys(redis);
  redis.engine().is_full = false;
  redis.Run("a", "SET another v");
  EXPECT_EQ(CountKeys(redis), before + 1);
}

// Room shows only after a flush: what is deleted until then must not be everything.
TEST(AllKeysRandom, DeletesNotMuchMoreThanIsWrittenUntilAFlushShowsTheRoom) {
  Config config = Limited(EvictionPolicy::kAllKeysRandom);
  config.maxstorage = 32'000;
  ServerTester redis(config);
  const std::string value(100, 'v');
  for (int i = 0; i < 200; ++i) redis.Run("a", "SET old" + std::to_string(i) + " " + value);
  redis.engine().is_full = true;
  for (int i = 0; i < 200; ++i) redis.Run("a", "SET new" + std::to_string(i) + " " + value);
  // 2,000 bytes are some 14 keys of 148 bytes.
  const int kept = CountKeys(redis);
  EXPECT_GE(kept, 175);
  EXPECT_LE(kept, 200);
  ++redis.engine().state.flushes;
  redis.Advance(200'000);
  for (int i = 0; i < 200; ++i) redis.Run("a", "SET newer" + std::to_string(i) + " " + value);
  EXPECT_LE(CountKeys(redis), kept - 5);
}

TEST(AllKeysRandom, RefusesOnceNothingIsLeft) {
  ServerTester redis(Limited(EvictionPolicy::kAllKeysRandom));
  redis.Run("a", "SET only v");
  redis.engine().is_full = true;
  EXPECT_EQ(redis.Run("a", "SET k v"), "OK");
  EXPECT_EQ(redis.Run("a", "EXISTS only"), "(integer) 0");
  redis.Run("a", "DEL k");
  EXPECT_EQ(redis.Run("a", "SET k v"), kOom);
}

TEST(AllKeysRandom, TakesNoTurnLongerThanSomeKeysAndPaysTheRestLater) {
  ServerTester redis(Limited(EvictionPolicy::kAllKeysRandom));
  for (int i = 0; i < 5000; ++i) redis.Run("a", "SET old" + std::to_string(i) + " v");
  redis.engine().is_full = true;
  std::string many = "MSET";
  for (int i = 0; i < 600; ++i) many += " new" + std::to_string(i) + " " + std::string(100, 'v');
  EXPECT_EQ(redis.Run("a", many), "OK");
  const int after_one = CountKeys(redis);
  EXPECT_EQ(after_one, 5000 + 600 - 500);
  redis.Advance(1'000'000);
  EXPECT_LT(CountKeys(redis), after_one - 1000);
  // 2 * 600 * 106 bytes are at most 2,500 keys of 51 bytes.
  EXPECT_GT(CountKeys(redis), 5600 - 2600);
}

TEST(AllKeysRandom, IsADeletionToWatchers) {
  ServerTester redis(Limited(EvictionPolicy::kAllKeysRandom));
  redis.Run("a", "SET k v");
  redis.Exchange("w", "WATCH k\r\nMULTI\r\nGET k\r\n");
  redis.engine().is_full = true;
  redis.Run("a", "SET l v");
  EXPECT_EQ(redis.Run("w", "EXEC"), "(nil array)");
}

TEST(AllKeysRandom, AFailedCommitBringsTheKeysBack) {
  ServerTester redis(Limited(EvictionPolicy::kAllKeysRandom));
  redis.Run("a", "SET k v");
  redis.engine().is_full = true;
  redis.engine().FailCommits(storage::Error::Kind::kNoSpace);
  EXPECT_THAT(redis.Run("a", "SET l v"), HasSubstr("MISCONF"));
  EXPECT_EQ(redis.Run("a", "GET k"), "\"v\"");
}

TEST(VolatileTtl, TakesTheKeysThatExpireNext) {
  ServerTester redis(Limited(EvictionPolicy::kVolatileTtl));
  redis.Run("a", "SET keep " + std::string(100, 'v'));
  redis.Run("a", "SET late " + std::string(100, 'v') + " EX 900");
  redis.Run("a", "SET soon " + std::string(100, 'v') + " EX 100");
  redis.Run("a", "SET sooner " + std::string(100, 'v') + " EX 10");
  redis.engine().is_full = true;
  EXPECT_EQ(redis.Run("a", "SET n " + std::string(50, 'v')), "OK");
  EXPECT_EQ(redis.Run("a", "EXISTS sooner"), "(integer) 0");
  EXPECT_EQ(redis.Run("a", "EXISTS late"), "(integer) 1");
  EXPECT_EQ(redis.Run("a", "SET m " + std::string(400, 'v')), "OK");
  EXPECT_EQ(redis.Run("a", "EXISTS soon late keep"), "(integer) 1");
  EXPECT_EQ(redis.Run("a", "SET p v"), kOom);
  EXPECT_EQ(StatsField(redis, "evicted_keys"), "3");
}

TEST(MaxStorage, DeletesNothingWhileWritesWait) {
  ServerTester redis(Limited(EvictionPolicy::kAllKeysRandom));
  for (int i = 0; i < 50; ++i) redis.Run("a", "SET old" + std::to_string(i) + " v");
  redis.engine().is_full = true;
  redis.engine().writes_must_wait = true;
  redis.Exchange("b", "SET k v\r\n");
  redis.Advance(5'000'000);
  EXPECT_EQ(CountKeys(redis), 50);
  redis.engine().writes_must_wait = false;
  redis.Advance(100'000);
  EXPECT_EQ(redis.Take("b"), "+OK\r\n");
  EXPECT_LT(CountKeys(redis), 50);
}

TEST(MaxStorage, QueuingMakesNoRoomExecDoes) {
  ServerTester redis(Limited(EvictionPolicy::kAllKeysRandom));
  redis.Run("a", "SET old v");
  redis.engine().is_full = true;
  EXPECT_EQ(redis.Exchange("m", "MULTI\r\nSET k v\r\n"), "+OK\r\n+QUEUED\r\n");
  EXPECT_EQ(CountKeys(redis), 1);
  EXPECT_EQ(redis.Exchange("m", "EXEC\r\n"), "*1\r\n+OK\r\n");
  EXPECT_EQ(redis.Run("a", "EXISTS old k"), "(integer) 1");
}

// ---- by use, on disk

TEST(AllKeysLru, KeepsOnDiskWhatIsRead) {
  ServerTester redis(Limited(EvictionPolicy::kAllKeysLru));
  const std::string value(100, 'v');
  for (int i = 0; i < 300; ++i) redis.Run("a", "SET key" + std::to_string(i) + " " + value);
  redis.Advance(10'000'000);
  for (int i = 0; i < 30; ++i) redis.Run("a", "GET key" + std::to_string(i));
  redis.Advance(10'000'000);
  redis.engine().is_full = true;
  for (int i = 0; i < 80; ++i) redis.Run("a", "SET new" + std::to_string(i) + " " + value);
  EXPECT_LE(CountKeys(redis), 300 + 80 - 140);
  int kept = 0;
  for (int i = 0; i < 30; ++i)
    kept += redis.Run("a", "EXISTS key" + std::to_string(i)).back() - '0';
  EXPECT_GE(kept, 29);
}

// ---- in memory only

Config InMemory(EvictionPolicy policy, uint64_t bytes) {
  Config config = ServerTester::InMemory();
  config.maxmemory = bytes;
  config.eviction_policy = policy;
  return config;
}

void Write(ServerTester& redis, const std::string& name, int keys, const std::string& more = "") {
  const std::string value(100, 'v');
  for (int i = 0; i < keys; ++i) {
    ASSERT_EQ(redis.Run("a", "SET " + name + std::to_string(i) + " " + value + more), "OK");
  }
}

TEST(InMemory, EveryPolicyKeepsTheStoreWithinMaxmemory) {
  for (const auto policy :
       {EvictionPolicy::kAllKeysLru, EvictionPolicy::kAllKeysLfu, EvictionPolicy::kAllKeysRandom,
        EvictionPolicy::kVolatileLru, EvictionPolicy::kVolatileLfu, EvictionPolicy::kVolatileRandom,
        EvictionPolicy::kVolatileTtl}) {
    ServerTester redis(InMemory(policy, 200'000));
    Write(redis, "key", 2000, " EX 1000");
    const uint64_t used = redis.engine().usage().bytes_in_use;
    EXPECT_LE(used, 201'000U) << NameOf(policy);
    EXPECT_GE(used, 190'000U) << NameOf(policy);
    EXPECT_EQ(StatsField(redis, "evicted_keys"), std::to_string(2000 - CountKeys(redis)));
  }
}

TEST(InMemory, LruKeepsWhatIsReadAndLfuWhatIsReadOften) {
  for (const auto policy : {EvictionPolicy::kAllKeysLru, EvictionPolicy::kAllKeysLfu}) {
    ServerTester redis(InMemory(policy, 200'000));
    Write(redis, "hot", 20);
    for (int round = 0; round < 40; ++round) {
      redis.Advance(1'000'000);
      for (int i = 0; i < 20; ++i) redis.Run("a", "GET hot" + std::to_string(i));
      Write(redis, "round" + std::to_string(round) + ".", 40);
    }
    int kept = 0;
    for (int i = 0; i < 20; ++i) {
      kept += redis.Run("a", "EXISTS hot" + std::to_string(i)).back() - '0';
    }
    EXPECT_GE(kept, 19) << NameOf(policy);
  }
}

TEST(InMemory, WithoutKeysThatExpireAVolatilePolicyRefuses) {
  constexpr std::string_view kOutOfMemory =
      "(error) OOM command not allowed when used memory > 'maxmemory'.";
  ServerTester redis(InMemory(EvictionPolicy::kVolatileLru, 0));
  Write(redis, "key", 100);
  redis.Run("a", "CONFIG SET maxmemory 1000");
  EXPECT_EQ(redis.Run("a", "SET k v"), kOutOfMemory);
  EXPECT_EQ(CountKeys(redis), 100);
  redis.Run("a", "CONFIG SET maxmemory-policy noeviction");
  EXPECT_EQ(redis.Run("a", "SET k v"), kOutOfMemory);
  redis.Run("a", "CONFIG SET maxmemory-policy allkeys-lru");
  EXPECT_EQ(redis.Run("a", "SET k v"), "OK");
  EXPECT_LE(CountKeys(redis), 10);
}

TEST(InMemory, OnePipelineDoesNotOutrunTheEviction) {
  ServerTester redis(InMemory(EvictionPolicy::kAllKeysLru, 200'000));
  Write(redis, "key", 600);
  std::string pipeline;
  for (int i = 0; i < 2000; ++i) {
    pipeline += "SET new" + std::to_string(i) + " " + std::string(100, 'v') + "\r\n";
  }
  redis.Exchange("a", pipeline);
  EXPECT_LE(redis.engine().usage().bytes_in_use, 220'000U);
  EXPECT_GE(redis.engine().usage().bytes_in_use, 150'000U);
}

TEST(InMemory, ATransactionMakesRoomWhenItRuns) {
  ServerTester redis(InMemory(EvictionPolicy::kAllKeysLru, 200'000));
  Write(redis, "key", 2000);
  EXPECT_EQ(redis.Exchange("m", "MULTI\r\nSET k v\r\nEXEC\r\n"), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
}

TEST(InMemory, ObjectTellsHowKeysWereUsed) {
  ServerTester redis(InMemory(EvictionPolicy::kAllKeysLru, 200'000));
  redis.Run("a", "SET k v");
  redis.Advance(20'100'000);
  redis.Run("a", "TTL k");
  EXPECT_EQ(redis.Run("a", "OBJECT IDLETIME k"), "(integer) 20");
  redis.Run("a", "GET k");
  EXPECT_EQ(redis.Run("a", "OBJECT IDLETIME k"), "(integer) 0");
  EXPECT_THAT(redis.Run("a", "OBJECT FREQ k"), HasSubstr("LFU maxmemory policy is not selected"));
  redis.Run("a", "CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 0");
  redis.Run("a", "SET l v");
  redis.Run("a", "GET l");
  redis.Run("a", "GET l");
  EXPECT_EQ(redis.Run("a", "OBJECT FREQ l"), "(integer) 7");
  EXPECT_THAT(redis.Run("a", "OBJECT IDLETIME l"), HasSubstr("LFU maxmemory policy is selected"));
}

}  // namespace
}  // namespace cartwheel::server
