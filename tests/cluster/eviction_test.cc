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

}  // namespace
}  // namespace cartwheel::cluster
