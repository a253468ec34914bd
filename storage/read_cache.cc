#include "storage/read_cache.h"

#include <algorithm>
#include <cstring>

#include <xxhash.h>

namespace cartwheel::storage {
namespace {

constexpr uint64_t kUnitBytes = 16;
constexpr int kPlaceBits = 32;
constexpr uint64_t kPlaceMask = (uint64_t{1} << kPlaceBits) - 1;
constexpr int kPositionBits = 48;
constexpr uint64_t kPositionMask = (uint64_t{1} << kPositionBits) - 1;
constexpr uint64_t kLap = uint64_t{1} << kPlaceBits;
constexpr uint64_t kLastLap = kPositionMask & ~kPlaceMask;

constexpr uint64_t kSmallestCache = 1 << 10;
constexpr uint64_t kLargestCache = (kPlaceMask + 1) * kUnitBytes;
// The index's share. A slot for each 128 bytes is enough for keys of 20 and values of 100 bytes;
// of smaller ones the index holds fewer than the log could.
constexpr uint64_t kBytesPerSlot = 128;

// Room kept free ahead of the head, since what is evicted can be written over only after the views
// of the turn: more than a turn of a thousand small reads needs.
constexpr uint64_t kMaxReserveUnits = (1 << 20) / kUnitBytes;
constexpr uint64_t kShareOfReserve = 8;  // of a small cache
// Entries moved to the head per insertion; beyond that they go although they were read, so that no
// insertion takes long.
constexpr int kMaxSecondChances = 4;

// Fetched ahead of an entry that is found, besides its first line.
constexpr size_t kCacheLine = 64;
constexpr size_t kPrefetchedBytes = 2 * kCacheLine;

uint64_t HashOf(std::string_view key) {
  return XXH3_64bits(key.data(), key.size());
}

// The bucket is chosen by the upper bits.
uint64_t TagOf(uint64_t hash) {
  return hash << kPositionBits;
}

}  // namespace

// The header of an entry in the log; key and value follow. Its views stay valid while it is
// appended again elsewhere.
struct ReadCache::Entry {
  uint16_t units;      // up to the next entry, header included
  uint16_t key_bytes;  // 0: no entry, only the rest of the ring's end
  uint16_t value_bytes;
  bool referenced;  // read since it was appended

  static uint64_t UnitsFor(size_t key_bytes, size_t value_bytes) {
    return (sizeof(Entry) + key_bytes + value_bytes + kUnitBytes - 1) / kUnitBytes;
  }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_bytes}; }
  std::string_view value() const {
    return {reinterpret_cast<const char*>(this + 1) + key_bytes, value_bytes};
  }
};

// One cache line.
struct ReadCache::Bucket {
  static constexpr size_t kSlots = 8;
  Slot slots[kSlots];

  // The slot that loses least: one without an entry if there is any, as all positions in the log
  // are higher than those before it.
  Slot& Oldest() {
    return *std::ranges::min_element(slots, {}, [](Slot slot) { return slot & kPositionMask; });
  }
};

ReadCache::ReadCache(uint64_t limit_bytes)
    : index_(limit_bytes < kSmallestCache ? 0
                                          : std::min(limit_bytes, kLargestCache) / kBytesPerSlot /
                                                Bucket::kSlots * sizeof(Bucket)),
      ring_(index_.size() == 0 ? 0 : std::min(limit_bytes, kLargestCache) - index_.size()),
      bucket_count_(index_.size() / sizeof(Bucket)),
      ring_units_(ring_.size() / kUnitBytes),
      max_entry_units_(std::min(kMaxEntryBytes / kUnitBytes + 1, ring_units_ / kShareOfReserve)),
      reserve_units_(std::min(kMaxReserveUnits, ring_units_ / kShareOfReserve)),
      head_(kLap),
      tail_(kLap),
      reusable_(kLap) {}

bool ReadCache::IsCacheable(std::string_view key, size_t value_bytes) const {
  return !key.empty() && key.size() <= kMaxEntryBytes &&
         value_bytes <= kMaxEntryBytes - key.size() &&
         Entry::UnitsFor(key.size(), value_bytes) <= max_entry_units_;
}

ReadCache::Entry& ReadCache::At(Position position) const {
  return *reinterpret_cast<Entry*>(ring_.data() + (position & kPlaceMask) * kUnitBytes);
}

// Lemire, "Fast Random Integer Generation in an Interval" (2019): a multiplication for a division.
ReadCache::Bucket& ReadCache::BucketOf(uint64_t hash) const {
  const uint64_t bucket = ((hash >> 32) * bucket_count_) >> 32;
  return reinterpret_cast<Bucket*>(index_.data())[bucket];
}

// The slot of a cached key, else nullptr. Where the tag matches, the entry is nearly always the one
// wanted, and its value will be read next.
ReadCache::Slot* ReadCache::Find(std::string_view key, uint64_t hash) const {
  const uint64_t tag = TagOf(hash);
  for (Slot& slot : BucketOf(hash).slots) {
    const Position position = slot ^ tag;
    if (position > kPositionMask || position < tail_) continue;
    const Entry& entry = At(position);
    for (size_t at = kCacheLine; at <= kPrefetchedBytes; at += kCacheLine) {
      __builtin_prefetch(reinterpret_cast<const char*>(&entry) + at);
    }
    if (entry.key() == key) return &slot;
  }
  return nullptr;
}

