#include "storage/flush_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "layer_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class FlushPlanTest : public ::testing::Test {
 protected:
  Generation& Add(LogPosition end) {
    generations_.push_back(std::make_unique<Generation>());
    generations_.back()->end = end;
    return *generations_.back();
  }
  FlushPlan Make() {
    std::vector<Generation*> generations;
    for (const auto& generation : generations_) {
      for (Layer& layer : generation->layers) layer.Seal();
      generations.push_back(generation.get());
    }
    return MakeFlushPlan(generations);
  }
  // What a base store does with it.
  static void Apply(const FlushPlan::Changes& changes, Records& records) {
    for (const auto& [begin, range] : changes.ranges.ranges()) {
      std::erase_if(records,
                    [&](const auto& record) { return InRange(record.first, begin, range.end); });
    }
    for (const Entry* entry : changes.entries) {
      if (entry->is_tombstone()) {
        records.erase(std::string(entry->key()));
      } else {
        records.insert_or_assign(std::string(entry->key()), std::string(entry->value()));
      }
    }
  }

  // The same changes to a layer and to what they change.
  void WriteRandomly(Random& random, const std::vector<std::string>& keys, Layer& layer,
                     Records& records) {
    std::map<std::string, Entry*> newest;
    for (uint64_t i = random.Below(40); i > 0; --i) {
      const std::string& key = keys[random.Below(keys.size())];
      const uint64_t dice = random.Below(16);
      if (dice == 0) {
        const std::string end = random.Below(6) == 0 ? "" : keys[random.Below(keys.size())];
        layer.DeleteRange(key, end, entries_.NextSequence());
        std::erase_if(records, [&](const auto& record) { return InRange(record.first, key, end); });
        continue;
      }
      const std::string value = "value" + std::to_string(random.Next());
      Entry* entry = dice < 6 ? entries_.New(key, std::nullopt) : entries_.New(key, value);
      Entry*& place = newest[key];
      if (place == nullptr) {
        layer.Add(entry);
      } else {
        layer.Replace(*place, entry);
      }
      place = entry;
      if (dice < 6) {
        records.erase(key);
      } else {
        records[key] = value;
      }
    }
  }

  EntryOwner entries_;
  std::vector<std::unique_ptr<Generation>> generations_;
};

TEST_F(FlushPlanTest, DoesWhatItsGenerationsDoOneAfterAnother) {
  const std::vector<std::string> keys = FewKeys();
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    generations_.clear();
    std::array<Records, kKeyspaceCount> planned;
    for (Records& records : planned) {
      for (const std::string& key : keys) {
        if (random.Below(2) == 0) records[key] = "base";
      }
    }
    std::array<Records, kKeyspaceCount> expected = planned;
    for (LogPosition end = 1; end <= 3; ++end) {
      Generation& generation = Add(end * 100);
      for (size_t i = 0; i < kKeyspaceCount; ++i) {
        WriteRandomly(random, keys, generation.layers[i], expected[i]);
      }
    }
    const FlushPlan plan = Make();
    EXPECT_EQ(plan.covered, 300U);
    for (size_t i = 0; i < kKeyspaceCount; ++i) {
      const auto& entries = plan.changes[i].entries;
      EXPECT_TRUE(std::ranges::is_sorted(entries, [](const Entry* a, const Entry* b) {
        return !KeyOrder()(b->key(), a->key());
      })) << "in order, each key once";
      Apply(plan.changes[i], planned[i]);
      ASSERT_TRUE(planned[i] == expected[i]);
    }
  }
}

TEST_F(FlushPlanTest, ANewerRangeDropsOlderEntries) {
  Add(1).layer(Keyspace::kData).Add(entries_.New("b", "1"));
  Add(2).layer(Keyspace::kData).DeleteRange("a", "c", entries_.NextSequence());
  const FlushPlan plan = Make();
  EXPECT_THAT(plan.changes[0].entries, IsEmpty());
  EXPECT_THAT(plan.changes[0].ranges.ranges(), SizeIs(1)) << "the base may have the key too";
}

TEST_F(FlushPlanTest, ATombstoneIsPlannedThoughNoOlderGenerationHasTheKey) {
  Add(1).layer(Keyspace::kData).Add(entries_.New("b", std::nullopt));
  EXPECT_THAT(Make().changes[0].entries, SizeIs(1));
}

}  // namespace
}  // namespace cartwheel::storage
