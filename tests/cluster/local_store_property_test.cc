// Random operations on a local store and on a plain map of what a key should hold, with time
// moving: after every step both must tell the same story.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/local_store.h"
#include "cluster/store_key.h"
#include "storage/faulty_engine.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t bound) { return Next() % bound; }

 private:
  uint64_t state_;
};

struct ModelValue {
  std::string bytes;
  ExpireAt expire_at;
  int64_t written_at_ms;
  bool only_counted = false;  // increments have no time: it is written whenever it is read
};

void Add(std::string& bytes, int64_t delta) {
  bytes = std::to_string(std::stoll(bytes) + delta);
}

// Expired values stay in the model until reaped or replaced, as the store's counts do.
using Model = std::map<std::pair<Database, std::string>, ModelValue>;

class LocalStoreProperty : public testing::TestWithParam<uint64_t> {
 protected:
  static constexpr Database kDatabases = 3;

  LocalStoreProperty() : engine_(storage::NewMemoryEngine()), random_(GetParam()) {}

  Database AnyDatabase() { return static_cast<Database>(random_.Below(kDatabases)); }
  std::string AnyKey() {
    const std::string number = std::to_string(random_.Below(60));
    return random_.Below(4) == 0 ? "{tag}" + number : number;
  }
  ExpireAt AnyExpiry() {
    return random_.Below(2) == 0 ? kNoExpiry : now_ + static_cast<int64_t>(random_.Below(60)) - 5;
  }
  bool IsLive(const ModelValue& value) const { return !IsExpired(value.expire_at, now_); }

  void Step(LocalStore& store);
  void Write(LocalStore& store, const Change& change);
  void Reap(LocalStore& store);
  void EraseDatabase(Database database);
  void Commit(LocalStore& store);
  void ExpectSame(LocalStore& store);
  void ExpectSameKeys(LocalStore& store, Database database);

  storage::FaultyEngine engine_;
  Random random_;
  Model model_;
  Model committed_;
  int64_t now_ = 1'000'000;
};

void LocalStoreProperty::Write(LocalStore& store, const Change& change) {
  const Database database = AnyDatabase();
  const std::string key = AnyKey();
  const auto at = model_.find({database, key});
  const bool live = at != model_.end() && IsLive(at->second);
  bool changed = false;
  switch (change.kind()) {
    case Change::Kind::kPut:
      changed = live || !IsExpired(change.expire_at(), now_);
      model_[{database, key}] = {std::string(change.bytes()), change.expire_at(), now_};
      break;
    case Change::Kind::kExpire:
      changed = live;
      if (!live) break;
      at->second.expire_at = change.expire_at();
      // The expiry needs a value to stand on, which is written now.
      if (std::exchange(at->second.only_counted, false)) at->second.written_at_ms = now_;
      break;
    case Change::Kind::kAdd:
      changed = true;
      if (!live) model_[{database, key}] = {"0", kNoExpiry, now_, true};
      Add(model_[{database, key}].bytes, change.delta());
      break;
    case Change::Kind::kDelete:
      changed = live;
      if (at != model_.end()) model_.erase(at);
      break;
    case Change::Kind::kNone: break;
  }
  EXPECT_EQ(store.Write({database, key}, change, now_), changed);
}

void LocalStoreProperty::EraseDatabase(Database database) {
  std::erase_if(model_, [&](const auto& entry) { return entry.first.first == database; });
}

void LocalStoreProperty::Reap(LocalStore& store) {
  const size_t limit = 1 + random_.Below(10);
  std::vector<ExpireAt> expired;
  for (const auto& [key, value] : model_) {
    if (!IsLive(value)) expired.push_back(value.expire_at);
  }
  std::ranges::sort(expired);
  const auto reaped = store.Reap(now_, limit);
  ASSERT_EQ(reaped.size(), std::min(limit, expired.size()));
  for (size_t i = 0; i < reaped.size(); ++i) {
    const auto at = model_.find({reaped[i].database, reaped[i].key});
    ASSERT_NE(at, model_.end());
    EXPECT_EQ(at->second.expire_at, expired[i]) << "oldest first";
    model_.erase(at);
  }
}

