#include "storage/durable_engine.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "storage/check.h"
#include "storage/durable_snapshot.h"
#include "storage/flusher.h"
#include "storage/hash_index.h"
#include "storage/layer_cursor.h"
#include "storage/log.h"
#include "storage/log_batch.h"
#include "storage/log_syncer.h"
#include "storage/memory_table.h"
#include "storage/posix_disk.h"

namespace cartwheel::storage {
namespace {

// Shares of Settings::memory_bytes. A flush begins when this much is dirty since the last one; when
// as much again came while it ran, writes wait. The other half is what makes reads fast.
constexpr uint64_t kFlushShare = 4;
constexpr uint64_t kWaitShare = 2;
// A transaction of the base store holds a page for each of its keys at worst: 1/16 of the memory.
constexpr uint64_t kMemoryPerTransactionKey = 16 * 4096;
constexpr uint64_t kMinTransactionKeys = 2048;
constexpr uint64_t kMaxTransactionKeys = 65536;

// A read through the base store's map may map this much of its file around the page it needs. What
// is mapped counts as memory in use, though the system can have it back at any time: so it is let
// go of when it might be this share.
constexpr uint64_t kMappedPerRead = 64 << 10;
constexpr uint64_t kMappedShare = 64;
constexpr uint64_t kMostMapped = 16 << 20;

constexpr int64_t kSyncIntervalMs = 1000;
// A sync that takes longer makes writes wait, as Redis does: else a slow disk would leave more than
// a second or two to a power loss.
constexpr int64_t kSlowSyncMs = 2000;
constexpr int64_t kFlushRetryMs = 1000;

// Entries looked at when memory is given back after a turn, and for each write of it: more than
// one, so that the work never falls behind.
constexpr size_t kReclaimPerTurn = 64;
constexpr size_t kReclaimPerWrite = 3;
constexpr size_t kReclaimPerTick = 20'000;

class DurableEngine : public Engine {
 public:
  DurableEngine(DurableParts parts, const DurableOptions& options,
                std::unique_ptr<Disk> owned_disk);
  ~DurableEngine() override;

  Result<void> Recover();

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override;
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override;
  void Put(Keyspace keyspace, std::string_view key, std::string_view value) override;
  void Delete(Keyspace keyspace, std::string_view key) override;
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) override;
  Result<void> Commit() override;
  std::unique_ptr<Reader> NewSnapshot() override;

  void Tick(int64_t unix_ms, int64_t monotonic_ms) override;
  bool WritesMustWait() const override { return writes_wait_; }
  bool IsFull() const override;
  void StartFlush() override { flush_wanted_ = true; }
  Result<void> Flush() override;
  void Configure(const Settings& settings) override;
  Usage usage() const override;
  Persistence persistence() const override;
  std::string_view name() const override { return "durable"; }

 private:
  Result<void> Replay(LogPosition end, std::string_view payload);
  Result<void> CommitBatch();
  Result<void> SyncNow();
  void Advance(size_t effort);
  void WaitForSync();
  void CollectSync();
  void StartDueSync();
  void BeginFlush(LogPosition end);
  void CollectFlush();
  void ForgetCovered();
  Result<void> FlushAndWait(LogPosition end);
  void FlushFailed(const Error& error);
  bool FlushIsDue() const;
  void DecideWhetherWritesWait();
  void ReleasePages();

  const DurableOptions options_;
  Settings settings_;
  std::unique_ptr<Disk> owned_disk_;
  Disk& disk_;
  std::unique_ptr<BaseStore> base_;  // holds the directory's lock: goes after the log
  std::unique_ptr<Log> log_;
  MemoryTable table_;
  LogBatch batch_;
  size_t writes_ = 0;        // of the turn
  uint64_t base_reads_ = 0;  // since its pages were released

  std::optional<Error> failed_read_;  // of this turn
  std::optional<Error> final_;        // the disk failed
  std::unique_ptr<BaseReader> reader_;
  uint32_t live_snapshots_ = 0;

