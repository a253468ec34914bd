// What happens at maxstorage, and at the maxmemory of data in memory only: commands that need room
// are refused, or make it by deleting keys.
//
// In memory room shows with the turn's commit; within a turn what keys and records take stands for
// it, by the share of the memory that they took at the last one. On disk it is another matter:
// a deleted record leaves a hole in its page, which the next flush opens for new records; pages
// without records become free. So room shows late, and deleting until it shows would empty the
// store: as long as the store is full, twice as many bytes go as are written, so that it shrinks
// however badly the holes fit; but between two flushes only a sixteenth of maxstorage goes beyond
// what is written.
#include <algorithm>
#include <string>
#include <utility>

#include "cluster/store_key.h"
#include "server/handlers.h"
#include "server/info_text.h"
#include "server/log.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

// Of what volume_share_ is a part.
constexpr uint64_t kWhole = 1024;
constexpr uint64_t kSurplusShare = 16;
// Of maxstorage, for the log of a node that makes room with others.
constexpr uint64_t kLogShare = 10;
// What a record takes beside key and value, about.
constexpr int64_t kRecordOverhead = 32;
constexpr size_t kEvictionsPerCommand = 500;
constexpr int64_t kFullFlushPeriodUs = 1'000'000;
constexpr int64_t kFullWarningPeriodUs = 60'000'000;

int64_t BytesToWrite(const Session& session, const Command& command, Args args) {
  if (command.handler == Exec) {
    return static_cast<int64_t>(session.queued_bytes + kRecordOverhead * session.queue.size());
  }
  int64_t bytes = kRecordOverhead;
  for (const std::string_view arg : args) bytes += static_cast<int64_t>(arg.size());
  return bytes;
}

// What a transaction may still do when memory has run out.
bool EndsTransaction(const Command& command) {
  for (CommandHandler handler : {Exec, Discard, Quit, Reset}) {
    if (command.handler == handler) return true;
  }
  return false;
}

}  // namespace

// Besides commands that need memory, a transaction must not go on growing, nor run with one of them
// in it.
bool Server::OutOfMemoryFor(const Session& session, const Command& command, Now now) {
  const Config& config = options_.config;
  if (!config.memory_only() || config.max_memory() == 0) return false;
  const bool grows_queue = session.in_transaction && !EndsTransaction(command);
  const bool needs_memory = (command.flags & kDenyOom) != 0 || grows_queue ||
                            (command.handler == Exec && session.HasQueued(kDenyOom));
  if (!needs_memory) return false;
  if (!evicts()) return store_.engine().usage().bytes_in_memory > config.max_memory();
  if (makes_room_together()) return gateway_->node().evicting().is_stuck();
  const auto allowed =
      static_cast<int64_t>(config.max_memory() / kWhole * static_cast<uint64_t>(volume_share_));
  const int64_t too_much = store_.volume() - allowed;
  if (too_much <= 0) return false;
  if (grows_queue || MustPostpone(session, command)) return false;
  return !EvictBytes(static_cast<uint64_t>(too_much), kEvictionsPerCommand, now);
}

// Whether the command needs room in a full store in which nothing can be deleted for it.
bool Server::OutOfStorageFor(const Session& session, const Command& command, Args args, Now now) {
  if (options_.config.maxstorage == 0 || options_.config.memory_only()) return false;
  const bool needs_room =
      (command.flags & kDenyOom) != 0 || (command.handler == Exec && session.HasQueued(kDenyOom));
  // What is postponed is looked at again when it runs.
  if (!needs_room || !store_.engine().IsFull() || MustPostpone(session, command)) return false;
  if (!evicts()) return true;
  if (makes_room_together()) return gateway_->node().evicting().is_stuck();
  const bool queued = session.in_transaction && command.handler != Exec;
  if (queued) return false;
  const int64_t written = BytesToWrite(session, command, args);
  eviction_debt_ += written;
  const auto surplus_limit = static_cast<int64_t>(options_.config.maxstorage / kSurplusShare);
  const int64_t surplus = std::clamp(surplus_limit - eviction_surplus_, int64_t{0}, written);
  eviction_surplus_ += surplus;
  eviction_debt_ += surplus;
  if (eviction_debt_ <= 0) return false;
  // Other commands have made all the room that one turn may make; the rest follows.
  if (evictions_left_ == 0) return false;
  return !PayEvictionDebt(now);
}

// As far as one command may. False: there is nothing that may be deleted.
bool Server::PayEvictionDebt(Now now) {
  const size_t limit = std::min(evictions_left_, kEvictionsPerCommand);
  const auto freed = EvictBytes(static_cast<uint64_t>(eviction_debt_), limit, now);
  eviction_debt_ = freed ? eviction_debt_ - *freed : 0;  // what nobody can pay is not owed
  return freed.has_value();
}

// How many went of these, `limit` keys at most; nullopt: there is nothing that may be deleted.
std::optional<int64_t> Server::EvictBytes(uint64_t bytes, size_t limit, Now now) {
  const EvictionPolicy policy = options_.config.eviction_policy;
  std::vector<cluster::LocalStore::Evicted> evicted;
  if (policy == EvictionPolicy::kVolatileTtl) {
    evicted = store_.EvictNextToExpire(bytes, limit, now.unix_ms());
  } else if (policy == EvictionPolicy::kAllKeysRandom) {
    evicted = EvictAny(bytes, limit, now);
  } else {
    evicted = store_.EvictColdest(victim_terms(), bytes, limit, random_state_, now.unix_ms());
  }
  evictions_left_ -= std::min(evictions_left_, evicted.size());
  if (evicted.empty()) return std::nullopt;
  executor_.NoteChange();
  return NoteEvicted(evicted);
}

