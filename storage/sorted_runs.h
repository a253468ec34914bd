// The order of a layer's keys: sorted runs of (first key bytes, ordinal) pairs.
//
// New keys gather in a tail that is sorted when it is full and becomes a run; runs of equal size
// are merged, up to a bound. So adding a key costs a few dozen nanoseconds and never much at once,
// and a million keys are some twenty runs. The first eight bytes decide nearly all comparisons
// without looking at the entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "storage/entry.h"

namespace cartwheel::storage {

class SortedRuns {
 public:
  struct Item {
    uint64_t prefix;  // of the key, so that numbers compare as the bytes do
    uint32_t ordinal;
  };
  using Run = std::vector<Item>;
  // By ordinal. Those that items name are there.
  using Entries = std::vector<Entry*>;

  static constexpr size_t kTailItems = 1024;
  static constexpr size_t kMaxRunItems = 64 * kTailItems;

  static uint64_t PrefixOf(std::string_view key);

  static bool Less(const Item& a, const Item& b, const Entries& entries);

  // A key that no item has.
  void Add(std::string_view key, uint32_t ordinal, const Entries& entries);
  // Takes out the items with ordinals from `first` on, `count` of them. Rare: passes over the tail,
  // and over runs if they were sorted into some.
  void RemoveFrom(uint32_t first, size_t count);
  // Makes a run of what is in the tail, so that all items are in runs.
  void SortTail(const Entries& entries);

  const std::vector<Run>& runs() const { return runs_; }

  // The first item of the run whose key is not less.
  static Run::const_iterator LowerBound(const Run& run, std::string_view key,
                                        const Entries& entries);
  // One run of all, for a helper thread; the tail is empty.
  Run Merged(const Entries& entries) const;

 private:
  void MergeEquals(const Entries& entries);

  std::vector<Run> runs_;  // none empty
  Run tail_;
};

}  // namespace cartwheel::storage
