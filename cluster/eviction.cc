// Deleting records that nobody asked to delete, to make room.
#include <algorithm>
#include <utility>

#include "cluster/any_record.h"
#include "cluster/local_store.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {

using storage::Keyspace;

// nullopt: there is none, or a damaged one, which stays.
std::optional<LocalStore::Evicted> LocalStore::Evict(std::string_view store_key, int64_t now_ms) {
  const auto parts = DecodeStoreKey(store_key);
  if (!parts) return std::nullopt;
  store_key_ = store_key;
  const Stored stored = Find(parts->slot, now_ms);
  if (stored.state == Stored::State::kAbsent || stored.state == Stored::State::kDamaged) {
    return std::nullopt;
  }
  Evicted evicted{.database = parts->database,
                  .key = std::string(parts->key),
                  .bytes = store_key.size() + BytesOf(container_),
                  .was_shown = stored.IsShown()};
  Remove(parts->database, stored);
  return evicted;
}

std::vector<LocalStore::Evicted> LocalStore::EvictNextToExpire(uint64_t bytes, size_t limit,
                                                               int64_t now_ms) {
  // Entries are copied before the first deletion ends the cursor: few at a time, since a large
  // value may be room enough.
  constexpr size_t kAtATime = 16;
  std::vector<Evicted> evicted;
  uint64_t freed = 0;
  while (freed < bytes && limit > 0) {
    const auto entries = expiry_index_.First(std::min(limit, kAtATime));
    if (entries.empty()) break;
    limit -= entries.size();
    for (const std::string& entry : entries) {
      if (freed >= bytes) break;
      auto gone = TakeByEntry(entry, now_ms);
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
