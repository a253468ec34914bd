#include "cluster/local_store.h"

#include <algorithm>
#include <utility>

#include "cluster/database_walk.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

constexpr std::string_view kCountsKey = "counts";

// Scratch above this is given back at the next commit, so that one huge value does not cost its
// size for ever; below it, allocating again would cost more than it saves.
constexpr size_t kScratchKept = 1 << 20;

// Of engine steps per key asked for in a scan, as Redis allows empty buckets per element.
constexpr size_t kScanStepsPerKey = 10;

void Decrement(uint64_t& count) {
  if (count > 0) --count;  // a damaged record may have been counted wrongly: never wrap around
}

// Whether a listing shows the key. A record that cannot be read is listed, so that it can be found
// and deleted; only a record that says it expired has to prove it.
bool IsListed(const DatabaseWalk& walk, int64_t now_ms) {
  if (!IsExpired(PeekExpiry(walk.record()), now_ms)) return true;
  return !DecodeRecord(walk.store_key(), walk.record()).has_value();
}

// Where to start looking for a random key. The slot is sought first and the hash within what slot
// was found: else a database with few slots would nearly always give the first key of one.
ScanPlace RandomPlace(DatabaseWalk& walk, ScanPlace wanted) {
  walk.Seek(wanted);
  if (!walk.AtKey()) walk.Seek(0);
  if (!walk.AtKey()) return 0;
  const Slot slot = SlotAt(walk.place());
  const ScanPlace within = PlaceOf(slot, HashAt(wanted));
  walk.Seek(within);
  return walk.AtKey() && SlotAt(walk.place()) == slot ? within : PlaceOf(slot, 0);
}

storage::Error CountsError(storage::Engine& engine, CountsFault fault) {
  const std::string what = std::string(engine.name()) + " store: the counts of its keys ";
  if (fault == CountsFault::kNewerFormat) {
    return {storage::Error::Kind::kNewerFormat,
            what + "were written by a later version; start that version on this store"};
  }
  return {storage::Error::Kind::kCorrupt, what + "are damaged; restore the store from a copy"};
}

}  // namespace

std::expected<LocalStore, storage::Error> LocalStore::Open(storage::Engine& engine) {
  const auto stored = engine.Get(Keyspace::kMeta, kCountsKey);
  if (!stored) {
    const auto cursor = engine.NewCursor(Keyspace::kData);
    cursor->Seek({});
    if (cursor->Valid()) return std::unexpected(CountsError(engine, CountsFault::kDamaged));
    return LocalStore(engine, {});
  }
  const auto counts = DecodeCounts(*stored);
  if (!counts) return std::unexpected(CountsError(engine, counts.error()));
  return LocalStore(engine, *counts);
}

std::expected<std::optional<Value>, RecordFault> LocalStore::Read(const KeyRef& ref,
                                                                  int64_t now_ms) {
  EncodeStoreKey(ref, store_key_);
  const auto record = engine_->Get(Keyspace::kData, store_key_);
  if (!record) return std::nullopt;
  const auto value = DecodeRecord(store_key_, *record);
  if (!value) return std::unexpected(value.error());
  if (IsExpired(value->expire_at, now_ms)) return std::nullopt;
  return *value;
}

void LocalStore::Prefetch(Database database, std::span<const std::string_view> keys) {
  if (prefetched_keys_.size() < keys.size()) prefetched_keys_.resize(keys.size());
  prefetched_views_.clear();
  for (size_t i = 0; i < keys.size(); ++i) {
    EncodeStoreKey({database, keys[i]}, prefetched_keys_[i]);
    prefetched_views_.emplace_back(prefetched_keys_[i]);
  }
  engine_->Prefetch(Keyspace::kData, prefetched_views_);
}

