// Where a key lives: its hash slot, exactly Redis Cluster's.
//
// Source: Redis Cluster specification, "Key distribution model" and "Hash tags": CRC16-CCITT
// (XMODEM) of the hash tag, or of the whole key when it has none, modulo 16384.
#pragma once

#include <cstdint>
#include <string_view>

namespace cartwheel::cluster {

using Slot = uint16_t;
inline constexpr Slot kSlotCount = 16384;

// CRC16 with polynomial 0x1021, initial value 0, as the specification's appendix A.
uint16_t Crc16(std::string_view bytes);

// The bytes between the first '{' and the first '}' after it if there are any, else the whole key.
std::string_view HashTag(std::string_view key);

Slot SlotOf(std::string_view key);

}  // namespace cartwheel::cluster
