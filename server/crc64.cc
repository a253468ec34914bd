#include "server/crc64.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace cartwheel::server {
namespace {

static_assert(std::endian::native == std::endian::little, "Words are read as they lie in memory");

constexpr uint64_t kReflectedPolynomial = 0x95ac9329ac4bc9b5;
constexpr size_t kSlices = 8;

using Table = std::array<std::array<uint64_t, 256>, kSlices>;

// table[n][b]: what byte b adds to the remainder once n more bytes have followed it, so that eight
// bytes take eight independent look-ups (slicing-by-8, Kounavis and Berry 2005).
constexpr Table MakeTable() {
  Table table{};
  for (size_t byte = 0; byte < 256; ++byte) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReflectedPolynomial : 0);
    table[0][byte] = crc;
  }
  for (size_t slice = 1; slice < kSlices; ++slice) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint64_t previous = table[slice - 1][byte];
      table[slice][byte] = (previous >> 8) ^ table[0][previous & 0xff];
    }
  }
  return table;
}

constexpr Table kTable = MakeTable();

}  // namespace

uint64_t Crc64(std::string_view bytes) {
  uint64_t crc = 0;
  while (bytes.size() >= kSlices) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), kSlices);
    word ^= crc;
    crc = 0;
    for (size_t i = 0; i < kSlices; ++i) {
      crc ^= kTable[kSlices - 1 - i][(word >> (8 * i)) & 0xff];
    }
    bytes.remove_prefix(kSlices);
  }
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ kTable[0][(crc ^ static_cast<uint8_t>(byte)) & 0xff];
  }
  return crc;
}

}  // namespace cartwheel::server
