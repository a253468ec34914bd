#include "cluster/local_store.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/store_key.h"
#include "storage/faulty_engine.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000'000;

std::string StoreKey(Database database, std::string_view key) {
  std::string out;
  EncodeStoreKey({database, key}, out);
  return out;
}

class LocalStoreTest : public testing::Test {
 protected:
  using Counts = LocalStore::Counts;
  using Reaped = std::vector<LocalStore::Reaped>;

  bool Put(Database database, std::string_view key, std::string_view bytes,
           ExpireAt expire_at = kNoExpiry, int64_t now_ms = kNow) {
    return store_.Write({database, key}, Change::Put(bytes, expire_at), now_ms);
  }
  std::optional<Value> Read(Database database, std::string_view key, int64_t now_ms = kNow) {
    const auto value = store_.Read({database, key}, now_ms);
    EXPECT_TRUE(value.has_value());
    return value.value_or(std::nullopt);
  }
  bool Has(Database database, std::string_view key, int64_t now_ms = kNow) {
    return Read(database, key, now_ms).has_value();
  }
  // Flips a bit of the stored record.
  void Damage(Database database, std::string_view key) {
    const std::string store_key = StoreKey(database, key);
    std::string record(engine_.Get(Keyspace::kData, store_key).value());
    record.back() ^= 1;
    engine_.Put(Keyspace::kData, store_key, record);
  }
  void Commit() { ASSERT_TRUE(store_.Commit().has_value()); }

  storage::FaultyEngine engine_{storage::NewMemoryEngine()};
  LocalStore store_ = LocalStore::Open(engine_, {}).value();
};

TEST_F(LocalStoreTest, AnEmptyStoreHoldsNothing) {
  EXPECT_FALSE(Has(0, "key"));
  EXPECT_EQ(store_.counts(0), Counts{});
  EXPECT_EQ(store_.NextExpiry(), std::nullopt);
  EXPECT_EQ(store_.RandomKey(0, 1, kNow), std::nullopt);
  EXPECT_THAT(store_.List(0, 0, kEndPlace, 10, kNow).keys, IsEmpty());
}

TEST_F(LocalStoreTest, AWrittenValueIsReadBack) {
  EXPECT_TRUE(Put(3, "key", "bytes", kNow + 9));
  EXPECT_EQ(Read(3, "key"), (Value{Type::kString, "bytes", kNow + 9, kNow}));
  EXPECT_EQ(store_.counts(3), (Counts{.keys = 1, .expires = 1}));
}

TEST_F(LocalStoreTest, EmptyAndBinaryKeysAreKeys) {
  const std::string binary("\0\r\n\xff{}", 6);
  Put(0, "", "of the empty key");
  Put(0, binary, "of the binary key");
  EXPECT_EQ(Read(0, "")->bytes, "of the empty key");
  EXPECT_EQ(Read(0, binary)->bytes, "of the binary key");
}

TEST_F(LocalStoreTest, DatabasesAreApart) {
  Put(0, "key", "zero");
  Put(15, "key", "fifteen");
  EXPECT_EQ(Read(0, "key")->bytes, "zero");
  EXPECT_EQ(Read(15, "key")->bytes, "fifteen");
  EXPECT_FALSE(Has(1, "key"));
}

TEST_F(LocalStoreTest, NoChangeChangesNothing) {
  Put(0, "key", "bytes");
  EXPECT_FALSE(store_.Write({0, "key"}, Change(), kNow + 5));
  EXPECT_EQ(Read(0, "key")->written_at_ms, kNow);
}

TEST_F(LocalStoreTest, AValueIsInvisibleRightAfterTheMillisecondItExpiresAt) {
  Put(0, "key", "bytes", kNow + 10);
  EXPECT_TRUE(Has(0, "key", kNow + 10));
  EXPECT_FALSE(Has(0, "key", kNow + 11));
}

TEST_F(LocalStoreTest, ExpiredRecordsCountUntilTheyAreReaped) {
  Put(0, "key", "bytes", kNow);
  EXPECT_FALSE(Has(0, "key", kNow + 1));
  EXPECT_EQ(store_.counts(0), (Counts{.keys = 1, .expires = 1}));
  EXPECT_EQ(store_.Reap(kNow + 1, 10), (Reaped{{0, "key"}}));
  EXPECT_EQ(store_.counts(0), Counts{});
}

