// What this thread has used of the processor: unlike the time, it is the same beside other
// processes.
#pragma once

#include <cstdint>
#include <ctime>

namespace cartwheel {

inline int64_t ThreadCpuNs() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * 1'000'000'000 + used.tv_nsec;
}

}  // namespace cartwheel
