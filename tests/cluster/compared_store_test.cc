// A store's trees are what its records say, whatever happens to these, and what two stores tell of
// their leaves makes them equal.
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "cluster/local_store.h"
#include "cluster/owned_container.h"
#include "cluster/read_quorum.h"
#include "cluster/slot.h"
#include "storage/faulty_engine.h"
#include "storage/memory_engine.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

Ownership AllOwned() {
  Ownership ownership;
  ownership.alone = false;
  ownership.owned.set();
  return ownership;
}

class ComparedStore : public testing::Test {
 protected:
  // All keys are of one partition.
  static std::string Key(size_t number) { return "{same}" + std::to_string(number); }
  static Partition At() { return PartitionOfKey(Key(0)); }
  static std::string StoreKey(size_t number) {
    std::string key;
    const std::string name = Key(number);
    EncodeStoreKey({0, name}, key);
    return key;
  }

  void SetUp() override { Open(); }
  void Open() {
    store_.emplace(*LocalStore::Open(engine_, {.actor_seed = ++seed_, .ownership = AllOwned()}));
    for (Partition i = 0; i < kPartitions; ++i) store_->MarkComplete(i);
  }
  bool Commit() { return store_->Commit().has_value(); }
  void Put(size_t number, const std::string& value = "v", ExpireAt at = kNoExpiry,
           Database database = 0) {
    const std::string key = Key(number);
    store_->Write({database, key}, Change::Put(value, at), now_ms_);
  }
  void Delete(size_t number) {
    const std::string key = Key(number);
    store_->Write({0, key}, Change::Delete(), now_ms_);
  }
  static void BuildAll(LocalStore& store, size_t step = 1'000) {
    for (size_t limit = step; !store.BuildTree(At(), limit); limit = step) {
    }
  }
  void Build(size_t step = 1'000) { BuildAll(*store_, step); }
  // As it would be built now, in another store over the same records.
  uint64_t RootOfRecords() {
    LocalStore fresh = *LocalStore::Open(engine_, {.actor_seed = 99, .ownership = AllOwned()});
    BuildAll(fresh);
    return fresh.TreeOf(At())->Root();
  }
  std::vector<LeafNumber> AllLeaves() {
    std::vector<LeafNumber> numbers;
    for (LeafNumber i = 0; i < store_->TreeOf(At())->leaves(); ++i) numbers.push_back(i);
    return numbers;
  }

  storage::FaultyEngine engine_{storage::NewMemoryEngine()};
  std::optional<LocalStore> store_;
  uint64_t seed_ = 0;
  int64_t now_ms_ = kNowMs;
};

TEST_F(ComparedStore, ATreeFollowsEveryChangeOfARecord) {
  Random random(5);
  for (int i = 0; i < 50; ++i) Put(random.Below(200));
  ASSERT_TRUE(Commit());
  Build();
  for (int round = 0; round < 300; ++round) {
    const size_t number = random.Below(200);
    const std::string key = Key(number);
    switch (random.Below(8)) {
      case 0: Delete(number); break;
      case 1: Put(number, "w", now_ms_ + 50); break;
      case 2: store_->Write({0, key}, Change::Add(5), now_ms_); break;
      case 3: store_->Write({0, key}, Change::Expire(now_ms_ + 1'000'000), now_ms_); break;
      case 4: store_->Reap(now_ms_ += 20, 10); break;
      case 5: {
        std::string hand;
        store_->EvictFrom(hand, 50, 3, now_ms_);
        break;
      }
      case 6: Put(number, "other", kNoExpiry, 3); break;
      default: Put(number); break;
    }
    ASSERT_TRUE(Commit());
    ASSERT_NE(store_->TreeOf(At()), nullptr);
    if (round % 10 == 0) {
      ASSERT_EQ(store_->TreeOf(At())->Root(), RootOfRecords()) << round;
    }
  }
  EXPECT_EQ(store_->TreeOf(At())->Root(), RootOfRecords());
  EXPECT_NE(store_->TreeOf(At())->Root(), 0U);
}

TEST_F(ComparedStore, CopiesAndWhatIsForgottenAreFollowedToo) {
  Build();
  Put(1);
  Put(2);
  ASSERT_TRUE(Commit());
  const std::string key = Key(1);
  const OwnedContainer copy(**store_->ReadContainer({0, key}));
  storage::FaultyEngine other_engine(storage::NewMemoryEngine());
  LocalStore other = *LocalStore::Open(other_engine, {.actor_seed = 50, .ownership = AllOwned()});
  BuildAll(other);
  ASSERT_TRUE(other.Apply({0, key}, copy.get(), DotsShownBy(copy.get()), now_ms_));
  ASSERT_TRUE(other.Commit());
  Delete(2);
  ASSERT_TRUE(Commit());
  EXPECT_EQ(other.TreeOf(At())->Root(), store_->TreeOf(At())->Root());
  EXPECT_NE(other.TreeOf(At())->Root(), 0U);
}

TEST_F(ComparedStore, WhileItIsBuiltRecordsChange) {
  Random random(9);
  for (size_t i = 0; i < 400; ++i) Put(i);
  ASSERT_TRUE(Commit());
  bool built = false;
  while (!built) {
    size_t limit = 7;
    built = store_->BuildTree(At(), limit);
    for (int i = 0; i < 3; ++i) {
      const size_t number = random.Below(500);
      random.Below(3) == 0 ? Delete(number) : Put(number);
    }
    ASSERT_TRUE(Commit());
  }
  EXPECT_EQ(store_->TreeOf(At())->Root(), RootOfRecords());
}

TEST_F(ComparedStore, ManyKeysGetMoreLeaves) {
  for (size_t i = 0; i < 3'000; ++i) Put(i);
  ASSERT_TRUE(Commit());
  Build(100);
  EXPECT_EQ(store_->TreeOf(At())->leaves(), LeavesFor(3'000));
  EXPECT_EQ(store_->TreeOf(At())->Root(), RootOfRecords());
}

TEST_F(ComparedStore, AFailedCommitTakesTheTreeBack) {
  Put(1);
  ASSERT_TRUE(Commit());
  Build();
  ASSERT_TRUE(Commit());
  Put(2);
  engine_.FailCommits(storage::Error::Kind::kNoSpace);
  ASSERT_FALSE(Commit());
  EXPECT_EQ(store_->TreeOf(At()), nullptr) << "it is built again";
}

TEST_F(ComparedStore, LeavesListWhatIsLive) {
  for (size_t i = 0; i < 100; ++i) Put(i);
  for (size_t i = 0; i < 10; ++i) Delete(i);
  Put(200, "v", kNoExpiry, 5);
  ASSERT_TRUE(Commit());
  Build();
  const auto keys = store_->ListLeaves(At(), store_->TreeOf(At())->leaves(), AllLeaves());
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 91U);
}

TEST_F(ComparedStore, ATreeGrowsWithItsPartition) {
  Put(0);
  ASSERT_TRUE(Commit());
  Build();
  ASSERT_EQ(store_->TreeOf(At())->leaves(), kFewestLeaves);
  size_t keys = 1;
  for (; store_->TreeOf(At()) != nullptr && keys < 10'000; ++keys) Put(keys);
  ASSERT_TRUE(Commit());
  EXPECT_EQ(keys, 16 * kFewestLeaves + 1);
  for (size_t i = 0; i < keys; ++i) Put(i, "again");
  ASSERT_TRUE(Commit());
  Build(100);
  ASSERT_NE(store_->TreeOf(At()), nullptr);
  EXPECT_EQ(store_->TreeOf(At())->leaves(), LeavesFor(keys));
  EXPECT_EQ(store_->TreeOf(At())->Root(), RootOfRecords());
  for (size_t i = 0; i < keys; ++i) Delete(i);
  for (size_t i = 0; i < 16 * LeavesFor(keys); ++i) Put(i);
  EXPECT_NE(store_->TreeOf(At()), nullptr) << "keys that go are counted too";
  EXPECT_EQ(store_->TreeOf(At())->Root(), RootOfRecords());
}

TEST_F(ComparedStore, RecordsAreFoundByTheirIds) {
  for (size_t i = 0; i < 300; ++i) Put(i);
  Put(7, "in another database", kNoExpiry, 15);
  Delete(8);
  ASSERT_TRUE(Commit());
  std::vector<KeyId> ids;
  for (const size_t number : {3, 7, 8, 299, 5'000}) ids.push_back(KeyIdOf(StoreKey(number)));
  ids.push_back(ids[1] + 15);
  const auto part = store_->ReadKeys(At(), ids, 1 << 20);
  EXPECT_EQ(part.count, 5U) << "all that have a record";
  EXPECT_NE(part.records.find("in another database"), std::string::npos);
  EXPECT_EQ(store_->ReadKeys(At(), ids, 1).count, 1U);
  EXPECT_EQ(store_->ReadKeys((At() + 1) % kPartitions, ids, 1 << 20).count, 0U);
}

TEST_F(ComparedStore, WhatWentBehindTheTreesBackShows) {
  for (size_t i = 0; i < 100; ++i) Put(i);
  ASSERT_TRUE(Commit());
  Build();
  engine_.Delete(storage::Keyspace::kData, StoreKey(5));
  ASSERT_TRUE(engine_.Commit().has_value());
  EXPECT_FALSE(store_->ListLeaves(At(), store_->TreeOf(At())->leaves(), AllLeaves()));
  EXPECT_EQ(store_->TreeOf(At()), nullptr);
  Build();
  const auto keys = store_->ListLeaves(At(), store_->TreeOf(At())->leaves(), AllLeaves());
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 99U);
}

TEST_F(ComparedStore, WhatWasReceivedAndIsLostIsRestored) {
  Put(1, "value");
  ASSERT_TRUE(Commit());
  const std::string key = Key(1);
  const OwnedContainer copy(**store_->ReadContainer({0, key}));
  engine_.Delete(storage::Keyspace::kData, StoreKey(1));
  ASSERT_TRUE(engine_.Commit().has_value());
  EXPECT_FALSE(*store_->Read({0, key}, now_ms_));
  const DotList dots = DotsShownBy(copy.get());
  const auto joined =
      store_->Reconcile({0, key}, copy.get(), dots, LocalStore::Gone::kIsRestored, now_ms_);
  ASSERT_TRUE(joined);
  EXPECT_TRUE(joined->changed);
  EXPECT_TRUE(joined->restored);
  EXPECT_EQ((*store_->Read({0, key}, now_ms_))->bytes, "value");
}

TEST_F(ComparedStore, WhoRebuildsIsToldWhatWasRemovedAndForgotten) {
  Put(1, "value");
  ASSERT_TRUE(Commit());
  const std::string key = Key(1);
  const OwnedContainer copy(**store_->ReadContainer({0, key}));
  engine_.Delete(storage::Keyspace::kData, StoreKey(1));
  ASSERT_TRUE(engine_.Commit().has_value());
  const auto told = store_->Reconcile({0, key}, copy.get(), DotsShownBy(copy.get()),
                                      LocalStore::Gone::kWasRemoved, now_ms_);
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->changed);
  EXPECT_FALSE(told->restored);
  EXPECT_FALSE(*store_->Read({0, key}, now_ms_));
  const Container& here = **store_->ReadContainer({0, key});
  EXPECT_TRUE(here.IsDeleted());
  EXPECT_TRUE(here.context.Includes(copy.get().context)) << "which takes it away at the other";
}

TEST_F(ComparedStore, ADamagedRecordIsReplaced) {
  Put(1, "value");
  ASSERT_TRUE(Commit());
  const std::string key = Key(1);
  const OwnedContainer copy(**store_->ReadContainer({0, key}));
  engine_.Put(storage::Keyspace::kData, StoreKey(1), "no record");
  ASSERT_TRUE(engine_.Commit().has_value());
  ASSERT_FALSE(store_->Read({0, key}, now_ms_));
  ASSERT_TRUE(store_->Reconcile({0, key}, copy.get(), DotsShownBy(copy.get()),
                                LocalStore::Gone::kIsRestored, now_ms_));
  ASSERT_TRUE(store_->Read({0, key}, now_ms_));
  EXPECT_EQ((*store_->Read({0, key}, now_ms_))->bytes, "value");
}

TEST_F(ComparedStore, WhatIsDeletedElsewhereIsDeletedHere) {
  Put(1, "value");
  ASSERT_TRUE(Commit());
  const std::string key = Key(1);
  Container deleted = **store_->ReadContainer({0, key});
  deleted.versions.clear();
  const OwnedContainer copy(deleted);
  ASSERT_TRUE(
      store_->Reconcile({0, key}, copy.get(), {}, LocalStore::Gone::kIsRestored, now_ms_)->changed);
  EXPECT_FALSE(*store_->Read({0, key}, now_ms_));
}

}  // namespace
}  // namespace cartwheel::cluster
