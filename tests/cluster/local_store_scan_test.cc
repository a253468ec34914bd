// Scans of a local store: complete whatever happens meanwhile, and never long.
#include <set>

#include <gtest/gtest.h>

#include "cluster/local_store.h"
#include "cluster/record.h"
#include "cluster/scan_place.h"
#include "cluster/store_key.h"
#include "tests/cluster/counting_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

constexpr int64_t kNow = 1'700'000'000'000;

class LocalStoreScanTest : public testing::Test {
 protected:
  void Put(Database database, std::string_view key, ExpireAt expire_at = kNoExpiry) {
    store_.Write({database, key}, Change::Put("bytes", expire_at), kNow);
  }
  // A record under a hash of our choice, which no key could be found for.
  void PutAt(Slot slot, uint64_t hash, std::string_view key) {
    const std::string store_key = StoreKeyPrefix(slot, 0, hash).append(key);
    std::string record;
    EncodeRecord(store_key, {Type::kString, "bytes", kNoExpiry, kNow}, record);
    engine_.Put(Keyspace::kData, store_key, record);
  }
  // Every page from the start to the end.
  std::vector<KeyPage> Pages(Database database, size_t count) {
    std::vector<KeyPage> pages;
    uint64_t cursor = 0;
    do {
      pages.push_back(store_.List(database, cursor, kEndPlace, count, kNow));
      cursor = pages.back().next;
    } while (cursor != kEndPlace && pages.size() < 100'000);
    return pages;
  }

  CountingEngine engine_;
  LocalStore store_ = LocalStore::Open(engine_, {}).value();
};

TEST_F(LocalStoreScanTest, EveryKeyIsReturnedOnceAtEveryPageSize) {
  std::set<std::string> keys;
  for (int i = 0; i < 300; ++i) keys.insert((i % 3 == 0 ? "{tag}" : "") + std::to_string(i));
  for (const std::string& key : keys) {
    Put(1, key);
    Put(0, "other" + key);
  }
  for (const size_t count : {1, 2, 10, 299, 300, 1000}) {
    std::multiset<std::string> scanned;
    for (const KeyPage& page : Pages(1, count)) {
      EXPECT_LE(page.keys.size(), count);
      scanned.insert(page.keys.begin(), page.keys.end());
    }
    EXPECT_EQ(scanned, std::multiset<std::string>(keys.begin(), keys.end())) << "count " << count;
  }
}

TEST_F(LocalStoreScanTest, KeysThatShareAPlaceComeTogether) {
  Put(0, "counted");  // so that the database is not known to be empty
  const uint64_t step = uint64_t{1} << 30;
  PutAt(5, 1 * step, "a");
  PutAt(5, 2 * step, "b");
  PutAt(5, 2 * step, "c");
  PutAt(5, 2 * step + 1, "d");
  PutAt(5, 3 * step, "e");
  const KeyPage first = store_.List(0, PlaceOf(5, 0), kEndPlace, 1, kNow);
  EXPECT_EQ(first.keys, std::vector<std::string>{"a"});
  const KeyPage second = store_.List(0, first.next, kEndPlace, 1, kNow);
  EXPECT_EQ(second.keys, (std::vector<std::string>{"b", "c", "d"}));
  EXPECT_EQ(store_.List(0, second.next, kEndPlace, 1, kNow).keys, std::vector<std::string>{"e"});
}

TEST_F(LocalStoreScanTest, KeysAtTheVeryFirstPlaceDoNotEndTheScan) {
  Put(0, "counted");
  PutAt(0, 0, "a");
  PutAt(0, 1, "b");
  PutAt(0, ~uint64_t{0}, "c");
  const KeyPage first = store_.List(0, 0, kEndPlace, 1, kNow);
  EXPECT_EQ(first.keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(first.next, PlaceOf(0, ~uint64_t{0}));
}

TEST_F(LocalStoreScanTest, TheLastPlaceIsScannedAndEndsTheScan) {
  Put(0, "counted");
  PutAt(kSlotCount - 1, ~uint64_t{0}, "last");
  const KeyPage page = store_.List(0, kEndPlace - 1, kEndPlace, 10, kNow);
  EXPECT_EQ(page.keys, std::vector<std::string>{"last"});
  EXPECT_EQ(page.next, kEndPlace);
}

TEST_F(LocalStoreScanTest, AnyNumberIsACursor) {
  for (int i = 0; i < 100; ++i) Put(0, std::to_string(i));
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t cursor : {uint64_t{1} << bit, ~uint64_t{0} >> bit}) {
      const KeyPage page = store_.List(0, cursor, kEndPlace, 10, kNow);
      EXPECT_TRUE(page.next == kEndPlace || page.next > cursor);
      if (cursor >= kEndPlace) {
        EXPECT_TRUE(page.keys.empty());
      }
    }
  }
}

