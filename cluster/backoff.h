// How long to wait before the next attempt: each time twice as long, up to a bound, and less by a
// random part, so that nodes which lost each other at once do not come back at once.
#pragma once

#include <cstdint>

namespace cartwheel::cluster {

class Backoff {
 public:
  static constexpr int64_t kFirstMs = 100;
  static constexpr int64_t kLongestMs = 2000;

  explicit Backoff(uint64_t seed) : random_state_(seed) {}

  // Milliseconds: half to all of the time that it is the turn of.
  int64_t NextDelayMs();
  // It worked: the next delay is the first one again.
  void Reset() { delay_ms_ = kFirstMs; }

 private:
  int64_t delay_ms_ = kFirstMs;
  uint64_t random_state_;
};

}  // namespace cartwheel::cluster
