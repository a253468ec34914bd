// LEB128: seven bits a byte, the lowest first, the top bit set on all but the last. Only the
// shortest form is read, so that a number has one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cartwheel::cluster {

inline constexpr size_t kMaxVarintBytes = 10;

// Writes at most kMaxVarintBytes. Returns the end.
inline char* PutVarint(uint64_t number, char* at) {
  while (number >= 0x80) {
    *at++ = static_cast<char>(number | 0x80);
    number >>= 7;
  }
  *at++ = static_cast<char>(number);
  return at;
}

// Returns the end, or nullptr when there is no varint in its shortest form before `end`.
inline const char* TakeVarint(const char* at, const char* end, uint64_t& number) {
  number = 0;
  for (int shift = 0; at != end; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    // The tenth byte holds the top bit alone.
    if (shift == 63 && byte > 1) return nullptr;
    number |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return byte == 0 && shift > 0 ? nullptr : at;
  }
  return nullptr;
}

}  // namespace cartwheel::cluster
