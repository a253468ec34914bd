// LocalStore as one that is compared with another owner's: its trees, what stands in their leaves,
// and what becomes of a record that differs there.
#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "cluster/any_record.h"
#include "cluster/exchange.h"
#include "cluster/local_store.h"
#include "cluster/message_fields.h"
#include "cluster/partition_walk.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

// Something of it was received here and is gone without a trace.
bool HasLost(const Container& theirs, const Container& here, const ReceivedDots& received) {
  const auto is_lost = [&](Dot dot) { return received.Has(dot) && !here.context.Covers(dot); };
  return std::ranges::any_of(theirs.versions, is_lost, &Version::dot) ||
         std::ranges::any_of(theirs.counter.entries(), [&](const Counter::Entry& entry) {
           return entry.IsLive() && is_lost(entry.last());
         });
}

}  // namespace

// ---- trees

bool LocalStore::BuildTree(Partition partition, size_t& limit) {
  Trees::Building& built = trees_.At(partition);
  if (built.complete) return true;
  const ActorTable& actors = vnodes_.ActorsOf(partition);
  const auto cursor = CursorOf(*engine_, partition);
  SeekBehind(*cursor, partition, built.after);
  for (; cursor->Valid() && IsOf(partition, cursor->key()); cursor->Next()) {
    if (limit == 0) return false;
    --limit;
    built.after = cursor->key();
    if (!DecodeAnyRecord(cursor->key(), cursor->value(), actors, container_)) continue;
    const RecordDigest digest = DigestOfRecord(built.after, container_);
    if (digest == 0) continue;
    ++built.keys;
    built.tree.Toggle(LeafOf(KeyIdOf(built.after), built.tree.leaves()), digest);
  }
  built.complete = true;
  built.after.clear();
  return !built.IsOutgrown();
}

// ---- leaves

// Of each leaf the sound records in store order, database by database.
template <typename Each>
void LocalStore::WalkLeaves(Partition partition, uint32_t leaves,
                            std::span<const LeafNumber> numbers, const Each& each) {
  const ActorTable& actors = vnodes_.ActorsOf(partition);
  const auto cursor = CursorOf(*engine_, partition);
  const uint32_t of_slot = leaves / kSlotsPerPartition;
  const int bits = 64 - std::countr_zero(of_slot);
  for (const LeafNumber number : numbers) {
    const auto slot = static_cast<Slot>(partition * kSlotsPerPartition + number / of_slot);
    const uint64_t hash = uint64_t{number % of_slot} << bits;
    for (Database database = 0; database < kMaxDatabases; ++database) {
      if (counts_[database].keys == 0) continue;
      for (cursor->Seek(StoreKeyPrefix(slot, database, hash)); cursor->Valid(); cursor->Next()) {
        const auto parts = DecodeStoreKey(cursor->key());
        if (!parts || parts->slot != slot || parts->database != database) break;
        if (LeafOf(KeyIdOf(cursor->key()), leaves) != number) break;
        if (DecodeAnyRecord(cursor->key(), cursor->value(), actors, container_)) {
          each(number, cursor->key());
        }
      }
    }
  }
}

std::optional<std::vector<KeyDigest>> LocalStore::ListLeaves(Partition partition, uint32_t leaves,
                                                             std::span<const LeafNumber> numbers) {
  std::vector<KeyDigest> keys;
  std::map<LeafNumber, RecordDigest> sums;
  for (const LeafNumber number : numbers) sums[number] = 0;
  WalkLeaves(partition, leaves, numbers, [&](LeafNumber number, std::string_view store_key) {
    const RecordDigest digest = DigestOfRecord(store_key, container_);
    if (digest == 0) return;
    keys.push_back({KeyIdOf(store_key), digest});
    sums[number] ^= digest;
  });
  const MerkleTree* const tree = TreeOf(partition);
  if (tree == nullptr || leaves > tree->leaves()) return std::nullopt;
  const uint32_t width = tree->leaves() / leaves;
  for (const auto& [number, sum] : sums) {
    RecordDigest told = 0;
    for (uint32_t i = 0; i < width; ++i) told ^= tree->leaf(number * width + i);
    if (told == sum) continue;
    // Records went, or were damaged, behind its back.
    trees_.Drop(partition);
    return std::nullopt;
  }
  return keys;
}

