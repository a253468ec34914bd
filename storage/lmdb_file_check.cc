#include "storage/lmdb_file_check.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

#include "storage/posix_file.h"

namespace cartwheel::storage {
namespace {

// LMDB 0.9's file: two meta pages, then the others. A page opens with 16 bytes (flags at 10); a
// meta page goes on with magic, version, address, map size, two databases of 48 bytes (the first
// one's first field holds the page size), the last page in use and the transaction.
constexpr size_t kFlagsAt = 10;
constexpr size_t kMagicAt = 16;
constexpr size_t kVersionAt = 20;
constexpr size_t kPageSizeAt = 40;
constexpr size_t kLastPageAt = 136;
constexpr size_t kTransactionAt = 144;
constexpr size_t kMetaBytes = 152;
constexpr uint16_t kMetaFlag = 0x08;
constexpr uint32_t kMagic = 0xBEEFC0DE;
constexpr uint32_t kVersion = 1;
constexpr uint32_t kLargestPage = 0x8000;

struct Meta {
  uint32_t page_size;
  uint64_t last_page;
  uint64_t transaction;
};

template <typename T>
T FieldAt(const char* page, size_t offset) {
  T field;
  std::memcpy(&field, page + offset, sizeof(field));
  return field;
}

bool ReadMeta(int fd, uint64_t offset, Meta& meta) {
  std::array<char, kMetaBytes> page;
  if (::pread(fd, page.data(), page.size(), static_cast<off_t>(offset)) != kMetaBytes) return false;
  meta.page_size = FieldAt<uint32_t>(page.data(), kPageSizeAt);
  meta.last_page = FieldAt<uint64_t>(page.data(), kLastPageAt);
  meta.transaction = FieldAt<uint64_t>(page.data(), kTransactionAt);
  return (FieldAt<uint16_t>(page.data(), kFlagsAt) & kMetaFlag) != 0 &&
         FieldAt<uint32_t>(page.data(), kMagicAt) == kMagic &&
         FieldAt<uint32_t>(page.data(), kVersionAt) == kVersion &&
         std::has_single_bit(meta.page_size) && meta.page_size >= 256 &&
         meta.page_size <= kLargestPage && meta.last_page >= 1 && meta.last_page < (1ULL << 47);
}

}  // namespace

Result<DataFileSize> CheckDataFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status;
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    return std::unexpected(ErrnoError(errno, path));
  }
  Meta first;
  Meta second;
  if (!ReadMeta(fd.get(), 0, first) || !ReadMeta(fd.get(), first.page_size, second) ||
      first.page_size != second.page_size) {
    return std::unexpected(
        Error{Error::Kind::kCorrupt,
              path + ": damaged at its beginning, or no data file; restore it from a backup"});
  }
  const Meta& newest = first.transaction > second.transaction ? first : second;
  return DataFileSize{static_cast<uint64_t>(status.st_size),
                      (newest.last_page + 1) * newest.page_size};
}

}  // namespace cartwheel::storage
