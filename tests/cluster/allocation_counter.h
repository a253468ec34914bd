// Counts the allocations of the whole test program.
#pragma once

#include <cstddef>

namespace cartwheel::cluster {

// Calls of operator new since the program began.
size_t AllocationCount();

}  // namespace cartwheel::cluster
