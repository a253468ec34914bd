#include "cluster/local_store.h"

#include <algorithm>
#include <utility>

#include "cluster/any_record.h"
#include "cluster/database_walk.h"
#include "cluster/encoding.h"
#include "cluster/run_mark.h"
#include "cluster/shown_value.h"
#include "cluster/store_key.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

constexpr std::string_view kCountsKey = "counts";
constexpr std::string_view kRunKey = "run";

// Scratch above this is given back at the next commit, so that one huge value does not cost its
// size for ever; below it, allocating again would cost more than it saves.
constexpr size_t kScratchKept = 1 << 20;

// Of engine steps per key asked for in a scan, as Redis allows empty buckets per element.
constexpr size_t kScanStepsPerKey = 10;
// A page is one message between nodes, and one reply of SCAN.
constexpr size_t kMaxPageBytes = 1UL << 20;

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

// The slot that a store key begins with.
Slot SlotIn(std::string_view store_key) {
  return static_cast<Slot>(LoadBig<2>(store_key.data()));
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

LocalStore::LocalStore(storage::Engine& engine, const DatabaseCounts& counts,
                       const Options& options, bool is_new)
    : engine_(&engine),
      expiry_index_(engine),
      vnodes_(Vnodes::Load(engine, options.actor_seed, damage_)),
      hints_(engine),
      ownership_(options.ownership),
      boot_id_(options.boot_id),
      always_durable_(options.always_durable),
      counts_(counts),
      committed_counts_(counts) {
  const bool lost =
      options.may_have_lost_writes || (is_new && !ownership_.alone) ||
      (!boot_id_.empty() && MayHaveLostWrites(engine.Get(Keyspace::kMeta, kRunKey), boot_id_));
  if (lost) vnodes_.RotateAll();
  TakeOwnership(options.ownership, is_new);
}

void LocalStore::TakeOwnership(const Ownership& now, bool is_new) {
  const auto stored = engine_->Get(Keyspace::kMeta, kOwnershipKey);
  const auto before = stored ? DecodeOwnership(*stored) : std::nullopt;
  if (stored && !before) {
    damage_.emplace_back("which partitions this node owned: all go on under new actors");
    vnodes_.RotateAll();
  }
  if (before && !is_new) {
    ownership_ = *before;
    return SetOwnership(now);
  }
  ownership_due_ = !now.alone;
  if (now.alone) vnodes_.MarkAllComplete();
}

std::expected<LocalStore, storage::Error> LocalStore::Open(storage::Engine& engine,
                                                           const Options& options) {
  const auto stored = engine.Get(Keyspace::kMeta, kCountsKey);
  if (!stored) {
    const auto cursor = engine.NewCursor(Keyspace::kData);
    cursor->Seek({});
    if (cursor->Valid()) return std::unexpected(CountsError(engine, CountsFault::kDamaged));
    return LocalStore(engine, {}, options, true);
  }
  const auto counts = DecodeCounts(*stored);
  if (!counts) return std::unexpected(CountsError(engine, counts.error()));
  return LocalStore(engine, *counts, options, false);
}

bool LocalStore::IsEmpty() const {
  const auto cursor = engine_->NewCursor(Keyspace::kData);
  cursor->Seek({});
  return !cursor->Valid();
}

// ---- reading

std::expected<std::optional<Value>, ContainerFault> LocalStore::Read(const KeyRef& ref,
                                                                     int64_t now_ms) {
  EncodeStoreKey(ref, store_key_);
  const Stored stored = Find(SlotIn(store_key_), now_ms);
  switch (stored.state) {
    case Stored::State::kLive: return stored.value;
    case Stored::State::kDamaged: return std::unexpected(stored.fault);
    case Stored::State::kAbsent:
    case Stored::State::kExpired: break;
  }
  return std::nullopt;
}

void LocalStore::Prefetch(std::span<const KeyRef> keys) {
  if (prefetched_keys_.size() < keys.size()) prefetched_keys_.resize(keys.size());
  prefetched_views_.clear();
  for (size_t i = 0; i < keys.size(); ++i) {
    EncodeStoreKey(keys[i], prefetched_keys_[i]);
    prefetched_views_.emplace_back(prefetched_keys_[i]);
  }
  engine_->Prefetch(Keyspace::kData, prefetched_views_);
}

std::expected<const Container*, ContainerFault> LocalStore::ReadContainer(const KeyRef& ref) {
  EncodeStoreKey(ref, store_key_);
  const Stored stored = Find(SlotIn(store_key_), 0);
  if (stored.state == Stored::State::kDamaged) return std::unexpected(stored.fault);
  return &container_;
}

size_t LocalStore::RecordBytes(const KeyRef& ref) {
  EncodeStoreKey(ref, store_key_);
  const auto record = engine_->Get(Keyspace::kData, store_key_);
  return record ? record->size() : 0;
}

// What the store holds under store_key_; container_ is it. Valid until the next write to the
// engine.
LocalStore::Stored LocalStore::Find(Slot slot, int64_t now_ms) {
  siblings_found_.clear();
  const auto record = engine_->Get(Keyspace::kData, store_key_);
  if (!record) {
    container_.clear();
    return {};
  }
  const auto decoded =
      DecodeAnyRecord(store_key_, *record, vnodes_.ActorsOf(PartitionOf(slot)), container_);
  Stored stored;
  stored.bytes = store_key_.size() + record->size();
  if (!decoded) {
    stored.state = Stored::State::kDamaged;
    stored.counted = true;  // as nearly all are
    stored.fault = decoded.error();
    return stored;
  }
  if (container_.versions.size() > 1) ListHeads(container_, now_ms, siblings_found_);
  const auto value = ShownValue(container_, now_ms, text_);
  stored.state = value ? Stored::State::kLive : Stored::State::kExpired;
  stored.counted = !container_.IsDeleted();
  stored.gone_at = GoneAt(container_);
  if (value) {
    stored.value = *value;
    if (value->bytes.data() == text_.data()) stored.value.bytes = texts_.emplace_back(text_);
  }
  return stored;
}

// ---- writing

bool LocalStore::Write(const KeyRef& ref, const Change& change, int64_t now_ms, const Seen* seen) {
  minted_.clear();
  copy_.clear();
  if (change.kind() == Change::Kind::kNone) return false;
  EncodeStoreKey(ref, store_key_);
  const Slot slot = SlotIn(store_key_);
  const Changing stored = FindToChange(slot, now_ms);
  if (usage_.tracks() && change.kind() != Change::Kind::kDelete) NoteWrite(stored, now_ms);
  switch (change.kind()) {
    case Change::Kind::kPut:
      Supersede(seen);
      PutValue(slot, change, now_ms);
      StoreAndCopy(slot, ref.database, stored, now_ms);
      return stored.IsShown() || !IsExpired(change.expire_at(), now_ms);
    case Change::Kind::kExpire:
      if (stored.state != Stored::State::kLive) return false;
      MoveExpiryOfWinner(slot, change.expire_at(), now_ms);
      StoreAndCopy(slot, ref.database, stored, now_ms);
      return true;
    case Change::Kind::kAdd:
      if (stored.state != Stored::State::kLive) DiscardAll(container_);
      AdoptVersions(slot);
      Increment(container_, Mint(slot), change.delta());
      StoreAndCopy(slot, ref.database, stored, now_ms);
      return true;
    case Change::Kind::kDelete: return Delete(slot, ref.database, stored, now_ms, seen);
    case Change::Kind::kNone: break;
  }
  return false;
}

bool LocalStore::Delete(Slot slot, Database database, const Changing& stored, int64_t now_ms,
                        const Seen* seen) {
  const bool in_vain = stored.state != Stored::State::kDamaged && container_.IsDeleted() &&
                       (seen == nullptr || container_.context.Includes(seen->context));
  if (in_vain && !ownership_.alone) return false;
  Supersede(seen);
  if (container_.IsDeleted() && ownership_.alone) {
    Remove(database, stored);
  } else {
    NoteDeletion(container_, Mint(slot));
    StoreAndCopy(slot, database, stored, now_ms);
  }
  return stored.IsShown();
}

// The dot of a write to what container_ is.
Dot LocalStore::Mint(Slot slot) {
  const Partition partition = PartitionOf(slot);
  if (vnodes_.IsBehind(partition, container_.context)) Rotate(partition);
  minted_.push_back(vnodes_.Mint(partition));
  return minted_.back();
}

void LocalStore::Rotate(Partition partition) {
  vnodes_.Rotate(partition);
  if (ownership_.alone) vnodes_.MarkComplete(partition);
}

void LocalStore::Supersede(const Seen* seen) {
  if (seen == nullptr || IsPlanted(Mutation::kSupersedesUnseen)) {
    DiscardAll(container_);
  } else {
    Discard(container_, *seen);
  }
}

void LocalStore::PutValue(Slot slot, const Change& change, int64_t now_ms) {
  AdoptVersions(slot);
  const Dot dot = Mint(slot);
  Put(container_, {.dot = dot,
                   .value_dot = dot,
                   .hlc = clock_.Next(now_ms),
                   .type = change.type(),
                   .expire_at = change.expire_at(),
                   .bytes = change.bytes()});
}

// A write that supersedes the winner alone, and keeps its value under the value's own name: so it
// cannot undo a concurrent write of a value.
void LocalStore::MoveExpiryOfWinner(Slot slot, ExpireAt expire_at, int64_t now_ms) {
  AdoptVersions(slot);
  const Dot dot = Mint(slot);
  Version moved;
  if (const Version* winner = Winner(container_, now_ms); winner != nullptr) {
    moved = *winner;
    container_.versions.erase(container_.versions.begin() + (winner - container_.versions.data()));
  } else {  // it was only ever counted: the expiry needs a value to stand on
    moved.value_dot = dot;
    moved.hlc = clock_.Next(now_ms);
    moved.bytes = "0";
  }
  moved.dot = dot;
  moved.expire_at = expire_at;
  Put(container_, moved);
}

// Versions of the time before there were dots get theirs.
void LocalStore::AdoptVersions(Slot slot) {
  if (container_.versions.size() != 1 || container_.versions[0].dot != Dot{}) return;
  Version version = container_.versions[0];
  version.dot = version.value_dot = Mint(slot);
  container_.versions.clear();
  Put(container_, version);
}

LocalStore::Changing LocalStore::FindToChange(Slot slot, int64_t now_ms) {
  Changing changing{Find(slot, now_ms)};
  const bool is_sound =
      changing.state == Stored::State::kLive || changing.state == Stored::State::kExpired;
  if (is_sound && trees_.Follows(PartitionOf(slot))) {
    changing.digest = DigestOfRecord(store_key_, container_);
  }
  return changing;
}

// To what container_ is, or to nothing.
void LocalStore::NoteChange(Slot slot, const Changing& before, bool is_there) {
  const Partition partition = PartitionOf(slot);
  if (!trees_.Follows(partition)) return;
  const RecordDigest after = is_there ? DigestOfRecord(store_key_, container_) : 0;
  trees_.Changed(partition, store_key_, before.digest, after);
}

// Puts container_ under store_key_. Encodes before it writes: the versions' bytes may be views into
// the engine.
void LocalStore::Store(Slot slot, Database database, const Changing& stored, int64_t now_ms) {
  ReapContainer(now_ms);
  NoteChange(slot, stored, true);
  EncodeStored(store_key_, container_, vnodes_.ActorsOf(PartitionOf(slot)), record_);
  vnodes_.NoteActors(PartitionOf(slot));
  MoveExpiry(database, stored, GoneAt(container_));
  engine_->Put(Keyspace::kData, store_key_, record_);
  volume_ += static_cast<int64_t>(store_key_.size() + record_.size() - stored.bytes);
  const bool counted = !container_.IsDeleted();
  counts_due_ |= !counted;
  if (counted && !stored.counted) ++counts_[database].keys;
  if (!counted && stored.counted) Decrement(counts_[database].keys);
}

// The copy first, for the same reason.
void LocalStore::StoreAndCopy(Slot slot, Database database, const Changing& stored,
                              int64_t now_ms) {
  ReapContainer(now_ms);
  if (!ownership_.alone) EncodeToMessage(container_, copy_);
  Store(slot, database, stored, now_ms);
}

// What Reap would come to at once: it may have passed there already.
void LocalStore::ReapContainer(int64_t now_ms) {
  if (ownership_.alone || container_.counter.IsLive()) return;
  if (IsExpired(GoneAt(container_), ReapingUntil(now_ms))) container_.versions.clear();
}

void LocalStore::Remove(Database database, const Changing& stored) {
  if (stored.state == Stored::State::kAbsent) return;
  NoteChange(SlotIn(store_key_), stored, false);
  MoveExpiry(database, stored, kNoExpiry);
  engine_->Delete(Keyspace::kData, store_key_);
  volume_ -= static_cast<int64_t>(stored.bytes);
  if (stored.counted) Decrement(counts_[database].keys);
}

// The entry of a damaged record, whose expiry nobody knows, stays until Reap meets it; it may be
// the very one that is to be added.
void LocalStore::MoveExpiry(Database database, const Stored& stored, ExpireAt to) {
  const ExpireAt from = stored.gone_at;
  if (from == to) return;
  if (from != kNoExpiry) {
    expiry_index_.Remove(from, store_key_);
    Decrement(counts_[database].expires);
  }
  if (to == kNoExpiry) return;
  const bool known =
      stored.state == Stored::State::kDamaged && expiry_index_.Contains(to, store_key_);
  if (known) return;
  const bool passed = !reap_after_.empty() && to <= ExpiryEntry::Decode(reap_after_).expire_at;
  // The clock went back. (Records with increments would be passed over again.)
  if (passed && !container_.counter.IsLive()) reap_after_.clear();
  expiry_index_.Add(to, store_key_);
  ++counts_[database].expires;
}

void LocalStore::Flush(Database database) {
  if (counts_[database] == Counts{}) return;
  DatabaseCounts others = counts_;
  others[database] = {};
  if (others == DatabaseCounts{}) return FlushAll();
  trees_.DropAll();

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
  hints_.Clear();
  trees_.DropAll();
  reap_after_.clear();
  counts_ = {};
  volume_ = 0;
}

// Whether a listing shows the key. A record that cannot be read is listed, so that it can be found
// and deleted; only a record that says it expired has to prove it.
bool LocalStore::IsListed(const DatabaseWalk& walk, int64_t now_ms) {
  if (!MayBeHidden(walk.record())) return true;
  const ActorTable& actors = vnodes_.ActorsOf(PartitionOf(SlotAt(walk.place())));
  const auto decoded = DecodeAnyRecord(walk.store_key(), walk.record(), actors, container_);
  return !decoded || ShownValue(container_, now_ms, text_).has_value();
}

KeyPage LocalStore::List(Database database, ScanPlace from, ScanPlace until, size_t count,
                         int64_t now_ms) {
  KeyPage page{.next = until, .keys = {}};
  if (counts_[database].keys == 0) return page;
  constexpr size_t kMaxCount = DatabaseWalk::kUnbounded / kScanStepsPerKey;
  count = std::clamp<size_t>(count, 1, kMaxCount);
  DatabaseWalk walk(*engine_, database, count * kScanStepsPerKey);
  std::optional<ScanPlace> last;
  size_t bytes = 0;
  for (walk.Seek(from); walk.AtKey() && walk.place() < until; walk.Next()) {
    const bool full = page.keys.size() >= count || bytes >= kMaxPageBytes || walk.Spent();
    // Going on is possible between places only, and at least one is passed in every call.
    if (full && last && walk.place() != *last) break;
    last = walk.place();
    if (!IsListed(walk, now_ms)) continue;
    page.keys.emplace_back(walk.key());
    bytes += page.keys.back().size();
  }
  page.next = std::min(walk.place(), until);
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

storage::Result<void> LocalStore::Commit() {
  if (counts_ != committed_counts_ || counts_due_) {
    EncodeCounts(counts_, record_);
    engine_->Put(Keyspace::kMeta, kCountsKey, record_);
  }
  const bool mark_run = !run_is_marked_ && !boot_id_.empty();
  if (mark_run) StageRunMark(false);
  if (ownership_due_) engine_->Put(Keyspace::kMeta, kOwnershipKey, EncodeOwnership(ownership_));
  vnodes_.Stage();
  auto committed = engine_->Commit();
  synced_ = std::exchange(syncs_next_commit_, false) && committed.has_value();
  vnodes_.Settle(committed.has_value());
  hints_.Settle(committed.has_value());
  trees_.Settle(committed.has_value());
  texts_.clear();
  if (committed) {
    committed_counts_ = counts_;
    committed_volume_ = volume_;
    counts_due_ = false;
    ownership_due_ = false;
  } else {
    counts_ = committed_counts_;
    volume_ = committed_volume_;
    reap_after_.clear();  // what was reaped is back
  }
  if (committed && mark_run) {
    committed = engine_->Sync();
    run_is_marked_ = committed.has_value();
  }
  for (std::string* scratch : {&store_key_, &record_, &copy_}) {
    if (scratch->capacity() > kScratchKept) std::string().swap(*scratch);
  }
  return committed;
}

void LocalStore::StageRunMark(bool ended) {
  const RunMark mark{.boot_id = boot_id_, .always_durable = always_durable_, .ended = ended};
  engine_->Put(Keyspace::kMeta, kRunKey, EncodeRunMark(mark));
}

storage::Result<void> LocalStore::MarkEnd() {
  if (auto committed = Commit(); !committed || boot_id_.empty()) return committed;
  StageRunMark(true);
  run_is_marked_ = false;  // whoever goes on all the same begins another run
  if (auto committed = engine_->Commit(); !committed) return committed;
  return engine_->Sync();
}

void LocalStore::SetAlwaysDurable(bool always_durable) {
  if (always_durable == always_durable_) return;
  always_durable_ = always_durable;
  run_is_marked_ = false;
}

}  // namespace cartwheel::cluster
