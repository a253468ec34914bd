// The checksum at the end of a stored record: low half of XXH3-64 over all before it, seeded with
// the XXH3-64 of the store key, so that a record under another key's name is found out too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cartwheel::cluster {

inline constexpr size_t kChecksumBytes = 4;

uint32_t RecordChecksum(std::string_view store_key, std::string_view covered);

}  // namespace cartwheel::cluster
