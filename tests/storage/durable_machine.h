// A durable engine on a simulated disk, a base store in memory and helpers that work when told to:
// everything that can go wrong with a machine, at a chosen moment.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "storage/durable_engine.h"
#include "storage/memory_base_store.h"
#include "storage/simulated_disk.h"
#include "storage/worker.h"

namespace cartwheel::storage {

class DurableMachine {
 public:
  explicit DurableMachine(const Settings& settings = {}, uint64_t reserve_bytes = 0)
      : settings_(settings), reserve_bytes_(reserve_bytes) {
    Start();
  }
  ~DurableMachine() { Kill(); }

  // From the next start on.
  void set_reserve_bytes(uint64_t bytes) { reserve_bytes_ = bytes; }
  // Jobs of the helpers wait for RunSync and RunFlush unless `at_once`.
  void set_helpers_at_once(bool at_once) { at_once_ = at_once; }

  Result<void> TryStart() {
    auto base = std::make_unique<MemoryBaseStore>(contents_);
    auto syncer = std::make_unique<ManualWorker>(at_once_);
    auto flusher = std::make_unique<ManualWorker>(at_once_);
    base_ = base.get();
    syncer_ = syncer.get();
    flusher_ = flusher.get();
    auto engine = NewDurableEngine(
        {.disk = &disk_,
         .base = std::move(base),
         .syncer = std::move(syncer),
         .flusher = std::move(flusher)},
        DurableOptions{.settings = settings_, .lmdb = {}, .reserve_bytes = reserve_bytes_});
    if (!engine) return std::unexpected(engine.error());
    engine_ = *std::move(engine);
    return {};
  }
  void Start() {
    const auto started = TryStart();
    ASSERT_TRUE(started.has_value()) << started.error().message;
  }

  // The process dies: what it wrote stays.
  void Kill() {
    if (engine_ == nullptr) return;
    disk_.Crash();
    base_->FailFlushes(Error::Kind::kIo, std::numeric_limits<uint32_t>::max());
    engine_.reset();
  }
  void Restart() {
    Kill();
    Start();
  }
  // The machine dies: what it synced stays, and some of the rest as the seed decides.
  void LosePower(uint64_t seed) {
    disk_.LosePower(seed);
    Kill();
    Start();
  }

  void Tick(int64_t ms = 100) {
    now_ms_ += ms;
    engine_->Tick(now_ms_, now_ms_);
  }
  // The helper does its job.
  void FinishSync() { syncer_->Wait(); }
  void FinishFlush() { flusher_->Wait(); }
  // And the engine hears of it.
  void RunSync() {
    FinishSync();
    Tick(0);
  }
  void RunFlush() {
    FinishFlush();
    Tick(0);
  }

  Result<void> Set(const std::string& key, const std::string& value) {
    engine_->Put(Keyspace::kData, key, value);
    return engine_->Commit();
  }
  std::string Get(const std::string& key) {
    return std::string(engine_->Get(Keyspace::kData, key).value_or("(nil)"));
  }

  Engine& engine() { return *engine_; }
  SimulatedDisk& disk() { return disk_; }
  MemoryBaseStore& base() { return *base_; }
  Persistence state() const { return engine_->persistence(); }
  Settings& settings() { return settings_; }

 private:
  Settings settings_;
  uint64_t reserve_bytes_;  // 0: faults strike the calls that a test counts
  bool at_once_ = false;
  int64_t now_ms_ = 1'000'000;
  SimulatedDisk disk_;
  MemoryBaseStore::Contents contents_;
  std::unique_ptr<Engine> engine_;
  MemoryBaseStore* base_ = nullptr;  // the engine's, as are the helpers
  ManualWorker* syncer_ = nullptr;
  ManualWorker* flusher_ = nullptr;
};

}  // namespace cartwheel::storage