TEST_F(LocalStoreTest, AnExpiryCanBeSetMovedAndTakenAway) {
  Put(0, "key", "bytes");
  EXPECT_TRUE(store_.Write({0, "key"}, Change::Expire(kNow + 50), kNow + 1));
  EXPECT_EQ(Read(0, "key"), (Value{Type::kString, "bytes", kNow + 50, kNow}));
  EXPECT_EQ(store_.NextExpiry(), kNow + 51);
  EXPECT_TRUE(store_.Write({0, "key"}, Change::Expire(kNow + 90), kNow + 2));
  EXPECT_EQ(store_.NextExpiry(), kNow + 91);
  EXPECT_TRUE(store_.Write({0, "key"}, Change::Expire(kNoExpiry), kNow + 3));
  EXPECT_EQ(store_.NextExpiry(), std::nullopt);
  EXPECT_EQ(store_.counts(0), (Counts{.keys = 1, .expires = 0}));
  EXPECT_EQ(Read(0, "key"), (Value{Type::kString, "bytes", kNoExpiry, kNow}));
}

TEST_F(LocalStoreTest, AnExpiryOfAnAbsentOrExpiredKeyDoesNothing) {
  EXPECT_FALSE(store_.Write({0, "absent"}, Change::Expire(kNow + 50), kNow));
  Put(0, "expired", "bytes", kNow);
  EXPECT_FALSE(store_.Write({0, "expired"}, Change::Expire(kNow + 50), kNow + 1));
  EXPECT_FALSE(Has(0, "expired", kNow + 1));
}

TEST_F(LocalStoreTest, DeletingAKeyRemovesItsExpiryToo) {
  Put(0, "key", "bytes", kNow + 9);
  EXPECT_TRUE(store_.Write({0, "key"}, Change::Delete(), kNow));
  EXPECT_FALSE(store_.Write({0, "key"}, Change::Delete(), kNow));
  EXPECT_EQ(store_.counts(0), Counts{});
  EXPECT_EQ(store_.NextExpiry(), std::nullopt);
}

TEST_F(LocalStoreTest, DeletingAnExpiredKeyReclaimsItUnseen) {
  Put(0, "key", "bytes", kNow);
  EXPECT_FALSE(store_.Write({0, "key"}, Change::Delete(), kNow + 1));
  EXPECT_EQ(store_.counts(0), Counts{});
}

TEST_F(LocalStoreTest, APutThatExpiredAlreadyHidesTheKey) {
  EXPECT_FALSE(Put(0, "key", "bytes", kNow - 1));
  Put(0, "key", "bytes");
  EXPECT_TRUE(Put(0, "key", "bytes", kNow - 1));
  EXPECT_FALSE(Has(0, "key"));
  EXPECT_EQ(store_.Reap(kNow, 10), (Reaped{{0, "key"}}));
}

TEST_F(LocalStoreTest, BytesThatWereJustReadCanBeWritten) {
  const std::string bytes(1000, 'b');
  Put(0, "from", bytes, kNow + 5);
  const auto read = Read(0, "from");
  store_.Write({1, "to"}, Change::Put(read->bytes, kNow + 7), kNow);
  EXPECT_EQ(Read(1, "to")->bytes, bytes);
  const auto again = Read(1, "to");
  store_.Write({1, "to"}, Change::Put(again->bytes.substr(500), kNow + 9), kNow);
  EXPECT_EQ(Read(1, "to")->bytes, bytes.substr(500));
}

TEST_F(LocalStoreTest, ADamagedRecordIsAFaultToItsReader) {
  Put(0, "key", "bytes", kNow + 9);
  Damage(0, "key");
  EXPECT_EQ(store_.Read({0, "key"}, kNow).error(), ContainerFault::kChecksum);
  EXPECT_FALSE(store_.Write({0, "key"}, Change::Expire(kNow + 10), kNow));
  EXPECT_EQ(store_.Read({0, "key"}, kNow).error(), ContainerFault::kChecksum);
}

TEST_F(LocalStoreTest, ADamagedRecordIsListedByItsKeyEvenIfItSaysItExpired) {
  Put(0, "key", "bytes", kNow);
  Damage(0, "key");
  EXPECT_EQ(store_.List(0, 0, kEndPlace, 10, kNow + 1).keys, std::vector<std::string>{"key"});
  EXPECT_EQ(store_.RandomKey(0, 7, kNow + 1), "key");
}

TEST_F(LocalStoreTest, APutReplacesADamagedRecord) {
  Put(0, "key", "bytes", kNow + 9);
  Damage(0, "key");
  EXPECT_TRUE(Put(0, "key", "anew"));
  EXPECT_EQ(Read(0, "key")->bytes, "anew");
  EXPECT_EQ(store_.counts(0).keys, 1u);
}

