// CRC-64 of Redis's dump and RDB formats ("Jones": polynomial 0xad93d23594c935a9, reflected, start
// and final xor 0).
#pragma once

#include <cstdint>
#include <string_view>

namespace cartwheel::server {

uint64_t Crc64(std::string_view bytes);

}  // namespace cartwheel::server
