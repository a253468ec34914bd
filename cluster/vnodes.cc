#include "cluster/vnodes.h"

#include <optional>
#include <utility>

#include "cluster/encoding.h"
#include "cluster/record_checksum.h"
#include "cluster/varint.h"
#include "cluster/vnode_codec.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

constexpr std::string_view kActorsPrefix = "actors";
constexpr std::string_view kDotsPrefix = "dots";
constexpr std::string_view kDotsEnd = "dott";
constexpr std::string_view kVnodePrefix = "vnode";

// The vnodes are stored when the journal has grown by this much: at six bytes a write that is one
// vnode for every 170 writes at most.
constexpr uint64_t kMostJournalBytes = 1 << 20;

constexpr uint64_t kOwnBit = 1 << 15;
constexpr uint64_t kRebuildingBit = 1 << 14;
static_assert(kPartitions <= kRebuildingBit);

std::string KeyOf(std::string_view prefix, Partition partition) {
  std::string key(prefix);
  key.resize(prefix.size() + 2);
  StoreBig<2>(partition, key.data() + prefix.size());
  return key;
}

std::string EntryKey(uint64_t number) {
  std::string key(kDotsPrefix);
  key.resize(kDotsPrefix.size() + 8);
  StoreBig<8>(number, key.data() + kDotsPrefix.size());
  return key;
}

// nullopt: not a key of this prefix.
std::optional<Partition> PartitionIn(std::string_view key, std::string_view prefix) {
  if (key.size() != prefix.size() + 2 || !key.starts_with(prefix)) return std::nullopt;
  const auto partition = static_cast<Partition>(LoadBig<2>(key.data() + prefix.size()));
  if (partition >= kPartitions) return std::nullopt;
  return partition;
}

std::string NameOf(Partition partition) {
  return "partition " + std::to_string(partition);
}

}  // namespace

// ---- the start

Vnodes Vnodes::Load(storage::Engine& engine, uint64_t actor_seed,
                    std::vector<std::string>& damage) {
  Vnodes vnodes(engine, actor_seed);
  const std::vector<Partition> damaged = vnodes.LoadVnodes(damage);
  vnodes.LoadActors(damage);
  const bool journal_is_good = vnodes.LoadJournal();
  for (const Partition partition : damaged) {
    vnodes.Rotate(partition);
    vnodes.At(partition).period = kFirstPeriod;
  }
  // So that the next start does not find the same damage.
  vnodes.vnodes_due_ = !damaged.empty() || !journal_is_good;
  if (!journal_is_good) {
    damage.emplace_back("the journal of write numbers: all partitions go on under new actors");
    vnodes.RotateAll();
  }
  return vnodes;
}

// Returns those that are damaged.
std::vector<Partition> Vnodes::LoadVnodes(std::vector<std::string>& damage) {
  std::vector<Partition> damaged;
  const auto cursor = engine_->NewCursor(Keyspace::kMeta);
  for (cursor->Seek(kVnodePrefix); cursor->Valid() && cursor->key().starts_with(kVnodePrefix);
       cursor->Next()) {
    const auto partition = PartitionIn(cursor->key(), kVnodePrefix);
    if (!partition) continue;
    Held& held = At(*partition);
    if (!DecodeVnode(cursor->key(), cursor->value(), held.vnode)) {
      damage.push_back(NameOf(*partition) + ": goes on under a new actor");
      damaged.push_back(*partition);
    }
  }
  return damaged;
}

// After the vnodes, whose copies may be older.
void Vnodes::LoadActors(std::vector<std::string>& damage) {
  const auto cursor = engine_->NewCursor(Keyspace::kMeta);
  for (cursor->Seek(kActorsPrefix); cursor->Valid() && cursor->key().starts_with(kActorsPrefix);
       cursor->Next()) {
    const auto partition = PartitionIn(cursor->key(), kActorsPrefix);
    if (!partition) continue;
    Held& held = At(*partition);
    ActorTable actors;
    if (!DecodeActors(cursor->key(), cursor->value(), actors)) {
      damage.push_back(NameOf(*partition) + ": one copy of its actors");
    } else if (actors.size() >= held.vnode.actors.size()) {
      held.vnode.actors = std::move(actors);
      held.stored_actors = held.vnode.actors.size();
    }
  }
}