// One commit in three fails, and all since the one before is undone.
void LocalStoreProperty::Commit(LocalStore& store) {
  if (random_.Below(3) > 0) {
    ASSERT_TRUE(store.Commit().has_value());
    committed_ = model_;
    return;
  }
  Write(store, Change::Put("1234567", kNoExpiry));  // an empty batch would not fail
  engine_.FailCommits(storage::Error::Kind::kNoSpace);
  ASSERT_FALSE(store.Commit().has_value());
  model_ = committed_;
}

void LocalStoreProperty::Step(LocalStore& store) {
  const uint64_t choice = random_.Below(100);
  if (choice < 50) {
    // An integer, so that increments have something to stand on.
    const std::string bytes =
        std::to_string(static_cast<int64_t>(random_.Next() >> random_.Below(64)) / 2);
    Write(store, Change::Put(bytes, AnyExpiry()));
  } else if (choice < 60) {
    Write(store, Change::Add(static_cast<int64_t>(random_.Below(1000)) - 500));
  } else if (choice < 65) {
    Write(store, Change::Delete());
  } else if (choice < 80) {
    Write(store, Change::Expire(AnyExpiry()));
  } else if (choice < 82) {
    Write(store, Change());
  } else if (choice < 92) {
    now_ += static_cast<int64_t>(random_.Below(10));
  } else if (choice < 97) {
    Reap(store);
  } else if (choice < 98) {
    const Database database = AnyDatabase();
    store.Flush(database);
    EraseDatabase(database);
  } else if (random_.Below(5) == 0) {
    store.FlushAll();
    model_.clear();
  } else {
    Commit(store);
  }
}

void LocalStoreProperty::ExpectSameKeys(LocalStore& store, Database database) {
  std::set<std::string> live;
  LocalStore::Counts counts;
  for (const auto& [key, value] : model_) {
    if (key.first != database) continue;
    ++counts.keys;
    if (value.expire_at != kNoExpiry) ++counts.expires;
    if (IsLive(value)) live.insert(key.second);
    const auto read = store.Read({database, key.second}, now_);
    ASSERT_TRUE(read.has_value());
    ASSERT_EQ(read->has_value(), IsLive(value));
    if (!read->has_value()) continue;
    const int64_t written_at_ms = value.only_counted ? now_ : value.written_at_ms;
    const Value expected{Type::kString, value.bytes, value.expire_at, written_at_ms};
    EXPECT_EQ(**read, expected);
  }
  EXPECT_EQ(store.counts(database), counts);

  std::set<std::string> scanned;
  uint64_t cursor = 0;
  do {
    KeyPage page = store.List(database, cursor, kEndPlace, 1 + random_.Below(20), now_);
    for (std::string& key : page.keys) {
      EXPECT_TRUE(scanned.insert(std::move(key)).second) << "nothing moved: no key comes twice";
    }
    EXPECT_TRUE(page.next == kEndPlace || page.next > cursor);
    cursor = page.next;
  } while (cursor != kEndPlace);
  EXPECT_EQ(scanned, live);

  const auto random_key = store.RandomKey(database, random_.Next(), now_);
  EXPECT_EQ(random_key.has_value(), !live.empty());
  EXPECT_TRUE(!random_key || live.contains(*random_key));
}

void LocalStoreProperty::ExpectSame(LocalStore& store) {
  for (Database database = 0; database < kDatabases; ++database) ExpectSameKeys(store, database);
  std::optional<int64_t> next;
  for (const auto& [key, value] : model_) {
    if (value.expire_at == kNoExpiry) continue;
    next = std::min(next.value_or(kMaxExpireAt), value.expire_at + 1);
  }
  EXPECT_EQ(store.NextExpiry(), next);
}

TEST_P(LocalStoreProperty, AStoreAndAPlainMapTellTheSameStory) {
  auto store = LocalStore::Open(engine_, {});
  ASSERT_TRUE(store.has_value());
  for (int step = 0; step < 2000; ++step) {
    ASSERT_NO_FATAL_FAILURE(Step(*store)) << "step " << step;
    if (step % 20 == 0) {
      ASSERT_NO_FATAL_FAILURE(ExpectSame(*store)) << "step " << step;
    }
    if (HasFailure()) FAIL() << "step " << step;
  }
  ASSERT_TRUE(store->Commit().has_value());
  auto reopened = LocalStore::Open(engine_, {});
  ASSERT_TRUE(reopened.has_value());
  ExpectSame(*reopened);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LocalStoreProperty, testing::Values(1, 2, 3, 4, 5, 6, 7, 8));

}  // namespace
}  // namespace cartwheel::cluster