  Persistence state_;
  int64_t unix_ms_ = 0;  // of the last tick
  int64_t now_ms_ = 0;
  int64_t sync_began_ms_ = 0;
  bool making_room_ = false;     // what the syncer does, if it runs
  int64_t dirty_since_ms_ = -1;  // -1: nothing is
  int64_t flush_not_before_ms_ = 0;
  LogPosition last_seal_ = 0;
  LogPosition forget_until_ = 0;  // the log's segments before it are removed
  bool flush_wanted_ = false;
  bool writes_wait_ = false;
  std::optional<Error> flush_error_;  // of the last flush

  // They wait for their helper threads before the rest goes.
  LogSyncer syncer_;
  Flusher flusher_;
};

DurableEngine::DurableEngine(DurableParts parts, const DurableOptions& options,
                             std::unique_ptr<Disk> owned_disk)
    : options_(options),
      settings_(options.settings),
      owned_disk_(std::move(owned_disk)),
      disk_(*parts.disk),
      base_(std::move(parts.base)),
      reader_(base_->NewReader(failed_read_)),
      syncer_(std::move(parts.syncer)),
      flusher_(disk_, *base_, std::move(parts.flusher), options.stopwatch_us) {
  table_.SetLimit(settings_.memory_bytes);
}

// A clean stop leaves nothing to a power loss, whatever appendfsync says.
DurableEngine::~DurableEngine() {
  flusher_.Wait();
  syncer_.Wait();
  CollectSync();
  if (log_ != nullptr && !final_) (void)log_->Sync();
}

// ---- the start

Result<void> DurableEngine::Recover() {
  const int64_t began = options_.stopwatch_us != nullptr ? options_.stopwatch_us() : 0;
  const LogPosition covered = base_->covered();
  last_seal_ = covered;
  LogRecovery recovery;
  auto log = Log::Open(
      disk_, covered,
      [this](LogPosition end, std::string_view payload) { return Replay(end, payload); }, recovery);
  if (!log) return std::unexpected(log.error());
  log_ = *std::move(log);
  // A crash between a flush and the removal of what it covered leaves these.
  const std::vector<std::string> left = log_->Covered(covered);
  for (const std::string& name : left) {
    if (auto removed = disk_.Remove(name); !removed) return removed;
  }
  log_->Forget(covered);
  state_.replayed_batches = recovery.batches;
  state_.replayed_bytes = recovery.bytes;
  state_.torn_bytes = recovery.torn_bytes;
  state_.damaged_bytes = recovery.damaged_bytes;
  state_.damage = std::move(recovery.damage);
  if (options_.stopwatch_us != nullptr) state_.replay_us = options_.stopwatch_us() - began;
  return {};
}

// A log larger than the memory is flushed piece by piece while it is read.
Result<void> DurableEngine::Replay(LogPosition end, std::string_view payload) {
  while (const auto operation = TakeOperation(payload)) {
    switch (operation->kind) {
      case LogOperation::Kind::kPut:
        table_.Put(operation->keyspace, operation->key, operation->value);
        break;
      case LogOperation::Kind::kDelete: table_.Delete(operation->keyspace, operation->key); break;
      case LogOperation::Kind::kDeleteRange:
        table_.DeleteRange(operation->keyspace, operation->key, operation->value);
        break;
    }
  }
  table_.Accept();
  const uint64_t limit = settings_.memory_bytes / kFlushShare;
  if (limit == 0 || table_.dirty_bytes() < limit) return {};
  auto flushed = FlushAndWait(end);
  while (flushed && table_.Reclaim(kReclaimPerTick)) {
  }
  return flushed;
}

// ---- a turn

std::optional<std::string_view> DurableEngine::Get(Keyspace keyspace, std::string_view key) {
  const uint64_t hash = HashIndex::HashOf(key);
  const MemoryTable::Found found = table_.Find(keyspace, key, hash);
  if (found.state == MemoryTable::State::kValue) [[likely]]
    return found.value;
  if (found.state == MemoryTable::State::kDeleted) return std::nullopt;
  ++base_reads_;
  const auto value = reader_->Get(keyspace, key);
  if (value) table_.Cache(keyspace, key, hash, *value);
  return value;
}

std::unique_ptr<Cursor> DurableEngine::NewCursor(Keyspace keyspace) {
  ++base_reads_;
  std::unique_ptr<Cursor> cursor = reader_->NewCursor(keyspace);
  for (const Generation* generation : table_.Unflushed()) {
    cursor = std::make_unique<LayerCursor>(generation->layer(keyspace), std::move(cursor));
  }
  return std::make_unique<LayerCursor>(table_.active().layer(keyspace), std::move(cursor));
}

void DurableEngine::Put(Keyspace keyspace, std::string_view key, std::string_view value) {
  Check(!key.empty(), "a key has at least one byte");
  batch_.Put(keyspace, key, table_.Put(keyspace, key, value));
  ++writes_;
}

void DurableEngine::Delete(Keyspace keyspace, std::string_view key) {
  if (key.empty()) return;
  table_.Delete(keyspace, key);
  batch_.Delete(keyspace, key);
  ++writes_;
}

void DurableEngine::DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) {
  if (IsEmptyRange(begin, end)) return;
  table_.DeleteRange(keyspace, begin, end);
  batch_.DeleteRange(keyspace, begin, end);
  ++writes_;
  // What a whole keyspace held is given back by a flush; do not wait for one to become due.
  if (begin.empty() && end.empty()) flush_wanted_ = true;
}

