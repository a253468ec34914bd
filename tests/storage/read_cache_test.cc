// The cache in front of the tree: what it may forget, and what it must never show.
#include "storage/read_cache.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

constexpr uint64_t kSmall = 64 << 10;

std::string KeyOf(uint64_t number) {
  return "key:" + std::to_string(number);
}

// Inserts keys of 100-byte values, each in a turn of its own.
void InsertMany(ReadCache& cache, uint64_t from, uint64_t to) {
  for (uint64_t i = from; i < to; ++i) {
    cache.Insert(KeyOf(i), std::string(100, static_cast<char>('a' + i % 26)));
    cache.ReleaseViews();
  }
}

TEST(ReadCache, FindsWhatWasInsertedAndNothingElse) {
  ReadCache cache(kSmall);
  EXPECT_EQ(cache.Get("a"), std::nullopt);
  cache.Insert("a", "1");
  cache.Insert("empty", "");
  EXPECT_EQ(cache.Get("a"), "1");
  EXPECT_EQ(cache.Get("empty"), "");
  EXPECT_EQ(cache.Get("b"), std::nullopt);
  EXPECT_EQ(cache.Get(""), std::nullopt);
}

TEST(ReadCache, ASecondInsertionOfAKeyChangesNothing) {
  ReadCache cache(kSmall);
  cache.Insert("a", "1");
  cache.Insert("a", "2");
  EXPECT_EQ(cache.Get("a"), "1");
  cache.Erase("a");
  EXPECT_EQ(cache.Get("a"), std::nullopt);
}

TEST(ReadCache, ReplaceChangesOnlyWhatIsCached) {
  ReadCache cache(kSmall);
  cache.Insert("a", "1");
  for (const size_t size : {1U, 7U, 0U, 500U, 3U, 4000U}) {
    cache.Replace("a", std::string(size, 'v'));
    EXPECT_EQ(cache.Get("a"), std::string(size, 'v')) << size;
  }
  cache.Replace("b", "2");
  EXPECT_EQ(cache.Get("b"), std::nullopt);
}

TEST(ReadCache, ReplacingByAValueTooLargeForgetsTheKey) {
  ReadCache cache(1 << 20);
  cache.Insert("a", "1");
  cache.Replace("a", std::string(ReadCache::kMaxEntryBytes, 'v'));
  EXPECT_EQ(cache.Get("a"), std::nullopt);
}

