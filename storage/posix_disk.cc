#include "storage/posix_disk.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <utility>

#include "storage/posix_file.h"

namespace cartwheel::storage {
namespace {

// Pieces given to the system at once.
constexpr size_t kMaxPieces = 64;
static_assert(kMaxPieces <= IOV_MAX);

class PosixFile : public File {
 public:
  PosixFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> Write(uint64_t offset, std::span<const std::string_view> pieces) override {
    std::array<iovec, kMaxPieces> at_once;
    while (!pieces.empty()) {
      const size_t count = std::min(pieces.size(), kMaxPieces);
      for (size_t i = 0; i < count; ++i) {
        at_once[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
      }
      if (auto written = WriteAll(offset, std::span(at_once).first(count)); !written) {
        return written;
      }
      pieces = pieces.subspan(count);
    }
    return {};
  }

  Result<void> Sync() override {
    if (::fdatasync(fd_.get()) == 0) return {};
    return std::unexpected(ErrnoError(errno, path_));
  }

  Result<size_t> Read(uint64_t offset, std::span<char> to) const override {
    size_t done = 0;
    while (done < to.size()) {
      const ssize_t got =
          ::pread(fd_.get(), to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
      if (got == 0) break;
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return std::unexpected(ErrnoError(errno, path_));
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Result<uint64_t> Size() const override {
    struct stat status;
    if (::fstat(fd_.get(), &status) != 0) return std::unexpected(ErrnoError(errno, path_));
    return static_cast<uint64_t>(status.st_size);
  }

  Result<void> Truncate(uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0) return {};
    return std::unexpected(ErrnoError(errno, path_));
  }

  const std::string& name() const override { return path_; }

 private:
  // Moves `offset` on. A full disk takes a part first and says so at the next attempt.
  Result<void> WriteAll(uint64_t& offset, std::span<iovec> rest) {
    while (!rest.empty()) {
      const ssize_t wrote = ::pwritev(fd_.get(), rest.data(), static_cast<int>(rest.size()),
                                      static_cast<off_t>(offset));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return std::unexpected(ErrnoError(errno, path_));
      auto left = static_cast<size_t>(wrote);
      offset += left;
      while (!rest.empty() && left >= rest.front().iov_len) {
        left -= rest.front().iov_len;
        rest = rest.subspan(1);
      }
      if (rest.empty()) break;
      if (wrote == 0) return std::unexpected(ErrnoError(ENOSPC, path_));
      rest.front().iov_base = static_cast<char*>(rest.front().iov_base) + left;
      rest.front().iov_len -= left;
    }
    return {};
  }

  UniqueFd fd_;
  std::string path_;
};

class PosixDisk : public Disk {
 public:
  explicit PosixDisk(std::string directory) : directory_(std::move(directory)) {}

  Result<std::vector<std::string>> List() const override {
    DIR* opened = ::opendir(directory_.c_str());
    if (opened == nullptr) return std::unexpected(ErrnoError(errno, directory_));
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(opened)) names.emplace_back(entry->d_name);
    const int code = errno;
    ::closedir(opened);
    if (code != 0) return std::unexpected(ErrnoError(code, directory_));
    std::ranges::sort(names);
    return names;
  }

  Result<std::unique_ptr<File>> Create(const std::string& name) override {
    return OpenWith(name, O_CREAT | O_TRUNC);
  }
  Result<std::unique_ptr<File>> Open(const std::string& name) override { return OpenWith(name, 0); }

  Result<void> Remove(const std::string& name) override {
    const std::string path = PathOf(name);
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return std::unexpected(ErrnoError(errno, path));
  }

  Result<void> SyncDirectory() override { return storage::SyncDirectory(directory_); }
  bool IsFull(uint64_t size, uint64_t bytes) const override {
    return storage::IsFull(directory_, size, bytes);
  }

 private:
  std::string PathOf(const std::string& name) const { return directory_ + "/" + name; }

  Result<std::unique_ptr<File>> OpenWith(const std::string& name, int flags) {
    std::string path = PathOf(name);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0600));
    if (!fd.valid()) return std::unexpected(ErrnoError(errno, path));
    return std::make_unique<PosixFile>(std::move(fd), std::move(path));
  }

  const std::string directory_;
};

}  // namespace

std::unique_ptr<Disk> NewPosixDisk(const std::string& directory) {
  return std::make_unique<PosixDisk>(directory);
}

}  // namespace cartwheel::storage
