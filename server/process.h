// What a server process asks of its operating system at start: random identity, file descriptors, a
// pid file.
#pragma once

#include <cstdint>
#include <string>

namespace cartwheel::server {

// From the kernel's entropy.
std::string NewRunId();  // 40 hex digits
uint64_t NewSeed();

// Raises the limit of open files so that `maxclients` fit. Returns how many clients do fit.
int RaiseFileLimit(int maxclients);

// Removed again when it goes out of scope. A pid file that cannot be written is worth a warning, no
// more.
class PidFile {
 public:
  explicit PidFile(std::string path);
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  std::string path_;
};

std::string ExecutablePath();

}  // namespace cartwheel::server