// What the store holds under store_key_. The value is valid until the next write to the engine.
LocalStore::Stored LocalStore::Find(int64_t now_ms) {
  const auto record = engine_->Get(Keyspace::kData, store_key_);
  if (!record) return {};
  const auto value = DecodeRecord(store_key_, *record);
  if (!value) return {.state = Stored::State::kDamaged, .value = {}};
  const bool expired = IsExpired(value->expire_at, now_ms);
  return {.state = expired ? Stored::State::kExpired : Stored::State::kLive, .value = *value};
}

bool LocalStore::Write(const KeyRef& ref, const Change& change, int64_t now_ms) {
  if (change.kind() == Change::Kind::kNone) return false;
  EncodeStoreKey(ref, store_key_);
  const Stored stored = Find(now_ms);
  switch (change.kind()) {
    case Change::Kind::kPut:
      Replace(ref.database, stored, {change.type(), change.bytes(), change.expire_at(), now_ms});
      return stored.IsShown() || !IsExpired(change.expire_at(), now_ms);
    case Change::Kind::kExpire: {
      if (stored.state != Stored::State::kLive) return false;
      Value value = stored.value;
      value.expire_at = change.expire_at();
      Replace(ref.database, stored, value);
      return true;
    }
    case Change::Kind::kDelete: Remove(ref.database, stored); return stored.IsShown();
    case Change::Kind::kNone: break;
  }
  return false;
}

// Encodes before it writes: the value's bytes may be a view into the engine.
void LocalStore::Replace(Database database, const Stored& stored, const Value& value) {
  EncodeRecord(store_key_, value, record_);
  MoveExpiry(database, stored, value.expire_at);
  engine_->Put(Keyspace::kData, store_key_, record_);
  if (stored.state == Stored::State::kAbsent) ++counts_[database].keys;
}

void LocalStore::Remove(Database database, const Stored& stored) {
  if (stored.state == Stored::State::kAbsent) return;
  MoveExpiry(database, stored, kNoExpiry);
  engine_->Delete(Keyspace::kData, store_key_);
  Decrement(counts_[database].keys);
}

// The entry of a damaged record, whose expiry nobody knows, stays until Reap meets it; it may be
// the very one that is to be added.
void LocalStore::MoveExpiry(Database database, const Stored& stored, ExpireAt to) {
  const ExpireAt from = stored.value.expire_at;
  if (from == to) return;
  if (from != kNoExpiry) {
    expiry_index_.Remove(from, store_key_);
    Decrement(counts_[database].expires);
  }
  if (to == kNoExpiry) return;
  const bool known =
      stored.state == Stored::State::kDamaged && expiry_index_.Contains(to, store_key_);
  if (known) return;
  expiry_index_.Add(to, store_key_);
  ++counts_[database].expires;
}

void LocalStore::Flush(Database database) {
  if (counts_[database] == Counts{}) return;
  DatabaseCounts others = counts_;
  others[database] = {};
  if (others == DatabaseCounts{}) return FlushAll();

  std::vector<Slot> slots;  // gathered first: a write would end the walk
  DatabaseWalk walk(*engine_, database, DatabaseWalk::kUnbounded);
  walk.Seek(0);
  while (walk.AtKey()) {
    slots.push_back(SlotAt(walk.place()));
    walk.Seek(PlaceOf(slots.back() + 1, 0));
  }
  for (const Slot slot : slots) {
    engine_->DeleteRange(Keyspace::kData, StoreKeyPrefix(slot, database, 0),
                         StoreKeyPrefix(slot, database + 1, 0));
  }
  if (counts_[database].expires > 0) expiry_index_.RemoveDatabase(database);
  counts_[database] = {};
}

void LocalStore::FlushAll() {
  engine_->DeleteRange(Keyspace::kData, {}, {});
  engine_->DeleteRange(Keyspace::kExpiry, {}, {});
  counts_ = {};
}

