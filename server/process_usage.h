// What this process takes of the machine, as the operating system counts it, for INFO and MEMORY.
#pragma once

#include <cstdint>

namespace cartwheel::server {

struct ProcessUsage {
  uint64_t resident_bytes = 0;
  // Resident without the pages of files, such as the store's: heap and stacks.
  uint64_t private_bytes = 0;
  uint64_t peak_private_bytes = 0;  // at most: peak of resident, less the files' share of now
  uint64_t machine_bytes = 0;       // memory of the machine
  int64_t system_cpu_us = 0;
  int64_t user_cpu_us = 0;
  int64_t main_thread_system_cpu_us = 0;
  int64_t main_thread_user_cpu_us = 0;
};

// Reads /proc and getrusage. What cannot be read stays 0. To be called on the main thread.
ProcessUsage ReadProcessUsage();

}  // namespace cartwheel::server
