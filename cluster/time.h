// The time of one turn, handed in by whoever drives the node. Nothing in cluster/ reads a clock.
#pragma once

#include <cstdint>

namespace cartwheel::cluster {

struct Time {
  int64_t unix_ms = 0;       // wall clock: expiry, hybrid clocks
  int64_t monotonic_us = 0;  // deadlines; never goes back
};

}  // namespace cartwheel::cluster
