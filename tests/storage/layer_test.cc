#include "storage/layer.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "layer_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What the entries say, as the model has it.
void Add(const Entry& entry, ModelledLayer::Model& model) {
  model[std::string(entry.key())] =
      entry.is_tombstone() ? std::nullopt : std::optional(std::string(entry.value()));
}

void ExpectOwn(const Layer& layer, const ModelledLayer::Model& own,
               const std::vector<std::string>& keys) {
  ModelledLayer::Model iterated;
  Layer::Iterator iterator(layer);
  for (iterator.Seek(""); iterator.Valid(); iterator.Next()) {
    ASSERT_TRUE(iterated.empty() || KeyOrder()(iterated.rbegin()->first, iterator.entry().key()));
    Add(iterator.entry(), iterated);
  }
  ASSERT_TRUE(iterated == own);
  for (const std::string& key : keys) {
    const Entry* entry = layer.Find(key);
    const auto expected = own.find(key);
    ASSERT_EQ(entry != nullptr, expected != own.end());
    if (entry != nullptr) {
      ModelledLayer::Model found;
      Add(*entry, found);
      ASSERT_EQ(found[key], expected->second);
    }
    iterator.Seek(key);
    const auto next = own.lower_bound(key);
    ASSERT_EQ(iterator.Valid(), next != own.end());
    if (iterator.Valid()) {
      ASSERT_EQ(iterator.entry().key(), next->first);
    }
  }
}

TEST(Layer, ShowsTheNewestEntryOfEachKeyThatNoRangeHides) {
  const std::vector<std::string> keys = FewKeys();
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    EntryOwner entries;
    ModelledLayer modelled(entries, keys);
    for (int i = 0; i < 20; ++i) {
      modelled.WriteRandomly(random, 20);
      ExpectOwn(modelled.layer(), modelled.own(), keys);
      if (HasFatalFailure()) return;
    }
    modelled.layer().Seal();
    ModelledLayer::Model sorted;
    for (const Entry* entry : modelled.layer().Sorted()) Add(*entry, sorted);
    EXPECT_TRUE(sorted == modelled.own());
  }
}

TEST(Layer, OfManyKeysIsReadThroughManyRuns) {
  std::vector<std::string> keys;
  for (int i = 0; i < 6000; ++i) keys.push_back("key" + std::to_string(i));
  EntryOwner entries;
  Random random(3);
  ModelledLayer modelled(entries, keys);
  for (const std::string& key : keys) modelled.Write(key, "v");
  modelled.WriteRandomly(random, 500);
  ExpectOwn(modelled.layer(), modelled.own(), keys);
}

TEST(Layer, TakesBackWhatWasAddedLast) {
  EntryOwner entries;
  Layer layer;
  Entry* const a = entries.New("a", "1");
  layer.Add(a);
  for (const bool read_between : {false, true}) {
    layer.Replace(*a, entries.New("a", "2"));
    for (int i = 0; i < 3000; ++i) layer.Add(entries.New("b" + std::to_string(i)));
    if (read_between) {
      ASSERT_NE(layer.Find("b7"), nullptr) << "now all are in runs";
    }
    layer.Restore(a);
    layer.Truncate(1);
    EXPECT_THAT(layer.entries(), ElementsAre(a));
    EXPECT_EQ(layer.Find("a"), a);
    EXPECT_EQ(layer.Find("b7"), nullptr);
  }
  layer.Truncate(0);
  layer.Seal();
  EXPECT_THAT(layer.Sorted(), IsEmpty());
}

}  // namespace
}  // namespace cartwheel::storage
