// The stored form of a value: format version and type, flags, times, bytes, checksum.
//
//   u8  format version << 4 | type
//   u8  flags (bit 0: an expiry follows)
//   u48 written_at_ms            little endian, like every integer here
//   u48 expire_at                only with the flag
//   ... bytes
//   u32 checksum: low half of XXH3-64 over everything above, seeded with the XXH3-64 of the store
//       key
//
// The checksum covers the store key, so a record under another key's name is found out too. A value
// has exactly one stored form.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "cluster/value.h"

namespace cartwheel::cluster {

inline constexpr uint8_t kRecordFormat = 1;

enum class RecordFault : uint8_t {
  kTooShort,
  kNewerFormat,  // written by a later version
  kUnknownType,
  kUnknownFlags,
  kChecksum,
};

// One line for a person: what is wrong with the record.
std::string_view Describe(RecordFault fault);

// Overwrites `out`, whose capacity is reused. Times outside 48 bits are a bug of the caller.
void EncodeRecord(std::string_view store_key, const Value& value, std::string& out);

// Never trusts the bytes. The value's bytes are a view into `record`.
std::expected<Value, RecordFault> DecodeRecord(std::string_view store_key, std::string_view record);

// What the record says of its expiry, unverified: tells which records are worth decoding without
// reading large ones to their end. kNoExpiry when it says nothing.
ExpireAt PeekExpiry(std::string_view record);

}  // namespace cartwheel::cluster
