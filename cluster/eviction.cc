// Taking records that nobody asked to delete: those that have expired (reaping.cc), and others to
// make room.
#include <algorithm>
#include <utility>

#include "cluster/any_record.h"
#include "cluster/local_store.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {

using storage::Keyspace;

// Whether the record that container_ is may go by itself.
bool LocalStore::MayTake(const StoreKeyParts& parts, bool reap) const {
  if (ownership_.alone) return true;
  if (reap) return !container_.counter.IsLive();
  return !container_.IsDeleted() && ownership_.Owns(PartitionOf(parts.slot));
}

LocalStore::Evicted LocalStore::Take(const StoreKeyParts& parts, const Changing& stored,
                                     int64_t now_ms) {
  Evicted taken{.database = parts.database,
                .key = std::string(parts.key),
                .bytes = store_key_.size() + BytesOf(container_),
                .was_shown = stored.IsShown()};
  if (ownership_.alone) {
    Remove(taken.database, stored);
  } else {
    const Slot slot = parts.slot;
    DiscardAll(container_);
    Store(slot, taken.database, stored, now_ms);
  }
  return taken;
}

// Takes the record of an entry of the expiry index. An entry that is stale is dropped.
std::optional<LocalStore::Evicted> LocalStore::TakeByEntry(std::string_view bytes, int64_t now_ms,
                                                           bool reap) {
  const ExpiryEntry entry = ExpiryEntry::Decode(bytes);
  store_key_ = entry.store_key;
  const auto parts = DecodeStoreKey(store_key_);
  if (!parts) {
    expiry_index_.RemoveEntry(bytes);
    return std::nullopt;
  }
  const Changing stored = FindToChange(parts->slot, now_ms);
  const bool readable =
      stored.state == Stored::State::kLive || stored.state == Stored::State::kExpired;
  if (!readable || stored.gone_at != entry.expire_at) {
    expiry_index_.RemoveEntry(bytes);
    Decrement(counts_[parts->database].expires);
    return std::nullopt;
  }
  if (!MayTake(*parts, reap)) return std::nullopt;
  return Take(*parts, stored, now_ms);
}

// ---- room

// nullopt: there is none, one that stays, or a damaged one, which stays too.
std::optional<LocalStore::Evicted> LocalStore::Evict(std::string_view store_key, int64_t now_ms) {
  store_key_ = store_key;
  const auto parts = DecodeStoreKey(store_key_);
  if (!parts) return std::nullopt;
  const Changing stored = FindToChange(parts->slot, now_ms);
  if (stored.state == Stored::State::kAbsent || stored.state == Stored::State::kDamaged) {
    return std::nullopt;
  }
  if (!MayTake(*parts, false)) return std::nullopt;
  return Take(*parts, stored, now_ms);
}

std::vector<LocalStore::Evicted> LocalStore::EvictNextToExpire(uint64_t bytes, size_t limit,
                                                               int64_t now_ms) {
  // Entries are copied before the first deletion ends the cursor: few at a time, since a large
  // value may be room enough.
  constexpr size_t kAtATime = 16;
  std::vector<Evicted> evicted;
  std::string after;  // those that stay are not met again
  uint64_t freed = 0;
  while (freed < bytes && limit > 0) {
    const auto entries = expiry_index_.First(after, std::min(limit, kAtATime));
    if (entries.empty()) break;
    limit -= entries.size();
    for (const std::string& entry : entries) {
      if (freed >= bytes) break;
      after = entry;
      auto gone = TakeByEntry(entry, now_ms, false);
      if (!gone) continue;
      freed += gone->bytes;
      evicted.push_back(*std::move(gone));
    }
  }
  return evicted;
}

std::vector<LocalStore::Evicted> LocalStore::EvictFrom(std::string& hand, uint64_t bytes,
                                                       size_t limit, int64_t now_ms) {
  std::vector<std::string> doomed;  // gathered first: a write would end the cursor
  {
    const auto cursor = engine_->NewCursor(Keyspace::kData);
    uint64_t gathered = 0;
    for (cursor->Seek(hand); cursor->Valid() && gathered < bytes && doomed.size() < limit;
         cursor->Next()) {
      gathered += cursor->key().size() + cursor->value().size();
      doomed.emplace_back(cursor->key());
    }
    hand = cursor->Valid() ? std::string(cursor->key()) : std::string();
  }
  std::vector<Evicted> evicted;
  for (const std::string& store_key : doomed) {
    if (auto gone = Evict(store_key, now_ms)) evicted.push_back(*std::move(gone));
  }
  return evicted;
}

}  // namespace cartwheel::cluster
