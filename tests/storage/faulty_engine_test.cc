#include "storage/faulty_engine.h"

#include <gtest/gtest.h>

#include "storage/memory_engine.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

constexpr Keyspace kData = Keyspace::kData;

TEST(FaultyEngine, AFailedCommitDropsTheWholeBatch) {
  FaultyEngine engine(NewMemoryEngine());
  engine.Put(kData, "a", "1");
  ASSERT_TRUE(engine.Commit().has_value());
  engine.FailCommits(Error::Kind::kNoSpace);
  EXPECT_TRUE(engine.Commit().has_value()) << "nothing to write";
  engine.Put(kData, "b", "2");
  engine.DeleteRange(kData, "a", "b");
  const auto committed = engine.Commit();
  ASSERT_FALSE(committed.has_value());
  EXPECT_EQ(committed.error().kind, Error::Kind::kNoSpace);
  EXPECT_EQ(ScanFrom(engine, kData), (Contents{{"a", "1"}}));
  engine.Put(kData, "b", "3");
  EXPECT_TRUE(engine.Commit().has_value());
  EXPECT_EQ(engine.Get(kData, "b"), "3");
}

TEST(FaultyEngine, AnIoErrorIsFinal) {
  FaultyEngine engine(NewMemoryEngine());
  engine.FailCommits(Error::Kind::kIo);
  for (int i = 0; i < 3; ++i) {
    engine.Put(kData, "a", "1");
    const auto committed = engine.Commit();
    ASSERT_FALSE(committed.has_value());
    EXPECT_EQ(committed.error().kind, Error::Kind::kIo);
    EXPECT_EQ(engine.Get(kData, "a"), std::nullopt);
  }
  EXPECT_TRUE(engine.Commit().has_value()) << "of nothing: reads go on";
}

TEST(FaultyEngine, AFailedReadFailsTheTurnsCommitOnce) {
  FaultyEngine engine(NewMemoryEngine());
  engine.Put(kData, "a", "1");
  ASSERT_TRUE(engine.Commit().has_value());
  engine.FailGets(Error::Kind::kCorrupt);
  EXPECT_EQ(engine.Get(kData, "a"), std::nullopt);
  EXPECT_FALSE(engine.Commit().has_value());
  EXPECT_EQ(engine.Get(kData, "a"), "1");
  EXPECT_TRUE(engine.Commit().has_value());
}

}  // namespace
}  // namespace cartwheel::storage
