// Finds the entry of a key: a hash table of pointers that grows, and is made smaller, one bucket at
// a time.
//
// Linear hashing (Litwin, "Linear Hashing: A New Tool for File and Table Addressing", VLDB 1980):
// an insertion splits at most one bucket, so there is never a moment in which everything moves. A
// bucket is one cache line of slots, each a pointer and 16 bits of the hash; where it overflows it
// has further lines behind it. A probe that finds its key reads one line of the index, nearly
// always, and the entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "storage/entry.h"
#include "storage/lazy_memory.h"

namespace cartwheel::storage {

class HashIndex {
 public:
  static uint64_t HashOf(std::string_view key);

  HashIndex();
  ~HashIndex();  // the entries are their owner's
  HashIndex(const HashIndex&) = delete;
  HashIndex& operator=(const HashIndex&) = delete;

  // The entry of the key, or nullptr. `hash` is HashOf(key), here and everywhere.
  Entry* Find(std::string_view key, uint64_t hash) const;
  // Brings the key's bucket into the processor's cache.
  void Prefetch(uint64_t hash) const { __builtin_prefetch(&BucketOf(hash)); }

  // Brings the key's entry, or what looks like it, into the processor's cache.
  void PrefetchEntry(uint64_t hash) const;

  // The key has no entry yet.
  void Insert(Entry* entry, uint64_t hash);
  // `old` is in the index; `fresh` has the same key.
  void Replace(const Entry* old, Entry* fresh, uint64_t hash);
  void Remove(const Entry* entry, uint64_t hash);

  // Buckets are numbered; a sweep from bucket 0 up to bucket_count(), as it is when the sweep gets
  // there, meets every entry that was there all the time, even if the index grows meanwhile: the
  // entries that a split moves go to the end.
  uint64_t bucket_count() const { return bucket_count_; }
  // Calls visit(Entry*) for each entry of one bucket; where it returns true the entry leaves the
  // index. It must not change the index otherwise.
  template <typename Visit>
  void VisitBucket(uint64_t bucket, Visit visit);

  // Where entries have become few: makes up to so many buckets fewer. False: there are not too
  // many. Not in the midst of a sweep, which could miss what comes to stand in front of it.
  bool Shrink(size_t effort);

  uint64_t size() const { return size_; }  // entries
  // Memory taken, without the entries.
  uint64_t bytes() const { return bucket_count_ * sizeof(Bucket) + chunks_.size() * kChunkBytes; }

 private:
  // The pointer in the lower 48 bits, the tag above; 0: empty.
  using Slot = uint64_t;
  // A cache line. Full ones may go on in another; empty slots stand at the end of the last.
  struct alignas(64) Bucket {
    static constexpr size_t kSlots = 7;
    Slot slots[kSlots];
    Bucket* next;
  };
  static_assert(sizeof(Bucket) == 64);
  // Where a slot stands.
  struct Place {
    Bucket* line;
    size_t slot;
  };

  static constexpr int kPointerBits = 48;
  static constexpr size_t kChunkLines = 64;
  static constexpr size_t kChunkBytes = kChunkLines * sizeof(Bucket);

  static Entry* EntryOf(Slot slot) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): half the slots of a line would not pay for it.
    return reinterpret_cast<Entry*>(slot & ((Slot{1} << kPointerBits) - 1));
  }
  Bucket* buckets() const { return reinterpret_cast<Bucket*>(memory_->data()); }
  Bucket& BucketOf(uint64_t hash) const {
    const uint64_t low = hash & low_mask_;
    return buckets()[low < bucket_count_ - low_mask_ - 1 ? hash & (2 * low_mask_ + 1) : low];
  }
  uint64_t NextHashBit(Slot slot) const;
  Place PlaceOf(const Entry* entry, uint64_t hash) const;
  static Place LastOf(Bucket& bucket);
  void Append(Bucket& bucket, Slot slot);
  void Erase(Bucket& bucket, Place place);
  void Split();
  void Merge();
  Bucket* NewLine();
  void FreeLine(Bucket* line);

  std::unique_ptr<LazyMemory> memory_;
  uint64_t max_buckets_;
  // Buckets whose number's lower bits are below bucket_count_ - low_mask_ - 1 are split already.
  uint64_t low_mask_;
  uint64_t bucket_count_;
  uint64_t size_ = 0;
  std::vector<std::unique_ptr<Bucket[]>> chunks_;  // of lines behind buckets
  Bucket* free_lines_ = nullptr;
};

template <typename Visit>
void HashIndex::VisitBucket(uint64_t bucket, Visit visit) {
  Bucket& first = buckets()[bucket];
  Bucket* line = &first;
  size_t slot = 0;
  while (line != nullptr && line->slots[slot] != 0) {
    if (visit(EntryOf(line->slots[slot]))) {
      // The last slot takes its place, and is looked at next; its line goes if it was alone there.
      const Place last = LastOf(first);
      const bool line_goes = last.line == line && last.slot == 0 && line != &first;
      Erase(first, {line, slot});
      if (line_goes) return;
      continue;
    }
    if (++slot == Bucket::kSlots) {
      line = line->next;
      slot = 0;
    }
  }
}

}  // namespace cartwheel::storage
