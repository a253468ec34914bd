#include "file_journal.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

namespace cartwheel::storage {
namespace {

std::atomic<bool> active = false;  // what every other call in the process costs
std::mutex mutex;
FileJournal* journal = nullptr;

}  // namespace

class FileJournalAccess {
 public:
  // The fault that the call meets, if any; nullopt: it is not about our file or goes as it should.
  static std::optional<FileJournal::Fault> Note(int fd, FileCall call) {
    const std::scoped_lock lock(mutex);
    struct stat status;
    if (journal == nullptr || ::fstat(fd, &status) != 0 || status.st_ino != journal->inode_ ||
        status.st_dev != journal->device_) {
      return std::nullopt;
    }
    call.durable = (::fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    journal->calls_.push_back(std::move(call));
    if (journal->calls_.size() - 1 != journal->fault_.call) return std::nullopt;
    return journal->fault_;
  }

  static void Start(FileJournal& started, const std::string& path) {
    struct stat status{};
    ::stat(path.c_str(), &status);
    started.device_ = status.st_dev;
    started.inode_ = status.st_ino;
    const std::scoped_lock lock(mutex);
    journal = &started;
    active = true;
  }

  static void Stop() {
    const std::scoped_lock lock(mutex);
    journal = nullptr;
    active = false;
  }
};

FileJournal::FileJournal(const std::string& path) : FileJournal(path, Fault()) {}
FileJournal::FileJournal(const std::string& path, const Fault& fault) : fault_(fault) {
  FileJournalAccess::Start(*this, path);
}
FileJournal::~FileJournal() {
  FileJournalAccess::Stop();
}

namespace {

std::string Gather(const iovec* pieces, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return bytes;
}

ssize_t WriteAt(int fd, const void* bytes, size_t size, off_t offset) {
  return ::syscall(SYS_pwrite64, fd, bytes, size, offset);
}

// Returns what the broken write returns.
ssize_t WriteBroken(int fd, const std::string& bytes, off_t offset,
                    const FileJournal::Fault& fault) {
  const size_t written = std::min(fault.written, bytes.size());
  WriteAt(fd, bytes.data(), written, offset);
  if (fault.code == 0) return static_cast<ssize_t>(written);
  errno = fault.code;
  return -1;
}

std::optional<FileJournal::Fault> NoteWrite(int fd, const std::string& bytes, off_t offset) {
  return FileJournalAccess::Note(fd, {.kind = FileCall::Kind::kWrite,
                                      .durable = false,
                                      .offset = static_cast<uint64_t>(offset),
                                      .bytes = bytes});
}

int Sync(int fd, long number) {
  if (active) {
    const auto fault = FileJournalAccess::Note(
        fd, {.kind = FileCall::Kind::kSync, .durable = false, .offset = 0, .bytes = ""});
    if (fault && fault->code != 0) {
      errno = fault->code;
      return -1;
    }
  }
  return static_cast<int>(::syscall(number, fd));
}

}  // namespace
}  // namespace cartwheel::storage

extern "C" {

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  using namespace cartwheel::storage;
  if (active) {
    const std::string text(static_cast<const char*>(bytes), size);
    if (const auto fault = NoteWrite(fd, text, offset))
      return WriteBroken(fd, text, offset, *fault);
  }
  return WriteAt(fd, bytes, size, offset);
}

ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
  using namespace cartwheel::storage;
  if (active) {
    const std::string text = Gather(pieces, count);
    if (const auto fault = NoteWrite(fd, text, offset))
      return WriteBroken(fd, text, offset, *fault);
  }
  // The kernel takes the offset in two halves, of which the second counts on 32 bits only.
  return ::syscall(SYS_pwritev, fd, pieces, count, offset, 0);
}

ssize_t writev(int fd, const iovec* pieces, int count) {
  using namespace cartwheel::storage;
  if (active) {
    const off_t offset = ::lseek(fd, 0, SEEK_CUR);
    const std::string text = Gather(pieces, count);
    if (const auto fault = NoteWrite(fd, text, offset))
      return WriteBroken(fd, text, offset, *fault);
  }
  return ::syscall(SYS_writev, fd, pieces, count);
}

int fdatasync(int fd) {
  return cartwheel::storage::Sync(fd, SYS_fdatasync);
}

int fsync(int fd) {
  return cartwheel::storage::Sync(fd, SYS_fsync);
}

}  // extern "C"
