// LocalStore's deletions to make room.
#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/local_store.h"
#include "cluster/store_key.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr size_t kMany = 1'000'000;

class EvictionTest : public testing::Test {
 protected:
  void Put(std::string_view key, std::string_view bytes, ExpireAt expire_at = kNoExpiry,
           Database database = 0) {
    store_.Write({database, key}, Change::Put(bytes, expire_at), kNow);
  }
  bool Has(std::string_view key, Database database = 0) {
    const auto value = store_.Read({database, key}, 0);
    return value.has_value() && value->has_value();
  }
  static std::string StoreKey(std::string_view key) {
    std::string out;
    EncodeStoreKey({0, key}, out);
    return out;
  }
  void Damage(std::string_view key) {
    std::string record(*engine_->Get(Keyspace::kData, StoreKey(key)));
    record.back() = static_cast<char>(record.back() + 1);
    engine_->Put(Keyspace::kData, StoreKey(key), record);
  }
  static std::vector<std::string> Keys(const std::vector<LocalStore::Evicted>& evicted) {
    std::vector<std::string> keys;
    for (const auto& gone : evicted) keys.push_back(gone.key);
    return keys;
  }
  size_t IndexEntries() {
    size_t count = 0;
    const auto cursor = engine_->NewCursor(Keyspace::kExpiry);
    for (cursor->Seek({}); cursor->Valid(); cursor->Next()) ++count;
    return count;
  }

  std::unique_ptr<storage::Engine> engine_ = storage::NewMemoryEngine();
  LocalStore store_ = *LocalStore::Open(*engine_, {});
};

TEST_F(EvictionTest, TakesWhatExpiresNextAndLeavesWhatNeverDoes) {
  Put("never", "v");
  Put("third", "v", kNow + 300, 5);
  Put("first", "v", kNow + 100);
  Put("second", "v", kNow + 200);
  EXPECT_THAT(Keys(store_.EvictNextToExpire(1, kMany, kNow)), ElementsAre("first"));
  EXPECT_THAT(Keys(store_.EvictNextToExpire(kMany, kMany, kNow)), ElementsAre("second", "third"));
  EXPECT_THAT(store_.EvictNextToExpire(kMany, kMany, kNow), IsEmpty());
  EXPECT_TRUE(Has("never"));
  EXPECT_EQ(store_.counts(0), (Counts{.keys = 1, .expires = 0}));
  EXPECT_EQ(store_.counts(5), Counts{});
  EXPECT_EQ(IndexEntries(), 0U);
}

TEST_F(EvictionTest, SaysWhatClientsCouldStillSeeAndHowLargeItWas) {
  Put("gone", "v", kNow - 1);
  Put("shown", "12345", kNow + 1);
  const auto evicted = store_.EvictNextToExpire(kMany, kMany, kNow);
  ASSERT_EQ(evicted.size(), 2U);
  EXPECT_FALSE(evicted[0].was_shown);
  EXPECT_TRUE(evicted[1].was_shown);
  EXPECT_EQ(evicted[1].bytes, kStoreKeyPrefix + 5 + 5);
}

TEST_F(EvictionTest, StopsWhenEnoughIsGoneOrLookedAt) {
  for (int i = 0; i < 100; ++i) {
    Put("key" + std::to_string(i), std::string(100, 'v'), kNow + 1000 + i);
  }
  EXPECT_EQ(store_.EvictNextToExpire(500, kMany, kNow).size(), 5U);
  EXPECT_EQ(store_.EvictNextToExpire(kMany, 40, kNow).size(), 40U);
  EXPECT_EQ(store_.counts(0).keys, 55U);
}

