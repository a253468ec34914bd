// Room that the owners of a partition make together: one chooses, and all let go of the same.
#include <algorithm>

#include "cluster/any_record.h"
#include "cluster/apply.h"
#include "cluster/local_store.h"
#include "cluster/partition_walk.h"
#include "cluster/rendezvous.h"
#include "cluster/shown_value.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

// Of what is live: versions by their dots, counts by their last.
void ListLiveDots(const Container& container, DotList& dots) {
  for (const Version& version : container.versions) dots.push_back(version.dot);
  for (const Counter::Entry& entry : container.counter.entries()) {
    if (entry.IsLive()) dots.push_back(entry.last());
  }
}

bool Has(std::span<const Dot> dots, Dot dot) {
  return std::ranges::find(dots, dot) != dots.end();
}

}  // namespace

// From a random place on to the end, then from the beginning to there.
size_t LocalStore::OfferVictimsOf(Partition partition, VictimPool& pool, size_t looks,
                                  const VictimTerms& terms, uint64_t& random_state,
                                  int64_t now_ms) {
  const uint64_t random = NextRandom(random_state);
  const auto slot = static_cast<Slot>(uint64_t{partition} * kSlotsPerPartition +
                                      (random >> 32) % kSlotsPerPartition);
  const std::string place = StoreKeyPrefix(slot, 0, NextRandom(random_state));
  size_t looked = 0;
  const auto cursor = CursorOf(*engine_, partition);
  for (const bool is_behind : {true, false}) {
    cursor->Seek(is_behind ? place : FirstOf(partition));
    for (; cursor->Valid() && looked < looks; cursor->Next(), ++looked) {
      if (!IsOf(partition, cursor->key())) break;
      if (!is_behind && cursor->key() >= place) break;
      const auto coldness = ColdnessOf(cursor->key(), cursor->value(), terms, random_state, now_ms);
      if (coldness) pool.Offer(cursor->key(), *coldness);
    }
  }
  return looked;
}

std::vector<LocalStore::Doomed> LocalStore::ChooseVictims(Partition partition,
                                                          const VictimTerms& terms, uint64_t bytes,
                                                          size_t limit, uint64_t& random_state,
                                                          int64_t now_ms) {
  constexpr uint64_t kSmallRecord = 128;
  constexpr size_t kLooksForExpiring = 2'000;
  const size_t wanted = std::min<size_t>(limit, static_cast<size_t>(bytes / kSmallRecord) + 1);
  const size_t samples = std::max<size_t>(terms.samples, 1);
  const bool must_expire = TakesOnlyWhatExpires(terms.policy);
  VictimPool pool(wanted);
  const size_t looked =
      OfferVictimsOf(partition, pool, must_expire ? kLooksForExpiring : wanted * samples, terms,
                     random_state, now_ms);
  // Of a small partition not all, though much is wanted: its keys are as warm as others.
  size_t left = must_expire ? wanted : std::min(wanted, looked / samples + 1);
  std::vector<Doomed> doomed;
  for (uint64_t chosen = 0; chosen < bytes && left > 0; --left) {
    const auto victim = pool.Take();
    if (!victim) break;
    store_key_ = victim->store_key;
    const auto parts = DecodeStoreKey(store_key_);
    const Stored stored = Find(parts->slot, now_ms);
    if (stored.state == Stored::State::kDamaged) continue;
    Doomed& one = doomed.emplace_back();
    ListLiveDots(container_, one.dots);
    // A record of the time before there were versions: nobody could name what it has.
    if (one.dots.empty() || Has(one.dots, Dot{})) {
      doomed.pop_back();
      continue;
    }
    one.database = parts->database;
    one.key = parts->key;
    chosen += store_key_.size() + BytesOf(container_);
  }
  return doomed;
}

LocalStore::LetGo LocalStore::EvictVersions(const KeyRef& ref, std::span<const Dot> dots,
                                            const Floor& floor, int64_t now_ms) {
  EncodeStoreKey(ref, store_key_);
  const Slot slot = DecodeStoreKey(store_key_)->slot;
  const Partition partition = PartitionOf(slot);
  const Changing stored = FindToChange(slot, now_ms);
  if (stored.state == Stored::State::kDamaged || !ownership_.Owns(partition)) return {};
  const auto is_doomed = [&](const Version& version) { return Has(dots, version.dot); };
  const auto is_doomed_count = [&](const Counter::Entry& entry) {
    return entry.IsLive() && Has(dots, entry.last());
  };
  const bool has_any = std::ranges::any_of(container_.versions, is_doomed) ||
                       std::ranges::any_of(container_.counter.entries(), is_doomed_count);
  LetGo let_go;
  if (has_any) {
    let_go.evicted = Evicted{.database = ref.database,
                             .key = std::string(ref.key),
                             .bytes = store_key_.size() + BytesOf(container_),
                             .was_shown = stored.IsShown()};
  }
  const bool is_early = NoteEarly(partition, dots);
  if (!has_any && !is_early) return {};
  const auto gone = std::ranges::remove_if(container_.versions, is_doomed);
  container_.versions.erase(gone.begin(), gone.end());
  container_.counter.ResetIf(is_doomed_count);
  if (MayForgetNow(partition, floor)) {
    Remove(ref.database, stored);
    return let_go;
  }
  Store(slot, ref.database, stored, now_ms);
  if (container_.IsDeleted()) let_go.left_bytes = store_key_.size() + record_.size();
  return let_go;
}

// Those that have not come here yet count as known to container_: it is empty where there is no
// record. True: there are such. (Of increments it could say nothing without their sums.)
bool LocalStore::NoteEarly(Partition partition, std::span<const Dot> dots) {
  const ReceivedDots& received = vnodes_.Of(partition).received;
  Context early;
  for (const Dot dot : dots) {
    if (received.Has(dot) || container_.context.Covers(dot)) continue;
    Context one;
    one.Append(dot);
    early.Join(one);
  }
  if (early.empty() || vnodes_.IsBehind(partition, early)) return false;
  container_.context.Join(early);
  return true;
}

bool LocalStore::MayForgetNow(Partition partition, const Floor& floor) {
  return ownership_.Owns(partition) && IsComplete(partition) && !keeps_deletions_[partition] &&
         MayForget(container_, floor);
}

bool LocalStore::ForgetDeletion(const KeyRef& ref, const Floor& floor, int64_t now_ms) {
  EncodeStoreKey(ref, store_key_);
  const Slot slot = DecodeStoreKey(store_key_)->slot;
  const Changing stored = FindToChange(slot, now_ms);
  const bool has_deletion = stored.state == Stored::State::kExpired && container_.IsDeleted();
  if (!has_deletion) return true;
  if (!MayForgetNow(PartitionOf(slot), floor)) return false;
  Remove(ref.database, stored);
  return true;
}

std::optional<Partition> LocalStore::PartitionNextToExpire(uint64_t random) {
  constexpr size_t kNext = 64;
  const auto entries = expiry_index_.First({}, kNext);
  if (entries.empty()) return std::nullopt;
  const ExpiryEntry entry = ExpiryEntry::Decode(entries[random % entries.size()]);
  const auto parts = DecodeStoreKey(entry.store_key);
  return parts ? std::optional(PartitionOf(parts->slot)) : std::nullopt;
}

}  // namespace cartwheel::cluster
