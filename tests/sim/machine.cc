#include "tests/sim/machine.h"

#include <limits>
#include <utility>

#include "storage/memory_engine.h"

namespace cartwheel::sim {

using storage::Error;
using storage::ManualWorker;
using storage::MemoryBaseStore;
using storage::SimulatedDisk;

Machine::Machine(uint64_t seed, int64_t skew_us)
    : random_(seed),
      clock_(skew_us),
      disk_(std::make_unique<SimulatedDisk>()),
      base_contents_(std::make_unique<MemoryBaseStore::Contents>()) {}

storage::Result<std::unique_ptr<storage::Engine>> Machine::OpenEngine(
    const storage::Settings& settings, bool in_memory) {
  if (in_memory) return storage::NewMemoryEngine();
  auto base = std::make_unique<MemoryBaseStore>(*base_contents_);
  auto syncer = std::make_unique<ManualWorker>(false);
  auto flusher = std::make_unique<ManualWorker>(false);
  base_ = base.get();
  sync_ = {.worker = syncer.get()};
  flush_ = {.worker = flusher.get()};
  return storage::NewDurableEngine({.disk = disk_.get(),
                                    .base = std::move(base),
                                    .syncer = std::move(syncer),
                                    .flusher = std::move(flusher)},
                                   storage::DurableOptions{.settings = settings, .lmdb = {}});
}

// The engine's end must not do what a dead process would not.
void Machine::LoseProcess() {
  if (base_ != nullptr) {
    base_->FailFlushes(MemoryBaseStore::FlushFault{.kind = Error::Kind::kIo,
                                                   .count = std::numeric_limits<uint32_t>::max(),
                                                   .applied = random_.Below(20)});
  }
  base_ = nullptr;
  sync_ = {};
  flush_ = {};
  sync_fails_ = false;
}

void Machine::Kill() {
  disk_->Crash();
  LoseProcess();
}

void Machine::LosePower(int64_t now_us) {
  // A flush under way got somewhere.
  if (base_ != nullptr && flush_.worker != nullptr && random_.Percent(70)) {
    base_->FailFlushes(
        MemoryBaseStore::FlushFault{.kind = Error::Kind::kIo, .applied = random_.Below(60)});
    flush_.worker->Wait();
  }
  disk_->LosePower(random_.Next());
  LoseProcess();
  clock_.StartMachine(now_us);
}

void Machine::NoteStop(int64_t now_us) {
  base_ = nullptr;
  sync_ = {};
  flush_ = {};
  durable_until_us_ = now_us;
}

void Machine::Wipe() {
  disk_ = std::make_unique<SimulatedDisk>();
  base_contents_ = std::make_unique<MemoryBaseStore::Contents>();
  snapshot_.reset();
}

void Machine::TakeSnapshot(int64_t now_us) {
  snapshot_ = std::make_unique<Snapshot>();
  snapshot_->at_us = now_us;
  const auto names = disk_->List();
  for (const std::string& name : *names) snapshot_->files[name] = disk_->Contents(name);
  snapshot_->base = base_contents_->Get();
}

void Machine::RollBack() {
  disk_ = std::make_unique<SimulatedDisk>();
  for (const auto& [name, bytes] : snapshot_->files) disk_->SetContents(name, bytes);
  base_contents_->Set(snapshot_->base);
}

void Machine::FillDisk(uint64_t bytes_left) {
  uint64_t used = 0;
  const auto names = disk_->List();
  for (const std::string& name : *names) used += disk_->Contents(name).size();
  disk_->SetCapacity(used + bytes_left);
}

void Machine::EmptyDisk() {
  disk_->SetCapacity(std::numeric_limits<uint64_t>::max());
}

void Machine::FailDisk() {
  const auto call = random_.Percent(50) ? SimulatedDisk::Call::kWrite : SimulatedDisk::Call::kSync;
  sync_fails_ = call == SimulatedDisk::Call::kSync;
  disk_->Fail(call, {.kind = Error::Kind::kIo, .written = random_.Below(200)});
}

bool Machine::HasNewJob(Helper helper) const {
  const Job& job = helper == Helper::kSyncer ? sync_ : flush_;
  return job.worker != nullptr && !job.announced && !job.worker->idle();
}

int64_t Machine::BeginJob(Helper helper, int64_t now_us) {
  job(helper).announced = true;
  job(helper).began_us = now_us;
  return sync_us_ + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(sync_us_)));
}

void Machine::FinishJob(Helper helper) {
  Job& done = job(helper);
  if (done.worker == nullptr) return;
  done.worker->Wait();
  done.announced = false;
  if (helper == Helper::kSyncer && !sync_fails_) durable_until_us_ = done.began_us;
}

}  // namespace cartwheel::sim
