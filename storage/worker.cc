#include "storage/worker.h"

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <utility>

#include "storage/check.h"

namespace cartwheel::storage {
namespace {

class ThreadWorker : public Worker {
 public:
  explicit ThreadWorker(const char* name) {
    // Signals are for the thread that runs the loop; a thread inherits the mask of its maker.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { Run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(thread_.native_handle(), name);
  }

  ~ThreadWorker() override {
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void Start(std::function<void()> job) override {
    {
      const std::scoped_lock lock(mutex_);
      Check(!busy_, "one job at a time");
      job_ = std::move(job);
      busy_ = true;
    }
    changed_.notify_all();
  }

  bool idle() const override {
    const std::scoped_lock lock(mutex_);
    return !busy_;
  }

  void Wait() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !busy_; });
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stop_ || busy_; });
      if (!busy_) return;
      lock.unlock();
      job_();
      job_ = nullptr;
      lock.lock();
      busy_ = false;
      changed_.notify_all();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> job_;
  bool busy_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Worker> NewThreadWorker(const char* name) {
  return std::make_unique<ThreadWorker>(name);
}

void ManualWorker::Start(std::function<void()> job) {
  Check(!job_, "one job at a time");
  job_ = std::move(job);
  if (at_once_) Wait();
}

void ManualWorker::Wait() {
  if (job_) std::exchange(job_, nullptr)();
}

}  // namespace cartwheel::storage
