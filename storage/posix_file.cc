#include "storage/posix_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>

namespace cartwheel::storage {
namespace {

Error::Kind KindOf(int code) {
  switch (code) {
    case EACCES:
    case EPERM:
    case EROFS: return Error::Kind::kPermission;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM: return Error::Kind::kNoSpace;
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL: return Error::Kind::kInvalid;
    default: return Error::Kind::kIo;
  }
}

std::string_view AdviceFor(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::kPermission: return "let this user read and write it, or choose another dir";
    case Error::Kind::kNoSpace: return "free disk space or raise the limit";
    case Error::Kind::kInvalid: return "set dir to a directory whose parent exists";
    default: return "check the disk and the system log";
  }
}

}  // namespace

Error ErrnoError(int code, const std::string& path) {
  const Error::Kind kind = KindOf(code);
  return {kind, path + ": " + std::generic_category().message(code) + "; " +
                    std::string(AdviceFor(kind))};
}

Result<void> SyncDirectory(const std::string& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return std::unexpected(ErrnoError(errno, directory));
  return {};
}

bool IsFull(const std::string& directory, uint64_t size, uint64_t more) {
  const std::string path = directory + "/cartwheel.probe";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return KindOf(errno) == Error::Kind::kNoSpace;
  const std::string chunk(64 << 10, 'x');
  bool full = false;
  for (uint64_t written = 0; written < more && !full; written += chunk.size()) {
    const ssize_t wrote =
        ::pwrite(fd.get(), chunk.data(), chunk.size(), static_cast<off_t>(size + written));
    if (wrote < 0 && KindOf(errno) != Error::Kind::kNoSpace) break;
    full = wrote < static_cast<ssize_t>(chunk.size());
  }
  if (!full && ::fsync(fd.get()) != 0) full = KindOf(errno) == Error::Kind::kNoSpace;
  ::unlink(path.c_str());
  return full;
}

}  // namespace cartwheel::storage
