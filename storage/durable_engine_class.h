// The durable engine's class, for its own sources alone: durable_engine.cc has the start, the turn
// and the figures, durable_engine_upkeep.cc what happens between turns.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "storage/durable_engine.h"
#include "storage/flusher.h"
#include "storage/log.h"
#include "storage/log_batch.h"
#include "storage/log_syncer.h"
#include "storage/memory_table.h"
#include "storage/reserve.h"

namespace cartwheel::storage {

// Shares of Settings::memory_bytes. A flush begins when this much is dirty since the last one; when
// as much again came while it ran, writes wait. The other half is what makes reads fast.
inline constexpr uint64_t kFlushShare = 4;
inline constexpr uint64_t kWaitShare = 2;
// Where no flush finds room, deletions alone may go on up to 3/4: they are what makes some.
inline constexpr uint64_t kDeletionsShare = 4;

// Entries looked at when memory is given back after a turn, and for each write of it: more than
// one, so that the work never falls behind.
inline constexpr size_t kReclaimPerTurn = 64;
inline constexpr size_t kReclaimPerWrite = 3;
inline constexpr size_t kReclaimPerTick = 20'000;

class DurableEngine : public Engine {
 public:
  DurableEngine(DurableParts parts, const DurableOptions& options,
                std::unique_ptr<Disk> owned_disk);
  ~DurableEngine() override;

  Result<void> Recover();

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override;
  void Prefetch(Keyspace keyspace, std::span<const std::string_view> keys) override {
    table_.Prefetch(keyspace, keys);
  }
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override;
  void Put(Keyspace keyspace, std::string_view key, std::string_view value) override;
  void Delete(Keyspace keyspace, std::string_view key) override;
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) override;
  Result<void> Commit() override;
  void SyncNextCommit() override { syncs_next_commit_ = true; }
  Result<void> Sync() override;
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
  Result<void> AppendBatch();
  bool ReleaseReserve(const Error& error);
  Result<void> SyncNow();
  void Advance(size_t effort);
  void WaitForSync();
  void CollectSync();
  void StartDueSync();
  void BeginFlush(LogPosition end);
  void CollectFlush();
  void ForgetCovered();
  void TendReserve();
  Result<void> FlushAndWait(LogPosition end);
  void FlushFailed(const Error& error);
  bool IsShortOfSpace() const;
  bool FlushIsDue() const;
  bool IsTimeToFlush() const;
  void DecideWhetherWritesWait();
  void CountBaseRead();
  void ReleasePages(uint64_t share);

  const DurableOptions options_;
  Settings settings_;
  std::unique_ptr<Disk> owned_disk_;
  Disk& disk_;
  std::unique_ptr<BaseStore> base_;  // holds the directory's lock: goes after the log
  std::unique_ptr<Log> log_;
  Reserve reserve_;
  MemoryTable table_;
  LogBatch batch_;
  size_t writes_ = 0;        // of the turn
  uint64_t base_reads_ = 0;  // since its pages were released

  std::optional<Error> failed_read_;  // of this turn
  bool syncs_next_commit_ = false;
  std::optional<Error> final_;  // the disk failed
  std::optional<Error> full_;   // the disk was full for the last batch that needed space
  std::unique_ptr<BaseReader> reader_;
  uint32_t live_snapshots_ = 0;

  Persistence state_;
  int64_t unix_ms_ = 0;  // of the last tick
  int64_t now_ms_ = 0;
  int64_t sync_began_ms_ = 0;
  bool making_room_ = false;     // what the syncer does, if it runs
  int64_t dirty_since_ms_ = -1;  // -1: nothing is
  int64_t flush_not_before_ms_ = 0;
  int64_t reserve_not_before_ms_ = 0;
  LogPosition last_seal_ = 0;
  LogPosition quiet_from_ = 0;  // the log has hardly grown since
  int64_t quiet_since_ms_ = 0;
  LogPosition forget_until_ = 0;  // the log's segments before it are removed
  bool flush_wanted_ = false;
  bool writes_wait_ = false;
  std::optional<Error> flush_error_;  // of the last flush

  // They wait for their helper threads before the rest goes.
  LogSyncer syncer_;
  Flusher flusher_;
};

}  // namespace cartwheel::storage
