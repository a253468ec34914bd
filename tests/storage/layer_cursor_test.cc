#include "storage/layer_cursor.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "layer_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Three layers on a base, each random.
TEST(LayerCursor, ShowsWhatTheLayersLeaveOfWhatIsBelow) {
  const std::vector<std::string> keys = FewKeys();
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Records base;
    for (const std::string& key : keys) {
      if (random.Below(2) == 0) base[key] = "base";
    }
    EntryOwner entries;
    std::vector<std::unique_ptr<ModelledLayer>> layers;
    Records model = base;
    std::unique_ptr<Cursor> cursor = std::make_unique<MapCursor>(base);
    for (int i = 0; i < 3; ++i) {
      layers.push_back(std::make_unique<ModelledLayer>(entries, keys));
      layers.back()->WriteRandomly(random, static_cast<int>(random.Below(40)));
      layers.back()->ApplyTo(model);
      cursor = std::make_unique<LayerCursor>(layers.back()->layer(), std::move(cursor));
      EXPECT_FALSE(cursor->Valid()) << "nowhere before the first Seek";
    }
    ASSERT_TRUE(ScanFrom(*cursor) == From(model, ""));
    for (const std::string& key : keys) {
      ASSERT_TRUE(ScanFrom(*cursor, key) == From(model, key));
    }
    const std::string& end = keys[random.Below(keys.size())];
    cursor->StopAt(end);
    std::erase_if(model, [&](const auto& record) { return !InRange(record.first, "", end); });
    for (const std::string& key : keys) {
      ASSERT_TRUE(ScanFrom(*cursor, key) == From(model, key)) << "until " << end;
    }
  }
}

class LayerCursorTest : public ::testing::Test {
 protected:
  Contents Scan(std::string_view from = "") {
    LayerCursor cursor(layer_, std::make_unique<MapCursor>(base_));
    return ScanFrom(cursor, from);
  }
  static auto Is(const char* key, const char* value) { return std::pair(key, value); }

  EntryOwner entries_;
  Records base_ = {{"a", "base"}, {"b", "base"}, {"c", "base"}, {"d", "base"}};
  Layer layer_;
};

TEST_F(LayerCursorTest, ATombstoneHidesOneKeyBelow) {
  layer_.Add(entries_.New("b", std::nullopt));
  layer_.Add(entries_.New("bb", std::nullopt));
  EXPECT_THAT(Scan(), ElementsAre(Is("a", "base"), Is("c", "base"), Is("d", "base")));
}

TEST_F(LayerCursorTest, ARangeWithoutEndLeavesOnlyTheLayersOwnKeys) {
  layer_.DeleteRange("b", "", entries_.NextSequence());
  layer_.Add(entries_.New("c", "layer"));
  EXPECT_THAT(Scan(), ElementsAre(Is("a", "base"), Is("c", "layer")));
  EXPECT_THAT(Scan("cc"), IsEmpty());
}

TEST_F(LayerCursorTest, ASeekBackShowsAgainWhatIsBeforeARangeWithoutEnd) {
  layer_.DeleteRange("b", "", entries_.NextSequence());
  LayerCursor cursor(layer_, std::make_unique<MapCursor>(base_));
  EXPECT_THAT(ScanFrom(cursor, "c"), IsEmpty());
  EXPECT_THAT(ScanFrom(cursor), ElementsAre(Is("a", "base")));
}

TEST_F(LayerCursorTest, RangesThatTouchAreSkippedOneAfterAnother) {
  layer_.DeleteRange("a", "b", entries_.NextSequence());
  layer_.DeleteRange("b", "d", entries_.NextSequence());
  EXPECT_THAT(Scan(), ElementsAre(Is("d", "base")));
}

}  // namespace
}  // namespace cartwheel::storage
