#include "cluster/counts.h"

#include <xxhash.h>

#include "cluster/encoding.h"

namespace cartwheel::cluster {
namespace {

constexpr size_t kCountBytes = 8;
constexpr size_t kChecksumAt = 1 + size_t{kMaxDatabases} * 2 * kCountBytes;
constexpr size_t kStoredBytes = kChecksumAt + 4;

uint32_t Checksum(const char* bytes) {
  return static_cast<uint32_t>(XXH3_64bits(bytes, kChecksumAt));
}

}  // namespace

void EncodeCounts(const DatabaseCounts& counts, std::string& out) {
  out.resize(kStoredBytes);
  char* at = out.data();
  *at++ = static_cast<char>(kCountsFormat);
  for (const Counts& database : counts) {
    StoreLittle<kCountBytes>(database.keys, at);
    StoreLittle<kCountBytes>(database.expires, at + kCountBytes);
    at += 2 * kCountBytes;
  }
  StoreLittle<4>(Checksum(out.data()), at);
}

std::expected<DatabaseCounts, CountsFault> DecodeCounts(std::string_view bytes) {
  if (bytes.empty()) return std::unexpected(CountsFault::kDamaged);
  // Before all else, as a later format may have another length. Format 0 never existed.
  const auto format = static_cast<uint8_t>(bytes[0]);
  if (format > kCountsFormat) return std::unexpected(CountsFault::kNewerFormat);
  if (format == 0 || bytes.size() != kStoredBytes ||
      LoadLittle<4>(bytes.data() + kChecksumAt) != Checksum(bytes.data())) {
    return std::unexpected(CountsFault::kDamaged);
  }
  DatabaseCounts counts;
  const char* at = bytes.data() + 1;
  for (Counts& database : counts) {
    database.keys = LoadLittle<kCountBytes>(at);
    database.expires = LoadLittle<kCountBytes>(at + kCountBytes);
    at += 2 * kCountBytes;
  }
  return counts;
}

}  // namespace cartwheel::cluster