Result<void> DurableEngine::Commit() {
  reader_->EndTurn();
  Result<void> committed;
  if (!batch_.empty() || failed_read_) {
    committed = CommitBatch();
    if (committed) {
      table_.Accept();
    } else {
      table_.Undo();
    }
    batch_.Clear();
    failed_read_.reset();
  }
  Advance(kReclaimPerTurn + kReclaimPerWrite * std::exchange(writes_, 0));
  return committed;
}

Result<void> DurableEngine::CommitBatch() {
  if (failed_read_) {
    failed_read_->of_read = true;
    return std::unexpected(*failed_read_);
  }
  if (final_) return std::unexpected(*final_);
  // Writes that wait for a flush that cannot go on would wait for ever.
  if (flush_error_ && table_.dirty_bytes() > settings_.memory_bytes / kWaitShare &&
      settings_.memory_bytes != 0) {
    return std::unexpected(*flush_error_);
  }
  if (!log_->FitsBeforeRoom(batch_)) WaitForSync();
  auto appended = log_->Append(batch_);
  if (appended && settings_.durability == Durability::kAlways) appended = SyncNow();
  if (!appended && appended.error().kind != Error::Kind::kNoSpace) final_ = appended.error();
  return appended;
}

void DurableEngine::WaitForSync() {
  syncer_.Wait();
  CollectSync();
}

Result<void> DurableEngine::SyncNow() {
  if (!making_room_) WaitForSync();
  if (final_) return std::unexpected(*final_);
  auto synced = log_->Sync();
  ++state_.syncs;
  if (synced) return {};
  ++state_.sync_errors;
  // Its bytes may have reached the disk; nobody can tell, so the engine is done with writing.
  final_ = synced.error();
  return synced;
}

std::unique_ptr<Reader> DurableEngine::NewSnapshot() {
  table_.Seal(log_->end());
  return std::make_unique<DurableSnapshot>(table_, *base_, failed_read_, live_snapshots_);
}

// ---- between turns

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
  if (FlushIsDue()) BeginFlush(log_->end());
  DecideWhetherWritesWait();
  ReleasePages();
  table_.Reclaim(effort);
}

void DurableEngine::ReleasePages() {
  uint64_t most = settings_.memory_bytes / kMappedShare;
  if (most == 0 || most > kMostMapped) most = kMostMapped;
  if (base_reads_ * kMappedPerRead < most) return;
  base_reads_ = 0;
  base_->ReleasePages();
}

