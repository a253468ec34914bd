// What happens at maxstorage: commands that need room are refused, or make it by deleting keys.
//
// A deleted record leaves a hole in its page, which the next flush opens for new records; pages
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

constexpr uint64_t kSurplusShare = 16;
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

}  // namespace

// Whether the command needs room in a full store in which nothing can be deleted for it.
bool Server::OutOfStorageFor(const Session& session, const Command& command, Args args, Now now) {
  if (options_.config.maxstorage == 0) return false;
  const bool needs_room =
      (command.flags & kDenyOom) != 0 || (command.handler == Exec && session.HasQueued(kDenyOom));
  // What is postponed is looked at again when it runs.
  if (!needs_room || !store_.engine().IsFull() || MustPostpone(session, command)) return false;
  if (options_.config.maxstorage_policy == EvictionPolicy::kNoEviction) return true;
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
  return !MakeRoom(now);
}

// Pays off the debt as far as one command may. False: there is nothing that may be deleted.
bool Server::MakeRoom(Now now) {
  const size_t limit = std::min(evictions_left_, kEvictionsPerCommand);
  const auto bytes = static_cast<uint64_t>(eviction_debt_);
  std::vector<cluster::LocalStore::Evicted> evicted;
  if (options_.config.maxstorage_policy == EvictionPolicy::kVolatileTtl) {
    evicted = store_.EvictNextToExpire(bytes, limit, now.unix_ms());
  } else {
    evicted = EvictAny(bytes, limit, now);
  }
  for (const cluster::LocalStore::Evicted& gone : evicted) {
    executor_.NoteChange();
    eviction_debt_ -= static_cast<int64_t>(gone.bytes) + kRecordOverhead;
    ++(gone.was_shown ? statistics_.evicted_keys : statistics_.expired_keys);
    watches_.Touch({gone.database, gone.key});
  }
  evictions_left_ -= std::min(evictions_left_, evicted.size());
  if (evicted.empty()) eviction_debt_ = 0;  // what nobody can pay is not owed
  return !evicted.empty();
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

// In a full store: pays off what commands left to do, and has a flush show the room that was made.
void Server::TendStorage(Now now) {
  if (options_.config.maxstorage == 0 || !store_.engine().IsFull()) {
    eviction_debt_ = 0;
    return;
  }
  const bool evicts = options_.config.maxstorage_policy != EvictionPolicy::kNoEviction;
  if (evicts && eviction_debt_ > 0 && !store_.engine().WritesMustWait()) {
    MakeRoom(now);
  }
  if (last_full_warning_us_ == INT64_MIN ||
      now.monotonic_us - last_full_warning_us_ >= kFullWarningPeriodUs) {
    last_full_warning_us_ = now.monotonic_us;
    LogWarning("the store takes 'maxstorage' (" + FormatBytes(options_.config.maxstorage) + "): " +
               (evicts ? "keys are deleted to make room (maxstorage-policy " +
                             std::string(NameOf(options_.config.maxstorage_policy)) + ")"
                       : "commands that need room are refused"));
  }
  const storage::Persistence state = store_.engine().persistence();
  if (std::exchange(flushes_seen_, state.flushes) != state.flushes) eviction_surplus_ = 0;
  if (now.monotonic_us < next_full_flush_us_) return;
  if (state.flush_running || state.changes_since_flush == 0) return;
  next_full_flush_us_ = now.monotonic_us + kFullFlushPeriodUs;
  store_.engine().StartFlush();
}

}  // namespace cartwheel::server
