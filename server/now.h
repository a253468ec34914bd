// The time of one loop turn, handed in by the driver. Nothing in server/ but the uv shell reads a
// clock.
#pragma once

#include <cstdint>

namespace cartwheel::server {

struct Now {
  int64_t unix_us = 0;       // wall clock: expiry, TIME, LASTSAVE
  int64_t monotonic_us = 0;  // durations, timeouts, deadlines

  int64_t unix_ms() const { return unix_us / 1000; }
  int64_t unix_s() const { return unix_us / 1'000'000; }
};

}  // namespace cartwheel::server