void DurableEngine::StartDueSync() {
  if (syncer_.running() || final_) return;
  if (settings_.durability == Durability::kAlways && log_->WantsRoom()) {
    making_room_ = true;
    return syncer_.Start(log_->BeginRoom());
  }
  if (settings_.durability != Durability::kEverySecond || log_->durable() == log_->end()) return;
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
         (limit != 0 && table_.active().bytes >= limit) ||
         (settings_.checkpoint_interval_ms != 0 && dirty_since_ms_ >= 0 &&
          now_ms_ - dirty_since_ms_ >= settings_.checkpoint_interval_ms);
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
  job.transaction_keys = settings_.memory_bytes == 0
                             ? kMaxTransactionKeys
                             : std::clamp(settings_.memory_bytes / kMemoryPerTransactionKey,
                                          kMinTransactionKeys, kMaxTransactionKeys);
  if (log_ != nullptr) {
    // Without a new segment the present one cannot go yet; the next flush will see to it.
    (void)log_->Roll();
    job.segments = log_->Covered(job.generations.back()->end);
  }
  flusher_.Start(std::move(job));
}

void DurableEngine::CollectFlush() {
  auto outcome = flusher_.Collect();
  if (!outcome) return;
  if (!outcome->flushed) return FlushFailed(outcome->flushed.error());
  flush_error_.reset();
  table_.Flushed(outcome->job.generations);
  if (outcome->removed) {
    if (log_ != nullptr) forget_until_ = outcome->job.generations.back()->end;
    state_.last_flush_error.clear();
  } else {
    state_.last_flush_error = outcome->removed.error().message;
  }
  ++state_.flushes;
  state_.last_flush_unix_ms = unix_ms_;
  state_.last_flush_entries = outcome->entries;
  state_.last_flush_us = outcome->took_us;
}

// A sync may be at work on the files that this closes.
void DurableEngine::ForgetCovered() {
  if (forget_until_ == 0 || syncer_.running()) return;
  log_->Forget(std::exchange(forget_until_, 0));
}

void DurableEngine::FlushFailed(const Error& error) {
  state_.last_flush_error = error.message;
  flush_error_ = error;
  if (error.kind != Error::Kind::kNoSpace) {
    if (!final_) final_ = error;
    return;
  }
  reader_->EndTurn();
  if (live_snapshots_ == 0 && base_->GrowAfterFailure()) {
    flush_error_.reset();
    flush_wanted_ = true;
    return;
  }
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

// ---- settings and figures

void DurableEngine::Configure(const Settings& settings) {
  settings_ = settings;
  table_.SetLimit(settings.memory_bytes);
}

bool DurableEngine::IsFull() const {
  if (settings_.storage_bytes == 0) return false;
  return base_->bytes_on_disk() - std::min(base_->free_bytes(), base_->bytes_on_disk()) +
             log_->bytes() >=
         settings_.storage_bytes;
}

Usage DurableEngine::usage() const {
  return {.bytes_in_memory = table_.bytes() + batch_.bytes(),
          .bytes_on_disk = base_->bytes_on_disk() + log_->bytes()};
}

Persistence DurableEngine::persistence() const {
  Persistence now = state_;
  now.log_bytes = log_->bytes();
  now.unsynced_bytes = log_->end() - log_->durable();
  now.dirty_bytes = table_.dirty_bytes();
  now.dirty_keys = table_.dirty_keys();
  now.changes_since_flush = table_.changes();
  now.flush_running = flusher_.running();
  now.sync_running = syncer_.running();
  return now;
}

Result<std::unique_ptr<Engine>> Assemble(DurableParts parts, const DurableOptions& options,
                                         std::unique_ptr<Disk> owned_disk) {
  auto engine = std::make_unique<DurableEngine>(std::move(parts), options, std::move(owned_disk));
  if (auto recovered = engine->Recover(); !recovered) return std::unexpected(recovered.error());
  return engine;
}

}  // namespace

Result<std::unique_ptr<Engine>> OpenDurableEngine(const std::string& directory,
                                                  const DurableOptions& options) {
  auto base = OpenLmdbBaseStore(directory, options.lmdb);
  if (!base) return std::unexpected(base.error());
  auto disk = NewPosixDisk(directory);
  DurableParts parts{.disk = disk.get(),
                     .base = *std::move(base),
                     .syncer = NewThreadWorker("log sync"),
                     .flusher = NewThreadWorker("flush")};
  return Assemble(std::move(parts), options, std::move(disk));
}

Result<std::unique_ptr<Engine>> NewDurableEngine(DurableParts parts,
                                                 const DurableOptions& options) {
  return Assemble(std::move(parts), options, nullptr);
}

}  // namespace cartwheel::storage
