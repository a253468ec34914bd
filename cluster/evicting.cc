#include "cluster/evicting.h"

#include <algorithm>

#include "cluster/rendezvous.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

// Views of what is doomed.
std::vector<Evict::Item> ItemsOf(const std::vector<LocalStore::Doomed>& doomed) {
  std::vector<Evict::Item> items(doomed.size());
  for (size_t i = 0; i < doomed.size(); ++i) {
    items[i].ref = {doomed[i].database, doomed[i].key};
    for (const Dot dot : doomed[i].dots) items[i].dots.push_back(dot);
  }
  return items;
}

uint64_t ColdnessIn(LocalStore& store, const LocalStore::Doomed& doomed, Time now) {
  std::string store_key;
  EncodeStoreKey({doomed.database, doomed.key}, store_key);
  return store.usage().ColdnessOf(UseHashOf(store_key), now.unix_ms);
}

}  // namespace

// At the very limit not even a context has room.
void Evicting::SetNeed(const Need& need, int64_t now_us) {
  const bool needed = need_.bytes > 0;
  need_ = need;
  if (!need.is_full) need_.bytes -= static_cast<int64_t>(left_bytes_);
  const bool needs = evicts() && need_.bytes > 0;
  if (!needs || !needed) progress_us_ = now_us;
  if (!needs) {
    is_stuck_ = false;
    return;
  }
  Wake(std::max(step_us_, now_us));
}

void Evicting::RingChanged(const PartitionSet& changed) {
  asked_.clear();
  uses_.clear();
  std::erase_if(left_, [&](const auto& of_partition) {
    const auto& [partition, left] = of_partition;
    if (!changed[partition]) return false;
    left_keys_ -= left.size();
    for (const Left& each : left) left_bytes_ -= each.bytes;
    return true;
  });
}

// Who was never linked is not healthy either.
NodeId Evicting::DeciderOf(Partition partition) const {
  for (const NodeId owner : ring_.OwnersOf(partition)) {
    if (owner == self_ || peers_.IsHealthy(owner)) return owner;
  }
  return kNoNode;
}

bool Evicting::OnTime(Time now) {
  const int64_t now_us = now.monotonic_us;
  if (now_us < next_us_) return false;
  next_us_ = INT64_MAX;
  if (now_us >= tell_us_) TellUses();
  Wake(tell_us_);
  bool changed = now_us >= forget_us_ && ForgetLeft(now);
  Wake(forget_us_);
  const bool needs = evicts() && need_.bytes > 0;
  if (!needs) return changed;
  if (now_us < step_us_) {
    Wake(step_us_);
    return changed;
  }
  step_us_ = now_us + options_.step_every_us;
  Wake(step_us_);
  DropLate(now_us);
  changed = Ask(now) || changed;
  const bool alone = need_.is_full && now_us - progress_us_ >= options_.alone_after_us;
  if (alone) {
    const size_t gone = DecideAlone(now);
    is_stuck_ = gone == 0;
    changed = changed || gone > 0;
  }
  return changed;
}

void Evicting::DropLate(int64_t now_us) {
  totals_.unanswered += std::erase_if(
      asked_, [now_us](const auto& asked) { return now_us >= asked.second.until_us; });
}

// Any that this node owns, so that all of its keys are as likely to be looked at. Of a policy that
// takes few keys: one that has them.
std::optional<Partition> Evicting::NextPartition() {
  const uint64_t random = NextRandom(random_state_);
  if (found_none_ && TakesOnlyWhatExpires(terms_.policy)) {
    const auto partition = store_.PartitionNextToExpire(random);
    if (partition && ring_.Owns(self_, *partition)) return partition;
  }
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    const auto partition = static_cast<Partition>(NextRandom(random_state_) % kPartitions);
    if (ring_.Owns(self_, partition) && !ring_.IsMoving(partition)) return partition;
  }
  return std::nullopt;
}

// Its share of what it needs: the other owners, if they need room too, ask for theirs.
bool Evicting::Ask(Time now) {
  uint64_t asked_bytes = 0;
  for (const auto& [id, asked] : asked_) asked_bytes += asked.bytes;
  const auto share = std::max<uint64_t>(static_cast<uint64_t>(need_.bytes) / ring_.copies(), 1);
  bool changed = false;
  for (size_t i = 0; i < options_.requests_a_step && asked_bytes < share; ++i) {
    if (asked_.size() >= options_.most_requests) break;
    const auto partition = NextPartition();
    if (!partition) break;
    const uint64_t bytes = std::min(options_.bytes_a_request, share - asked_bytes);
    asked_bytes += bytes;
    const NodeId decider = DeciderOf(*partition);
    if (decider == self_) {
      changed = Decide(*partition, bytes, kNoNode, {}, now) > 0 || changed;
      continue;
    }
    const EvictRequest request{.id = RequestId{next_id_++},
                               .partition = *partition,
                               .epoch = ring_.EpochOf(*partition),
                               .bytes = bytes};
    if (!peers_.HasRoom(decider) || !peers_.Send(decider, request)) continue;
    asked_[request.id] = {.bytes = bytes, .until_us = now.monotonic_us + options_.answer_within_us};
    ++totals_.requests;
  }
  return changed;
}

