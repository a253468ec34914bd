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
#include <memory>
#include <string_view>
#include <vector>

#include "storage/entry.h"
#include "storage/range_map.h"

namespace cartwheel::storage {

class Layer {
 public:
  Layer();
  ~Layer();  // the entries are their owner's
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  // A key that is not in the layer. Sets entry->ordinal.
  void Add(Entry* entry);
  // `fresh` takes the place of the entry with its key. Sets fresh->ordinal.
  void Replace(const Entry& old, Entry* fresh);
  // Takes back an Add or undoes a Replace: `entry` is what the place holds from now on, or nullptr.
  void Restore(uint32_t ordinal, Entry* entry);
  // Hides the entries older than `sequence` that it covers; they stay in their places.
  void DeleteRange(std::string_view begin, std::string_view end, uint64_t sequence);
  void SetRanges(RangeMap ranges);  // undoes DeleteRange

  bool empty() const;
  // By ordinal; nullptr where there is none any more.
  const std::vector<Entry*>& entries() const { return entries_; }
  const RangeMap& ranges() const { return ranges_; }

  // No more changes: from here on any thread may read. Only `entries` pass on to their owner.
  void Seal();

  // Entries in the order of their keys, tombstones too, without those that the layer's own ranges
  // hide. A change of the layer invalidates it.
  class Iterator {
   public:
    explicit Iterator(const Layer& layer);
    ~Iterator();
    void Seek(std::string_view key);  // to the first key >= `key`
    void Next();                      // only while Valid()
    bool Valid() const;
    Entry& entry() const;

   private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

  // The entry of the key unless hidden; a binary search. nullptr: the layer does not know the key.
  const Entry* Find(std::string_view key) const;

 private:
  std::vector<Entry*> entries_;
  RangeMap ranges_;
};

}  // namespace cartwheel::storage