TEST_F(LocalStoreTest, DeletingADamagedRecordRemovesIt) {
  Put(0, "key", "bytes");
  Damage(0, "key");
  EXPECT_TRUE(store_.Write({0, "key"}, Change::Delete(), kNow));
  EXPECT_FALSE(Has(0, "key"));
  EXPECT_EQ(store_.counts(0), Counts{});
}

TEST_F(LocalStoreTest, TheExpiryThatADamagedRecordLeftBehindIsDroppedUnheeded) {
  Put(0, "key", "bytes", kNow + 9);
  Damage(0, "key");
  Put(0, "key", "anew", kNow + 50);
  EXPECT_THAT(store_.Reap(kNow + 10, 10), IsEmpty());
  EXPECT_EQ(Read(0, "key", kNow + 10)->bytes, "anew");
  EXPECT_EQ(store_.counts(0), (Counts{.keys = 1, .expires = 1}));
  EXPECT_EQ(store_.Reap(kNow + 51, 10), (Reaped{{0, "key"}}));
  EXPECT_EQ(store_.counts(0), Counts{});
}

TEST_F(LocalStoreTest, TheSameExpiryOverADamagedRecordCountsOnce) {
  Put(0, "key", "bytes", kNow + 9);
  Damage(0, "key");
  Put(0, "key", "anew", kNow + 9);
  EXPECT_EQ(store_.counts(0), (Counts{.keys = 1, .expires = 1}));
}

TEST_F(LocalStoreTest, ReapingLeavesADamagedRecordWhereItsReaderFindsIt) {
  Put(0, "key", "bytes", kNow);
  Damage(0, "key");
  EXPECT_THAT(store_.Reap(kNow + 1, 10), IsEmpty());
  EXPECT_FALSE(store_.Read({0, "key"}, kNow + 1).has_value());
  EXPECT_EQ(store_.counts(0), (Counts{.keys = 1, .expires = 0}));
}

TEST_F(LocalStoreTest, ReapingGoesOldestFirstAndNoFurtherThanItsLimit) {
  Put(0, "later", "", kNow + 20);
  Put(1, "first", "", kNow + 1);
  Put(0, "second", "", kNow + 2);
  Put(0, "third", "", kNow + 3);
  EXPECT_EQ(store_.Reap(kNow + 10, 2), (Reaped{{1, "first"}, {0, "second"}}));
  EXPECT_EQ(store_.Reap(kNow + 10, 2), (Reaped{{0, "third"}}));
  EXPECT_THAT(store_.Reap(kNow + 10, 2), IsEmpty());
  EXPECT_TRUE(Has(0, "later"));
}

TEST_F(LocalStoreTest, EntriesThatAreNoneAreDropped) {
  Put(0, "key", "", kNow + 20);
  engine_.Put(Keyspace::kExpiry, "abc", "");
  engine_.Put(Keyspace::kExpiry, std::string(6, '\0') + "no store key", "");
  engine_.Put(Keyspace::kExpiry, std::string(6, '\0') + "short", "");
  EXPECT_EQ(store_.Reap(kMaxExpireAt, 10), (Reaped{{0, "key"}}));
  const auto cursor = engine_.NewCursor(Keyspace::kExpiry);
  cursor->Seek({});
  EXPECT_FALSE(cursor->Valid());
  EXPECT_EQ(store_.counts(0), Counts{});
}

TEST_F(LocalStoreTest, NextExpiryIsWhenReapFindsSomething) {
  Put(0, "b", "", kNow + 20);
  Put(1, "a", "", kNow + 10);
  const int64_t next = store_.NextExpiry().value();
  EXPECT_THAT(store_.Reap(next - 1, 10), IsEmpty());
  EXPECT_EQ(store_.Reap(next, 10), (Reaped{{1, "a"}}));
  EXPECT_EQ(store_.NextExpiry(), kNow + 21);
}

TEST_F(LocalStoreTest, FlushEmptiesOneDatabaseOnly) {
  for (int i = 0; i < 200; ++i) {
    for (const Database database : {0, 1, 2, 15}) {
      Put(database, std::to_string(i), "bytes", i % 2 == 0 ? kNoExpiry : kNow + i);
    }
  }
  for (const Database flushed : {1, 15}) {
    store_.Flush(flushed);
    EXPECT_EQ(store_.counts(flushed), Counts{});
    EXPECT_FALSE(Has(flushed, "7"));
  }
  for (const Database kept : {0, 2}) {
    EXPECT_EQ(store_.counts(kept), (Counts{.keys = 200, .expires = 100}));
    EXPECT_TRUE(Has(kept, "7"));
    EXPECT_EQ(store_.List(kept, 0, kEndPlace, 1000, kNow).keys.size(), 200u);
  }
  for (const auto& reaped : store_.Reap(kNow + 1000, 1000)) {
    EXPECT_TRUE(reaped.database == 0 || reaped.database == 2);
  }
}

