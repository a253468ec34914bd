// LocalStore as one replica of several: copies from other nodes, what it owes them, and deletions
// that all of them have seen.
#include <algorithm>
#include <utility>

#include "cluster/any_record.h"
#include "cluster/apply.h"
#include "cluster/local_store.h"
#include "cluster/partition_walk.h"
#include "cluster/shown_value.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

}  // namespace

void LocalStore::SetOwnership(const Ownership& ownership) {
  const Ownership before = std::exchange(ownership_, ownership);
  reap_after_.clear();
  if (ownership_ != before) ownership_due_ = true;
  if (ownership_.alone) return vnodes_.MarkAllComplete();
  const auto begins_to_arrive = [&](Partition partition) {
    const auto arrives = ownership_.arriving.find(partition);
    if (arrives == ownership_.arriving.end()) return false;
    const auto arrived = before.arriving.find(partition);
    return arrived == before.arriving.end() || arrived->second != arrives->second;
  };
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    if (!ownership_.Owns(partition)) continue;
    if (before.Owns(partition) && !begins_to_arrive(partition)) continue;
    vnodes_.Renew(partition);
    NoteEarlierRecords(partition);
  }
}

void LocalStore::Rotate(Partition partition) {
  vnodes_.Rotate(partition);
  NoteEarlierRecords(partition);
  if (ownership_.alone) vnodes_.MarkComplete(partition);
}

bool LocalStore::RotateIfBehind(Partition partition, const ReceivedDots& received) {
  const ActorId actor = vnodes_.Of(partition).actor;
  const uint64_t highest = actor == ActorId{} ? 0 : received.HighestOf(actor);
  if (highest == 0 || !vnodes_.IsBehind(partition, Dot{actor, highest})) return false;
  Rotate(partition);
  return true;
}

void LocalStore::NoteEarlierRecords(Partition partition) {
  const auto cursor = CursorOf(*engine_, partition);
  cursor->Seek(FirstOf(partition));
  holds_earlier_[partition] = cursor->Valid() && IsOf(partition, cursor->key());
}

// ---- copies

std::expected<bool, Refusal> LocalStore::Apply(const KeyRef& ref, const Container& copy,
                                               std::span<const Dot> dots, int64_t now_ms,
                                               const Floor& floor) {
  minted_.clear();
  if (!ObserveClocks(copy, now_ms)) return std::unexpected(Refusal::kClockAhead);
  EncodeStoreKey(ref, store_key_);
  const auto slot = DecodeStoreKey(store_key_)->slot;
  const Partition partition = PartitionOf(slot);
  const Changing stored = FindToChange(slot, now_ms);
  if (stored.state == Stored::State::kDamaged) return std::unexpected(Refusal::kFailed);
  const bool behind =
      vnodes_.IsBehind(partition, copy.context) ||
      std::ranges::any_of(dots, [&](Dot dot) { return vnodes_.IsBehind(partition, dot); });
  if (behind) Rotate(partition);
  AdoptVersions(slot);
  const bool exists = stored.state != Stored::State::kAbsent;
  auto merged = Merge(partition, exists ? &container_ : nullptr, copy, floor);
  if (merged && BytesOf(*merged) > kMostRecordBytes) return std::unexpected(Refusal::kFull);
  ReceiveAll(partition, copy.context, dots);
  if (!merged && !copy.IsDeleted() && IsComplete(partition)) doubted_.push_back(partition);
  const bool nothing_new = !merged || (exists && *merged == container_ && minted_.empty());
  if (nothing_new) return false;
  const auto shown = ShownValue(*merged, now_ms, text_);
  const bool was_shown = stored.state == Stored::State::kLive;
  const bool changed = was_shown ? !shown || *shown != stored.value : shown.has_value();
  container_ = *std::move(merged);
  if (ownership_.alone && container_.IsDeleted()) {
    Remove(ref.database, stored);
  } else {
    Store(slot, ref.database, stored, now_ms);
  }
  return changed;
}