int64_t Server::NoteEvicted(std::span<const cluster::LocalStore::Evicted> evicted) {
  int64_t freed = 0;
  for (const cluster::LocalStore::Evicted& gone : evicted) {
    freed += static_cast<int64_t>(gone.bytes) + kRecordOverhead;
    ++(gone.was_shown ? statistics_.evicted_keys : statistics_.expired_keys);
    watches_.Touch({gone.database, gone.key});
  }
  return freed;
}

// From a random place on, to the end of the store; then from another one.
std::vector<cluster::LocalStore::Evicted> Server::EvictAny(uint64_t bytes, size_t limit, Now now) {
  if (eviction_hand_.empty()) {
    const uint64_t random = NextRandom();
    eviction_hand_ = cluster::StoreKeyPrefix(
        static_cast<cluster::Slot>(random % cluster::kSlotCount), 0, random);
  }
  auto evicted = store_.EvictFrom(eviction_hand_, bytes, limit, now.unix_ms());
  const bool met_the_end = eviction_hand_.empty();
  if (evicted.empty() && met_the_end) {
    evicted = store_.EvictFrom(eviction_hand_, bytes, limit, now.unix_ms());
  }
  return evicted;
}

// What is noted of the use of keys, and where it is needed.
void Server::TakeEvictionOptions() {
  using Tracks = cluster::UsageSketch::Tracks;
  const Config& config = options_.config;
  const uint64_t limit = config.memory_only() ? config.max_memory() : config.maxstorage;
  cluster::UsageSketch::Options usage;
  if (limit != 0 && cluster::GoesByRecency(config.eviction_policy)) usage.tracks = Tracks::kRecency;
  if (limit != 0 && cluster::GoesByFrequency(config.eviction_policy)) {
    usage.tracks = Tracks::kFrequency;
  }
  usage.cells = cluster::UsageSketch::CellsFor(limit);
  usage.lfu_log_factor = static_cast<uint64_t>(config.lfu_log_factor);
  usage.lfu_decay_minutes = static_cast<uint64_t>(config.lfu_decay_time);
  store_.usage().Configure(usage);
  if (gateway_ != nullptr) gateway_->node().evicting().SetTerms(victim_terms());
}

// With other owners: how much this node needs to go, at the end of each turn.
void Server::TendSharedRoom(Now now) {
  if (!evicts()) return;  // what the store takes is not known for nothing
  const storage::Usage usage = store_.engine().usage();
  if (usage.bytes_in_use > 0 && store_.volume() > 0) {
    volume_share_ = static_cast<int64_t>(static_cast<double>(store_.volume()) /
                                         static_cast<double>(usage.bytes_in_use) * kWhole);
  }
  if (!makes_room_together()) return;
  cluster::Evicting& evicting = gateway_->node().evicting();
  NoteEvicted(evicting.TakeEvicted());
  const Config& config = options_.config;
  cluster::Evicting::Need need;
  if (config.memory_only() && config.max_memory() != 0) {
    need.bytes = static_cast<int64_t>(usage.bytes_in_use) -
                 static_cast<int64_t>(RoomTarget::StartOf(config.max_memory()));
    need.is_full = usage.bytes_in_use >= config.max_memory();
  } else if (config.maxstorage != 0) {
    // A long log is no reason for keys to go: a flush ends it.
    const storage::Persistence state = store_.engine().persistence();
    const uint64_t log_share = config.maxstorage / kLogShare;
    const uint64_t long_log = state.log_bytes - std::min(state.log_bytes, log_share);
    log_takes_room_ = long_log > 0 && usage.bytes_in_use >= RoomTarget::StartOf(config.maxstorage);
    need.is_full = store_.engine().IsFull();
    need.bytes = room_target_.BytesToGo(usage.bytes_in_use - std::min(usage.bytes_in_use, long_log),
                                        config.maxstorage, store_.volume(), state.flushes);
  }
  room_needed_ = need.bytes;
  evicting.SetNeed(need, now.monotonic_us);
}

// In a full store: pays off what commands left to do, and has a flush show the room that was made.
void Server::TendStorage(Now now) {
  if (options_.config.maxstorage == 0) return;
  if (!store_.engine().IsFull()) {
    eviction_debt_ = 0;
    if (log_takes_room_) FlushForRoom(now);
    return;
  }
  if (evicts() && eviction_debt_ > 0 && !store_.engine().WritesMustWait()) {
    PayEvictionDebt(now);
  }
  WarnOfFullStorage(now);
  const storage::Persistence state = store_.engine().persistence();
  if (std::exchange(flushes_seen_, state.flushes) != state.flushes) eviction_surplus_ = 0;
  FlushForRoom(now);
}

void Server::WarnOfFullStorage(Now now) {
  if (last_full_warning_us_ != INT64_MIN &&
      now.monotonic_us - last_full_warning_us_ < kFullWarningPeriodUs) {
    return;
  }
  last_full_warning_us_ = now.monotonic_us;
  LogWarning("the store takes 'maxstorage' (" + FormatBytes(options_.config.maxstorage) + "): " +
             (evicts() ? "keys are deleted to make room (maxmemory-policy " +
                             std::string(NameOf(options_.config.eviction_policy)) + ")"
                       : "commands that need room are refused"));
}

void Server::FlushForRoom(Now now) {
  if (now.monotonic_us < next_full_flush_us_) return;
  const storage::Persistence state = store_.engine().persistence();
  if (state.flush_running || state.changes_since_flush == 0) return;
  next_full_flush_us_ = now.monotonic_us + kFullFlushPeriodUs;
  store_.engine().StartFlush();
}

}  // namespace cartwheel::server
