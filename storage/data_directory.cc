#include "storage/data_directory.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <tuple>
#include <utility>

#include "storage/log_format.h"
#include "storage/posix_disk.h"

namespace cartwheel::storage {
namespace {

constexpr std::string_view kFormatWord = "cartwheel-format ";
constexpr uint32_t kFormat = 3;

std::unexpected<Error> Fail(Error::Kind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}

bool Exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// The first bytes of a small text file.
Result<std::string> ReadText(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::unexpected(ErrnoError(errno, path));
  std::array<char, 128> text;
  const ssize_t size = ::read(fd.get(), text.data(), text.size());
  if (size < 0) return std::unexpected(ErrnoError(errno, path));
  return std::string(text.data(), static_cast<size_t>(size));
}

Result<void> WriteText(int fd, const std::string& path, std::string_view text) {
  if (::ftruncate(fd, 0) != 0) return std::unexpected(ErrnoError(errno, path));
  const ssize_t wrote = ::pwrite(fd, text.data(), text.size(), 0);
  if (wrote < 0) return std::unexpected(ErrnoError(errno, path));
  if (static_cast<size_t>(wrote) < text.size()) return std::unexpected(ErrnoError(ENOSPC, path));
  return {};
}

Result<void> MakeDirectory(const std::string& path) {
  struct stat status;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return std::unexpected(ErrnoError(errno, path));
  }
  if (::stat(path.c_str(), &status) != 0) return std::unexpected(ErrnoError(errno, path));
  if (S_ISDIR(status.st_mode)) return {};
  return Fail(Error::Kind::kInvalid, path + ": not a directory; set dir to a directory");
}

Error LockedError(const std::string& path) {
  std::string holder = ReadText(path).value_or("");
  holder.erase(holder.find_last_not_of('\n') + 1);
  return {Error::Kind::kLocked, path + ": the directory is in use by " +
                                    (holder.empty() ? "another process" : "process " + holder) +
                                    "; stop that process or choose another dir"};
}

Result<UniqueFd> Lock(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return std::unexpected(ErrnoError(errno, path));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return std::unexpected(errno == EWOULDBLOCK ? LockedError(path) : ErrnoError(errno, path));
  }
  // The pid only helps a message: a full disk must not keep a store from being read.
  std::ignore = WriteText(fd.get(), path, std::to_string(::getpid()) + "\n");
  return fd;
}

// Without a lock file nobody has ever held the directory: a copy, most likely.
Result<UniqueFd> LockForCheck(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() && errno != ENOENT) return std::unexpected(ErrnoError(errno, path));
  if (fd.valid() && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return std::unexpected(errno == EWOULDBLOCK ? LockedError(path) : ErrnoError(errno, path));
  }
  return fd;
}

// The format, if it is one that we know.
Result<uint32_t> CheckFormat(const std::string& path, std::string_view text) {
  uint32_t format = 0;
  const std::string_view number =
      text.starts_with(kFormatWord) ? text.substr(kFormatWord.size()) : std::string_view();
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), format);
  if (error != std::errc() || format == 0 || end == number.data() + number.size() || *end != '\n') {
    return Fail(Error::Kind::kCorrupt,
                path +
                    ": not a format file of Cartwheel; restore the directory from a backup or "
                    "choose another dir");
  }
  if (format <= kFormat) return format;
  return Fail(Error::Kind::kNewerFormat,
              path + ": format " + std::to_string(format) + ", but this version knows only " +
                  std::to_string(kFormat) + "; start the newer version that wrote it");
}

}  // namespace

Result<DataDirectory> DataDirectory::Open(const std::string& path) {
  if (path.empty()) return Fail(Error::Kind::kInvalid, "the data directory has no name; set dir");
  if (auto made = MakeDirectory(path); !made) return std::unexpected(made.error());
  Result<UniqueFd> lock = Lock(path + "/cartwheel.lock");
  if (!lock) return std::unexpected(lock.error());
  DataDirectory directory(path, *std::move(lock));
  if (auto inspected = directory.Inspect(); !inspected) {
    return std::unexpected(inspected.error());
  }
  return directory;
}