// All of them or none.
bool LocalStore::ObserveClocks(const Container& copy, int64_t now_ms) {
  const bool ahead = std::ranges::any_of(copy.versions, [now_ms](const Version& version) {
    return version.hlc.unix_ms() > now_ms + HybridClock::kMaxOffsetMs;
  });
  if (ahead) return false;
  for (const Version& version : copy.versions) clock_.Observe(version.hlc, now_ms);
  return true;
}

// A node that stands in for an owner has no received dots to judge by: once it has handed on a copy
// and forgotten it, the next one like it would look removed.
std::optional<Container> LocalStore::Merge(Partition partition, const Container* local,
                                           const Container& copy, const Floor& floor) {
  Container theirs = copy;
  theirs.own_contiguous = false;
  if (!ownership_.Owns(partition)) return local == nullptr ? theirs : Sync(*local, theirs);
  const Vnode& vnode = vnodes_.Of(partition);
  return ApplyCopy(local, std::move(theirs), vnode.received, floor, vnode.flushed);
}

// A write that the copy does not know has not come with it: were it noted as received, a later copy
// that has it would look like one that was removed here.
void LocalStore::ReceiveAll(Partition partition, const Context& brought,
                            std::span<const Dot> dots) {
  if (!ownership_.Owns(partition)) return;
  for (const Dot& dot : dots) {
    if (brought.Covers(dot) && !HasReceived(partition, dot)) vnodes_.Receive(partition, dot);
  }
}

// ---- hints

bool LocalStore::AddHint(NodeId target, const KeyRef& ref, std::span<const Dot> dots,
                         int64_t now_ms) {
  EncodeStoreKey(ref, store_key_);
  if (!engine_->Get(Keyspace::kData, store_key_)) return false;
  hints_.Add(target, store_key_, dots, now_ms);
  return true;
}

void LocalStore::HintDelivered(const Hint& hint) {
  if (!hints_.Done(hint) || hints_.IsOwed(hint.store_key)) return;
  store_key_ = hint.store_key;
  const auto parts = DecodeStoreKey(store_key_);
  if (!parts || ownership_.Owns(PartitionOf(parts->slot))) return;
  Remove(parts->database, FindToChange(parts->slot, 0));
}

// ---- deletions

LocalStore::Walked LocalStore::Forget(Partition partition, const Floor& floor, size_t limit,
                                      std::string& after) {
  size_t looked_at = 0;
  bool at_end = true;
  size_t bytes = 0;
  std::vector<std::string> forgotten;  // gathered first: a write would end the cursor
  if (ownership_.Owns(partition) && IsComplete(partition) && !keeps_deletions_[partition]) {
    const ActorTable& actors = vnodes_.ActorsOf(partition);
    const auto cursor = CursorOf(*engine_, partition);
    SeekBehind(*cursor, partition, after);
    after.clear();
    for (; cursor->Valid(); cursor->Next()) {
      const auto parts = DecodeStoreKey(cursor->key());
      if (parts && PartitionOf(parts->slot) != partition) break;
      at_end = looked_at < limit;
      if (!at_end) break;
      ++looked_at;
      after = cursor->key();
      if (!parts || !MayBeHidden(cursor->value())) continue;
      const auto decoded = DecodeAnyRecord(cursor->key(), cursor->value(), actors, container_);
      if (!decoded || !MayForget(container_, floor)) continue;
      forgotten.emplace_back(cursor->key());
      bytes += cursor->key().size() + cursor->value().size();
    }
  }
  if (at_end) after.clear();
  // Contexts alone, which are neither counted nor expire.
  for (const std::string& store_key : forgotten) engine_->Delete(Keyspace::kData, store_key);
  volume_ -= static_cast<int64_t>(bytes);
  return {.looked_at = looked_at, .forgotten = forgotten.size()};
}

}  // namespace cartwheel::cluster
