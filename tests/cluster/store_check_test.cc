#include "cluster/store_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/identity.h"
#include "cluster/local_store.h"
#include "cluster/store_key.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000'000;

// A real store, which each test may then damage behind its back.
class StoreCheckTest : public testing::Test {
 protected:
  StoreCheckTest() {
    auto store = *LocalStore::Open(*engine_, {});
    for (int i = 0; i < 50; ++i) {
      const ExpireAt expire_at = i % 2 == 0 ? kNoExpiry : kNow + i;
      store.Write({static_cast<Database>(i % 3), "key" + std::to_string(i)},
                  Change::Put("value", expire_at), kNow);
    }
    EXPECT_TRUE(store.Commit().has_value());
  }

  static std::string StoreKey(Database database, std::string_view key) {
    std::string out;
    EncodeStoreKey({database, key}, out);
    return out;
  }
  std::string Get(Keyspace keyspace, std::string_view key) {
    return std::string(*engine_->Get(keyspace, key));
  }
  std::string EntryOf(std::string_view store_key) {
    const auto cursor = engine_->NewCursor(Keyspace::kExpiry);
    for (cursor->Seek({}); cursor->Valid(); cursor->Next()) {
      if (cursor->key().ends_with(store_key)) return std::string(cursor->key());
    }
    return "";
  }

  template <class Visitor>
  void VisitAll(const Visitor& visit) {
    for (size_t i = 0; i < storage::kKeyspaceCount; ++i) {
      const auto keyspace = static_cast<Keyspace>(i);
      const auto cursor = engine_->NewCursor(keyspace);
      for (cursor->Seek({}); cursor->Valid(); cursor->Next()) {
        visit(keyspace, cursor->key(), cursor->value());
      }
    }
  }
  StoreCheck Check() {
    StoreCheck check;
    VisitAll([&](Keyspace keyspace, std::string_view key, std::string_view value) {
      check.Learn(keyspace, key, value);
    });
    VisitAll([&](Keyspace keyspace, std::string_view key, std::string_view value) {
      check.Visit(keyspace, key, value);
    });
    check.Compare();
    if (check.WantsNames()) {
      VisitAll([&](Keyspace keyspace, std::string_view key, std::string_view value) {
        check.Name(keyspace, key, value);
      });
    }
    return check;
  }

  std::unique_ptr<storage::Engine> engine_ = storage::NewMemoryEngine();
};

TEST_F(StoreCheckTest, AStoreAsItWasWrittenIsSound) {
  const StoreCheck check = Check();
  EXPECT_TRUE(check.sound());
  EXPECT_THAT(check.lines(), IsEmpty());
  EXPECT_EQ(check.found()[0], (Counts{.keys = 17, .expires = 8}));
}

TEST_F(StoreCheckTest, AnEmptyStoreIsSound) {
  engine_ = storage::NewMemoryEngine();
  EXPECT_TRUE(Check().sound());
}

TEST_F(StoreCheckTest, NamesADamagedRecord) {
  const std::string key = StoreKey(2, "key2");
  std::string record = Get(Keyspace::kData, key);
  record[record.size() / 2] ^= 1;
  engine_->Put(Keyspace::kData, key, record);
  const StoreCheck check = Check();
  EXPECT_FALSE(check.sound());
  EXPECT_EQ(check.damaged_records(), 1U);
  EXPECT_THAT(
      check.lines(),
      ElementsAre("damaged: database 2, key \"key2\": the record's checksum does not match: "
                  "it is damaged"));
}

// The entry of a damaged record may be all there is; it must not look like a second fault.
TEST_F(StoreCheckTest, ADamagedRecordThatExpiresLeavesAHarmlessEntry) {
  const std::string key = StoreKey(1, "key1");
  std::string record = Get(Keyspace::kData, key);
  record.back() ^= 1;
  engine_->Put(Keyspace::kData, key, record);
  const StoreCheck check = Check();
  EXPECT_EQ(check.damaged_records(), 1U);
  EXPECT_EQ(check.stale_entries(), 1U);
  ASSERT_EQ(check.lines().size(), 2U);
  EXPECT_EQ(check.lines()[1],
            "harmless: the expiry index has an entry without its record: database 1, key \"key1\"");
}

