// The little of POSIX files that a store needs: an owned descriptor, and errno as an Error.
#pragma once

#include <string>
#include <unistd.h>
#include <utility>

#include "storage/engine.h"

namespace cartwheel::storage {

class UniqueFd {
 public:
  explicit UniqueFd(int fd = -1) : fd_(fd) {}
  ~UniqueFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

// One line: the path, what the system says, what the operator can do.
Error ErrnoError(int code, const std::string& path);

// Makes renames and new files in the directory durable.
Result<void> SyncDirectory(const std::string& directory);

// Whether a file in `directory` of `size` bytes can no longer grow by `more`. Tried with a real
// file (sparse, so that only `more` is taken), since quotas and file-size limits show nowhere else.
bool IsFull(const std::string& directory, uint64_t size, uint64_t more);

}  // namespace cartwheel::storage
