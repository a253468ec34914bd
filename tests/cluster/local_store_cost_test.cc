// What operations of a local store cost: calls of the engine, and no allocation on the hot path.
#include <utility>

#include <gtest/gtest.h>

#include "cluster/local_store.h"
#include "tests/cluster/allocation_counter.h"
#include "tests/cluster/counting_engine.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

// Keeps the last record only, in memory that it reuses: what is left to allocate is the store's.
class OneRecordEngine : public CountingEngine {
 public:
  std::optional<std::string_view> Get(storage::Keyspace keyspace, std::string_view key) override {
    if (keyspace != storage::Keyspace::kData) return CountingEngine::Get(keyspace, key);
    ++calls.gets;
    if (record_.empty()) return std::nullopt;
    return record_;
  }
  void Put(storage::Keyspace keyspace, std::string_view, std::string_view value) override {
    ++calls.puts;
    if (keyspace == storage::Keyspace::kData) record_ = value;
  }
  void Delete(storage::Keyspace, std::string_view) override { ++calls.deletes; }

 private:
  std::string record_;
};

class LocalStoreCostTest : public testing::Test {
 protected:
  void Write(ExpireAt expire_at) { store_.Write(ref_, Change::Put(bytes_, expire_at), kNow); }
  // Of everything since the last call.
  EngineCalls TakeCalls() { return std::exchange(engine_.calls, {}); }

  const std::string key_ = "a key that no small string holds";
  const std::string bytes_ = std::string(100, 'b');
  const KeyRef ref_{0, key_};
  OneRecordEngine engine_;
  LocalStore store_ = LocalStore::Open(engine_, {}).value();
};

TEST_F(LocalStoreCostTest, AReadIsOneGet) {
  Write(kNoExpiry);
  TakeCalls();
  ASSERT_TRUE(store_.Read(ref_, kNow)->has_value());
  const EngineCalls calls = TakeCalls();
  EXPECT_EQ(calls.gets, 1u);
  EXPECT_EQ(calls.puts + calls.deletes + calls.ranges + calls.steps, 0u);
}

TEST_F(LocalStoreCostTest, AWriteIsOneGetAndOnePut) {
  for (int i = 0; i < 2; ++i) {
    TakeCalls();
    Write(kNoExpiry);
    const EngineCalls calls = TakeCalls();
    EXPECT_EQ(calls.gets, 1u);
    EXPECT_EQ(calls.puts, 1u);
    EXPECT_EQ(calls.deletes + calls.ranges + calls.steps, 0u);
  }
}

TEST_F(LocalStoreCostTest, AnExpiryCostsOneEntryMoreAndNoneWhenItStays) {
  Write(kNow + 1);
  EXPECT_EQ(TakeCalls().puts, 2u);
  Write(kNow + 1);
  EXPECT_EQ(TakeCalls().puts, 1u);
  Write(kNow + 2);
  const EngineCalls calls = TakeCalls();
  EXPECT_EQ(calls.puts, 2u);
  EXPECT_EQ(calls.deletes, 1u);
}

TEST_F(LocalStoreCostTest, ACommitStoresTheCountsOnlyWhenTheyChanged) {
  Write(kNoExpiry);
  ASSERT_TRUE(store_.Commit().has_value());
  TakeCalls();
  Write(kNoExpiry);
  ASSERT_TRUE(store_.Commit().has_value());
  EXPECT_EQ(TakeCalls().puts, 2u) << "the record, and the dots of all writes since the last commit";
}

TEST_F(LocalStoreCostTest, ReadsAndWritesAllocateNothingOnceTheScratchHasItsSize) {
  const auto point_operations = [this] {
    Write(kNow + 5);
    store_.Write(ref_, Change::Expire(kNow + 9), kNow);
    Write(kNoExpiry);
    EXPECT_TRUE(store_.Read(ref_, kNow)->has_value());
    store_.Write(ref_, Change::Delete(), kNow);
    EXPECT_TRUE(store_.NextExpiry() == std::nullopt);
  };
  // As many as between two commits that follow.
  constexpr int kOperations = 100;
  for (int i = 0; i < kOperations; ++i) point_operations();
  ASSERT_TRUE(store_.Commit().has_value());
  const size_t before = AllocationCount();
  ASSERT_GT(before, 0u);
  for (int i = 0; i < kOperations; ++i) point_operations();
  EXPECT_EQ(AllocationCount(), before);
}

TEST_F(LocalStoreCostTest, FlushingOneOfTwoDatabasesCostsItsSlotsOnly) {
  CountingEngine engine;
  LocalStore store = LocalStore::Open(engine, {}).value();
  for (int i = 0; i < 5000; ++i) {
    store.Write({0, std::to_string(i)}, Change::Put("", kNoExpiry), kNow);
  }
  for (int i = 0; i < 10; ++i) {
    store.Write({1, "{tag}" + std::to_string(i)}, Change::Put("", kNoExpiry), kNow);
    store.Write({1, "{gat}" + std::to_string(i)}, Change::Put("", kNoExpiry), kNow);
  }
  engine.calls = {};
  store.Flush(1);
  EXPECT_EQ(engine.calls.ranges, 2u);
  engine.calls = {};
  store.Flush(0);
  EXPECT_EQ(engine.calls.ranges, 2u) << "the only one left: one range per keyspace";
  EXPECT_EQ(engine.calls.steps, 0u);
}

}  // namespace
}  // namespace cartwheel::cluster
