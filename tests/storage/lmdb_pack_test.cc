// Leaves that are far from full are joined, a part of the store at a time, and nothing else
// changes.
#include "storage/lmdb_pack.h"

#include <fcntl.h>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base_testing.h"
#include "storage/lmdb_check.h"
#include "storage/lmdb_file_check.h"
#include "storage/lmdb_flush.h"
#include "storage/lmdb_handles.h"
#include "storage/lmdb_store.h"
#include "storage/posix_file.h"

namespace cartwheel::storage {
namespace {

constexpr Keyspace kData = Keyspace::kData;
constexpr uint64_t kAll = 1'000'000;
constexpr uint64_t kTransactionPages = 200;

class LmdbPackTest : public ::testing::Test {
 protected:
  LmdbPackTest() { Open(64 << 20); }
  void Open(uint64_t map_bytes) {
    LmdbOptions options = FastOptions().lmdb;
    options.initial_map_bytes = map_bytes;
    store_.reset();
    auto opened = LmdbStore::Open(directory_ / "store", options);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_.emplace(*std::move(opened));
  }

  void Flush(PlanBuilder& plan, LmdbPacker* packer = nullptr) {
    plan.ApplyTo(model_);
    ASSERT_EQ(FlushToLmdb(*store_, plan.Build(++covered_), transaction_keys_, packer), 0);
  }
  // As a cache that evicts: `records` records, each of which goes and another comes, some times.
  void Churn(uint64_t records, size_t value_bytes, int rounds) {
    std::vector<std::string> keys;
    PlanBuilder first;
    for (uint64_t i = 0; i < records; ++i) {
      keys.push_back(RandomKey());
      first.Put(kData, keys.back(), std::string(value_bytes, 'v'));
    }
    Flush(first);
    for (int round = 0; round < rounds; ++round) {
      PlanBuilder plan;
      for (uint64_t i = 0; i < records / 4; ++i) {
        std::string& key = keys[random_.Below(records)];
        plan.Delete(kData, key);
        key = RandomKey();
        plan.Put(kData, key, std::string(value_bytes, 'w'));
      }
      Flush(plan, packs_ ? &packer_ : nullptr);
    }
  }
  std::string RandomKey() {
    std::string key(11, '\0');
    for (char& c : key) c = static_cast<char>(random_.Below(256));
    return key + "key:" + std::to_string(random_.Below(1'000'000'000));
  }
  void Pack(uint64_t leaves = kAll) {
    ASSERT_EQ(packer_.Pack(*store_, LmdbPacker::End(), leaves, kTransactionPages), 0);
  }
  void ExpectTheSame() {
    store_.reset();
    EXPECT_EQ(ReadAll(*OpenBaseOrDie(directory_ / "store")), model_);
    Open(64 << 20);
  }

  std::string data_file() const { return directory_ / "store/data.mdb"; }
  uint64_t UsedPages() const {
    const auto check = CheckBase(data_file());
    EXPECT_TRUE(check.has_value());
    for (const std::string& line : check->damage) ADD_FAILURE() << line;
    return check->used_pages;
  }
  uint64_t Transactions() const {
    const UniqueFd fd(::open(data_file().c_str(), O_RDONLY));
    return ReadNewestMeta(fd.get(), data_file())->transaction;
  }
  // The pages of the leaves when all of them are full.
  uint64_t FullPages() const {
    uint64_t bytes = 0;
    for (const auto& [key, value] : model_[0]) bytes += key.size() + value.size() + 10;
    return bytes / 4080 + 1;
  }

  const TempDirectory directory_;
  std::optional<LmdbStore> store_;
  LmdbPacker packer_;
  Random random_{1};
  Model model_;
  LogPosition covered_ = 0;
  uint64_t transaction_keys_ = 1000;
  bool packs_ = false;  // each flush of Churn
};

TEST_F(LmdbPackTest, LeavesThatComingAndGoingLeftHalfFullAreJoined) {
  Churn(20'000, 100, 20);
  EXPECT_GT(UsedPages(), FullPages() * 100 / 60);
  Pack();
  EXPECT_LT(UsedPages(), FullPages() * 100 / 85);
  ExpectTheSame();
}

TEST_F(LmdbPackTest, FullLeavesAreNotWritten) {
  Churn(20'000, 100, 4);
  Pack();
  Pack();
  const uint64_t transactions = Transactions();
  Pack();
  EXPECT_EQ(Transactions(), transactions);
}

TEST_F(LmdbPackTest, APartOfTheStoreAtATimeGoesAllAround) {
  Churn(20'000, 100, 8);
  const uint64_t before = UsedPages();
  Pack(1);
  const uint64_t first = UsedPages();
  EXPECT_LT(first, before);
  EXPECT_GT(first, before * 3 / 4) << "no more than the leaves below one branch";
  for (int i = 0; i < 40; ++i) Pack(1);
  EXPECT_LT(UsedPages(), FullPages() * 100 / 85);
  ExpectTheSame();
}

TEST_F(LmdbPackTest, ManyLargeValuesAreNotCopiedToSaveALeaf) {
  Churn(3000, 5000, 8);
  const uint64_t transactions = Transactions();
  Pack();
  EXPECT_EQ(Transactions(), transactions);
}

TEST_F(LmdbPackTest, RecordsOfAllKindsStayAsTheyAre) {
  uint64_t written = 0;
  for (int round = 0; round < 30; ++round) {
    PlanBuilder plan;
    FillRandomly(random_, 2000, plan);
    Flush(plan);
    const uint64_t before = Transactions();
    Pack(1 + random_.Below(200));
    written += Transactions() - before;
    ExpectTheSame();
  }
  EXPECT_GT(written, 5U);
  UsedPages();
}

// So the store never gets as loose as the whole flush would leave it.
TEST_F(LmdbPackTest, APackerThatFollowsAFlushPacksWhatItChanges) {
  packs_ = true;
  Churn(20'000, 100, 20);
  EXPECT_LT(UsedPages(), FullPages() * 100 / 80);
  ExpectTheSame();
}

// In many small transactions, with ranges, in all keyspaces.
TEST_F(LmdbPackTest, APackerThatFollowsAFlushChangesNothingElse) {
  transaction_keys_ = 50;
  for (int round = 0; round < 20; ++round) {
    PlanBuilder plan;
    FillRandomly(random_, 2000, plan);
    Flush(plan, &packer_);
    ExpectTheSame();
  }
  UsedPages();
}

// Nor does a flush whose packing fails.
TEST_F(LmdbPackTest, WithoutRoomNothingIsLost) {
  transaction_keys_ = 20;  // leave few pages free
  Churn(5000, 100, 20);
  store_.reset();
  Open(1 << 20);  // as large as the file
  EXPECT_EQ(packer_.Pack(*store_, LmdbPacker::End(), kAll, 1'000'000), MDB_MAP_FULL);
  EXPECT_EQ(store_->standby().After(MDB_MAP_FULL), MDB_MAP_FULL);
  transaction_keys_ = 1'000'000;
  PlanBuilder plan;
  plan.Put(kData, "after", "it");
  for (int i = 0; i < 2000; ++i) plan.Delete(kData, "none" + std::to_string(i));
  Flush(plan, &packer_);
  ExpectTheSame();
}

}  // namespace
}  // namespace cartwheel::storage