TEST_F(LocalStoreScanTest, AnyCountIsServed) {
  for (int i = 0; i < 20; ++i) Put(0, std::to_string(i));
  EXPECT_EQ(store_.List(0, 0, kEndPlace, 0, kNow).keys.size(), 1u);
  EXPECT_EQ(store_.List(0, 0, kEndPlace, ~size_t{0}, kNow).keys.size(), 20u);
}

TEST_F(LocalStoreScanTest, ExpiredKeysAreLeftOut) {
  Put(0, "live");
  Put(0, "expired", kNow - 1);
  EXPECT_EQ(store_.List(0, 0, kEndPlace, 10, kNow).keys, std::vector<std::string>{"live"});
}

TEST_F(LocalStoreScanTest, ASparseDatabaseCostsAsMuchPerCallAsAFullOne) {
  for (int i = 0; i < 5000; ++i) Put(0, std::to_string(i));
  Put(1, "lonely");
  constexpr size_t kCount = 10;
  std::vector<std::string> found;
  uint64_t cursor = 0;
  do {
    engine_.calls = {};
    const KeyPage page = store_.List(1, cursor, kEndPlace, kCount, kNow);
    EXPECT_LE(engine_.calls.steps, 10 * kCount + 1);
    found.insert(found.end(), page.keys.begin(), page.keys.end());
    EXPECT_TRUE(page.next == kEndPlace || page.next > cursor);
    cursor = page.next;
  } while (cursor != kEndPlace);
  EXPECT_EQ(found, std::vector<std::string>{"lonely"});
}

TEST_F(LocalStoreScanTest, ManyExpiredKeysCostAsMuchPerCallAsLiveOnes) {
  for (int i = 0; i < 5000; ++i) Put(0, std::to_string(i), kNow - 1);
  engine_.calls = {};
  const KeyPage page = store_.List(0, 0, kEndPlace, 10, kNow);
  EXPECT_LE(engine_.calls.steps, 101u);
  EXPECT_TRUE(page.keys.empty());
  EXPECT_NE(page.next, kEndPlace);
}

TEST_F(LocalStoreScanTest, AnEmptyDatabaseCostsNothing) {
  for (int i = 0; i < 100; ++i) Put(0, std::to_string(i));
  engine_.calls = {};
  EXPECT_EQ(store_.List(1, 0, kEndPlace, 10, kNow).next, kEndPlace);
  EXPECT_EQ(engine_.calls.steps, 0u);
}

TEST_F(LocalStoreScanTest, KeysPresentAllTheTimeAreReturnedWhateverComesAndGoes) {
  std::set<std::string> present;
  for (int i = 0; i < 500; ++i) present.insert("stays" + std::to_string(i));
  for (const std::string& key : present) Put(0, key);
  for (const size_t count : {1, 7, 50}) {
    std::set<std::string> scanned;
    uint64_t cursor = 0;
    int turn = 0;
    do {
      const KeyPage page = store_.List(0, cursor, kEndPlace, count, kNow);
      scanned.insert(page.keys.begin(), page.keys.end());
      cursor = page.next;
      for (int i = 0; i < 20; ++i, ++turn) {
        const std::string passing = "passes" + std::to_string(turn * 7919 % 300);
        if (turn % 3 == 0) {
          store_.Write({0, passing}, Change::Delete(), kNow);
        } else {
          Put(0, passing);
        }
        Put(0, "stays" + std::to_string(turn * 104729 % 500), kNow + turn);
      }
    } while (cursor != kEndPlace);
    for (const std::string& key : present) EXPECT_TRUE(scanned.contains(key)) << key;
  }
}

}  // namespace
}  // namespace cartwheel::cluster
