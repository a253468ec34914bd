// How often the calling thread had to have a page of memory mapped, since it began.
//
// What is read through a file's map counts as memory in use until it is let go of, and letting go
// costs every thread of the process its view of the map: so it is worth knowing how much can be
// mapped at most.
#pragma once

#include <cstdint>
#include <sys/resource.h>

namespace cartwheel::storage {

// A fault maps this much of a file around the page it needs (Linux, fault_around_bytes).
inline constexpr uint64_t kMappedPerFault = 64 << 10;

inline uint64_t PageFaultsOfThread() {
  struct rusage usage;
  return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? static_cast<uint64_t>(usage.ru_minflt) : 0;
}

}  // namespace cartwheel::storage