bool Evicting::MayDecide(Partition partition, uint64_t epoch) const {
  return evicts() && ring_.Owns(self_, partition) && ring_.EpochOf(partition) == epoch &&
         !ring_.IsMoving(partition);
}

// Served at once: nothing waits.
void Evicting::On(NodeId from, const EvictRequest& message, Time now) {
  if (!ring_.Owns(from, message.partition)) return;
  if (!MayDecide(message.partition, message.epoch)) return;
  ++totals_.served;
  Decide(message.partition, message.bytes, from, message.id, now);
}

Evicting::Choice Evicting::Choose(Partition partition, uint64_t bytes, Time now) {
  return {partition, store_.ChooseVictims(partition, terms_, bytes, options_.most_keys,
                                          random_state_, now.unix_ms)};
}

// Where a partition has few keys the coldest of it need not be cold: it is held against those of
// the next ones that this node decides about.
void Evicting::LookFurther(Choice& choice, uint64_t bytes, Time now) {
  const Partition first = choice.partition;
  auto& doomed = choice.doomed;
  size_t found = doomed.size();
  uint64_t coldest = doomed.empty() ? 0 : ColdnessIn(store_, doomed.front(), now);
  doomed.resize(std::min<size_t>(doomed.size(), 1));
  const size_t most_partitions = 8 * terms_.samples;
  for (size_t i = 1; i < most_partitions && found < terms_.samples; ++i) {
    const auto next = static_cast<Partition>((first + i) % kPartitions);
    if (!MayDecide(next, ring_.EpochOf(next)) || DeciderOf(next) != self_) continue;
    Choice other = Choose(next, bytes, now);
    if (other.doomed.empty()) continue;
    found += other.doomed.size();
    const uint64_t coldness = ColdnessIn(store_, other.doomed.front(), now);
    if (!doomed.empty() && coldness <= coldest) continue;
    other.doomed.resize(1);
    choice = std::move(other);
    coldest = coldness;
  }
}

// How many keys went here.
size_t Evicting::Decide(Partition partition, uint64_t bytes, NodeId asker, RequestId id, Time now) {
  Choice choice = Choose(partition, bytes, now);
  const bool by_use = GoesByRecency(terms_.policy) || GoesByFrequency(terms_.policy);
  const bool may_look = by_use && !TakesOnlyWhatExpires(terms_.policy);
  if (may_look && choice.doomed.size() < terms_.samples) LookFurther(choice, bytes, now);
  const auto& [of, doomed] = choice;
  found_none_ = doomed.empty();
  totals_.chosen += doomed.size();
  Evict evict{.partition = of, .epoch = ring_.EpochOf(of), .items = ItemsOf(doomed)};
  TellOwners(evict, asker, id);
  const size_t gone = LetGo(of, evict.items, now);
  totals_.by_self += gone;
  return gone;
}

// The asker is told even if nothing goes.
void Evicting::TellOwners(Evict& evict, NodeId asker, RequestId id) {
  bool told_asker = asker == kNoNode;
  for (const NodeId owner : ring_.HoldersOf(evict.partition)) {
    if (owner == self_ || (evict.items.empty() && owner != asker)) continue;
    evict.id = owner == asker ? id : RequestId{};
    told_asker = told_asker || owner == asker;
    if (peers_.HasRoom(owner)) peers_.Send(owner, evict);
  }
  if (told_asker) return;
  // It owns nothing of that one.
  peers_.Send(asker,
              Evict{.id = id, .partition = evict.partition, .epoch = evict.epoch, .items = {}});
}

// Nobody is told: others may not need room, and who decides does not answer.
size_t Evicting::DecideAlone(Time now) {
  constexpr size_t kTries = 64;
  size_t gone = 0;
  for (size_t i = 0; i < kTries && need_.bytes > 0; ++i) {
    const auto partition = NextPartition();
    if (!partition) break;
    const auto doomed = store_.ChooseVictims(*partition, terms_, options_.bytes_a_request,
                                             options_.most_keys, random_state_, now.unix_ms);
    found_none_ = doomed.empty();
    const int64_t last_progress_us = progress_us_;
    gone += LetGo(*partition, ItemsOf(doomed), now);
    progress_us_ = last_progress_us;  // it goes on alone until others answer again
  }
  totals_.alone += gone;
  return gone;
}