bool Vnodes::LoadJournal() {
  bool good = true;
  const auto cursor = engine_->NewCursor(Keyspace::kMeta);
  for (cursor->Seek(kDotsPrefix); cursor->Valid() && cursor->key() < kDotsEnd; cursor->Next()) {
    if (cursor->key().size() == kDotsPrefix.size() + 8) {
      next_entry_ = LoadBig<8>(cursor->key().data() + kDotsPrefix.size()) + 1;
    }
    journal_bytes_ += cursor->value().size();
    good = Replay(cursor->key(), cursor->value()) && good;
  }
  return good;
}

bool Vnodes::Replay(std::string_view key, std::string_view bytes) {
  if (bytes.size() < kChecksumBytes) return false;
  const std::string_view covered = bytes.substr(0, bytes.size() - kChecksumBytes);
  const uint64_t stored = LoadLittle<kChecksumBytes>(covered.data() + covered.size());
  if (stored != RecordChecksum(key, covered)) return false;
  const char* at = covered.data();
  const char* const end = at + covered.size();
  while (at != end) {
    if (end - at < 2) return false;
    const uint64_t head = LoadBig<2>(at);
    const bool own = (head & kOwnBit) != 0;
    const auto partition = static_cast<Partition>(head & ~(kOwnBit | kRebuildingBit));
    uint64_t actor_number = 0;
    uint64_t number = 0;
    at = TakeVarint(at + 2, end, actor_number);
    if (at != nullptr) at = TakeVarint(at, end, number);
    if (at == nullptr || partition >= kPartitions) return false;
    Held& held = At(partition);
    const auto actor = held.vnode.actors.ActorOf(actor_number);
    if (!actor) return false;
    held.period = period_;
    if (own) {
      held.vnode.actor = *actor;
      held.vnode.counter = IsPlanted(Mutation::kForgetsNumbers) ? number - 1 : number;
      held.vnode.rebuilding = (head & kRebuildingBit) != 0;
      // Without the gaps that failed commits left: nobody has those numbers.
      held.vnode.received.RaiseBase(*actor, number);
    } else {
      held.vnode.received.Add({*actor, number});
    }
  }
  return true;
}

// ---- a turn

Vnodes::Held& Vnodes::At(Partition partition) {
  auto& held = held_[partition];
  if (held == nullptr) held = std::make_unique<Held>();
  return *held;
}

// That the own writes are received is not noted with each of them.
const Vnode& Vnodes::Of(Partition partition) {
  Vnode& vnode = At(partition).vnode;
  if (vnode.counter > 0) vnode.received.RaiseBase(vnode.actor, vnode.counter);
  return vnode;
}

void Vnodes::NoteActors(Partition partition) {
  const Held& held = At(partition);
  if (held.vnode.actors.size() != held.stored_actors) grown_.push_back(partition);
}

// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014):
// a permutation of the seed and a counter, so one process never makes an actor twice.
ActorId Vnodes::NewActor() {
  uint64_t mixed = 0;
  while (mixed == 0) {
    actor_state_ += 0x9e3779b97f4a7c15;
    mixed = actor_state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
  }
  return ActorId{mixed};
}

Dot Vnodes::Mint(Partition partition) {
  Vnode& vnode = At(partition).vnode;
  if (vnode.actor == ActorId{}) vnode.actor = NewActor();
  ++vnode.counter;
  NoteOwn(partition);
  return {vnode.actor, vnode.counter};
}

void Vnodes::Receive(Partition partition, Dot dot) {
  received_.push_back({partition, dot});
  Note(partition, dot, 0);
}

void Vnodes::NoteOwn(Partition partition) {
  const Vnode& vnode = At(partition).vnode;
  Note(partition, {vnode.actor, vnode.counter}, kOwnBit | (vnode.rebuilding ? kRebuildingBit : 0));
}

void Vnodes::Note(Partition partition, Dot dot, uint64_t flags) {
  char bytes[2 + 2 * kMaxVarintBytes];
  StoreBig<2>(partition | flags, bytes);
  Held& held = At(partition);
  char* end = PutVarint(held.vnode.actors.NumberOf(dot.actor), bytes + 2);
  end = PutVarint(dot.number, end);
  entry_.append(bytes, end);
  held.period = period_;
  NoteActors(partition);
}

void Vnodes::Rotate(Partition partition) {
  Vnode& vnode = At(partition).vnode;
  if (vnode.counter > 0) vnode.received.RaiseBase(vnode.actor, vnode.counter);
  vnode.actor = NewActor();
  vnode.counter = 0;
  vnode.rebuilding = true;
  Restate(partition);
}

// Both change what the journal cannot say, so the whole vnode is stored.
void Vnodes::Renew(Partition partition) {
  Held& held = At(partition);
  held.vnode.counter = 0;
  held.vnode.received = {};
  held.vnode.flushed.clear();
  held.period = period_;
  vnodes_due_ = true;
  Rotate(partition);
}