// A stale entry must not take a record that expires later, or never; and it is in the way.
TEST_F(EvictionTest, DropsStaleEntriesAndKeepsTheirRecords) {
  Put("k", "v", kNow + 100);
  Damage("k");
  Put("k", "w");  // the damaged record's expiry is not known: its entry stays
  ASSERT_EQ(IndexEntries(), 1U);
  EXPECT_THAT(store_.EvictNextToExpire(kMany, kMany, kNow), IsEmpty());
  EXPECT_TRUE(Has("k"));
  EXPECT_EQ(IndexEntries(), 0U);
  EXPECT_EQ(store_.counts(0), (Counts{.keys = 1, .expires = 0}));
}

TEST_F(EvictionTest, LeavesDamagedRecordsToWhoeverLooksIntoThem) {
  Put("a", "v");
  Damage("a");
  std::string hand;
  EXPECT_THAT(store_.EvictFrom(hand, kMany, kMany, kNow), IsEmpty());
  EXPECT_TRUE(engine_->Get(Keyspace::kData, StoreKey("a")).has_value());
}

TEST_F(EvictionTest, TheHandMeetsEveryRecordOnceOnItsWayAround) {
  std::set<std::string> left;
  for (int i = 0; i < 300; ++i) {
    const std::string key = "key" + std::to_string(i);
    Put(key, std::string(20, 'v'), i % 3 == 0 ? kNow + i + 1 : kNoExpiry,
        static_cast<Database>(i % 4));
    left.insert(key);
  }
  std::string hand = StoreKeyPrefix(9000, 0, 0);
  while (!left.empty()) {
    const auto evicted = store_.EvictFrom(hand, 200, kMany, kNow);
    EXPECT_TRUE(!evicted.empty() || hand.empty());
    EXPECT_LE(evicted.size(), 6U);
    for (const auto& gone : evicted) {
      EXPECT_EQ(left.erase(gone.key), 1U) << gone.key;
      EXPECT_FALSE(Has(gone.key, gone.database));
    }
  }
  for (Database database = 0; database < 4; ++database) {
    EXPECT_EQ(store_.counts(database), Counts{});
  }
  EXPECT_EQ(IndexEntries(), 0U);
}

// ---- the coldest

