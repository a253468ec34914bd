// The changes of one keyspace between two points in time: entries and deleted ranges. A layer is
// written, then sealed and flushed; layers stand on one another and at the bottom on the base.
//
// An entry is known by its ordinal, its place in the order in which keys came, which a newer entry
// of the same key takes over. The order by key is kept in sorted runs: every 1,024 new keys are
// sorted, and runs are merged with their equals up to 65,536, so that neither a write nor a cursor
// ever has to sort much at once, and a flush finds its work half done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/entry.h"
#include "storage/range_map.h"
#include "storage/sorted_runs.h"

namespace cartwheel::storage {

class Layer {
 public:
  Layer() = default;
  Layer(const Layer&) = delete;  // the entries are their owner's
  Layer& operator=(const Layer&) = delete;

  // A key that is not in the layer. Sets entry->ordinal.
  void Add(Entry* entry);
  // `fresh` takes the place of the entry with its key. Sets fresh->ordinal.
  void Replace(const Entry& old, Entry* fresh);
  // Undoes a Replace: the entry has its place again.
  void Restore(Entry* entry) { entries_[entry->ordinal] = entry; }
  // Takes back what was added after the first `size` entries; those may be gone by now.
  void Truncate(size_t size);
  // Hides the entries older than `sequence` that it covers; they stay in their places.
  void DeleteRange(std::string_view begin, std::string_view end, uint64_t sequence) {
    ranges_.Assign(begin, end, sequence);
  }
  void SetRanges(RangeMap ranges) { ranges_ = std::move(ranges); }  // undoes DeleteRange

  // No more changes: from here on any thread may read.
  void Seal() { runs_.SortTail(entries_); }

  // By ordinal.
  const std::vector<Entry*>& entries() const { return entries_; }
  const RangeMap& ranges() const { return ranges_; }

  // The entry of the key, unless one of the layer's own ranges hides it; by binary search. nullptr:
  // the layer has none.
  const Entry* Find(std::string_view key) const;

  // All entries that the layer's own ranges do not hide, in the order of their keys. For a helper
  // thread: takes a while. Of a sealed layer.
  std::vector<const Entry*> Sorted() const;

  // The same one by one, from any key on. A change of the layer invalidates it.
  class Iterator {
   public:
    explicit Iterator(const Layer& layer);
    void Seek(std::string_view key);  // to the first key >= `key`
    void Next();                      // only while Valid()
    bool Valid() const { return entry_ != nullptr; }
    const Entry& entry() const { return *entry_; }

   private:
    struct Rest {
      SortedRuns::Run::const_iterator next;
      SortedRuns::Run::const_iterator end;
    };
    void Settle();

    const Layer& layer_;
    std::vector<Rest> rests_;  // of each run
    size_t smallest_ = 0;      // the run that the entry comes from
    const Entry* entry_ = nullptr;
  };

 private:
  std::vector<Entry*> entries_;
  // Reading in order sorts what came last; until the layer is sealed only its owner reads.
  mutable SortedRuns runs_;
  RangeMap ranges_;
};

}  // namespace cartwheel::storage
