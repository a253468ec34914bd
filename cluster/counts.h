// How many keys each database holds, and their stored form: u8 format, per database u64 keys and
// u64 expires (little endian), u32 low half of the XXH3-64 of all that.
//
// They are stored in the batch that changes them, so after a crash they match the records.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "cluster/value.h"

namespace cartwheel::cluster {

inline constexpr uint8_t kCountsFormat = 1;

struct Counts {
  // Records but those that are a context alone; expired ones that are not yet reclaimed included.
  uint64_t keys = 0;
  uint64_t expires = 0;  // entries of the expiry index: the records of them that have an expiry
  bool operator==(const Counts&) const = default;
};

// A damaged record may have been counted wrongly: never wraps around.
inline void Decrement(uint64_t& count) {
  if (count > 0) --count;
}

using DatabaseCounts = std::array<Counts, kMaxDatabases>;

enum class CountsFault : uint8_t { kNewerFormat, kDamaged };

// Overwrites `out`, whose capacity is reused.
void EncodeCounts(const DatabaseCounts& counts, std::string& out);

// Never trusts the bytes.
std::expected<DatabaseCounts, CountsFault> DecodeCounts(std::string_view bytes);

}  // namespace cartwheel::cluster