std::optional<std::vector<LocalStore::NamedDigest>> LocalStore::NameLeaves(
    Partition partition, uint32_t leaves, std::span<const LeafNumber> numbers) {
  if (!ListLeaves(partition, leaves, numbers)) return std::nullopt;
  std::vector<NamedDigest> keys;
  WalkLeaves(partition, leaves, numbers, [&](LeafNumber, std::string_view store_key) {
    const RecordDigest digest = DigestOfRecord(store_key, container_);
    if (digest == 0) return;
    const StoreKeyParts parts = *DecodeStoreKey(store_key);
    keys.push_back({parts.database, std::string(parts.key), digest});
  });
  return keys;
}

LocalStore::Part LocalStore::ReadKeys(Partition partition, std::span<const KeyId> ids,
                                      size_t max_bytes) {
  Part part;
  const ActorTable& actors = vnodes_.ActorsOf(partition);
  const auto cursor = CursorOf(*engine_, partition);
  for (const KeyId id : ids) {
    if (part.records.size() >= max_bytes) break;
    cursor->Seek(FirstStoreKeyOf(partition, id));
    for (; cursor->Valid() && IsOf(partition, cursor->key()); cursor->Next()) {
      if (KeyIdOf(cursor->key()) != id) break;
      if (!DecodeAnyRecord(cursor->key(), cursor->value(), actors, container_)) continue;
      const StoreKeyParts parts = *DecodeStoreKey(cursor->key());
      RecordWriter(part.records).Append({parts.database, parts.key}, container_);
      ++part.count;
    }
  }
  return part;
}

// ---- what differs

std::expected<LocalStore::Reconciled, Refusal> LocalStore::Reconcile(const KeyRef& ref,
                                                                     const Container& theirs,
                                                                     std::span<const Dot> dots,
                                                                     Gone gone, int64_t now_ms) {
  minted_.clear();
  if (!ObserveClocks(theirs, now_ms)) return std::unexpected(Refusal::kClockAhead);
  EncodeStoreKey(ref, store_key_);
  const Slot slot = DecodeStoreKey(store_key_)->slot;
  const Partition partition = PartitionOf(slot);
  if (vnodes_.IsBehind(partition, theirs.context)) {
    Rotate(partition);
    return std::unexpected(Refusal::kRebuilding);
  }
  const Changing stored = FindToChange(slot, now_ms);
  if (stored.state == Stored::State::kDamaged) container_.clear();
  const bool is_damaged = stored.state == Stored::State::kDamaged;
  const bool is_lost = HasLost(theirs, container_, vnodes_.Of(partition).received);
  AdoptVersions(slot);
  const bool exists = stored.state != Stored::State::kAbsent;
  Container merged = theirs;
  const bool removes = gone == Gone::kWasRemoved && !is_damaged;
  if (removes) {
    DropRemovedAtPeer(merged, exists ? &container_ : nullptr, vnodes_.Of(partition).received);
  }
  if (exists) merged = Sync(container_, merged);
  merged.own_contiguous = exists && container_.own_contiguous;
  if (BytesOf(merged) > kMostRecordBytes) return std::unexpected(Refusal::kFull);
  ReceiveAll(partition, theirs.context, dots);
  // What is deleted there leaves nothing to remove here.
  const bool nothing_new = exists ? merged == container_ && minted_.empty() && !is_damaged
                                  : merged.IsDeleted() && !(removes && is_lost);
  if (nothing_new) return Reconciled{};
  container_ = std::move(merged);
  Store(slot, ref.database, stored, now_ms);
  return Reconciled{.changed = true, .restored = is_lost && !removes};
}

}  // namespace cartwheel::cluster
