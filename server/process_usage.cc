#include "server/process_usage.h"

#include <algorithm>
#include <cstdio>
#include <sys/resource.h>
#include <unistd.h>

namespace cartwheel::server {
namespace {

int64_t Micros(const timeval& time) {
  return time.tv_sec * int64_t{1'000'000} + time.tv_usec;
}

// Pages of the process: resident ones, and those of them that belong to files.
void ReadStatm(uint64_t& resident, uint64_t& of_files) {
  FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return;
  unsigned long long all = 0;
  unsigned long long pages = 0;
  unsigned long long shared = 0;
  if (std::fscanf(file, "%llu %llu %llu", &all, &pages, &shared) == 3) {
    resident = pages;
    of_files = shared;
  }
  std::fclose(file);
}

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint64_t resident = 0;
  uint64_t of_files = 0;
  ReadStatm(resident, of_files);
  usage.resident_bytes = resident * page;
  usage.private_bytes = (resident - std::min(resident, of_files)) * page;
  usage.machine_bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * page;
  rusage process{};
  if (getrusage(RUSAGE_SELF, &process) == 0) {
    usage.system_cpu_us = Micros(process.ru_stime);
    usage.user_cpu_us = Micros(process.ru_utime);
    const uint64_t peak = static_cast<uint64_t>(process.ru_maxrss) * 1024;
    usage.peak_private_bytes = peak - std::min(peak, of_files * page);
  }
  usage.peak_private_bytes = std::max(usage.peak_private_bytes, usage.private_bytes);
  rusage thread{};
  if (getrusage(RUSAGE_THREAD, &thread) == 0) {
    usage.main_thread_system_cpu_us = Micros(thread.ru_stime);
    usage.main_thread_user_cpu_us = Micros(thread.ru_utime);
  }
  return usage;
}

}  // namespace cartwheel::server