TEST(ReadCache, EntriesAboveTheLimitAreNotCached) {
  ReadCache cache(1 << 20);
  const std::string value(ReadCache::kMaxEntryBytes - 1, 'v');
  cache.Insert("a", value);
  EXPECT_EQ(cache.Get("a"), value);
  cache.Insert("bb", value);
  EXPECT_EQ(cache.Get("bb"), std::nullopt);
  const std::string huge_key(100'000, 'k');
  cache.Insert(huge_key, "");
  EXPECT_EQ(cache.Get(huge_key), std::nullopt);
  cache.Replace(huge_key, "1");
  cache.Erase(huge_key);
  EXPECT_EQ(cache.Get("a"), value);
}

TEST(ReadCache, TakesNoMoreThanItsLimitAndNothingBeforeItIsUsed) {
  for (const uint64_t limit : {uint64_t{2} << 10, uint64_t{4} << 10, uint64_t{1'000'003}}) {
    ReadCache cache(limit);
    EXPECT_EQ(cache.bytes(), 0U);
    InsertMany(cache, 0, 20'000);
    EXPECT_LE(cache.bytes(), limit);
    EXPECT_GT(cache.bytes(), limit / 2);
  }
}

TEST(ReadCache, ACacheOfNoSizeCachesNothing) {
  for (const uint64_t limit : {0, 1, 1023}) {
    ReadCache cache(limit);
    cache.Insert("a", "1");
    cache.Replace("a", "2");
    cache.Erase("a");
    cache.ReleaseViews();
    cache.Clear();
    EXPECT_EQ(cache.Get("a"), std::nullopt);
    EXPECT_EQ(cache.bytes(), 0U);
  }
}

TEST(ReadCache, ClearForgetsEverythingAndGivesTheMemoryBack) {
  ReadCache cache(kSmall);
  InsertMany(cache, 0, 5000);
  cache.Clear();
  EXPECT_EQ(cache.bytes(), 0U);
  for (uint64_t i = 0; i < 5000; ++i) ASSERT_EQ(cache.Get(KeyOf(i)), std::nullopt);
  InsertMany(cache, 0, 10);
  EXPECT_EQ(cache.Get(KeyOf(9)), std::string(100, 'j'));
}

TEST(ReadCache, NewEntriesTakeTheRoomOfTheOldest) {
  ReadCache cache(kSmall);
  InsertMany(cache, 0, 5000);
  EXPECT_EQ(cache.Get(KeyOf(0)), std::nullopt);
  EXPECT_EQ(cache.Get(KeyOf(4000)), std::nullopt);
  int recent = 0;
  for (uint64_t i = 4800; i < 5000; ++i) recent += cache.Get(KeyOf(i)).has_value() ? 1 : 0;
  EXPECT_GT(recent, 190) << "crowded buckets may forget a few";
}

TEST(ReadCache, EntriesThatAreReadOutliveThoseThatAreNot) {
  constexpr uint64_t kHot = 4;
  constexpr uint64_t kTurns = 5000;
  constexpr uint64_t kLaps = kTurns / (kSmall / 128);  // the log holds fewer entries than this
  ReadCache cache(kSmall);
  uint64_t misses = 0;
  for (uint64_t turn = 0; turn < kTurns; ++turn) {
    InsertMany(cache, kHot + turn, kHot + turn + 1);
    for (uint64_t hot = 0; hot < kHot; ++hot) {
      if (cache.Get(KeyOf(hot))) continue;
      ++misses;
      InsertMany(cache, hot, hot + 1);
    }
  }
  EXPECT_LT(misses, kHot + kHot * kLaps / 2) << "each lap would evict each of them";
}

TEST(ReadCache, AnEntryThatWasReadOnceIsEvictedInTheEnd) {
  ReadCache cache(kSmall);
  cache.Insert("once", "1");
  ASSERT_EQ(cache.Get("once"), "1");
  InsertMany(cache, 0, 5000);
  EXPECT_EQ(cache.Get("once"), std::nullopt);
}

TEST(ReadCache, ViewsOfATurnSurviveItsEvictions) {
  ReadCache cache(kSmall);
  InsertMany(cache, 0, 5000);
  std::vector<std::pair<uint64_t, std::string_view>> views;
  for (uint64_t i = 0; i < 5000; ++i) {
    if (const auto view = cache.Get(KeyOf(i))) views.emplace_back(i, *view);
  }
  ASSERT_GT(views.size(), 100U);
  for (uint64_t i = 5000; i < 10'000; ++i) cache.Insert(KeyOf(i), std::string(100, '!'));
  size_t evicted = 0;
  for (const auto& [number, view] : views) {
    ASSERT_EQ(view, std::string(100, static_cast<char>('a' + number % 26)));
    evicted += cache.Get(KeyOf(number)) ? 0 : 1;
  }
  EXPECT_GT(evicted, 0U) << "else the test tells nothing";
}

TEST(ReadCache, AfterATurnTooLongForTheRoomCachingGoesOn) {
  ReadCache cache(kSmall);
  for (uint64_t i = 0; i < 5000; ++i) cache.Insert(KeyOf(i), std::string(100, 'v'));
  EXPECT_EQ(cache.Get(KeyOf(4999)), std::nullopt) << "no room was left in this turn";
  cache.ReleaseViews();
  InsertMany(cache, 5000, 5010);
  EXPECT_TRUE(cache.Get(KeyOf(5009)).has_value());
}

// The log's laps are counted in 16 bits; before they run out the cache starts over.
TEST(ReadCache, OutlivesTheLastLap) {
  ReadCache cache(1 << 10);
  const std::string value(40, 'v');
  uint64_t emptied = 0;
  for (uint64_t i = 0; i < 70'000 * 20; ++i) {
    const std::string key = KeyOf(i);
    const uint64_t before = cache.bytes();
    cache.Insert(key, value);
    ASSERT_EQ(cache.Get(key), value);
    cache.ReleaseViews();
    if (cache.bytes() < before) ++emptied;
  }
  EXPECT_EQ(emptied, 1U);
}

// What a cache of a committed store must hold at any time: the value of the last commit or nothing.
class Model {
 public:
  Model(uint64_t seed, uint64_t limit) : random_(seed), cache_(limit) {}

  void Step() {
    const std::string key = RandomKey();
    const uint64_t dice = random_.Below(100);
    if (dice < 70) return Read(key);
    EndTurn();
    if (dice < 85) return Put(key);
    if (dice < 92) return Delete(key);
    if (random_.Below(200) == 0) {
      store_.clear();
      cache_.Clear();
    }
  }
  uint64_t hits() const { return hits_; }

 private:
  // Small numbers more often than large ones.
  std::string RandomKey() {
    const std::string key = KeyOf(random_.Below(1 + random_.Below(400)));
    return key.size() % 3 == 0 ? key + std::string(300, 'k') : key;
  }

  void Read(const std::string& key) {
    const auto stored = store_.find(key);
    const auto cached = cache_.Get(key);
    if (cached) {
      ASSERT_NE(stored, store_.end()) << key;
      ASSERT_EQ(*cached, stored->second) << key;
      views_.emplace_back(*cached, stored->second);
      ++hits_;
    } else if (stored != store_.end()) {
      cache_.Insert(key, stored->second);
    }
  }

  void EndTurn() {
    for (const auto& [view, value] : views_) ASSERT_EQ(view, value);
    views_.clear();
    cache_.ReleaseViews();
  }

  void Put(const std::string& key) {
    const std::string value(random_.Below(1 + random_.Below(1500)),
                            static_cast<char>(random_.Below(256)));
    store_[key] = value;
    cache_.Replace(key, value);
  }

  void Delete(const std::string& key) {
    store_.erase(key);
    cache_.Erase(key);
  }

  Random random_;
  ReadCache cache_;
  std::map<std::string, std::string> store_;
  std::vector<std::pair<std::string_view, std::string>> views_;
  uint64_t hits_ = 0;
};

TEST(ReadCache, NeverShowsAnythingButTheLastCommittedValue) {
  for (const uint64_t limit : {1U << 10, 3000U, 1U << 14, 1U << 17, 1U << 22}) {
    SCOPED_TRACE("limit " + std::to_string(limit));
    Model model(limit, limit);
    for (int step = 0; step < 100'000 && !testing::Test::HasFatalFailure(); ++step) model.Step();
    if (testing::Test::HasFatalFailure()) return;
    EXPECT_GT(model.hits(), 300U);
  }
}

}  // namespace
}  // namespace cartwheel::storage
