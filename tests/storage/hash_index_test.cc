#include "storage/hash_index.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "layer_testing.h"

namespace cartwheel::storage {
namespace {

std::string KeyOf(uint64_t number) {
  return "key" + std::to_string(number);
}

void Insert(HashIndex& index, Entry* entry) {
  index.Insert(entry, HashIndex::HashOf(entry->key()));
}
Entry* Find(const HashIndex& index, std::string_view key) {
  return index.Find(key, HashIndex::HashOf(key));
}

std::multiset<Entry*> Sweep(HashIndex& index) {
  std::multiset<Entry*> met;
  for (uint64_t bucket = 0; bucket < index.bucket_count(); ++bucket) {
    index.VisitBucket(bucket, [&](Entry* entry) {
      met.insert(entry);
      return false;
    });
  }
  return met;
}

TEST(HashIndex, DoesWhatAMapDoes) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    EntryOwner entries;
    HashIndex index;
    std::map<std::string, Entry*> model;
    for (int step = 0; step < 40'000; ++step) {
      const std::string key = KeyOf(random.Below(8000));
      const auto found = model.find(key);
      Entry* const entry = found == model.end() ? nullptr : found->second;
      ASSERT_EQ(Find(index, key), entry) << key;
      if (entry == nullptr) {
        Insert(index, model[key] = entries.New(key));
      } else if (random.Below(2) == 0) {
        index.Remove(entry, HashIndex::HashOf(key));
        model.erase(found);
      } else {
        index.Replace(entry, found->second = entries.New(key), HashIndex::HashOf(key));
      }
      ASSERT_EQ(index.size(), model.size());
    }
    std::multiset<Entry*> expected;
    for (const auto& [key, entry] : model) expected.insert(entry);
    EXPECT_TRUE(Sweep(index) == expected);
  }
}

// Grows and shrinks over the number of buckets from which on the tags decide the splits.
TEST(HashIndex, ShrinksWhenEntriesHaveBecomeFewAndLosesNone) {
  Random random(1);
  EntryOwner entries;
  HashIndex index;
  const uint64_t empty_bytes = index.bytes();
  std::map<std::string, Entry*> there;
  const auto expect_all = [&] {
    for (const auto& [key, entry] : there) ASSERT_EQ(Find(index, key), entry) << key;
    ASSERT_EQ(index.size(), there.size());
  };
  for (const uint64_t most : {300'000, 50, 20'000}) {
    for (uint64_t i = 0; i < most; ++i) {
      const std::string key = KeyOf(i);
      if (!there.contains(key)) Insert(index, there[key] = entries.New(key));
    }
    const uint64_t large = index.bucket_count();
    EXPECT_FALSE(index.Shrink(1000)) << "it is not too large";
    while (there.size() > most / 10) {
      const auto at = there.lower_bound(KeyOf(random.Below(most)));
      if (at == there.end()) continue;
      index.Remove(at->second, HashIndex::HashOf(at->first));
      there.erase(at);
      const uint64_t before = index.bucket_count();
      index.Shrink(1);
      ASSERT_LE(before - index.bucket_count(), 1);
    }
    while (index.Shrink(100)) {
    }
    EXPECT_LT(index.bucket_count(), large);
    EXPECT_LE(index.bucket_count(), std::max<uint64_t>(there.size() + 1, 8));
    expect_all();
    std::multiset<Entry*> expected;
    for (const auto& [key, entry] : there) expected.insert(entry);
    EXPECT_TRUE(Sweep(index) == expected);
  }
  for (const auto& [key, entry] : there) index.Remove(entry, HashIndex::HashOf(key));
  while (index.Shrink(100)) {
  }
  EXPECT_EQ(index.bucket_count(), 8U);
  EXPECT_LT(index.bytes(), empty_bytes + (1 << 20)) << "lines of buckets that overflowed are kept";
}