// What a SET over a damaged record leaves: its expiry was not known.
TEST_F(StoreCheckTest, AStaleEntryAloneIsSoundButNamed) {
  const std::string key = StoreKey(1, "key1");
  std::string record = Get(Keyspace::kData, key);
  record.back() ^= 1;
  engine_->Put(Keyspace::kData, key, record);
  auto store = *LocalStore::Open(*engine_, {});
  store.Write({1, "key1"}, Change::Put("again", kNoExpiry), kNow);
  ASSERT_TRUE(store.Commit().has_value());
  const StoreCheck check = Check();
  EXPECT_TRUE(check.sound());
  EXPECT_EQ(check.stale_entries(), 1U);
  EXPECT_EQ(check.lines().size(), 1U);
}

TEST_F(StoreCheckTest, NamesARecordMissingInTheIndex) {
  engine_->Delete(Keyspace::kExpiry, EntryOf(StoreKey(1, "key1")));
  const StoreCheck check = Check();
  EXPECT_FALSE(check.sound());
  EXPECT_EQ(check.unindexed_records(), 1U);
  EXPECT_THAT(check.lines(),
              testing::Contains("not in the expiry index: database 1, key \"key1\""));
}

TEST_F(StoreCheckTest, AnEntryWithAnotherTimeIsBoth) {
  const std::string entry = EntryOf(StoreKey(1, "key1"));
  std::string moved = entry;
  moved[5] = static_cast<char>(moved[5] + 1);
  engine_->Delete(Keyspace::kExpiry, entry);
  engine_->Put(Keyspace::kExpiry, moved, {});
  const StoreCheck check = Check();
  EXPECT_EQ(check.unindexed_records(), 1U);
  EXPECT_EQ(check.stale_entries(), 1U);
  EXPECT_TRUE(check.counts_agree());
}

TEST_F(StoreCheckTest, SaysWhichCountIsWrong) {
  engine_->Delete(Keyspace::kData, StoreKey(0, "key0"));
  const StoreCheck check = Check();
  EXPECT_FALSE(check.sound());
  EXPECT_THAT(check.lines(), ElementsAre("wrong count: database 0 has 16 keys, 8 that expire; "
                                         "counted were 17 keys, 8 that expire"));
}

TEST_F(StoreCheckTest, SaysThatCountsAreMissingOrUnreadable) {
  engine_->Put(Keyspace::kMeta, "counts", "nonsense");
  EXPECT_THAT(Check().lines(), ElementsAre("damaged: the counts of keys cannot be read"));
  engine_->Delete(Keyspace::kMeta, "counts");
  EXPECT_THAT(Check().lines(), ElementsAre("damaged: the counts of keys are missing"));
}

TEST_F(StoreCheckTest, SaysThatTheIdentityIsDamaged) {
  engine_->Put(Keyspace::kMeta, kIdentityKey, EncodeIdentity({.cluster_id = 1, .secret = {2}}));
  EXPECT_TRUE(Check().sound());
  engine_->Put(Keyspace::kMeta, kIdentityKey, "nonsense");
  const StoreCheck check = Check();
  EXPECT_FALSE(check.sound());
  EXPECT_THAT(check.lines(), ElementsAre("damaged: the identity that context tokens are bound to"));
}

TEST_F(StoreCheckTest, FindsAKeyInAnotherKeysPlace) {
  std::string wrong = StoreKey(0, "key0");
  wrong.back() = 'X';
  engine_->Put(Keyspace::kData, wrong, Get(Keyspace::kData, StoreKey(0, "key0")));
  const StoreCheck check = Check();
  EXPECT_FALSE(check.sound());
  EXPECT_THAT(check.lines(),
              ElementsAre("damaged: database 0, key \"keyX\": not where this key belongs"));
}

TEST_F(StoreCheckTest, KeepsTerminalsWholeAndListsShort) {
  engine_->Put(Keyspace::kData, "\x1b[2J", "v");
  for (int i = 0; i < 200; ++i) engine_->Put(Keyspace::kData, "\xff" + std::to_string(i), "v");
  const StoreCheck check = Check();
  EXPECT_EQ(check.lines().size(), StoreCheck::kMaxLines);
  EXPECT_EQ(check.lines_left_out(), 101U);
  EXPECT_THAT(check.lines()[0], testing::HasSubstr("\"\\x1b[2J\""));
}

}  // namespace
}  // namespace cartwheel::cluster
