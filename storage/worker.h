// A helper thread for what blocks: one job at a time, started and collected by its owner's thread.
#pragma once

#include <functional>
#include <memory>

namespace cartwheel::storage {

class Worker {
 public:
  virtual ~Worker() = default;  // waits for the job under way

  // Only while idle. Everything done before is visible to the job, everything the job did to the
  // caller of idle() that finds it done.
  virtual void Start(std::function<void()> job) = 0;
  virtual bool idle() const = 0;
  virtual void Wait() = 0;
};

// `name` (at most 15 characters) is what top and perf show.
std::unique_ptr<Worker> NewThreadWorker(const char* name);

// Runs jobs in the owner's thread: when Wait is called or, if told so, in Start. For tests and the
// simulator.
class ManualWorker : public Worker {
 public:
  explicit ManualWorker(bool at_once) : at_once_(at_once) {}
  void Start(std::function<void()> job) override;
  bool idle() const override { return !job_; }
  void Wait() override;

 private:
  const bool at_once_;
  std::function<void()> job_;
};

}  // namespace cartwheel::storage