void Vnodes::JoinReceived(Partition partition, const ReceivedDots& received) {
  Held& held = At(partition);
  held.vnode.received.Join(received);
  held.period = period_;
  vnodes_due_ = true;
  Restate(partition);
}

void Vnodes::RotateAll() {
  if (IsPlanted(Mutation::kKeepsActorsAfterLoss)) return;
  for (Partition partition = 0; partition < kPartitions; ++partition) Rotate(partition);
}

void Vnodes::MarkComplete(Partition partition) {
  if (!IsRebuilding(partition)) return;
  At(partition).vnode.rebuilding = false;
  Restate(partition);
}

void Vnodes::MarkAllComplete() {
  for (Partition partition = 0; partition < kPartitions; ++partition) MarkComplete(partition);
}

ActorId Vnodes::ActorOf(Partition partition) {
  Vnode& vnode = At(partition).vnode;
  if (vnode.actor == ActorId{}) {
    vnode.actor = NewActor();
    Restate(partition);
  }
  return vnode.actor;
}

bool Vnodes::IsBehind(Partition partition, Dot dot) const {
  const Held* const held = held_[partition].get();
  return held != nullptr && dot.actor == held->vnode.actor && dot.number > held->vnode.counter;
}

bool Vnodes::IsBehind(Partition partition, const Context& context) const {
  const Held* const held = held_[partition].get();
  return held != nullptr && context.Highest(held->vnode.actor) > held->vnode.counter;
}

// ---- its end

void Vnodes::Stage() {
  // Behind the turn's writes, since the last word on a vnode holds.
  for (const Partition partition : restated_) NoteOwn(partition);
  StageActors();
  if (entry_.empty()) return;
  if (vnodes_due_ || journal_bytes_ + entry_.size() > kMostJournalBytes) StageVnodes();
  const std::string key = EntryKey(next_entry_);
  char checksum[kChecksumBytes];
  StoreLittle<kChecksumBytes>(RecordChecksum(key, entry_), checksum);
  entry_.append(checksum, kChecksumBytes);
  engine_->Put(Keyspace::kMeta, key, entry_);
}

void Vnodes::StageActors() {
  for (const Partition partition : grown_) {
    const Held& held = At(partition);
    const std::string key = KeyOf(kActorsPrefix, partition);
    EncodeActors(key, held.vnode.actors, scratch_);
    engine_->Put(Keyspace::kMeta, key, scratch_);
  }
}

// As they were before the turn, whose own entry begins the new journal: so those that change in it
// are stored next time too.
void Vnodes::StageVnodes() {
  vnodes_staged_ = true;
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    if (held_[partition] == nullptr || held_[partition]->period + 1 < period_) continue;
    const std::string key = KeyOf(kVnodePrefix, partition);
    EncodeVnode(key, Of(partition), scratch_);
    engine_->Put(Keyspace::kMeta, key, scratch_);
  }
  engine_->DeleteRange(Keyspace::kMeta, kDotsPrefix, kDotsEnd);
}

void Vnodes::Settle(bool committed) {
  if (committed) {
    restated_.clear();  // after a failure they are noted with the next commit
    if (vnodes_staged_) {
      vnodes_due_ = false;
      journal_bytes_ = 0;
      ++period_;
    }
    journal_bytes_ += entry_.size();
    if (!entry_.empty()) ++next_entry_;
    for (const Partition partition : grown_) {
      Held& held = At(partition);
      held.stored_actors = held.vnode.actors.size();
    }
    grown_.clear();  // after a failure they are stored with the next commit
    for (const Received& received : received_) {
      At(received.partition).vnode.received.Add(received.dot);
    }
  }
  vnodes_staged_ = false;
  received_.clear();
  entry_.clear();
}

std::optional<ActorsEntry> ReadActorsEntry(std::string_view key, std::string_view value) {
  ActorsEntry entry;
  if (const auto partition = PartitionIn(key, kActorsPrefix)) {
    entry.partition = *partition;
    entry.damaged = !DecodeActors(key, value, entry.actors);
    return entry;
  }
  if (const auto partition = PartitionIn(key, kVnodePrefix)) {
    Vnode vnode;
    entry.partition = *partition;
    entry.damaged = !DecodeVnode(key, value, vnode);
    entry.actors = std::move(vnode.actors);
    return entry;
  }
  return std::nullopt;
}

}  // namespace cartwheel::cluster
