#include "storage/memory_table.h"

#include <ranges>
#include <utility>

#include "storage/check.h"

namespace cartwheel::storage {
namespace {

// Values larger than this are read from the base store each time: one costs as much memory as
// hundreds of small ones, and little of its reading time is the search for it.
constexpr size_t kMaxCachedValueBytes = 64 << 10;
// A place and an item of a sorted run (layer.h).
constexpr uint64_t kLayerBytesPerKey = sizeof(Entry*) + sizeof(SortedRuns::Item);
// What may be cached beyond the limit until the end of the turn.
constexpr uint64_t kCacheSlackShare = 16;

}  // namespace

MemoryTable::MemoryTable() : active_(std::make_unique<Generation>()) {}

MemoryTable::~MemoryTable() {
  Undo();
  // What is superseded stands in layers alone, the rest in the index.
  sealed_.push_back(std::move(active_));
  for (const auto& generation : sealed_) {
    for (size_t i = generation->retired_layers; i < kKeyspaceCount; ++i) {
      const auto& entries = generation->layers[i].entries();
      const size_t from = i == generation->retired_layers ? generation->retired_entries : 0;
      for (Entry* entry : entries | std::views::drop(from)) {
        if (entry->superseded()) Entry::Free(entry);
      }
    }
  }
  for (HashIndex& index : indexes_) {
    for (uint64_t bucket = 0; bucket < index.bucket_count(); ++bucket) {
      index.VisitBucket(bucket, [](Entry* entry) {
        Entry::Free(entry);
        return true;
      });
    }
  }
}

MemoryTable::Found MemoryTable::Find(Keyspace keyspace, std::string_view key, uint64_t hash) {
  const RangeMap& ranges = hidden(keyspace);
  if (Entry* entry = index(keyspace).Find(key, hash); entry != nullptr) {
    if (entry->is_tombstone()) return {State::kDeleted, {}};
    if (!ranges.empty() && ranges.Hides(key, entry->sequence())) return {State::kDeleted, {}};
    // Written only when it changes, to leave the cache line clean.
    if (!entry->referenced()) entry->set_referenced();
    return {State::kValue, entry->value()};
  }
  // A deletion that the base store does not know of yet.
  if (!ranges.empty() && ranges.Hides(key, flushed_until_)) return {State::kDeleted, {}};
  return {State::kUnknown, {}};
}

// Two rounds, so that the misses of each are waited for together.
void MemoryTable::Prefetch(Keyspace keyspace, std::span<const std::string_view> keys) {
  const HashIndex& entries = index(keyspace);
  hashes_.clear();
  for (const std::string_view key : keys) {
    hashes_.push_back(HashIndex::HashOf(key));
    entries.Prefetch(hashes_.back());
  }
  for (const uint64_t hash : hashes_) entries.PrefetchEntry(hash);
}

void MemoryTable::Cache(Keyspace keyspace, std::string_view key, uint64_t hash,
                        std::string_view value) {
  if (keyspace != Keyspace::kData || value.size() > kMaxCachedValueBytes) return;
  if (limit_ != 0 && bytes() > limit_ + limit_ / kCacheSlackShare) return;
  // Of the present: no deleted range covers the key, or Find would have known it.
  Entry* entry = Entry::New(key, value, sequence_);
  entry->set_clean();
  entry_bytes_ += entry->memory();
  index(keyspace).Insert(entry, hash);
}

std::string_view MemoryTable::Put(Keyspace keyspace, std::string_view key, std::string_view value) {
  return Add(keyspace, key, value)->value();
}

void MemoryTable::Delete(Keyspace keyspace, std::string_view key) {
  Add(keyspace, key, std::nullopt);
}

Entry* MemoryTable::Add(Keyspace keyspace, std::string_view key,
                        std::optional<std::string_view> value) {
  BeginTurn();
  Entry* entry = Entry::New(key, value, ++sequence_);
  entry_bytes_ += entry->memory();
  Place(writes_.emplace_back(Write{entry, nullptr, keyspace, false}));
  return entry;
}

bool MemoryTable::IsActive(const Entry& entry) const {
  return !entry.clean() && entry.sequence() > sealed_until_;
}

// Puts the entry of a write into the index and the active layer.
void MemoryTable::Place(Write& write) {
  Entry* entry = write.entry;
  const uint64_t hash = HashIndex::HashOf(entry->key());
  HashIndex& keys = index(write.keyspace);
  Layer& layer = active_->layer(write.keyspace);
  write.before = keys.Find(entry->key(), hash);
  write.in_place = write.before != nullptr && IsActive(*write.before);
  if (write.before != nullptr) {
    keys.Replace(write.before, entry, hash);
    write.before->set_superseded(true);
  } else {
    keys.Insert(entry, hash);
  }
  if (write.in_place) {
    layer.Replace(*write.before, entry);
    active_->bytes -= write.before->memory();
  } else {
    layer.Add(entry);
    ++active_->keys;
  }
  active_->bytes += entry->memory();
  ++active_->changes;
}

// As if it had not been placed, but for the layer's place for a new key. The last write first.
void MemoryTable::TakeBack(const Write& write) {
  Entry* entry = write.entry;
  const uint64_t hash = HashIndex::HashOf(entry->key());
  HashIndex& keys = index(write.keyspace);
  if (write.before != nullptr) {
    keys.Replace(entry, write.before, hash);
    write.before->set_superseded(false);
  } else {
    keys.Remove(entry, hash);
  }
  active_->bytes -= entry->memory();
  --active_->changes;
  if (write.in_place) {
    active_->layer(write.keyspace).Restore(write.before);
    active_->bytes += write.before->memory();
  } else {
    --active_->keys;
  }
}

// The active generation as it was before the turn.
void MemoryTable::TakeBackTurn() {
  for (const Write& write : writes_ | std::views::reverse) TakeBack(write);
  active_->changes -= deletions_.size();
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    if (turn_open()) active_->layers[i].Truncate(places_before_[i]);
    if (auto& before = ranges_before_[i]) active_->layers[i].SetRanges(std::move(before->layer));
  }
}