class ColdestTest : public EvictionTest {
 protected:
  explicit ColdestTest(UsageSketch::Tracks tracks = UsageSketch::Tracks::kRecency) {
    store_.usage().Configure({.tracks = tracks, .cells = 1 << 14});
  }
  static std::string Name(int number) { return "key" + std::to_string(number); }
  void Fill(int keys, ExpireAt expire_at = kNoExpiry) {
    for (int i = 0; i < keys; ++i) Put(Name(i), "value", expire_at);
  }
  std::vector<LocalStore::Evicted> Coldest(EvictionPolicy policy, uint64_t bytes,
                                           size_t limit = kMany, size_t samples = 5) {
    return store_.EvictColdest({.policy = policy, .samples = samples}, bytes, limit, random_,
                               kNow + 60'000);
  }

  uint64_t random_ = 1;
};

TEST_F(ColdestTest, LruTakesWhatWasNotUsedForLongest) {
  Fill(1000);
  for (int i = 0; i < 100; ++i) store_.NoteUse({0, Name(i)}, kNow + 30'000);
  const auto evicted = Coldest(EvictionPolicy::kAllKeysLru, kMany, 600);
  EXPECT_EQ(evicted.size(), 600U);
  int used = 0;
  for (int i = 0; i < 100; ++i) used += Has(Name(i)) ? 1 : 0;
  EXPECT_GE(used, 90) << "any would have left 40";
  EXPECT_EQ(store_.counts(0).keys, 400U);
}

TEST_F(ColdestTest, MoreSamplesChooseBetter) {
  const auto share_of_older_half = [this](size_t samples) {
    store_.FlushAll();
    for (int i = 0; i < 2000; ++i) {
      store_.Write({0, Name(i)}, Change::Put("value", kNoExpiry), kNow + i * 20);
    }
    int older = 0;
    const auto evicted = Coldest(EvictionPolicy::kAllKeysLru, kMany, 200, samples);
    for (const auto& gone : evicted) older += std::stoi(gone.key.substr(3)) < 1000 ? 1 : 0;
    return older / 200.0;
  };
  EXPECT_LT(share_of_older_half(1), 0.8);
  EXPECT_GT(share_of_older_half(5), 0.95);
}

TEST_F(ColdestTest, WhatIsUsedWhileItWaitsInThePoolStays) {
  Fill(12);
  const auto first = Coldest(EvictionPolicy::kAllKeysLru, 1, 1);
  ASSERT_EQ(first.size(), 1U);
  const std::string unused = first[0].key == Name(5) ? Name(6) : Name(5);
  for (int i = 0; i < 12; ++i) {
    if (Name(i) != unused) store_.NoteUse({0, Name(i)}, kNow + 120'000);
  }
  EXPECT_THAT(Keys(store_.EvictColdest({.policy = EvictionPolicy::kAllKeysLru}, 1, 1, random_,
                                       kNow + 180'000)),
              ElementsAre(unused));
}

TEST_F(ColdestTest, EverythingCanGo) {
  Fill(50);
  EXPECT_EQ(Coldest(EvictionPolicy::kAllKeysLru, kMany).size(), 50U);
  EXPECT_THAT(Coldest(EvictionPolicy::kAllKeysLru, kMany), IsEmpty());
  EXPECT_TRUE(store_.IsEmpty());
}

TEST_F(ColdestTest, OfAPolicyForWhatExpiresTheRestStays) {
  Fill(3000);
  for (const char* key : {"a", "b", "c"}) Put(key, "value", kNow + 900'000);
  for (const auto policy : {EvictionPolicy::kVolatileLru, EvictionPolicy::kVolatileRandom,
                            EvictionPolicy::kVolatileLfu}) {
    EXPECT_EQ(Coldest(policy, 1, 1).size(), 1U);
  }
  EXPECT_THAT(Coldest(EvictionPolicy::kVolatileLru, kMany), IsEmpty());
  EXPECT_EQ(store_.counts(0).keys, 3000U);
}

TEST_F(ColdestTest, DamagedRecordsStay) {
  Fill(10);
  for (int i = 0; i < 10; ++i) Damage(Name(i));
  EXPECT_THAT(Coldest(EvictionPolicy::kAllKeysLru, kMany), IsEmpty());
  EXPECT_EQ(store_.counts(0).keys, 10U);
}

class LeastFrequentTest : public ColdestTest {
 protected:
  LeastFrequentTest() : ColdestTest(UsageSketch::Tracks::kFrequency) {}
};

TEST_F(LeastFrequentTest, LfuTakesWhatWasUsedLeastOften) {
  Fill(1000);
  for (int use = 0; use < 200; ++use) {
    for (int i = 0; i < 100; ++i) store_.NoteUse({0, Name(i)}, kNow);
  }
  for (int i = 900; i < 1000; ++i) store_.NoteUse({0, Name(i)}, kNow + 50'000);  // once, lately
  EXPECT_EQ(Coldest(EvictionPolicy::kAllKeysLfu, kMany, 600).size(), 600U);
  int used = 0;
  for (int i = 0; i < 100; ++i) used += Has(Name(i)) ? 1 : 0;
  EXPECT_GE(used, 85) << "any would have left 40";
}

TEST_F(EvictionTest, TheVolumeIsWhatKeysAndRecordsTake) {
  EXPECT_EQ(store_.volume(), 0);
  Put("key", "value");
  const auto record = static_cast<int64_t>(store_.RecordBytes({0, "key"}) + StoreKey("key").size());
  EXPECT_EQ(store_.volume(), record);
  Put("key", "another value");
  EXPECT_EQ(store_.volume(), record + 8);
  ASSERT_TRUE(store_.Commit().has_value());
  store_.Write({0, "key"}, Change::Delete(), kNow);
  EXPECT_EQ(store_.volume(), 0);
}

}  // namespace
}  // namespace cartwheel::cluster
