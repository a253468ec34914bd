// A machine's two clocks, which are never quite right: the wall clock is set wrong, jumps and
// drifts; the monotonic one drifts with it, begins anew when the machine starts, and never goes
// back while it runs.
#pragma once

#include <cstdint>

#include "server/now.h"

namespace cartwheel::sim {

class MachineClock {
 public:
  // The wall clock when a run begins.
  static constexpr int64_t kEpochUs = 1'700'000'000'000'000;

  explicit MachineClock(int64_t skew_us = 0) : unix_us_(kEpochUs + skew_us) {}

  // What it shows at the true time, in microseconds since the run began, which must not lie before
  // the last change.
  server::Now At(int64_t true_us) const {
    const int64_t passed_us = Passed(true_us);
    return {.unix_us = unix_us_ + passed_us, .monotonic_us = monotonic_us_ + passed_us};
  }
  // The first true time at which the monotonic clock shows at least that.
  int64_t TrueTimeOf(int64_t monotonic_us) const {
    const int64_t passed_us = monotonic_us - monotonic_us_;
    if (passed_us <= 0) return since_us_;
    // Rounded up, and one for the rounding of the way back.
    return since_us_ + passed_us * kMillion / (kMillion + drift_ppm_) + 2;
  }

  // How far the wall clock is from the truth.
  int64_t ErrorAt(int64_t true_us) const { return At(true_us).unix_us - kEpochUs - true_us; }

  void JumpWall(int64_t true_us, int64_t by_us) {
    Rebase(true_us);
    unix_us_ += by_us;
  }
  // From now on it gains so much of every million microseconds.
  void SetDrift(int64_t true_us, int64_t ppm) {
    Rebase(true_us);
    drift_ppm_ = ppm;
  }
  // The time service does its work.
  void Correct(int64_t true_us) {
    Rebase(true_us);
    unix_us_ = kEpochUs + true_us;
    drift_ppm_ = 0;
  }
  void StartMachine(int64_t true_us) {
    Rebase(true_us);
    monotonic_us_ = kBootUs;
  }

 private:
  static constexpr int64_t kMillion = 1'000'000;
  static constexpr int64_t kBootUs = 10'000'000;  // until the machine starts the server

  int64_t Passed(int64_t true_us) const {
    return (true_us - since_us_) * (kMillion + drift_ppm_) / kMillion;
  }
  void Rebase(int64_t true_us) {
    const server::Now now = At(true_us);
    unix_us_ = now.unix_us;
    monotonic_us_ = now.monotonic_us;
    since_us_ = true_us;
  }

  int64_t since_us_ = 0;  // true time of the last change, when it showed:
  int64_t unix_us_;
  int64_t monotonic_us_ = kBootUs;
  int64_t drift_ppm_ = 0;
};

}  // namespace cartwheel::sim