Result<DataDirectory> DataDirectory::OpenForCheck(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return std::unexpected(ErrnoError(errno, path));
    return Fail(Error::Kind::kInvalid,
                path + ": there is no such directory; name the directory that 'dir' is set to");
  }
  if (!S_ISDIR(status.st_mode)) {
    return Fail(Error::Kind::kInvalid,
                path + ": not a directory; name the data directory, not a file");
  }
  Result<UniqueFd> lock = LockForCheck(path + "/cartwheel.lock");
  if (!lock) return std::unexpected(lock.error());
  DataDirectory directory(path, *std::move(lock));
  if (auto found = directory.RefuseNoStore(); !found) return std::unexpected(found.error());
  if (auto inspected = directory.InspectFormat(); !inspected) {
    return std::unexpected(inspected.error());
  }
  return directory;
}

Result<void> DataDirectory::InspectFormat() {
  const Result<std::string> text = ReadText(format_file());
  if (!text) return std::unexpected(text.error());
  const Result<uint32_t> format = CheckFormat(format_file(), *text);
  if (!format) return std::unexpected(format.error());
  outdated_ = *format < kFormat;
  format_ = *format;
  if (Exists(data_file())) return {};
  return Fail(Error::Kind::kCorrupt, data_file() +
                                         ": missing; restore it from a backup, or "
                                         "remove cartwheel.format to start empty");
}

Result<void> DataDirectory::Inspect() {
  if (Exists(format_file())) return InspectFormat();
  if (Exists(data_file()) && !Exists(creating_file())) {
    return Fail(Error::Kind::kCorrupt,
                data_file() +
                    ": not Cartwheel's, there is no cartwheel.format beside it; choose "
                    "another dir or restore that file from a backup");
  }
  if (auto none = RefuseLog(); !none) return none;
  return StartAfresh();
}

// A log without its store may be all that is left of somebody's data, and it must not be replayed
// into a new store.
Result<void> DataDirectory::RefuseLog() const {
  const auto names = NewPosixDisk(path_)->List();
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    if (!ParseSegmentName(name)) continue;
    return Fail(Error::Kind::kCorrupt,
                path_ + "/" + name +
                    ": the log of a store whose other files are missing; restore them from a "
                    "backup, or remove the log-* files to start empty");
  }
  return {};
}

// Says what the directory holds instead of a store.
Result<void> DataDirectory::RefuseNoStore() const {
  if (Exists(format_file())) return {};
  if (Exists(creating_file())) {
    return Fail(Error::Kind::kInvalid, path_ +
                                           ": a store whose making was interrupted; there is "
                                           "nothing in it, and the next start makes it afresh");
  }
  if (Exists(data_file())) {
    return Fail(Error::Kind::kCorrupt,
                format_file() + ": missing beside a data.mdb; restore it from a backup");
  }
  if (auto none = RefuseLog(); !none) return none;
  return Fail(Error::Kind::kInvalid, path_ +
                                         ": holds no store of Cartwheel (no cartwheel.format); "
                                         "name the directory that 'dir' is set to");
}

Result<void> DataDirectory::StartAfresh() {
  fresh_ = true;
  if (auto written = WriteFormat(creating_file()); !written) return written;
  if (::unlink(data_file().c_str()) != 0 && errno != ENOENT) {
    return std::unexpected(ErrnoError(errno, data_file()));
  }
  return SyncDirectory(path_);
}

Result<void> DataDirectory::WriteFormat(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return std::unexpected(ErrnoError(errno, path));
  const std::string text = std::string(kFormatWord) + std::to_string(kFormat) + "\n";
  if (auto written = WriteText(fd.get(), path, text); !written) return written;
  if (::fsync(fd.get()) != 0) return std::unexpected(ErrnoError(errno, path));
  return {};
}

Result<void> DataDirectory::Seal() {
  // Not the name of a store under way: with that, a directory whose format file is lost would count
  // as empty.
  const std::string written_file = outdated_ ? path_ + "/cartwheel.upgrading" : creating_file();
  if (outdated_) {
    if (auto written = WriteFormat(written_file); !written) return written;
  }
  // A directory made just now has to survive in its parent as well.
  if (auto synced = SyncDirectory(path_ + "/.."); !synced) return synced;
  if (::rename(written_file.c_str(), format_file().c_str()) != 0) {
    return std::unexpected(ErrnoError(errno, format_file()));
  }
  fresh_ = false;
  outdated_ = false;
  return SyncDirectory(path_);
}

}  // namespace cartwheel::storage
