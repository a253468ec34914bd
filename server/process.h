// What a server process asks of its operating system: random bytes, file descriptors, a pid file,
// to be left alone by some signals.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cluster/identity.h"
#include "cluster/message.h"

namespace cartwheel::server {

// From the kernel's entropy.
std::string NewRunId();  // 40 hex digits
uint64_t NewSeed();
std::array<uint8_t, cluster::kIdentityRandomBytes> NewIdentityBytes();
cluster::Challenge NewChallenge();
// Of the kernel's present boot; where it does not tell, a new one each time.
std::string BootId();

// A reader that went away or a file at its size limit is an error of the write, and a terminal that
// was closed is nothing: none of them ends the process.
void IgnoreHarmlessSignals();

// Raises the limit of open files so that `maxclients` fit beside the two links with each member of
// the cluster. Returns how many clients do fit.
int RaiseFileLimit(int maxclients, size_t members);

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

// Of the allocator: what was freed in this thread goes back to the operating system, where the
// allocator knows how.
void ReturnFreedMemory();

}  // namespace cartwheel::server
