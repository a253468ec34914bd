#include "storage/write_batch.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using State = WriteBatch::State;

constexpr Keyspace kData = Keyspace::kData;

TEST(WriteBatch, AnEntryWinsOverARangeAndARangeOverNothing) {
  WriteBatch batch;
  batch.DeleteRange(kData, "b", "d");
  batch.Put(kData, "c", "value");
  EXPECT_EQ(batch.Find(kData, "a").state, State::kUntouched);
  EXPECT_EQ(batch.Find(kData, "b").state, State::kDeleted);
  EXPECT_EQ(batch.Find(kData, "c").value, "value");
  EXPECT_EQ(batch.Find(kData, "d").state, State::kUntouched);
  EXPECT_EQ(batch.Find(Keyspace::kMeta, "b").state, State::kUntouched);
}

TEST(WriteBatch, RangesThatOverlapOrTouchBecomeOne) {
  WriteBatch batch;
  batch.DeleteRange(kData, "m", "n");
  batch.DeleteRange(kData, "a", "c");
  batch.DeleteRange(kData, "b", "d");
  batch.DeleteRange(kData, "d", "e");
  batch.DeleteRange(kData, "b", "bb");
  EXPECT_THAT(batch.ranges(kData), ElementsAre(Pair("a", "e"), Pair("m", "n")));
  batch.DeleteRange(kData, "c", "");
  EXPECT_THAT(batch.ranges(kData), ElementsAre(Pair("a", "")));
  batch.DeleteRange(kData, "z", "zz");
  EXPECT_THAT(batch.ranges(kData), ElementsAre(Pair("a", "")));
}

TEST(WriteBatch, CountsItsBytesAndIsEmptyWhenCleared) {
  WriteBatch batch;
  batch.Put(kData, "key", "value");
  batch.Put(kData, "key", "v");
  batch.Delete(kData, "gone");
  EXPECT_EQ(batch.bytes(), 3U + 1U + 4U);
  batch.DeleteRange(kData, "k", "l");
  EXPECT_EQ(batch.bytes(), 4U);
  EXPECT_FALSE(batch.empty());
  batch.Clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0U);
  EXPECT_EQ(batch.Find(kData, "key").state, State::kUntouched);
}

}  // namespace
}  // namespace cartwheel::storage