void Evicting::On(NodeId from, const Evict& message, Time now) {
  asked_.erase(message.id);
  if (!evicts()) return;  // whoever runs this node has said that nothing goes
  if (!ring_.Owns(from, message.partition)) return;
  if (!ring_.Owns(self_, message.partition)) return;
  if (ring_.EpochOf(message.partition) != message.epoch) return;
  if (message.id != RequestId{}) found_none_ = message.items.empty();
  const size_t gone = LetGo(message.partition, message.items, now);
  totals_.by_others += gone;
  totals_.passed_over += message.items.size() - gone;
}

size_t Evicting::LetGo(Partition partition, const std::vector<Evict::Item>& items, Time now) {
  if (items.empty()) return 0;
  const Floor floor = forgetting_.FloorOf(partition);
  size_t gone = 0;
  for (const auto& [ref, dots] : items) {
    auto [evicted, left_bytes] = store_.EvictVersions(ref, dots, floor, now.unix_ms);
    if (left_bytes > 0) Remember(partition, ref, left_bytes, now.monotonic_us);
    if (!evicted) continue;
    ++gone;
    need_.bytes -= static_cast<int64_t>(evicted->bytes);
    evicted_.push_back(*std::move(evicted));
  }
  forgetting_.TellSoon(partition);
  if (gone > 0) {
    progress_us_ = now.monotonic_us;
    is_stuck_ = false;
  }
  return gone;
}

// ---- contexts that go when all owners have seen what they know

void Evicting::Remember(Partition partition, const KeyRef& ref, uint64_t bytes, int64_t now_us) {
  if (left_keys_ >= options_.most_left) return;
  left_[partition].push_back({ref.database, std::string(ref.key), bytes});
  ++left_keys_;
  left_bytes_ += bytes;
  if (forget_us_ == INT64_MAX) forget_us_ = now_us + options_.forgets_every_us;
  Wake(forget_us_);
}

// Those of a partition become old enough about in their order: the first that has to stay ends it,
// and is looked at behind the others the next time. True: some went.
bool Evicting::ForgetLeft(Time now) {
  size_t looks = options_.forgets_keys;
  bool changed = false;
  for (size_t partitions = left_.size(); partitions > 0 && looks > 0; --partitions) {
    auto at = left_.lower_bound(next_left_);
    if (at == left_.end()) at = left_.begin();
    auto& [partition, keys] = *at;
    next_left_ = static_cast<Partition>(partition + 1);
    const Floor floor = forgetting_.FloorOf(partition);
    while (!keys.empty() && looks > 0) {
      --looks;
      const Left& left = keys.front();
      if (!store_.ForgetDeletion({left.database, left.key}, floor, now.unix_ms)) {
        keys.push_back(std::move(keys.front()));
        keys.pop_front();
        break;
      }
      changed = true;
      --left_keys_;
      left_bytes_ -= left.bytes;
      keys.pop_front();
    }
    keys.empty() ? void(left_.erase(at)) : forgetting_.TellSoon(partition);
  }
  forget_us_ = left_.empty() ? INT64_MAX : now.monotonic_us + options_.forgets_every_us;
  return changed;
}

// ---- uses

void Evicting::NoteUse(const KeyRef& ref, Time now) {
  if (!store_.NoteUse(ref, now.unix_ms)) return;
  std::string store_key;
  EncodeStoreKey(ref, store_key);
  const NodeId decider = DeciderOf(PartitionOf(DecodeStoreKey(store_key)->slot));
  if (decider == self_ || decider == kNoNode) return;
  auto& waiting = uses_[decider];
  if (waiting.size() >= options_.most_uses) {
    ++totals_.uses_dropped;
    return;
  }
  const uint64_t hash = UseHashOf(store_key);
  waiting.push_back({.hash = hash, .level = store_.usage().LevelOf(hash, now.unix_ms)});
  if (tell_us_ == INT64_MAX) tell_us_ = now.monotonic_us + options_.tells_uses_every_us;
  Wake(tell_us_);
}

void Evicting::TellUses() {
  tell_us_ = INT64_MAX;
  for (auto& [node, keys] : std::exchange(uses_, {})) {
    if (!peers_.HasRoom(node)) continue;
    totals_.uses_told += keys.size();
    peers_.Send(node, Used{.keys = std::move(keys)});
  }
}

void Evicting::On(NodeId, const Used& message, Time now) {
  for (const auto& [hash, level] : message.keys) store_.usage().Heard(hash, level, now.unix_ms);
}

}  // namespace cartwheel::cluster
