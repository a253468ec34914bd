#include "cluster/ownership.h"

#include <gtest/gtest.h>

#include "cluster/local_store.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr KeyRef kKey{0, "key"};

Ownership Of(std::initializer_list<Partition> owned,
             const std::map<Partition, uint64_t>& arriving = {}) {
  Ownership ownership{.alone = false, .owned = {}, .arriving = arriving};
  for (const Partition partition : owned) ownership.owned.set(partition);
  return ownership;
}

TEST(Ownership, IsReadAsItWasWritten) {
  for (const Ownership& ownership :
       {Ownership{}, Of({}), Of({0, 5, kPartitions - 1}), Of({7, 8}, {{7, 3}, {8, 1'000'000}})}) {
    EXPECT_EQ(DecodeOwnership(EncodeOwnership(ownership)), ownership);
  }
}

TEST(Ownership, DamageIsFound) {
  const std::string good = EncodeOwnership(Of({7, 8}, {{7, 3}}));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_FALSE(DecodeOwnership(bad)) << "byte " << i;
    EXPECT_FALSE(DecodeOwnership(good.substr(0, i))) << i << " bytes";
  }
}

// A process that opens the same store again and again.
class OwnershipInStore : public testing::Test {
 protected:
  LocalStore Open(const Ownership& ownership) {
    auto store = LocalStore::Open(*engine_, {.actor_seed = ++seed_, .ownership = ownership});
    EXPECT_TRUE(store.has_value());
    return *std::move(store);
  }
  static constexpr Partition kOther = 1;
  Partition own_ = PartitionOfKey(kKey.key);
  std::unique_ptr<storage::Engine> engine_ = storage::NewMemoryEngine();
  uint64_t seed_ = 0;
};

TEST_F(OwnershipInStore, WhatComesToANodeRebuildsAndHasReceivedNothing) {
  LocalStore store = Open(Of({own_}));
  store.MarkComplete(own_);
  store.Write(kKey, Change::Put("1", kNoExpiry), kNow);
  const Dot dot = store.minted().front();
  ASSERT_TRUE(store.Commit());
  EXPECT_TRUE(store.HasReceived(own_, dot));
  store.SetOwnership(Of({kOther}));
  store.SetOwnership(Of({own_, kOther}));
  EXPECT_FALSE(store.IsComplete(own_));
  EXPECT_FALSE(store.HasReceived(own_, dot)) << "or what it is sent would look removed";
}

TEST_F(OwnershipInStore, WhatIsStoredOfItIsWhatTheNextStartFinds) {
  {
    LocalStore store = Open(Of({own_}));
    store.MarkComplete(own_);
    store.Write(kKey, Change::Put("1", kNoExpiry), kNow);
    ASSERT_TRUE(store.Commit());
  }
  {
    const LocalStore store = Open(Of({own_}));
    EXPECT_TRUE(store.IsComplete(own_)) << "nothing has changed";
  }
  // The topology was stored, and the process ended before its vnodes were renewed.
  LocalStore store = Open(Of({own_, kOther}));
  EXPECT_TRUE(store.IsComplete(own_));
  EXPECT_FALSE(store.IsComplete(kOther));
  ASSERT_TRUE(store.Commit());
  const LocalStore again = Open(Of({own_, kOther}));
  EXPECT_FALSE(again.IsComplete(kOther)) << "it still is not";
}

TEST_F(OwnershipInStore, WhatIsOnItsWayOnceMoreBeginsAnew) {
  LocalStore store = Open(Of({own_}, {{own_, 5}}));
  ASSERT_TRUE(store.Commit());
  store.MarkComplete(own_);
  store.SetOwnership(Of({own_}, {{own_, 5}}));
  EXPECT_TRUE(store.IsComplete(own_)) << "the same move";
  store.SetOwnership(Of({own_}));
  EXPECT_TRUE(store.IsComplete(own_)) << "it has arrived";
  store.SetOwnership(Of({own_}, {{own_, 9}}));
  EXPECT_FALSE(store.IsComplete(own_)) << "it was given up in between, and others wrote";
}

TEST_F(OwnershipInStore, DamageOfItIsToldAndAllRebuild) {
  {
    LocalStore store = Open(Of({own_}));
    store.MarkComplete(own_);
    ASSERT_TRUE(store.Commit());
  }
  engine_->Put(storage::Keyspace::kMeta, kOwnershipKey, "nonsense");
  ASSERT_TRUE(engine_->Commit());
  const LocalStore store = Open(Of({own_}));
  EXPECT_FALSE(store.IsComplete(own_));
  EXPECT_FALSE(store.damage().empty());
}

}  // namespace
}  // namespace cartwheel::cluster
