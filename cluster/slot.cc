#include "cluster/slot.h"

#include <array>
#include <cstddef>

namespace cartwheel::cluster {
namespace {

// Slicing-by-8 (Kounavis and Berry, "A Systematic Approach to Building High Performance, Software-
// based, CRC Generators", 2005): table k holds the CRC of a byte that k zero bytes follow, so eight
// bytes cost eight independent loads instead of a chain of eight.
using Table = std::array<uint16_t, 256>;

constexpr std::array<Table, 8> MakeTables() {
  constexpr uint16_t kPolynomial = 0x1021;
  std::array<Table, 8> tables{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ kPolynomial : crc << 1;
    }
    tables[0][byte] = static_cast<uint16_t>(crc);
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint16_t crc = tables[k - 1][byte];
      tables[k][byte] = static_cast<uint16_t>(crc << 8) ^ tables[0][crc >> 8];
    }
  }
  return tables;
}

constexpr std::array<Table, 8> kTables = MakeTables();

}  // namespace

uint16_t Crc16(std::string_view bytes) {
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  uint16_t crc = 0;
  for (; left >= 8; left -= 8, at += 8) {
    crc = kTables[7][at[0] ^ (crc >> 8)] ^ kTables[6][at[1] ^ (crc & 0xff)] ^ kTables[5][at[2]] ^
          kTables[4][at[3]] ^ kTables[3][at[4]] ^ kTables[2][at[5]] ^ kTables[1][at[6]] ^
          kTables[0][at[7]];
  }
  for (; left > 0; --left, ++at) {
    crc = static_cast<uint16_t>(crc << 8) ^ kTables[0][(crc >> 8) ^ *at];
  }
  return crc;
}

std::string_view HashTag(std::string_view key) {
  const size_t open = key.find('{');
  if (open == key.npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == key.npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

Slot SlotOf(std::string_view key) {
  return Crc16(HashTag(key)) % kSlotCount;
}

}  // namespace cartwheel::cluster
