#include "cluster/database_walk.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cluster/counting_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

constexpr size_t kUnbounded = DatabaseWalk::kUnbounded;

class DatabaseWalkTest : public testing::Test {
 protected:
  void Add(Slot slot, Database database, uint64_t hash, std::string_view key) {
    engine_.Put(Keyspace::kData, StoreKeyPrefix(slot, database, hash).append(key), "record");
  }
  std::vector<std::string> Keys(Database database, ScanPlace from) {
    std::vector<std::string> keys;
    DatabaseWalk walk(engine_, database, kUnbounded);
    for (walk.Seek(from); walk.AtKey(); walk.Next()) keys.emplace_back(walk.key());
    EXPECT_EQ(walk.place(), kEndPlace);
    return keys;
  }
  CountingEngine engine_;
};

using Strings = std::vector<std::string>;

TEST_F(DatabaseWalkTest, KeysOfOneDatabaseComeInOrderOfSlotAndHash) {
  Add(7, 1, 20, "c");
  Add(7, 1, 10, "b");
  Add(7, 0, 15, "other");
  Add(7, 2, 15, "other");
  Add(0, 1, 99, "a");
  Add(kSlotCount - 1, 1, ~uint64_t{0}, "d");
  EXPECT_EQ(Keys(1, 0), (Strings{"a", "b", "c", "d"}));
}

TEST_F(DatabaseWalkTest, AnEmptyStoreIsAtItsEnd) {
  EXPECT_EQ(Keys(0, 0), Strings{});
}

TEST_F(DatabaseWalkTest, SeekGoesToTheFirstKeyAtOrAfterAPlace) {
  const uint64_t one = uint64_t{1} << 30;  // the hash of two neighbouring places differs by this
  Add(7, 1, 1 * one, "a");
  Add(7, 1, 2 * one, "b");
  EXPECT_EQ(Keys(1, PlaceOf(7, 1 * one)), (Strings{"a", "b"}));
  EXPECT_EQ(Keys(1, PlaceOf(7, 1 * one) + 1), (Strings{"b"}));
  EXPECT_EQ(Keys(1, PlaceOf(8, 0)), Strings{});
}

TEST_F(DatabaseWalkTest, NoPlaceIsTooHigh) {
  Add(kSlotCount - 1, 1, ~uint64_t{0}, "last");
  EXPECT_EQ(Keys(1, kEndPlace - 1), Strings{"last"});
  EXPECT_EQ(Keys(1, kEndPlace), Strings{});
  EXPECT_EQ(Keys(1, ~uint64_t{0}), Strings{});
}

TEST_F(DatabaseWalkTest, AKeyIsShownWithItsPlaceAndRecord) {
  Add(7, 1, 20, "key");
  DatabaseWalk walk(engine_, 1, kUnbounded);
  walk.Seek(0);
  ASSERT_TRUE(walk.AtKey());
  EXPECT_EQ(walk.place(), PlaceOf(7, 20));
  EXPECT_EQ(walk.store_key(), StoreKeyPrefix(7, 1, 20) + "key");
  EXPECT_EQ(walk.record(), "record");
}

TEST_F(DatabaseWalkTest, BytesThatAreNoStoreKeyAreSteppedOver) {
  Add(7, 1, 20, "key");
  engine_.Put(Keyspace::kData, "x", "");
  engine_.Put(Keyspace::kData, std::string("\0\7\1", 3), "");
  Add(7, kMaxDatabases, 0, "no such database");
  Add(kSlotCount, 1, 0, "no such slot");
  EXPECT_EQ(Keys(1, 0), Strings{"key"});
}

TEST_F(DatabaseWalkTest, ManyKeysOfAnotherDatabaseCostOneSeekASlot) {
  for (uint64_t hash = 0; hash < 1000; ++hash) Add(3, 0, hash, "other");
  for (uint64_t hash = 0; hash < 1000; ++hash) Add(3, 2, hash, "other");
  Add(9, 1, 0, "mine");
  EXPECT_EQ(Keys(1, 0), Strings{"mine"});
  EXPECT_LE(engine_.calls.steps, 4);
}

TEST_F(DatabaseWalkTest, ASpentWalkStopsFurtherOnAndCanBeTakenUpThere) {
  constexpr size_t kBudget = 3;
  for (Slot slot = 0; slot < 100; ++slot) Add(slot, 0, 5, "other");
  Add(99, 1, 5, "mine");
  ScanPlace place = 0;
  size_t turns = 0;
  for (;; ++turns) {
    ASSERT_LT(turns, 100u);
    engine_.calls = {};
    DatabaseWalk walk(engine_, 1, kBudget);
    walk.Seek(place);
    EXPECT_LE(engine_.calls.steps, kBudget);
    if (walk.AtKey()) {
      EXPECT_EQ(walk.key(), "mine");
      break;
    }
    EXPECT_TRUE(walk.Spent());
    ASSERT_GT(walk.place(), place);
    place = walk.place();
  }
  EXPECT_GT(turns, 10u);
}

}  // namespace
}  // namespace cartwheel::cluster
