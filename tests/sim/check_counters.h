// P14: a counter's value is the sum of the acknowledged increments and of some of the uncertain
// ones; and what a connection reads of one that only grows never goes back.
#pragma once

#include "tests/sim/history.h"

namespace cartwheel::sim {

// For keys that are only incremented, by positive numbers, and read.
Violations CheckCounters(const Evidence& evidence);

}  // namespace cartwheel::sim
