// How the memory table gives memory back: a little after every turn, never much at once.
#include <algorithm>
#include <utility>

#include "storage/memory_table.h"

namespace cartwheel::storage {
namespace {

// Entries that a bucket of the index holds, about.
constexpr size_t kEntriesPerBucket = 4;
// How far ahead of the hand entries are fetched while a generation is retired.
constexpr size_t kPrefetchDistance = 8;

}  // namespace

bool MemoryTable::Reclaim(size_t effort) {
  const bool swept = Sweep(effort);
  const bool retired = Retire(effort);
  const bool evicted = Evict(effort);
  const bool shrunk = sweep_keyspace_ == kKeyspaceCount && Shrink(effort);
  return swept || retired || evicted || shrunk;
}

bool MemoryTable::Shrink(size_t effort) {
  bool shrunk = false;
  for (HashIndex& index : indexes_) shrunk = index.Shrink(effort) || shrunk;
  return shrunk;
}

// Begins again: what was hidden since the last beginning may be in buckets that are behind the
// hand.
void MemoryTable::StartSweep() {
  sweep_keyspace_ = 0;
  sweep_bucket_ = 0;
  sweep_is_final_ = hidden_until_ <= flushed_until_;
}

// Takes hidden entries out of the index. Those of the active layer stay, or the layer would get a
// second place for a key that is written again; a sweep after their flush meets them.
bool MemoryTable::Sweep(size_t effort) {
  if (sweep_keyspace_ == kKeyspaceCount) return false;
  for (size_t looked_at = 0; looked_at < effort; looked_at += kEntriesPerBucket) {
    const auto keyspace = static_cast<Keyspace>(sweep_keyspace_);
    const RangeMap& ranges = hidden(keyspace);
    HashIndex& keys = index(keyspace);
    if (ranges.empty() || sweep_bucket_ >= keys.bucket_count()) {
      sweep_bucket_ = 0;
      if (++sweep_keyspace_ < kKeyspaceCount) continue;
      if (!sweep_is_final_) return true;
      for (RangeMap& map : hidden_) map.Clear();
      hidden_until_ = 0;
      return true;
    }
    keys.VisitBucket(sweep_bucket_++, [&](Entry* entry) {
      if (IsActive(*entry) || !ranges.Hides(entry->key(), entry->sequence())) return false;
      if (entry->clean()) {
        Free(entry);
      } else {
        entry->set_superseded(true);
      }
      return true;
    });
  }
  return true;
}

// Gives up the entries of a generation that the base store has and no snapshot reads.
bool MemoryTable::Retire(size_t effort) {
  const auto found = std::ranges::find_if(sealed_, [](const auto& generation) {
    return generation->flushed && generation->snapshots == 0;
  });
  if (found == sealed_.end()) return false;
  Generation& generation = **found;
  while (generation.retired_layers < kKeyspaceCount) {
    const auto keyspace = static_cast<Keyspace>(generation.retired_layers);
    const auto& entries = generation.layer(keyspace).entries();
    size_t& next = generation.retired_entries;
    for (; next < entries.size(); ++next) {
      if (effort-- == 0) return true;
      if (next + kPrefetchDistance < entries.size()) {
        __builtin_prefetch(entries[next + kPrefetchDistance]);
      }
      RetireEntry(keyspace, entries[next]);
    }
    next = 0;
    ++generation.retired_layers;
  }
  sealed_.erase(found);
  return true;
}

void MemoryTable::RetireEntry(Keyspace keyspace, Entry* entry) {
  if (entry->superseded()) return Free(entry);
  // Only records are read often enough to be kept without need, and only they are evicted.
  if (entry->is_tombstone() || keyspace != Keyspace::kData) {
    index(keyspace).Remove(entry, HashIndex::HashOf(entry->key()));
    return Free(entry);
  }
  entry->set_clean();
}

// The clock algorithm: the hand passes over what was read since it last came by.
bool MemoryTable::Evict(size_t effort) {
  if (limit_ == 0 || bytes() <= limit_) return false;
  HashIndex& keys = index(Keyspace::kData);
  bool came_on = false;
  for (size_t looked_at = 0; looked_at < effort && bytes() > limit_;
       looked_at += kEntriesPerBucket) {
    if (clock_bucket_ >= keys.bucket_count()) clock_bucket_ = 0;
    keys.VisitBucket(clock_bucket_++, [&](Entry* entry) {
      if (!entry->clean()) return false;
      came_on = true;
      if (entry->TakeReferenced()) return false;
      Free(entry);
      return true;
    });
  }
  return came_on;
}

}  // namespace cartwheel::storage
