// A bounded cache of committed values in front of the store's tree: a hit costs two or three cache
// misses where a tree of a million keys costs fifteen to twenty.
//
// A circular log of entries and a lossy hash index over it, after MICA (Lim, Han, Andersen,
// Kaminsky, "MICA: A Holistic Approach to Fast In-Memory Key-Value Storage", NSDI 2014, section
// 4.3). New entries are appended; the oldest make room, those read since they were appended once
// more at the head (second chance). An index slot holds an entry's position, which only grows, so
// that a slot whose entry is gone is recognized without being told: nothing is allocated, moved or
// walked through but the entries that come and go.
//
// A view from Get stays valid until ReleaseViews, Replace or Clear: bytes that were in use at the
// last ReleaseViews are not written over before the next one. Room that is short for that reason
// only means that values are not cached.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/lazy_memory.h"

namespace cartwheel::storage {

class ReadCache {
 public:
  // Larger entries (key and value) are not cached: one read of them is worth many small ones.
  static constexpr size_t kMaxEntryBytes = 16 << 10;

  // Takes `limit_bytes` at most, as it fills, the index included; of more than 64 GiB, that much.
  // Caches nothing when the limit is below 1 KiB or the system does not grant the address space.
  explicit ReadCache(uint64_t limit_bytes);

  std::optional<std::string_view> Get(std::string_view key);

  // Caches a committed value, unless the key is cached, the entry too large (above kMaxEntryBytes
  // or 1/8 of the cache) or room too short.
  void Insert(std::string_view key, std::string_view value);
  // A commit has changed the key's value: changed here if it is cached, or no longer cached.
  void Replace(std::string_view key, std::string_view value);
  void Erase(std::string_view key);
  // Empties the cache and gives its memory back.
  void Clear();

  // Views from Get are not used any more.
  void ReleaseViews();

  // Memory taken.
  uint64_t bytes() const;

 private:
  // Where an entry stands in the log: the times the log has wrapped (16 bits) above the place in
  // the ring (32 bits), which is counted in units. Grows from entry to entry.
  using Position = uint64_t;
  // The upper 16 bits of the slot tell most other keys of the bucket from the one looked for; the
  // rest is the entry's position. 0 is older than every entry, as if its entry were gone.
  using Slot = uint64_t;
  struct Entry;
  struct Bucket;

  bool IsCacheable(std::string_view key, size_t value_bytes) const;
  Entry& At(Position position) const;
  Bucket& BucketOf(uint64_t hash) const;
  Slot* Find(std::string_view key, uint64_t hash) const;
  Position Advanced(Position position, uint64_t units) const;
  uint64_t Distance(Position from, Position to) const;
  std::optional<Position> Append(const Entry& header, std::string_view key, std::string_view value);
  void MakeRoom(uint64_t units);
  void EvictOldest(int& second_chances);
  bool GiveSecondChance(const Entry& oldest);

  LazyMemory index_;
  LazyMemory ring_;
  uint64_t bucket_count_;
  uint64_t ring_units_;
  uint64_t max_entry_units_;
  uint64_t reserve_units_;
  Position head_;      // where the next entry goes
  Position tail_;      // of the oldest entry
  Position reusable_;  // everything before it may be written over: tail_ at the last ReleaseViews
};

}  // namespace cartwheel::storage
