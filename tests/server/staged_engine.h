// The memory engine with the figures and states of the durable one, as the test sets them, and with
// commits and reads that can be made to fail.
#pragma once

#include <memory>
#include <optional>

#include "storage/faulty_engine.h"

namespace cartwheel::server {

class StagedEngine : public storage::FaultyEngine {
 public:
  using FaultyEngine::FaultyEngine;

  // What the engine is to say.
  bool writes_must_wait = false;
  bool is_full = false;
  storage::Persistence state;
  std::optional<storage::Error> flush_fault;
  // A started flush ends at the next tick unless this says that it goes on.
  bool flushes_take_long = false;

  // What it was told.
  int ticks = 0;
  int syncs_asked_for = 0;  // of single commits
  int flushes_started = 0;
  int flushes_waited_for = 0;
  std::optional<storage::Settings> settings;

  void Tick(int64_t unix_ms, int64_t /*monotonic_ms*/) override {
    ++ticks;
    if (state.last_flush_unix_ms == 0) state.last_flush_unix_ms = unix_ms;
    if (state.flush_running && !flushes_take_long) EndFlush(unix_ms);
  }
  void SyncNextCommit() override { ++syncs_asked_for; }
  bool WritesMustWait() const override { return writes_must_wait; }
  bool IsFull() const override { return is_full; }
  void StartFlush() override {
    ++flushes_started;
    state.flush_running = true;
  }
  storage::Result<void> Flush() override {
    ++flushes_waited_for;
    if (flush_fault) return std::unexpected(*flush_fault);
    return {};
  }
  void Configure(const storage::Settings& changed) override { settings = changed; }
  storage::Persistence persistence() const override { return state; }

 private:
  void EndFlush(int64_t unix_ms) {
    state.flush_running = false;
    state.last_flush_unix_ms = unix_ms;
    state.dirty_keys = 0;
    state.changes_since_flush = 0;
    ++state.flushes;
  }
};

}  // namespace cartwheel::server
