// Fixed-width integers in stored bytes. Big endian where byte order must be number order (keys),
// little endian elsewhere; written out byte by byte, which compilers turn into one move.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cartwheel::cluster {

// Store and load the low `kBytes` bytes of a number at `at`.
template <size_t kBytes>
void StoreLittle(uint64_t number, char* at) {
  static_assert(kBytes <= 8);
  for (size_t i = 0; i < kBytes; ++i) at[i] = static_cast<char>(number >> (8 * i));
}

template <size_t kBytes>
uint64_t LoadLittle(const char* at) {
  static_assert(kBytes <= 8);
  uint64_t number = 0;
  for (size_t i = 0; i < kBytes; ++i) {
    number |= uint64_t{static_cast<uint8_t>(at[i])} << (8 * i);
  }
  return number;
}

template <size_t kBytes>
void StoreBig(uint64_t number, char* at) {
  static_assert(kBytes <= 8);
  for (size_t i = 0; i < kBytes; ++i) at[i] = static_cast<char>(number >> (8 * (kBytes - 1 - i)));
}

template <size_t kBytes>
uint64_t LoadBig(const char* at) {
  static_assert(kBytes <= 8);
  uint64_t number = 0;
  for (size_t i = 0; i < kBytes; ++i) number = number << 8 | static_cast<uint8_t>(at[i]);
  return number;
}

}  // namespace cartwheel::cluster
