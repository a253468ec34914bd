#include "storage/merging_cursor.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "layer_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::ElementsAre;

constexpr Keyspace kData = Keyspace::kData;

TEST(MergingCursor, ShowsCommittedDataAsTheBatchWillLeaveIt) {
  const std::vector<std::string> keys = FewKeys();
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Records committed;
    for (const std::string& key : keys) {
      if (random.Below(2) == 0) committed[key] = "committed";
    }
    Records model = committed;
    WriteBatch batch;
    for (uint64_t i = random.Below(60); i > 0; --i) {
      const std::string& key = keys[random.Below(keys.size())];
      const uint64_t dice = random.Below(20);
      if (dice == 0) {
        const std::string end = random.Below(6) == 0 ? "" : keys[random.Below(keys.size())];
        batch.DeleteRange(kData, key, end);
        std::erase_if(model, [&](const auto& record) { return InRange(record.first, key, end); });
      } else if (dice < 6) {
        batch.Delete(kData, key);
        model.erase(key);
      } else {
        batch.Put(kData, key, model[key] = "batch" + std::to_string(i));
      }
    }
    MergingCursor cursor(batch, kData, std::make_unique<MapCursor>(committed));
    EXPECT_FALSE(cursor.Valid()) << "nowhere before the first Seek";
    ASSERT_TRUE(ScanFrom(cursor) == From(model, ""));
    for (const std::string& key : keys) ASSERT_TRUE(ScanFrom(cursor, key) == From(model, key));
    const std::string& end = keys[random.Below(keys.size())];
    cursor.StopAt(end);
    std::erase_if(model, [&](const auto& record) { return !InRange(record.first, "", end); });
    for (const std::string& key : keys) ASSERT_TRUE(ScanFrom(cursor, key) == From(model, key));
  }
}

TEST(MergingCursor, LooksAtItsOwnKeyspaceAlone) {
  const Records committed = {{"a", "committed"}};
  WriteBatch batch;
  batch.DeleteRange(Keyspace::kMeta, "", "");
  batch.Put(Keyspace::kExpiry, "b", "");
  MergingCursor cursor(batch, kData, std::make_unique<MapCursor>(committed));
  EXPECT_THAT(ScanFrom(cursor), ElementsAre(std::pair("a", "committed")));
}

}  // namespace
}  // namespace cartwheel::storage
