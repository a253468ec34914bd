// What the durable engine does between turns: syncs, flushes and what becomes of them, memory.
#include <algorithm>
#include <tuple>
#include <utility>

#include "storage/durable_engine_class.h"
#include "storage/mutation.h"

namespace cartwheel::storage {
namespace {

// A transaction of the base store holds a page for each of its keys at worst: 1/16 of the memory.
constexpr uint64_t kMemoryPerTransactionKey = 16ULL * 4096;
constexpr uint64_t kMinTransactionKeys = 2048;
constexpr uint64_t kMaxTransactionKeys = 65536;

// A read through the base store's map may map this much of its file around the page it needs. What
// is mapped counts as memory in use, though the system can have it back at any time: so it is let
// go of when it might be this share.
constexpr uint64_t kMappedPerRead = 64 << 10;
constexpr uint64_t kMappedShare = 64;
constexpr uint64_t kMappedShareInTurn = 16;
constexpr uint64_t kMostMapped = 16 << 20;
// Less would cost more time in mapping again than the memory is worth.
constexpr uint64_t kLeastMapped = 4 << 20;

// From this share of Settings::storage_bytes on flushes pack what lies loosely.
constexpr uint64_t kPackedFromShare = 3;
constexpr uint64_t kWholeShare = 4;

constexpr int64_t kSyncIntervalMs = 1000;
// A sync that takes longer makes writes wait, as Redis does: else a slow disk would leave more than
// a second or two to a power loss.
constexpr int64_t kSlowSyncMs = 2000;
constexpr int64_t kFlushRetryMs = 1000;
constexpr int64_t kReserveRetryMs = 1000;

// When the log grows by no more in that time, what waits for a flush is flushed: it would take
// memory and a part of the next start for nothing. Deletions above all, which are all that is left
// of what they deleted.
constexpr int64_t kQuietMs = 10'000;
constexpr uint64_t kQuietLogBytes = 64 << 10;
constexpr uint64_t kLeastQuietFlush = 4 << 20;

}  // namespace

void DurableEngine::Tick(int64_t unix_ms, int64_t monotonic_ms) {
  unix_ms_ = unix_ms;
  now_ms_ = monotonic_ms;
  if (state_.last_flush_unix_ms == 0) state_.last_flush_unix_ms = unix_ms;
  if (!table_.turn_open()) {
    reader_->EndTurn();
    Advance(kReclaimPerTick);
  }
}

void DurableEngine::Advance(size_t effort) {
  if (syncer_.running()) CollectSync();
  if (flusher_.running()) CollectFlush();
  ForgetCovered();
  StartDueSync();
  if (log_->end() - quiet_from_ > kQuietLogBytes) {
    quiet_from_ = log_->end();
    quiet_since_ms_ = now_ms_;
  }
  if (FlushIsDue()) BeginFlush(log_->end());
  TendReserve();
  DecideWhetherWritesWait();
  ReleasePages(kMappedShare);
  table_.Reclaim(effort);
}

// In the midst of a turn only when a lot was read, since pages needed again are faults again. What
// was read stays readable.
void DurableEngine::CountBaseRead() {
  ++base_reads_;
  ReleasePages(kMappedShareInTurn);
}

void DurableEngine::ReleasePages(uint64_t share) {
  const uint64_t limit = settings_.memory_bytes;
  uint64_t most = limit == 0 ? kMostMapped : std::clamp(limit / share, kLeastMapped, kMostMapped);
  // Letting go is dear, above all when the same pages are read again: what nothing else needs may
  // stay mapped.
  most = std::max(most, (limit - std::min(limit, table_.bytes())) / 2);
  if (base_reads_ * kMappedPerRead < most) return;
  base_reads_ = 0;
  base_->ReleasePages();
}

void DurableEngine::StartDueSync() {
  if (syncer_.running() || final_) return;
  if (settings_.durability == Durability::kAlways && log_->WantsRoom() && !reserve_.refusal()) {
    auto room = log_->BeginRoom();
    if (!room) return;
    making_room_ = true;
    return syncer_.Start(*std::move(room));
  }
  if (settings_.durability != Durability::kEverySecond || log_->durable() == log_->end()) return;
  if (IsPlanted(Mutation::kNeverSyncs)) return;
  if (now_ms_ - sync_began_ms_ < kSyncIntervalMs) return;
  sync_began_ms_ = now_ms_;
  syncer_.Start(log_->BeginSync());
}

void DurableEngine::CollectSync() {
  const auto outcome = syncer_.Collect();
  if (!outcome) return;
  log_->Synced(outcome->sync, outcome->result.has_value());
  if (!std::exchange(making_room_, false)) ++state_.syncs;
  if (outcome->result) return;
  const bool room_is_short =
      outcome->sync.makes_room() && outcome->result.error().kind == Error::Kind::kNoSpace;
  if (room_is_short) return;
  ++state_.sync_errors;
  if (!final_) final_ = outcome->result.error();
}

bool DurableEngine::FlushIsDue() const {
  if (flusher_.running() || final_ || now_ms_ < flush_not_before_ms_) return false;
  if (table_.dirty_keys() == 0 && table_.changes() == 0) return false;
  const uint64_t limit = settings_.memory_bytes / kFlushShare;
  return flush_wanted_ || flush_error_ ||
         log_->end() - last_seal_ >= settings_.checkpoint_log_bytes ||
         (limit != 0 && table_.dirty_bytes() >= limit) ||
         (settings_.checkpoint_interval_ms != 0 && IsTimeToFlush());
}

bool DurableEngine::IsTimeToFlush() const {
  const bool is_old =
      dirty_since_ms_ >= 0 && now_ms_ - dirty_since_ms_ >= settings_.checkpoint_interval_ms;
  const bool is_quiet = now_ms_ - quiet_since_ms_ >= kQuietMs;
  return is_old || (is_quiet && table_.dirty_bytes() >= kLeastQuietFlush);
}

// Everything up to the log position `end`.
void DurableEngine::BeginFlush(LogPosition end) {
  flush_wanted_ = false;
  table_.Seal(end);
  last_seal_ = end;
  dirty_since_ms_ = -1;
  Flusher::Job job;
  job.generations = table_.Unflushed();
  if (job.generations.empty()) return;
  job.how.transaction_keys = settings_.memory_bytes == 0
                                 ? kMaxTransactionKeys
                                 : std::clamp(settings_.memory_bytes / kMemoryPerTransactionKey,
                                              kMinTransactionKeys, kMaxTransactionKeys);
  if (log_ != nullptr) {
    job.how.packs = IsShortOfSpace();
    // Without a new segment the present one cannot go yet; the next flush will see to it.
    if (reserve_.refusal()) log_->DropRoom();
    std::ignore = log_->Roll();
    if (reserve_.refusal()) log_->SecureRoom(reserve_.log_bytes());
    job.segments = log_->Covered(job.generations.back()->end);
    job.log_sync = log_->SyncForFlush(forget_until_);
  }
  flusher_.Start(std::move(job));
}

void DurableEngine::CollectFlush() {
  auto outcome = flusher_.Collect();
  if (!outcome) return;
  if (!outcome->flushed) return FlushFailed(outcome->flushed.error());
  flush_error_.reset();
  reserve_not_before_ms_ = 0;
  table_.Flushed(outcome->job.generations);
  if (outcome->removed) {
    if (log_ != nullptr) forget_until_ = outcome->job.generations.back()->end;
    state_.last_flush_error.clear();
  } else {
    state_.last_flush_error = outcome->removed.error().message;
  }
  ++state_.flushes;
  state_.failed_flushes = 0;
  state_.last_flush_unix_ms = unix_ms_;
  state_.last_flush_entries = outcome->entries;
  state_.last_flush_us = outcome->took_us;
}

// So that packing is worth what it writes.
bool DurableEngine::IsShortOfSpace() const {
  return settings_.storage_bytes != 0 &&
         usage().bytes_in_use >= settings_.storage_bytes / kWholeShare * kPackedFromShare;
}

// A sync may be at work on the files that this closes.
void DurableEngine::ForgetCovered() {
  if (forget_until_ == 0 || syncer_.running()) return;
  log_->Forget(std::exchange(forget_until_, 0));
}

// Not before the flush of the deletions, which may need the space that this would take.
void DurableEngine::TendReserve() {
  if (!reserve_.refusal() || flusher_.running() || flush_error_ || final_) return;
  if (now_ms_ < reserve_not_before_ms_) return;
  reserve_not_before_ms_ = now_ms_ + kReserveRetryMs;
  log_->DropRoom();
  reserve_.Make();
  if (reserve_.refusal()) return log_->SecureRoom(reserve_.log_bytes());
  full_.reset();
}

void DurableEngine::FlushFailed(const Error& error) {
  state_.last_flush_error = error.message;
  flush_error_ = error;
  if (error.kind != Error::Kind::kNoSpace) {
    ++state_.failed_flushes;
    if (!final_) final_ = error;
    return;
  }
  reader_->EndTurn();
  if (live_snapshots_ == 0 && base_->GrowAfterFailure()) {
    flush_error_.reset();
    flush_wanted_ = true;
    return;
  }
  ++state_.failed_flushes;
  flush_not_before_ms_ = now_ms_ + kFlushRetryMs;
}

void DurableEngine::DecideWhetherWritesWait() {
  if (dirty_since_ms_ < 0 && !table_.active().empty()) dirty_since_ms_ = now_ms_;
  const uint64_t limit = settings_.memory_bytes / kWaitShare;
  const bool too_dirty = limit != 0 && table_.dirty_bytes() > limit && !flush_error_;
  const bool slow_sync = settings_.durability == Durability::kEverySecond && syncer_.running() &&
                         !making_room_ && now_ms_ - sync_began_ms_ >= kSlowSyncMs;
  const bool wait = (too_dirty || slow_sync) && !final_;
  if (wait && !writes_wait_) ++state_.delayed_writes;
  writes_wait_ = wait;
}

Result<void> DurableEngine::Flush() {
  reader_->EndTurn();
  flusher_.Wait();
  WaitForSync();
  CollectFlush();
  if (final_) return std::unexpected(*final_);
  return FlushAndWait(log_->end());
}

// More than once when the base store had to be enlarged.
Result<void> DurableEngine::FlushAndWait(LogPosition end) {
  do {
    BeginFlush(end);
    flusher_.Wait();
    CollectFlush();
    if (flush_error_) return std::unexpected(*flush_error_);
  } while (!table_.Unflushed().empty());
  return {};
}

}  // namespace cartwheel::storage
