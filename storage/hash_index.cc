#include "storage/hash_index.h"

#include <bit>

#include <xxhash.h>

#include "storage/check.h"

namespace cartwheel::storage {
namespace {

constexpr uint64_t kFirstBuckets = 8;
// Address space for this many: half a billion entries; more only make the lines behind the buckets
// longer.
constexpr uint64_t kMostBuckets = 1ULL << 27;
// With 4 of 7 slots used on average about one bucket in ten has a second line.
constexpr uint64_t kEntriesPerBucket = 4;
// Buckets are merged where they hold fewer: so much less that an index that shrank does not grow
// with the next entries.
constexpr uint64_t kFewEntriesPerBucket = 1;

// A bucket is chosen by the lowest bits, up to 28 of them; the tag is bits 16 to 31. So the bit
// that splits a bucket is at hand in all but small indexes, whose entries are near anyway, and
// enough other bits are left to tell keys apart.
constexpr int kTagShift = 16;

uint64_t TagOf(uint64_t hash) {
  return (hash >> kTagShift & 0xffff);
}

}  // namespace

uint64_t HashIndex::HashOf(std::string_view key) {
  return XXH3_64bits(key.data(), key.size());
}

HashIndex::HashIndex() : low_mask_(kFirstBuckets - 1), bucket_count_(kFirstBuckets) {
  for (max_buckets_ = kMostBuckets; max_buckets_ >= kFirstBuckets; max_buckets_ /= 2) {
    memory_ = std::make_unique<LazyMemory>(max_buckets_ * sizeof(Bucket));
    if (memory_->size() != 0) return;
  }
  Check(false, "there is address space for an index");
}

HashIndex::~HashIndex() = default;

Entry* HashIndex::Find(std::string_view key, uint64_t hash) const {
  const uint64_t tag = TagOf(hash);
  for (const Bucket* line = &BucketOf(hash); line != nullptr; line = line->next) {
    for (const Slot slot : line->slots) {
      if (slot >> kPointerBits != tag) continue;
      Entry* entry = EntryOf(slot);
      if (entry == nullptr) return nullptr;
      if (entry->key() == key) return entry;
    }
  }
  return nullptr;
}

void HashIndex::PrefetchEntry(uint64_t hash) const {
  // Header, key and a value of usual size.
  constexpr size_t kPrefetchedBytes = 192;
  constexpr size_t kCacheLineBytes = 64;
  for (const Slot slot : BucketOf(hash).slots) {
    if (slot == 0) return;  // has the tag 0, as some keys do
    if (slot >> kPointerBits != TagOf(hash)) continue;
    const auto* entry = reinterpret_cast<const char*>(EntryOf(slot));
    for (size_t at = 0; at < kPrefetchedBytes; at += kCacheLineBytes) {
      __builtin_prefetch(entry + at);
    }
    return;
  }
}

void HashIndex::Insert(Entry* entry, uint64_t hash) {
  Append(BucketOf(hash), TagOf(hash) << kPointerBits | reinterpret_cast<Slot>(entry));
  if (++size_ > bucket_count_ * kEntriesPerBucket && bucket_count_ < max_buckets_) Split();
}

void HashIndex::Replace(const Entry* old, Entry* fresh, uint64_t hash) {
  const Place place = PlaceOf(old, hash);
  place.line->slots[place.slot] = TagOf(hash) << kPointerBits | reinterpret_cast<Slot>(fresh);
}

void HashIndex::Remove(const Entry* entry, uint64_t hash) {
  Erase(BucketOf(hash), PlaceOf(entry, hash));
}

HashIndex::Place HashIndex::PlaceOf(const Entry* entry, uint64_t hash) const {
  const Slot wanted = TagOf(hash) << kPointerBits | reinterpret_cast<Slot>(entry);
  for (Bucket* line = &BucketOf(hash); line != nullptr; line = line->next) {
    for (size_t i = 0; i < Bucket::kSlots; ++i) {
      if (line->slots[i] == wanted) return {line, i};
    }
  }
  Check(false, "the entry is in the index");
  return {};
}

// Of a bucket that is not empty.
HashIndex::Place HashIndex::LastOf(Bucket& bucket) {
  Bucket* line = &bucket;
  while (line->next != nullptr) line = line->next;
  size_t slot = Bucket::kSlots - 1;
  while (line->slots[slot] == 0) --slot;
  return {line, slot};
}

void HashIndex::Append(Bucket& bucket, Slot slot) {
  for (Bucket* line = &bucket;; line = line->next) {
    if (line->slots[Bucket::kSlots - 1] == 0) {
      size_t free = 0;
      while (line->slots[free] != 0) ++free;
      line->slots[free] = slot;
      return;
    }
    if (line->next == nullptr) line->next = NewLine();
  }
}

// The last slot takes the place of the erased one.
void HashIndex::Erase(Bucket& bucket, Place place) {
  const Place last = LastOf(bucket);
  place.line->slots[place.slot] = last.line->slots[last.slot];
  last.line->slots[last.slot] = 0;
  --size_;
  if (last.slot != 0 || last.line == &bucket) return;
  Bucket* before = &bucket;
  while (before->next != last.line) before = before->next;
  before->next = nullptr;
  FreeLine(last.line);
}

// The hash bit that decides to which half of a split bucket the slot belongs.
uint64_t HashIndex::NextHashBit(Slot slot) const {
  const int bit = std::bit_width(low_mask_);
  if (bit >= kTagShift) return slot >> kPointerBits >> (bit - kTagShift) & 1;
  return HashOf(EntryOf(slot)->key()) >> bit & 1;
}

void HashIndex::Split() {
  const uint64_t number = bucket_count_ - low_mask_ - 1;
  Bucket& from = buckets()[number];
  Bucket& to = buckets()[bucket_count_];
  Bucket* rest = from.next;
  const Bucket first = from;
  from = {};
  const auto deal = [&](const Bucket& line) {
    for (const Slot slot : line.slots) {
      if (slot != 0) Append(NextHashBit(slot) != 0 ? to : from, slot);
    }
  };
  deal(first);
  while (rest != nullptr) {
    const Bucket line = *rest;
    FreeLine(rest);
    rest = line.next;
    deal(line);
  }
  if (++bucket_count_ == 2 * (low_mask_ + 1)) low_mask_ = 2 * low_mask_ + 1;
}

bool HashIndex::Shrink(size_t effort) {
  bool merged = false;
  for (;
       effort > 0 && bucket_count_ > kFirstBuckets && size_ < bucket_count_ * kFewEntriesPerBucket;
       --effort) {
    Merge();
    merged = true;
  }
  return merged;
}

// Takes the last split back.
void HashIndex::Merge() {
  if (bucket_count_ == low_mask_ + 1) low_mask_ /= 2;
  Bucket& from = buckets()[--bucket_count_];
  Bucket& to = buckets()[bucket_count_ - low_mask_ - 1];
  for (Bucket* line = &from; line != nullptr;) {
    for (const Slot slot : line->slots) {
      if (slot != 0) Append(to, slot);
    }
    Bucket* const next = line->next;
    if (line != &from) FreeLine(line);
    line = next;
  }
  from = {};
  const size_t end = bucket_count_ * sizeof(Bucket);
  if (end % LazyMemory::kPageBytes == 0) memory_->Release(end);
}

HashIndex::Bucket* HashIndex::NewLine() {
  if (free_lines_ == nullptr) {
    chunks_.push_back(std::make_unique<Bucket[]>(kChunkLines));
    for (size_t i = 0; i < kChunkLines; ++i) FreeLine(&chunks_.back()[i]);
  }
  Bucket* line = free_lines_;
  free_lines_ = line->next;
  *line = {};
  return line;
}

void HashIndex::FreeLine(Bucket* line) {
  line->next = free_lines_;
  free_lines_ = line;
}

}  // namespace cartwheel::storage