void MemoryTable::DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) {
  if (IsEmptyRange(begin, end)) return;
  BeginTurn();
  auto& before = ranges_before_[static_cast<size_t>(keyspace)];
  Layer& layer = active_->layer(keyspace);
  if (!before) before = RangesBefore{layer.ranges(), hidden(keyspace)};
  ++sequence_;
  deletions_.push_back({keyspace, sequence_, std::string(begin), std::string(end)});
  layer.DeleteRange(begin, end, sequence_);
  hidden(keyspace).Assign(begin, end, sequence_);
  ++active_->changes;
}

void MemoryTable::BeginTurn() {
  if (turn_open()) return;
  turn_began_after_ = sequence_;
  NotePlaces();
}

void MemoryTable::NotePlaces() {
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    places_before_[i] = active_->layers[i].entries().size();
  }
}

void MemoryTable::EndTurn() {
  writes_.clear();
  deletions_.clear();
  for (auto& before : ranges_before_) before.reset();
}

void MemoryTable::Accept() {
  for (const Write& write : writes_) {
    Entry* before = write.before;
    // One of a sealed layer is the layer's.
    if (before != nullptr && (before->clean() || write.in_place)) Free(before);
  }
  if (!deletions_.empty()) {
    hidden_until_ = deletions_.back().sequence;
    StartSweep();
  }
  EndTurn();
}

void MemoryTable::Undo() {
  TakeBackTurn();
  for (const Write& write : writes_) Free(write.entry);
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    if (auto& before = ranges_before_[i]) hidden_[i] = std::move(before->hidden);
  }
  EndTurn();
}

void MemoryTable::Seal(LogPosition end) {
  TakeBackTurn();

  if (!active_->empty()) {
    for (Layer& layer : active_->layers) layer.Seal();
    active_->last_sequence = turn_open() ? turn_began_after_ : sequence_;
    active_->end = end;
    sealed_until_ = active_->last_sequence;
    sealed_bytes_ += active_->bytes;
    sealed_keys_ += active_->keys;
    sealed_changes_ += active_->changes;
    sealed_.push_back(std::exchange(active_, std::make_unique<Generation>()));
  }

  NotePlaces();
  for (Write& write : writes_) Place(write);
  for (auto& before : ranges_before_) {
    if (before) before->layer.Clear();
  }
  for (const RangeDeletion& deletion : deletions_) {
    active_->layer(deletion.keyspace).DeleteRange(deletion.begin, deletion.end, deletion.sequence);
    ++active_->changes;
  }
}

std::vector<Generation*> MemoryTable::Unflushed() const {
  std::vector<Generation*> generations;
  for (const auto& generation : sealed_) {
    if (!generation->flushed) generations.push_back(generation.get());
  }
  return generations;
}

void MemoryTable::Flushed(const std::vector<Generation*>& generations) {
  for (Generation* generation : generations) {
    generation->flushed = true;
    sealed_bytes_ -= generation->bytes;
    sealed_keys_ -= generation->keys;
    sealed_changes_ -= generation->changes;
    flushed_until_ = generation->last_sequence;
  }
  if (hidden_until_ != 0) StartSweep();
}

void MemoryTable::Free(Entry* entry) {
  entry_bytes_ -= entry->memory();
  Entry::Free(entry);
}

uint64_t MemoryTable::bytes() const {
  uint64_t bytes = entry_bytes_ + dirty_keys() * kLayerBytesPerKey;
  for (const HashIndex& index : indexes_) bytes += index.bytes();
  return bytes;
}

}  // namespace cartwheel::storage
