// LMDB as the base under the log: plans of any size end in the same state, whatever becomes of
// their transactions.
#include "storage/lmdb_base_store.h"

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base_testing.h"
#include "storage/lmdb_check.h"

namespace cartwheel::storage {
namespace {

constexpr Keyspace kData = Keyspace::kData;

std::string NumberedKey(uint64_t number) {
  std::string key = std::to_string(number);
  return std::string(9 - key.size(), '0') + key;
}

void ExpectSound(const std::string& directory) {
  const auto check = CheckBase(directory + "/data.mdb");
  ASSERT_TRUE(check.has_value()) << check.error().message;
  for (const std::string& line : check->damage) ADD_FAILURE() << line;
}

TEST(LmdbBaseStore, PlansInTransactionsOfAnySizeDoWhatTheySay) {
  for (const uint64_t transaction_keys : {1, 3, 50, 1'000'000}) {
    const TempDirectory directory;
    Random random(transaction_keys);
    Model model;
    for (int round = 0; round < 6; ++round) {
      const auto base = OpenBaseOrDie(directory / "store");
      EXPECT_EQ(base->covered(), static_cast<LogPosition>(round));
      for (int i = 0; i < 3; ++i) {
        PlanBuilder plan;
        FillRandomly(random, transaction_keys < 10 ? 60 : 600, plan);
        plan.ApplyTo(model);
        ASSERT_TRUE(
            base->Flush(plan.Build(round + 1), {.transaction_keys = transaction_keys}).has_value());
        ASSERT_EQ(ReadAll(*base), model);
      }
      EXPECT_EQ(base->covered(), static_cast<LogPosition>(round + 1));
    }
    ExpectSound(directory / "store");
  }
}

// As much as it may take is the limit that a cache is told.
TEST(LmdbBaseStore, AFlushThatPacksLeavesLessInUse) {
  const auto in_use_after = [](bool packs) {
    const TempDirectory directory;
    const auto base = OpenBaseOrDie(directory / "store");
    Random random(1);
    for (LogPosition round = 1; round <= 12; ++round) {
      PlanBuilder plan;
      for (int i = 0; i < 4000; ++i) {
        const std::string key = NumberedKey(random.Below(20'000));
        if (random.Below(2) == 0)
          plan.Put(kData, key, std::string(100, 'v'));
        else
          plan.Delete(kData, key);
      }
      EXPECT_TRUE(base->Flush(plan.Build(round), {.transaction_keys = 1000, .packs = packs}));
    }
    return base->bytes_on_disk() - base->free_bytes();
  };
  EXPECT_LT(in_use_after(true), in_use_after(false) * 17 / 20);
}

TEST(LmdbBaseStore, APlanOfNothingStoresItsPosition) {
  const TempDirectory directory;
  PlanBuilder plan;
  ASSERT_TRUE(OpenBaseOrDie(directory / "store")
                  ->Flush(plan.Build(77), {.transaction_keys = 10})
                  .has_value());
  EXPECT_EQ(OpenBaseOrDie(directory / "store")->covered(), 77U);
}

// Some of the first transactions are kept, so the same plan again must not mind them.
TEST(LmdbBaseStore, AFlushThatFoundTheMapTooSmallEndsWhereItShouldAfterGrowing) {
  const TempDirectory directory;
  LmdbOptions options = FastOptions().lmdb;
  options.initial_map_bytes = 1 << 20;
  const auto base = OpenBaseOrDie(directory / "store", options);
  Model model;
  PlanBuilder small;
  for (int i = 0; i < 1000; i += 2) small.Put(kData, NumberedKey(i), "old");
  small.ApplyTo(model);
  ASSERT_TRUE(base->Flush(small.Build(1), {.transaction_keys = 100}).has_value());
  EXPECT_FALSE(base->GrowAfterFailure()) << "nothing failed";

  PlanBuilder large;
  large.DeleteRange(kData, NumberedKey(100), NumberedKey(300));
  for (int i = 0; i < 1000; ++i) large.Put(kData, NumberedKey(i), std::string(5000, 'n'));
  for (int i = 500; i < 600; ++i) large.Delete(kData, NumberedKey(i));
  large.ApplyTo(model);
  large.Build(2);
  int grown = 0;
  for (;; ++grown) {
    const auto flushed = base->Flush(large.Build(2), {.transaction_keys = 20});
    if (flushed) break;
    ASSERT_EQ(flushed.error().kind, Error::Kind::kNoSpace) << flushed.error().message;
    EXPECT_EQ(base->covered(), 1U);
    const Model partly = ReadAll(*base);
    EXPECT_TRUE(partly[0].at(NumberedKey(0)).starts_with("n")) << "of a transaction that held";
    EXPECT_EQ(partly[0].at(NumberedKey(998)), "old");
    ASSERT_TRUE(base->GrowAfterFailure());
  }
  EXPECT_EQ(grown, 3) << "1, 2, 4, 8 MiB";
  EXPECT_EQ(base->covered(), 2U);
  EXPECT_EQ(ReadAll(*base), model);
}

TEST(LmdbBaseStore, AReaderKeepsItsStateWhileAFlushRuns) {
  const TempDirectory directory;
  const auto base = OpenBaseOrDie(directory / "store");
  PlanBuilder first;
  for (int i = 0; i < 2000; ++i) first.Put(kData, NumberedKey(i), "first");
  ASSERT_TRUE(base->Flush(first.Build(1), {.transaction_keys = 100}).has_value());

  std::optional<Error> failure;
  const auto fixed = base->NewReader(failure);
  ASSERT_TRUE(fixed->Begin());
  PlanBuilder second;
  for (int i = 0; i < 2000; ++i) second.Put(kData, NumberedKey(i), "second");
  second.Build(2);
  std::atomic<bool> done = false;
  std::thread helper([&] {
    EXPECT_TRUE(base->Flush(second.Build(2), {.transaction_keys = 10}).has_value());
    base->ReleasePages();
    done = true;
  });
  const auto turns = base->NewReader(failure);
  uint64_t reads = 0;
  while (!done || reads < 2000) {
    const std::string key = NumberedKey(reads++ % 2000);
    ASSERT_EQ(fixed->Get(kData, key), "first");
    const auto now = turns->Get(kData, key);
    ASSERT_TRUE(now == "first" || now == "second");
    turns->EndTurn();
  }
  helper.join();
  EXPECT_EQ(turns->Get(kData, NumberedKey(7)), "second");
  EXPECT_EQ(fixed->Get(kData, NumberedKey(7)), "first");
  EXPECT_FALSE(failure.has_value());
}

// KiB of the data file that are mapped into this process.
uint64_t MappedKiB(const std::string& file) {
  std::ifstream maps("/proc/self/smaps");
  bool ours = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ')) ours = line.ends_with(file);
    if (ours && line.starts_with("Rss:")) return std::stoull(line.substr(4));
  }
  return 0;
}

TEST(LmdbBaseStore, ReleasedPagesLeaveTheProcessAndCanBeReadAgain) {
  const TempDirectory directory;
  const auto base = OpenBaseOrDie(directory / "store");
  PlanBuilder plan;
  for (int i = 0; i < 20'000; ++i) plan.Put(kData, NumberedKey(i), std::string(400, 'v'));
  ASSERT_TRUE(base->Flush(plan.Build(1), {.transaction_keys = 100'000}).has_value());
  std::optional<Error> failure;
  const auto reader = base->NewReader(failure);
  const auto read_all = [&] {
    for (int i = 0; i < 20'000; ++i) {
      const auto value = reader->Get(kData, NumberedKey(i));
      ASSERT_TRUE(value && value->back() == 'v');
    }
  };
  read_all();
  EXPECT_GT(MappedKiB("/data.mdb"), 8000U);
  base->ReleasePages();
  EXPECT_LT(MappedKiB("/data.mdb"), 1000U);
  read_all();

  std::atomic<bool> done = false;
  std::thread helper([&] {
    for (int i = 0; i < 100; ++i) base->ReleasePages();
    done = true;
  });
  while (!done) read_all();
  helper.join();
}

TEST(LmdbBaseStore, WhatIsDeletedIsFreeAndUsedAgain) {
  const TempDirectory directory;
  const auto base = OpenBaseOrDie(directory / "store");
  PlanBuilder filling;
  for (int i = 0; i < 5000; ++i) filling.Put(kData, NumberedKey(i), std::string(1000, 'v'));
  ASSERT_TRUE(base->Flush(filling.Build(1), {.transaction_keys = 1000}).has_value());
  const uint64_t full = base->bytes_on_disk();
  EXPECT_GT(full, 5'000'000U);
  PlanBuilder emptying;
  emptying.DeleteRange(kData, "", "");
  ASSERT_TRUE(base->Flush(emptying.Build(2), {.transaction_keys = 1000}).has_value());
  EXPECT_GT(base->free_bytes(), full * 9 / 10);
  EXPECT_LE(base->free_bytes(), base->bytes_on_disk());
  PlanBuilder again;
  for (int i = 0; i < 5000; ++i) again.Put(kData, NumberedKey(i), std::string(1000, 'w'));
  ASSERT_TRUE(base->Flush(again.Build(3), {.transaction_keys = 1000}).has_value());
  // The next transaction cannot have the pages yet: that is one of the five.
  EXPECT_LT(base->bytes_on_disk(), full * 13 / 10);
}

TEST(LmdbBaseStore, ManyRangesThatTouchAreDeletedAsOne) {
  const TempDirectory directory;
  const auto base = OpenBaseOrDie(directory / "store");
  Model model;
  PlanBuilder filling;
  for (int i = 0; i < 5000; ++i) filling.Put(kData, NumberedKey(i), "value");
  filling.Put(Keyspace::kExpiry, "other", "value");
  filling.ApplyTo(model);
  ASSERT_TRUE(base->Flush(filling.Build(1), {.transaction_keys = 1000}).has_value());
  PlanBuilder ranges;
  ranges.DeleteRange(kData, "", "");
  ranges.DeleteRange(kData, NumberedKey(1000), NumberedKey(2000));
  ranges.DeleteRange(kData, NumberedKey(1500), NumberedKey(3000));
  ranges.Put(kData, NumberedKey(1600), "new");
  ranges.ApplyTo(model);
  ASSERT_TRUE(base->Flush(ranges.Build(2), {.transaction_keys = 1000}).has_value());
  EXPECT_EQ(ReadAll(*base), model);
  EXPECT_EQ(model[0].size(), 1U);
}

}  // namespace
}  // namespace cartwheel::storage
