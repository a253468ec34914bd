#include "cluster/expiry_index.h"

#include <gtest/gtest.h>

#include "cluster/store_key.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

std::string StoreKey(Database database, std::string_view key) {
  std::string out;
  EncodeStoreKey({database, key}, out);
  return out;
}

class ExpiryIndexTest : public testing::Test {
 protected:
  // Store keys of the entries that expired by `now_ms`.
  std::vector<std::string> Expired(int64_t now_ms, size_t limit = 100'000) {
    std::vector<std::string> store_keys;
    for (const std::string& entry : index_.Expired({}, now_ms, limit)) {
      store_keys.emplace_back(ExpiryEntry::Decode(entry).store_key);
    }
    return store_keys;
  }
  std::unique_ptr<storage::Engine> engine_ = storage::NewMemoryEngine();
  ExpiryIndex index_{*engine_};
};

using Strings = std::vector<std::string>;

TEST_F(ExpiryIndexTest, EntriesComeSoonestFirst) {
  index_.Add(300, "c");
  index_.Add(100, "b");
  index_.Add(0x1'0000'0000, "d");
  index_.Add(100, "a");
  EXPECT_EQ(Expired(kMaxExpireAt), (Strings{"a", "b", "c", "d"}));
  EXPECT_EQ(index_.Earliest({}), 100);
}

TEST_F(ExpiryIndexTest, AnEntryIsExpiredAfterItsMillisecond) {
  index_.Add(100, "a");
  EXPECT_EQ(Expired(99), Strings{});
  EXPECT_EQ(Expired(100), Strings{});
  EXPECT_EQ(Expired(101), Strings{"a"});
}

TEST_F(ExpiryIndexTest, NoMoreThanTheLimitIsReturned) {
  for (int i = 1; i <= 5; ++i) index_.Add(i, std::to_string(i));
  EXPECT_EQ(Expired(100, 3), (Strings{"1", "2", "3"}));
  EXPECT_EQ(Expired(100, 0), Strings{});
}

TEST_F(ExpiryIndexTest, ARemovedEntryIsGoneAndOthersStay) {
  index_.Add(100, "a");
  index_.Add(100, "b");
  index_.Remove(100, "a");
  index_.Remove(101, "b");
  EXPECT_FALSE(index_.Contains(100, "a"));
  EXPECT_TRUE(index_.Contains(100, "b"));
  EXPECT_FALSE(index_.Contains(101, "b"));
}

TEST_F(ExpiryIndexTest, IsReadFromBehindAnEntryThereOrNot) {
  for (int i = 1; i <= 3; ++i) index_.Add(i, std::to_string(i));
  const std::string second = index_.Expired({}, 100, 2).back();
  EXPECT_EQ(index_.Expired(second, 100, 10).size(), 1);
  EXPECT_EQ(index_.Earliest(second), 3);
  index_.RemoveEntry(second);
  EXPECT_EQ(index_.Expired(second, 100, 10).size(), 1);
  EXPECT_EQ(index_.First(second, 10).size(), 1);
  EXPECT_EQ(index_.Earliest(index_.First(second, 10).back()), std::nullopt);
}

TEST_F(ExpiryIndexTest, AnEmptyIndexHasNoEarliest) {
  EXPECT_EQ(index_.Earliest({}), std::nullopt);
}

TEST_F(ExpiryIndexTest, BytesThatAreNoEntryAreMetFirstAndCanBeRemoved) {
  index_.Add(100, "a");
  engine_->Put(Keyspace::kExpiry, std::string("\0\0", 2), "");
  const auto entries = index_.Expired({}, 1, 10);
  ASSERT_EQ(entries.size(), 1);
  EXPECT_EQ(ExpiryEntry::Decode(entries[0]).store_key, "");
  index_.RemoveEntry(entries[0]);
  EXPECT_EQ(index_.Earliest({}), 100);
}

TEST_F(ExpiryIndexTest, OneDatabaseIsRemovedFromAmongOthers) {
  constexpr int kKeys = 3000;  // more than one turn of the removal
  for (int i = 0; i < kKeys; ++i) {
    for (const Database database : {0, 1, 2}) {
      index_.Add(1 + i, StoreKey(database, std::to_string(i)));
    }
  }
  index_.RemoveDatabase(1);
  const Strings left = Expired(kMaxExpireAt);
  EXPECT_EQ(left.size(), 2u * kKeys);
  for (const std::string& store_key : left) EXPECT_NE(DecodeStoreKey(store_key)->database, 1);
}

}  // namespace
}  // namespace cartwheel::cluster
