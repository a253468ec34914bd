// Redis's own serialization of a string value, as DUMP gives it and RESTORE takes it:
//
//   u8   RDB object type (0: string)
//   ...  RDB string: a length and raw bytes, or an integer of 1, 2 or 4 bytes, or LZF-compressed
//   u16  RDB version, little endian (10: Redis 7.0)
//   u64  CRC-64 of everything above, little endian
//
// Payloads are the same bytes as those of a Redis in its default configuration; the same value
// always gives the same payload.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace cartwheel::server {

inline constexpr std::string_view kDumpVersionOrChecksum =
    "ERR DUMP payload version or checksum are wrong";
inline constexpr std::string_view kDumpBadFormat = "ERR Bad data format";
inline constexpr std::string_view kDumpNotString =
    "ERR Only strings can be restored: the payload holds another type of value";

std::string EncodeRedisDump(std::string_view value);

// Takes payloads of Redis up to 7.0 and trusts none of their bytes. On an error one of the replies
// above. A value longer than `max_string_bytes` is a bad format.
std::expected<std::string, std::string_view> DecodeRedisDump(std::string_view payload,
                                                             size_t max_string_bytes);

}  // namespace cartwheel::server
