// The files under the log: the one seam between it and the operating system, so that tests can
// break every call (simulated_disk.h).
//
// A File may be written and synced by two threads at once; everything else is one thread's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/engine.h"

namespace cartwheel::storage {

class File {
 public:
  virtual ~File() = default;

  // Writes the pieces one behind another from `offset` on, in as few system calls as it takes. On
  // an error any of their bytes may have been written.
  virtual Result<void> Write(uint64_t offset, std::span<const std::string_view> pieces) = 0;

  // Makes what was written before the call survive a power loss. After an error nobody knows what
  // is on the disk, and a second call may claim success for bytes that were lost: an error is final
  // (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).
  virtual Result<void> Sync() = 0;

  // Fills `to` from `offset` on; returns fewer bytes only at the end of the file.
  virtual Result<size_t> Read(uint64_t offset, std::span<char> to) const = 0;

  virtual Result<uint64_t> Size() const = 0;
  virtual Result<void> Truncate(uint64_t size) = 0;

  // For messages: the path.
  virtual const std::string& name() const = 0;
};

// One directory. Names are plain file names.
class Disk {
 public:
  virtual ~Disk() = default;

  virtual Result<std::vector<std::string>> List() const = 0;  // sorted
  // Reading and writing. Create empties a file that exists; Open fails on one that does not.
  virtual Result<std::unique_ptr<File>> Create(const std::string& name) = 0;
  virtual Result<std::unique_ptr<File>> Open(const std::string& name) = 0;
  // No error where there is no such file: whoever removes several may have to begin again.
  virtual Result<void> Remove(const std::string& name) = 0;
  // Makes creations and removals survive a power loss.
  virtual Result<void> SyncDirectory() = 0;
  // Whether a further `bytes` cannot be written to a file of `size`: tells a write cut short by a
  // full disk from one that failed.
  virtual bool IsFull(uint64_t size, uint64_t bytes) const = 0;
};

}  // namespace cartwheel::storage
