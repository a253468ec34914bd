#include "storage/durable_engine.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "storage/check.h"
#include "storage/durable_engine_class.h"
#include "storage/durable_snapshot.h"
#include "storage/hash_index.h"
#include "storage/layer_cursor.h"
#include "storage/mutation.h"
#include "storage/posix_disk.h"

namespace cartwheel::storage {

DurableEngine::DurableEngine(DurableParts parts, const DurableOptions& options,
                             std::unique_ptr<Disk> owned_disk)
    : options_(options),
      settings_(options.settings),
      owned_disk_(std::move(owned_disk)),
      disk_(*parts.disk),
      base_(std::move(parts.base)),
      reserve_(disk_, options.reserve_bytes),
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
  if (log_ != nullptr && !final_) std::ignore = log_->Sync();
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
  reserve_.Make();
  if (reserve_.refusal()) log_->SecureRoom(reserve_.log_bytes());
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
  if (!payload.empty()) return UnknownOperation(end);
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
  CountBaseRead();
  const auto value = reader_->Get(keyspace, key);
  if (value) table_.Cache(keyspace, key, hash, *value);
  return value;
}

std::unique_ptr<Cursor> DurableEngine::NewCursor(Keyspace keyspace) {
  CountBaseRead();
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
    syncs_next_commit_ = false;
    failed_read_.reset();
  } else if (std::exchange(syncs_next_commit_, false)) {
    committed = Sync();  // of what somebody wants to be sure of, there may be nothing new
  }
  Advance(kReclaimPerTurn + kReclaimPerWrite * std::exchange(writes_, 0));
  return committed;
}

Result<void> DurableEngine::Sync() {
  if (final_) return std::unexpected(*final_);
  return SyncNow();
}

Result<void> DurableEngine::CommitBatch() {
  if (failed_read_) {
    failed_read_->of_read = true;
    return std::unexpected(*failed_read_);
  }
  if (final_) return std::unexpected(*final_);
  // Writes that wait for a flush that cannot go on would wait for ever.
  const uint64_t most_dirty =
      batch_.only_frees() ? settings_.memory_bytes - settings_.memory_bytes / kDeletionsShare
                          : settings_.memory_bytes / kWaitShare;
  if (flush_error_ && table_.dirty_bytes() > most_dirty && settings_.memory_bytes != 0) {
    return std::unexpected(*flush_error_);
  }
  if (!log_->FitsBeforeRoom(batch_)) WaitForSync();
  auto appended = AppendBatch();
  const bool syncs = (settings_.durability == Durability::kAlways || syncs_next_commit_) &&
                     !IsPlanted(Mutation::kAnswersBeforeSync);
  if (appended && syncs) appended = SyncNow();
  if (!appended && appended.error().kind != Error::Kind::kNoSpace) final_ = appended.error();
  return appended;
}

Result<void> DurableEngine::AppendBatch() {
  const bool only_frees = batch_.only_frees();
  if (only_frees && full_) ReleaseReserve(*full_);
  if (!only_frees && reserve_.refusal()) return std::unexpected(*reserve_.refusal());
  auto appended = log_->Append(batch_);
  if (!only_frees) full_.reset();
  if (appended || appended.error().kind != Error::Kind::kNoSpace) return appended;
  full_ = appended.error();
  if (only_frees && ReleaseReserve(*full_)) return log_->Append(batch_);
  if (reserve_.refusal()) log_->SecureRoom(reserve_.log_bytes());
  return appended;
}

// What the log takes comes back with a flush.
bool DurableEngine::ReleaseReserve(const Error& error) {
  if (!reserve_.Release(error)) return false;
  log_->SecureRoom(reserve_.log_bytes());
  flush_wanted_ = true;
  return true;
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

// ---- settings and figures

void DurableEngine::Configure(const Settings& settings) {
  settings_ = settings;
  table_.SetLimit(settings.memory_bytes);
}

bool DurableEngine::IsFull() const {
  if (settings_.storage_bytes == 0) return false;
  return usage().bytes_in_use >= settings_.storage_bytes;
}

Usage DurableEngine::usage() const {
  return {.bytes_in_memory = table_.bytes() + batch_.bytes(),
          .bytes_on_disk = base_->bytes_on_disk() + log_->bytes(),
          .bytes_in_use = base_->bytes_on_disk() -
                          std::min(base_->free_bytes(), base_->bytes_on_disk()) + log_->bytes()};
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

namespace {

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
