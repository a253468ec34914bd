#include "storage/flush_plan.h"

#include <utility>

#include "storage/key_order.h"

namespace cartwheel::storage {
namespace {

using Entries = std::vector<const Entry*>;

// Entries of both in order; of equal keys the newer one. Ranges of the newer layer hide older ones.
Entries Overlay(const Entries& older, const Entries& newer, const RangeMap& newer_ranges) {
  Entries merged;
  merged.reserve(older.size() + newer.size());
  auto next = newer.begin();
  for (const Entry* entry : older) {
    while (next != newer.end() && KeyOrder()((*next)->key(), entry->key())) {
      merged.push_back(*next++);
    }
    if (next != newer.end() && (*next)->key() == entry->key()) continue;
    if (newer_ranges.empty() || newer_ranges.Covering(entry->key()) == nullptr) {
      merged.push_back(entry);
    }
  }
  merged.insert(merged.end(), next, newer.end());
  return merged;
}

}  // namespace

FlushPlan MakeFlushPlan(const std::vector<Generation*>& generations) {
  FlushPlan plan;
  plan.covered = generations.back()->end;
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    FlushPlan::Changes& changes = plan.changes[i];
    for (const Generation* generation : generations) {
      const Layer& layer = generation->layers[i];
      changes.entries = changes.entries.empty()
                            ? layer.Sorted()
                            : Overlay(changes.entries, layer.Sorted(), layer.ranges());
      changes.ranges.Merge(layer.ranges());
    }
  }
  return plan;
}

}  // namespace cartwheel::storage