TEST_F(LocalStoreTest, FlushingTheOnlyDatabaseOrAllLeavesNothing) {
  Put(4, "key", "bytes", kNow + 9);
  store_.Flush(4);
  Put(4, "key", "bytes", kNow + 9);
  Put(5, "key", "bytes", kNow + 9);
  store_.FlushAll();
  EXPECT_EQ(store_.counts(4), Counts{});
  EXPECT_EQ(store_.counts(5), Counts{});
  EXPECT_EQ(store_.NextExpiry(), std::nullopt);
  for (const Keyspace keyspace : {Keyspace::kData, Keyspace::kExpiry}) {
    const auto cursor = engine_.NewCursor(keyspace);
    cursor->Seek({});
    EXPECT_FALSE(cursor->Valid());
  }
}

TEST_F(LocalStoreTest, CountsComeBackWhenTheStoreIsOpenedAgain) {
  Put(0, "a", "", kNow + 9);
  Put(0, "b", "");
  Put(7, "c", "");
  Commit();
  const LocalStore reopened = LocalStore::Open(engine_, {}).value();
  EXPECT_EQ(reopened.counts(0), (Counts{.keys = 2, .expires = 1}));
  EXPECT_EQ(reopened.counts(7), (Counts{.keys = 1, .expires = 0}));
}

TEST_F(LocalStoreTest, AFailedCommitUndoesTheCountsWithTheRecords) {
  Put(0, "kept", "", kNow + 9);
  Commit();
  Put(0, "lost", "", kNow + 9);
  store_.Flush(0);
  engine_.FailCommits(storage::Error::Kind::kNoSpace);
  EXPECT_FALSE(store_.Commit().has_value());
  EXPECT_TRUE(Has(0, "kept"));
  EXPECT_FALSE(Has(0, "lost"));
  EXPECT_EQ(store_.counts(0), (Counts{.keys = 1, .expires = 1}));
  Put(0, "next", "");
  Commit();
  EXPECT_EQ(LocalStore::Open(engine_, {})->counts(0), (Counts{.keys = 2, .expires = 1}));
}

TEST_F(LocalStoreTest, DamagedCountsAreNotOpened) {
  Put(0, "key", "bytes");
  Commit();
  std::string counts(engine_.Get(Keyspace::kMeta, "counts").value());
  counts[5] ^= 1;
  engine_.Put(Keyspace::kMeta, "counts", counts);
  const auto damaged = LocalStore::Open(engine_, {});
  ASSERT_FALSE(damaged.has_value());
  EXPECT_EQ(damaged.error().kind, storage::Error::Kind::kCorrupt);
  EXPECT_THAT(damaged.error().message, HasSubstr("damaged"));
  engine_.Delete(Keyspace::kMeta, "counts");
  EXPECT_EQ(LocalStore::Open(engine_, {}).error().kind, storage::Error::Kind::kCorrupt);
}

TEST_F(LocalStoreTest, CountsOfALaterVersionAreNotOpened) {
  engine_.Put(Keyspace::kMeta, "counts", "\x02 of the future");
  const auto newer = LocalStore::Open(engine_, {});
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().kind, storage::Error::Kind::kNewerFormat);
  EXPECT_THAT(newer.error().message, HasSubstr("later version"));
}

TEST_F(LocalStoreTest, RandomKeysOfOneSlotAreNotAlwaysTheSame) {
  constexpr int kKeys = 10;
  for (int i = 0; i < kKeys; ++i) Put(0, "{tag}" + std::to_string(i), "");
  std::vector<std::string> seen;
  for (uint64_t i = 1; i <= 300; ++i) {
    const auto key = store_.RandomKey(0, i * 0x9e3779b97f4a7c15, kNow);
    ASSERT_TRUE(key.has_value());
    if (std::ranges::find(seen, *key) == seen.end()) seen.push_back(*key);
  }
  EXPECT_EQ(seen.size(), kKeys);
}

TEST_F(LocalStoreTest, ARandomKeyIsALiveOneHoweverFewThereAre) {
  for (int i = 0; i < 100; ++i) Put(0, std::to_string(i), "", kNow);
  EXPECT_EQ(store_.RandomKey(0, 12345, kNow + 1), std::nullopt);
  Put(0, "live", "");
  Put(1, "other", "");
  for (const uint64_t random : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) {
    EXPECT_EQ(store_.RandomKey(0, random, kNow + 1), "live");
  }
}

}  // namespace
}  // namespace cartwheel::cluster