std::optional<std::string_view> ReadCache::Get(std::string_view key) {
  if (!IsCacheable(key, 0)) return std::nullopt;
  const Slot* slot = Find(key, HashOf(key));
  if (slot == nullptr) return std::nullopt;
  Entry& entry = At(*slot & kPositionMask);
  // Written only when it changes, to leave the cache line clean.
  if (!entry.referenced) entry.referenced = true;
  return entry.value();
}

void ReadCache::Insert(std::string_view key, std::string_view value) {
  if (!IsCacheable(key, value.size())) return;
  const uint64_t hash = HashOf(key);
  if (Find(key, hash) != nullptr) return;
  const uint64_t units = Entry::UnitsFor(key.size(), value.size());
  MakeRoom(units);
  const auto position = Append({.units = static_cast<uint16_t>(units),
                                .key_bytes = static_cast<uint16_t>(key.size()),
                                .value_bytes = static_cast<uint16_t>(value.size()),
                                .referenced = false},
                               key, value);
  if (position) BucketOf(hash).Oldest() = TagOf(hash) | *position;
}

void ReadCache::Replace(std::string_view key, std::string_view value) {
  if (!IsCacheable(key, 0)) return;
  Slot* slot = Find(key, HashOf(key));
  if (slot == nullptr) return;
  Entry& entry = At(*slot & kPositionMask);
  if (Entry::UnitsFor(key.size(), value.size()) <= entry.units) {
    entry.value_bytes = static_cast<uint16_t>(value.size());
    if (!value.empty()) std::memcpy(entry.bytes() + entry.key_bytes, value.data(), value.size());
    return;
  }
  *slot = 0;
  Insert(key, value);
}

void ReadCache::Erase(std::string_view key) {
  if (!IsCacheable(key, 0)) return;
  if (Slot* slot = Find(key, HashOf(key)); slot != nullptr) *slot = 0;
}

void ReadCache::Clear() {
  if (head_ == kLap) return;
  index_.Release();
  ring_.Release();
  head_ = tail_ = reusable_ = kLap;
}

void ReadCache::ReleaseViews() {
  reusable_ = tail_;
  // A turn wraps the log at most once, so that the laps never run out between two calls.
  if (head_ >= kLastLap) [[unlikely]]
    Clear();
}

uint64_t ReadCache::bytes() const {
  if (head_ == kLap) return 0;
  const bool wrapped = head_ >= 2 * kLap;
  return index_.size() + (wrapped ? ring_.size() : (head_ & kPlaceMask) * kUnitBytes);
}

ReadCache::Position ReadCache::Advanced(Position position, uint64_t units) const {
  position += units;
  const bool at_end = (position & kPlaceMask) == ring_units_;
  return at_end ? (position & ~kPlaceMask) + kLap : position;
}

uint64_t ReadCache::Distance(Position from, Position to) const {
  return ((to >> kPlaceBits) - (from >> kPlaceBits)) * ring_units_ + (to & kPlaceMask) -
         (from & kPlaceMask);
}

// Entries lie in one piece: one that does not fit before the ring's end goes to its beginning.
std::optional<ReadCache::Position> ReadCache::Append(const Entry& header, std::string_view key,
                                                     std::string_view value) {
  const uint64_t to_end = ring_units_ - (head_ & kPlaceMask);
  const uint64_t skipped = to_end < header.units ? to_end : 0;
  if (Distance(reusable_, head_) + skipped + header.units > ring_units_) return std::nullopt;
  if (skipped > 0) {
    At(head_) = {static_cast<uint16_t>(skipped), 0, 0, false};
    head_ = Advanced(head_, skipped);
  }
  const Position position = head_;
  Entry& entry = At(position);
  entry = header;
  std::memcpy(entry.bytes(), key.data(), key.size());
  if (!value.empty()) std::memcpy(entry.bytes() + key.size(), value.data(), value.size());
  head_ = Advanced(head_, header.units);
  return position;
}

void ReadCache::MakeRoom(uint64_t units) {
  int second_chances = kMaxSecondChances;
  while (tail_ != head_ && ring_units_ - Distance(tail_, head_) < units + reserve_units_) {
    EvictOldest(second_chances);
  }
}

void ReadCache::EvictOldest(int& second_chances) {
  const Entry& oldest = At(tail_);
  if (oldest.referenced && second_chances > 0 && GiveSecondChance(oldest)) --second_chances;
  tail_ = Advanced(tail_, oldest.units);
}

// Only an entry that the index still knows: one that it lost may be out of date.
bool ReadCache::GiveSecondChance(const Entry& oldest) {
  const uint64_t hash = HashOf(oldest.key());
  Slot* slot = Find(oldest.key(), hash);
  if (slot == nullptr || (*slot & kPositionMask) != tail_) return false;
  Entry header = oldest;
  header.referenced = false;
  const auto position = Append(header, oldest.key(), oldest.value());
  if (position) *slot = TagOf(hash) | *position;
  return position.has_value();
}

}  // namespace cartwheel::storage
