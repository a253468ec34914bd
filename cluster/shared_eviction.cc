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

using storage::Keyspace;

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
  const auto cursor = engine_->NewCursor(Keyspace::kData);
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

std::optional<LocalStore::Evicted> LocalStore::EvictVersions(const KeyRef& ref,
                                                             std::span<const Dot> dots,
                                                             const Floor& floor, int64_t now_ms) {
  EncodeStoreKey(ref, store_key_);
  const Slot slot = DecodeStoreKey(store_key_)->slot;
  const Partition partition = PartitionOf(slot);
  const Changing stored = FindToChange(slot, now_ms);
  const bool is_sound =
      stored.state == Stored::State::kLive || stored.state == Stored::State::kExpired;
  if (!is_sound || !ownership_.Owns(partition)) return std::nullopt;
  const auto is_doomed = [&](const Version& version) { return Has(dots, version.dot); };
  const auto is_doomed_count = [&](const Counter::Entry& entry) {
    return entry.IsLive() && Has(dots, entry.last());
  };
  const bool has_any = std::ranges::any_of(container_.versions, is_doomed) ||
                       std::ranges::any_of(container_.counter.entries(), is_doomed_count);
  if (!has_any) return std::nullopt;
  Evicted evicted{.database = ref.database,
                  .key = std::string(ref.key),
                  .bytes = store_key_.size() + BytesOf(container_),
                  .was_shown = stored.IsShown()};
  const auto gone = std::ranges::remove_if(container_.versions, is_doomed);
  container_.versions.erase(gone.begin(), gone.end());
  container_.counter.ResetIf(is_doomed_count);
  const bool may_go = IsComplete(partition) && !keeps_deletions_[partition];
  if (may_go && MayForget(container_, floor)) {
    Remove(ref.database, stored);
  } else {
    Store(slot, ref.database, stored, now_ms);
  }
  return evicted;
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
