// Finds the entry of a key: a hash table of pointers that grows one bucket at a time.
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
  void Prefetch(uint64_t hash) const;

  // The key has no entry yet.
  void Insert(Entry* entry, uint64_t hash);
  // `old` is in the index; `fresh` has the same key.
  void Replace(Entry* old, Entry* fresh, uint64_t hash);
  void Remove(Entry* entry, uint64_t hash);
  void Clear();

  // Buckets are numbered; a sweep from bucket 0 up to bucket_count(), as it is when the sweep gets
  // there, meets every entry that was there all the time, even if the index grows meanwhile: the
  // entries that a split moves go to the end.
  uint64_t bucket_count() const { return bucket_count_; }
  // Calls visit(Entry*) for each entry of one bucket; where it returns true the entry leaves the
  // index. It must not change the index otherwise.
  template <typename Visit>
  void VisitBucket(uint64_t bucket, Visit visit);

  uint64_t size() const { return size_; }  // entries
  uint64_t bytes() const;                  // memory taken, without the entries

 private:
  struct Bucket;

  uint64_t bucket_count_ = 0;
  uint64_t size_ = 0;
};

}  // namespace cartwheel::storage
