// One flush at a time, in a helper thread: puts sealed generations into the base store, then
// removes the log segments that are no longer needed.
//
// The log is made durable first: the base store takes a batch in several transactions, and after a
// power loss between two of them the log must have all of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/base_store.h"
#include "storage/disk.h"
#include "storage/generation.h"
#include "storage/log.h"
#include "storage/worker.h"

namespace cartwheel::storage {

class Flusher {
 public:
  struct Job {
    std::vector<Generation*> generations;  // sealed, oldest first; they stay until the job is done
    std::vector<std::string> segments;     // of the log, all before the end of the generations
    LogSync log_sync = {};                 // makes the log durable up to there, at least
    BaseStore::HowToFlush how = {};
  };
  struct Outcome {
    Job job;
    Result<void> flushed;  // whether the base store has it all
    Result<void> removed;  // whether the segments are gone; only tried once it has
    uint64_t entries = 0;
    int64_t took_us = 0;
  };

  // `stopwatch_us` may be nullptr. All outlive the flusher.
  Flusher(Disk& disk, BaseStore& base, std::unique_ptr<Worker> worker, int64_t (*stopwatch_us)())
      : disk_(disk), base_(base), stopwatch_us_(stopwatch_us), worker_(std::move(worker)) {}

  bool running() const { return outcome_.has_value(); }
  void Start(Job job);  // only while none runs
  // What the flush came to, once, when it is done.
  std::optional<Outcome> Collect();
  void Wait();

 private:
  void Run();
  Result<void> RemoveSegments();

  Disk& disk_;
  BaseStore& base_;
  int64_t (*stopwatch_us_)();
  std::optional<Outcome> outcome_;  // the helper's while it works
  std::unique_ptr<Worker> worker_;  // last: waits for its job before the rest goes
};

}  // namespace cartwheel::storage
