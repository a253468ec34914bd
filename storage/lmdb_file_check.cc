#include "storage/lmdb_file_check.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>

#include "storage/lmdb_format.h"
#include "storage/posix_file.h"

namespace cartwheel::storage {
namespace {

std::optional<LmdbMeta> ReadMeta(int fd, uint64_t offset) {
  std::array<char, kLmdbMetaBytes> page;
  const ssize_t got = ::pread(fd, page.data(), page.size(), static_cast<off_t>(offset));
  if (got != static_cast<ssize_t>(page.size())) {
    return std::nullopt;
  }
  return DecodeLmdbMeta({page.data(), page.size()});
}

}  // namespace

Result<LmdbMeta> ReadNewestMeta(int fd, const std::string& path) {
  const auto first = ReadMeta(fd, 0);
  const auto second = first ? ReadMeta(fd, first->page_size) : std::nullopt;
  if (!second || first->page_size != second->page_size) {
    return std::unexpected(
        Error{Error::Kind::kCorrupt,
              path + ": damaged at its beginning, or no data file; restore it from a backup"});
  }
  return first->transaction > second->transaction ? *first : *second;
}

Result<DataFileSize> CheckDataFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status;
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    return std::unexpected(ErrnoError(errno, path));
  }
  const Result<LmdbMeta> newest = ReadNewestMeta(fd.get(), path);
  if (!newest) return std::unexpected(newest.error());
  return DataFileSize{static_cast<uint64_t>(status.st_size),
                      (newest->last_page + 1) * newest->page_size};
}

}  // namespace cartwheel::storage
