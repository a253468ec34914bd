#include "storage/memory_base_store.h"

#include <string>

#include <gtest/gtest.h>

#include "base_testing.h"

namespace cartwheel::storage {
namespace {

constexpr Keyspace kData = Keyspace::kData;

TEST(MemoryBaseStore, DoesWhatLmdbDoes) {
  const TempDirectory directory;
  const auto lmdb = OpenBaseOrDie(directory / "store");
  MemoryBaseStore::Contents contents;
  Random random(9);
  for (LogPosition round = 1; round <= 20; ++round) {
    MemoryBaseStore memory(contents);
    PlanBuilder plan;
    FillRandomly(random, 300, plan);
    ASSERT_TRUE(lmdb->Flush(plan.Build(round), {.transaction_keys = 50}).has_value());
    ASSERT_TRUE(memory.Flush(plan.Build(round), {.transaction_keys = 50}).has_value());
    ASSERT_EQ(ReadAll(memory), ReadAll(*lmdb));
    ASSERT_EQ(memory.covered(), lmdb->covered());
  }
  EXPECT_EQ(MemoryBaseStore(contents).covered(), 20U) << "it outlives the store";
}

TEST(MemoryBaseStore, AReaderKeepsItsStateUntilItLetsGo) {
  MemoryBaseStore::Contents contents;
  MemoryBaseStore base(contents);
  std::optional<Error> failure;
  const auto reader = base.NewReader(failure);
  ASSERT_TRUE(reader->Begin());
  PlanBuilder plan;
  plan.Put(kData, "a", "1");
  ASSERT_TRUE(base.Flush(plan.Build(1), {.transaction_keys = 10}).has_value());
  EXPECT_EQ(reader->Get(kData, "a"), std::nullopt);
  reader->EndTurn();
  EXPECT_EQ(reader->Get(kData, "a"), "1");
}

TEST(MemoryBaseStore, AFlushThatFailsKeepsItsFirstChangesAndNotItsPosition) {
  MemoryBaseStore::Contents contents;
  MemoryBaseStore base(contents);
  PlanBuilder plan;
  plan.DeleteRange(kData, "x", "y");
  for (const char* key : {"a", "b", "c"}) plan.Put(kData, key, "1");
  base.FailFlushes({.kind = Error::Kind::kIo, .count = 2, .applied = 3});
  for (int i = 0; i < 2; ++i) {
    const auto flushed = base.Flush(plan.Build(1), {.transaction_keys = 10});
    ASSERT_FALSE(flushed.has_value());
    EXPECT_EQ(flushed.error().kind, Error::Kind::kIo);
    EXPECT_EQ(ReadAll(base)[0], (Model::value_type{{"a", "1"}, {"b", "1"}}));
    EXPECT_EQ(base.covered(), 0U);
    EXPECT_FALSE(base.GrowAfterFailure());
  }
  EXPECT_TRUE(base.Flush(plan.Build(1), {.transaction_keys = 10}).has_value());
  EXPECT_EQ(ReadAll(base)[0].size(), 3U);
  EXPECT_EQ(base.covered(), 1U);
}

TEST(MemoryBaseStore, GrowingHelpsAStoreThatIsTooSmall) {
  MemoryBaseStore::Contents contents;
  MemoryBaseStore base(contents);
  PlanBuilder plan;
  base.FailFlushes({.kind = Error::Kind::kNoSpace, .count = 100, .growing_helps = true});
  EXPECT_EQ(base.Flush(plan.Build(1), {.transaction_keys = 10}).error().kind,
            Error::Kind::kNoSpace);
  EXPECT_TRUE(base.GrowAfterFailure());
  EXPECT_FALSE(base.GrowAfterFailure());
  EXPECT_TRUE(base.Flush(plan.Build(1), {.transaction_keys = 10}).has_value());
}

TEST(MemoryBaseStore, AReadThatFailsFindsNothingAndSaysSo) {
  MemoryBaseStore::Contents contents;
  MemoryBaseStore base(contents);
  PlanBuilder plan;
  plan.Put(kData, "a", "1");
  ASSERT_TRUE(base.Flush(plan.Build(1), {.transaction_keys = 10}).has_value());
  std::optional<Error> failure;
  const auto reader = base.NewReader(failure);
  const auto cursor = reader->NewCursor(kData);
  base.FailReads(2);
  EXPECT_EQ(reader->Get(kData, "a"), std::nullopt);
  ASSERT_TRUE(failure.has_value());
  failure.reset();
  cursor->Seek("a");
  EXPECT_FALSE(cursor->Valid());
  EXPECT_TRUE(failure.has_value());
  EXPECT_EQ(reader->Get(kData, "a"), "1");
}

}  // namespace
}  // namespace cartwheel::storage
