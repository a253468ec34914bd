#include "storage/flusher.h"

#include <utility>

#include "storage/check.h"
#include "storage/flush_plan.h"
#include "storage/mutation.h"

namespace cartwheel::storage {

void Flusher::Start(Job job) {
  Check(!running(), "one flush at a time");
  outcome_ = Outcome();  // clang finds no way to emplace a nested class with default members
  outcome_->job = std::move(job);
  worker_->Start([this] { Run(); });
}

std::optional<Flusher::Outcome> Flusher::Collect() {
  if (!running() || !worker_->idle()) return std::nullopt;
  return std::exchange(outcome_, std::nullopt);
}

void Flusher::Wait() {
  worker_->Wait();
}

void Flusher::Run() {
  const int64_t began = stopwatch_us_ != nullptr ? stopwatch_us_() : 0;
  const FlushPlan plan = MakeFlushPlan(outcome_->job.generations);
  for (const FlushPlan::Changes& changes : plan.changes) {
    outcome_->entries += changes.entries.size();
  }
  if (!IsPlanted(Mutation::kFlushesBeforeLog)) outcome_->flushed = outcome_->job.log_sync.Run();
  if (outcome_->flushed) outcome_->flushed = base_.Flush(plan, outcome_->job.how);
  if (outcome_->flushed) outcome_->removed = RemoveSegments();
  if (stopwatch_us_ != nullptr) outcome_->took_us = stopwatch_us_() - began;
}

// Oldest first, so that a crash leaves no gap, and once the newest one's name is on the disk, so
// that a power loss leaves at least one.
Result<void> Flusher::RemoveSegments() {
  if (outcome_->job.segments.empty()) return {};
  if (auto synced = disk_.SyncDirectory(); !synced) return synced;
  for (const std::string& name : outcome_->job.segments) {
    if (auto removed = disk_.Remove(name); !removed) return removed;
  }
  return disk_.SyncDirectory();
}

}  // namespace cartwheel::storage