TEST(HashIndex, GrowsByOneBucketAtATimeAndKeepsFourEntriesToEach) {
  EntryOwner entries;
  HashIndex index;
  // Beyond 65,536 buckets the tags decide the splits, below it the keys.
  constexpr uint64_t kEntries = 300'000;
  for (uint64_t i = 0; i < kEntries; ++i) {
    const uint64_t buckets = index.bucket_count();
    Insert(index, entries.New(KeyOf(i)));
    ASSERT_LE(index.bucket_count(), buckets + 1);
    ASSERT_LE(index.size(), index.bucket_count() * 4);
  }
  EXPECT_GT(index.bucket_count(), 65'536U);
  EXPECT_LE(index.bytes(), kEntries * 24);
  for (uint64_t i = 0; i < kEntries; ++i) ASSERT_NE(Find(index, KeyOf(i)), nullptr) << i;
  EXPECT_EQ(Find(index, "another"), nullptr);
}

// Few enough entries that no bucket is split: the index takes any hash for theirs.
TEST(HashIndex, EntriesOfOneHashOverflowIntoFurtherLinesAndAreToldApartByTheirKeys) {
  // The second has the tag that an empty slot seems to have.
  for (const uint64_t hash : {uint64_t{0x1234'5678'9abc}, uint64_t{0}}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      Random random(seed);
      EntryOwner entries;
      HashIndex index;
      std::vector<Entry*> there;
      for (uint64_t i = 0; i < 30; ++i) {
        ASSERT_EQ(index.Find(KeyOf(i), hash), nullptr);
        index.Insert(there.emplace_back(entries.New(KeyOf(i))), hash);
      }
      ASSERT_EQ(index.bucket_count(), 8U) << "or the hashes of the keys would count";
      while (!there.empty()) {
        const auto at = there.begin() + static_cast<std::ptrdiff_t>(random.Below(there.size()));
        Entry* fresh = entries.New((*at)->key());
        index.Replace(*at, fresh, hash);
        index.Remove(fresh, hash);
        ASSERT_EQ(index.Find(fresh->key(), hash), nullptr);
        there.erase(at);
        for (Entry* entry : there) ASSERT_EQ(index.Find(entry->key(), hash), entry);
        ASSERT_EQ(Sweep(index), std::multiset<Entry*>(there.begin(), there.end()));
      }
      EXPECT_EQ(index.size(), 0U);
    }
  }
}

TEST(HashIndex, LinesThatOverflowAreUsedAgain) {
  EntryOwner entries;
  HashIndex index;
  uint64_t bytes = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<Entry*> there;
    for (uint64_t i = 0; i < 30; ++i) {
      index.Insert(there.emplace_back(entries.New(KeyOf(i))), 5);
    }
    for (Entry* entry : there) index.Remove(entry, 5);
    if (round == 0) bytes = index.bytes();
  }
  EXPECT_EQ(index.bytes(), bytes);
}

TEST(HashIndex, ASweepTakesOutWhatItIsToldToAndMeetsEachEntryOnce) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    EntryOwner entries;
    HashIndex index;
    std::multiset<Entry*> all;
    for (uint64_t i = 0; i < 30; ++i) {
      Entry* entry = entries.New(KeyOf(i));
      all.insert(entry);
      index.Insert(entry, random.Below(2));  // two buckets with lines behind them
    }
    std::multiset<Entry*> met;
    std::multiset<Entry*> left;
    for (uint64_t bucket = 0; bucket < index.bucket_count(); ++bucket) {
      index.VisitBucket(bucket, [&](Entry* entry) {
        met.insert(entry);
        const bool goes = random.Below(3) != 0;
        if (!goes) left.insert(entry);
        return goes;
      });
    }
    EXPECT_EQ(met, all);
    EXPECT_EQ(Sweep(index), left);
    EXPECT_EQ(index.size(), left.size());
  }
}

TEST(HashIndex, ASweepMeetsEverythingThatWasThereThoughTheIndexGrowsMeanwhile) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    EntryOwner entries;
    HashIndex index;
    std::set<Entry*> there;
    for (uint64_t i = 0; i < 2000; ++i) {
      Entry* entry = entries.New(KeyOf(i));
      there.insert(entry);
      Insert(index, entry);
    }
    uint64_t next = 2000;
    for (uint64_t bucket = 0; bucket < index.bucket_count(); ++bucket) {
      index.VisitBucket(bucket, [&](Entry* entry) {
        there.erase(entry);
        return false;
      });
      // Three entries a bucket let the sweep catch up with the end, after many splits.
      for (uint64_t i = random.Below(7); i > 0; --i) Insert(index, entries.New(KeyOf(next++)));
      ASSERT_LT(next, 100'000U);
    }
    EXPECT_TRUE(there.empty()) << there.size() << " were not met";
  }
}

// An empty slot looks like one with the tag 0.
TEST(HashIndex, PrefetchingFindsNothingInEmptySlots) {
  const HashIndex index;
  for (const uint64_t hash : {uint64_t{0}, uint64_t{7}, ~uint64_t{0}}) {
    index.Prefetch(hash);
    index.PrefetchEntry(hash);
    EXPECT_EQ(index.Find("key", hash), nullptr);
  }
}

}  // namespace
}  // namespace cartwheel::storage
