// Runs one LogSync at a time in a helper thread.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "storage/log.h"
#include "storage/worker.h"

namespace cartwheel::storage {

class LogSyncer {
 public:
  struct Outcome {
    LogSync sync;
    Result<void> result;
  };

  explicit LogSyncer(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}

  bool running() const { return outcome_.has_value(); }
  void Start(LogSync sync) {
    outcome_.emplace(std::move(sync), Result<void>());
    worker_->Start([this] { outcome_->result = outcome_->sync.Run(); });
  }
  // What the sync came to, once, when it is done.
  std::optional<Outcome> Collect() {
    if (!running() || !worker_->idle()) return std::nullopt;
    return std::exchange(outcome_, std::nullopt);
  }
  void Wait() { worker_->Wait(); }

 private:
  std::optional<Outcome> outcome_;  // the helper's while it works
  std::unique_ptr<Worker> worker_;  // last: waits for its job before the rest goes
};

}  // namespace cartwheel::storage