ScanPage LocalStore::Scan(Database database, uint64_t cursor, size_t count, int64_t now_ms) {
  ScanPage page;
  if (counts_[database].keys == 0) return page;
  constexpr size_t kMaxCount = DatabaseWalk::kUnbounded / kScanStepsPerKey;
  count = std::clamp<size_t>(count, 1, kMaxCount);
  DatabaseWalk walk(*engine_, database, count * kScanStepsPerKey);
  std::optional<ScanPlace> last;
  for (walk.Seek(cursor); walk.AtKey(); walk.Next()) {
    const bool full = page.keys.size() >= count || walk.Spent();
    // Going on is possible between places only, and at least one is passed in every call.
    if (full && last && walk.place() != *last) break;
    last = walk.place();
    if (IsListed(walk, now_ms)) page.keys.emplace_back(walk.key());
  }
  page.next_cursor = walk.place() == kEndPlace ? 0 : walk.place();
  return page;
}

std::optional<std::string> LocalStore::RandomKey(Database database, uint64_t random,
                                                 int64_t now_ms) {
  if (counts_[database].keys == 0) return std::nullopt;
  constexpr int kPlaceBits = 48;
  DatabaseWalk walk(*engine_, database, DatabaseWalk::kUnbounded);
  const ScanPlace start = RandomPlace(walk, random >> (64 - kPlaceBits));
  for (const ScanPlace from : {start, ScanPlace{0}}) {
    for (walk.Seek(from); walk.AtKey(); walk.Next()) {
      if (IsListed(walk, now_ms)) return std::string(walk.key());
    }
  }
  return std::nullopt;
}

std::vector<LocalStore::Reaped> LocalStore::Reap(int64_t now_ms, size_t limit) {
  std::vector<Reaped> reaped;
  for (const std::string& bytes : expiry_index_.Expired(now_ms, limit)) {
    if (auto gone = TakeByEntry(bytes, now_ms)) {
      reaped.push_back({gone->database, std::move(gone->key)});
    }
  }
  return reaped;
}

// Drops an entry of the expiry index with its record, unless the entry is stale.
std::optional<LocalStore::Evicted> LocalStore::TakeByEntry(std::string_view bytes, int64_t now_ms) {
  const ExpiryEntry entry = ExpiryEntry::Decode(bytes);
  expiry_index_.RemoveEntry(bytes);
  const auto parts = DecodeStoreKey(entry.store_key);
  if (!parts) return std::nullopt;
  Decrement(counts_[parts->database].expires);
  store_key_ = entry.store_key;
  const Stored stored = Find(now_ms);
  const bool readable =
      stored.state == Stored::State::kLive || stored.state == Stored::State::kExpired;
  if (!readable || stored.value.expire_at != entry.expire_at) return std::nullopt;
  Evicted taken{.database = parts->database,
                .key = std::string(parts->key),
                .bytes = store_key_.size() + stored.value.bytes.size(),
                .was_shown = stored.IsShown()};
  engine_->Delete(Keyspace::kData, store_key_);
  Decrement(counts_[parts->database].keys);
  return taken;
}

std::optional<int64_t> LocalStore::NextExpiry() {
  // Most turns of a store without expiries end here, without a cursor.
  const bool none = std::ranges::all_of(counts_, [](const Counts& c) { return c.expires == 0; });
  if (none) return std::nullopt;
  const auto earliest = expiry_index_.Earliest();
  if (!earliest) return std::nullopt;
  return *earliest + 1;
}

storage::Result<void> LocalStore::Commit() {
  if (counts_ != committed_counts_) {
    EncodeCounts(counts_, record_);
    engine_->Put(Keyspace::kMeta, kCountsKey, record_);
  }
  const auto committed = engine_->Commit();
  if (committed) {
    committed_counts_ = counts_;
  } else {
    counts_ = committed_counts_;
  }
  for (std::string* scratch : {&store_key_, &record_}) {
    if (scratch->capacity() > kScratchKept) std::string().swap(*scratch);
  }
  return committed;
}

}  // namespace cartwheel::cluster
