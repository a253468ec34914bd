// What WAIT promises: that so many replicas besides the first have what the connection wrote.
#pragma once

#include <cstddef>

#include "tests/sim/history.h"

namespace cartwheel::sim {

// A `write` that the connection had been answered before it asked to wait; `holders`: of its
// partition's owners, those that have it now, or had it and lost it since then.
Violations CheckWait(const Operation& wait, const Operation& write, size_t holders);

}  // namespace cartwheel::sim
