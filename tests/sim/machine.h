// The machine under a node: a disk, what was flushed to its base store, clocks and helper threads;
// it outlives processes. Whatever can happen to a machine happens here, at a chosen moment.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "storage/durable_engine.h"
#include "storage/memory_base_store.h"
#include "storage/simulated_disk.h"
#include "storage/worker.h"
#include "tests/cluster/random.h"
#include "tests/sim/clock.h"
#include "tests/sim/events.h"

namespace cartwheel::sim {

class Machine {
 public:
  Machine(uint64_t seed, int64_t skew_us);

  MachineClock& clock() { return clock_; }

  // For a process that starts; the engine must not outlive the call of Kill or LosePower.
  storage::Result<std::unique_ptr<storage::Engine>> OpenEngine(const storage::Settings& settings,
                                                               bool in_memory);
  // To be called before the process is destroyed. Of a flush under way some of it may be done.
  void Kill();
  void LosePower(int64_t now_us);
  // To be called after the process ended in order.
  void NoteStop(int64_t now_us);
  // After the process ended.
  void Wipe();
  void RollBack();

  void TakeSnapshot(int64_t now_us);
  bool has_snapshot() const { return snapshot_ != nullptr; }
  int64_t snapshot_at_us() const { return snapshot_->at_us; }

  // From now on so many bytes fit, beyond what is there.
  void FillDisk(uint64_t bytes_left);
  void EmptyDisk();
  // The next write or sync fails for good, with some of its bytes written.
  void FailDisk();
  // Syncs and flushes take about so long.
  void SetSyncTime(int64_t us) { sync_us_ = us; }

  // Helper threads' jobs: when one is under way its end is to be scheduled, once.
  bool HasNewJob(Helper helper) const;
  int64_t BeginJob(Helper helper, int64_t now_us);  // how long it will take
  void FinishJob(Helper helper);
  // Everything committed by then survives a loss of power, under `appendfsync everysec`.
  int64_t durable_until_us() const { return durable_until_us_; }

  // The kernel's, with which the store finds out that writes may have been lost.
  std::string boot_id() const { return std::to_string(boots_); }
  void Reboot() { ++boots_; }
  // The operator put back an old copy of the data, and says so at the start, until a process has
  // taken it in.
  bool restored = false;

 private:
  struct Snapshot {
    int64_t at_us = 0;
    std::map<std::string, std::string> files;
    std::shared_ptr<const storage::MemoryBaseStore::State> base;
  };
  struct Job {
    storage::ManualWorker* worker = nullptr;  // the engine's
    bool announced = false;
    int64_t began_us = 0;
  };
  Job& job(Helper helper) { return helper == Helper::kSyncer ? sync_ : flush_; }
  void LoseProcess();

  uint64_t boots_ = 1;
  cluster::Random random_;
  MachineClock clock_;
  std::unique_ptr<storage::SimulatedDisk> disk_;
  std::unique_ptr<storage::MemoryBaseStore::Contents> base_contents_;
  storage::MemoryBaseStore* base_ = nullptr;  // the engine's
  Job sync_;
  Job flush_;
  int64_t sync_us_ = kSyncUs;
  int64_t durable_until_us_ = 0;
  bool sync_fails_ = false;  // the next one, or the last one did
  std::unique_ptr<Snapshot> snapshot_;

  static constexpr int64_t kSyncUs = 1000;
};

}  // namespace cartwheel::sim
