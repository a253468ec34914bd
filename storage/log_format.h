// The bytes of the log: segments of records, records of operations.
//
// A position counts the bytes of the log over its whole life, so it orders everything and is never
// used twice. A segment is one file, named by the position of its first byte; where it ends the
// next one begins.
//
//   segment   header (32 bytes), records
//     u64 magic "CWLOGSEG"   u32 format   u32 0   u64 position of this byte
//     u64 checksum of the above; the header is the same in every format
//   record    header (32 bytes), payload
//     u64 checksum of the payload, seeded with that of the header's rest
//     u64 position of this record
//     u64 durable: everything before this position was on the disk when the record was written
//     u32 payload bytes   u32 flags (bit 0: the batch goes on in the next record; bit 1: it began
//                             in an earlier one)
//   operation
//     u8 kind | keyspace << 4, varint key bytes, [varint value bytes], key, [value]
//
// Integers are little endian, checksums XXH3-64. The position in a record's header keeps bytes of a
// file's former life from being taken for records. `durable` tells damage from a power loss: bad
// bytes before a position that a later record calls durable were once good (Alagappan et al.,
// "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018, section 3.3.3).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "storage/engine.h"

namespace cartwheel::storage {

using LogPosition = uint64_t;

inline constexpr uint32_t kLogFormat = 1;
// More than any log has, and so far from the end of the numbers that no sum of one overflows.
inline constexpr LogPosition kMaxLogPosition = 1ULL << 62;
inline constexpr size_t kSegmentHeaderBytes = 32;
inline constexpr size_t kRecordHeaderBytes = 32;

// "log-" and 16 hexadecimal digits, so that names sort as positions do; up to kMaxLogPosition.
std::string SegmentName(LogPosition begin);
std::optional<LogPosition> ParseSegmentName(std::string_view name);

void EncodeSegmentHeader(LogPosition begin, char* to);
enum class SegmentFault : uint8_t { kNewerFormat, kDamaged };
// kSegmentHeaderBytes at `bytes`. nullopt: a sound header of the segment at `begin`.
std::optional<SegmentFault> CheckSegmentHeader(const char* bytes, LogPosition begin);

struct RecordHeader {
  LogPosition position = 0;
  LogPosition durable = 0;
  uint32_t payload_bytes = 0;
  bool batch_goes_on = false;
  bool batch_began_before = false;
};
// With the checksum of header and payload; the payload may come in pieces.
void EncodeRecordHeader(const RecordHeader& header, std::span<const std::string_view> payload,
                        char* to);
// nullopt: these bytes are no header of a record at `position`.
std::optional<RecordHeader> DecodeRecordHeader(const char* bytes, LogPosition position);
// Whether header and payload are what was written.
bool IsSoundRecord(const char* header, std::string_view payload);

// One change of a batch; views.
struct LogOperation {
  enum class Kind : uint8_t { kPut = 1, kDelete = 2, kDeleteRange = 3 };
  Kind kind = Kind::kPut;
  Keyspace keyspace = Keyspace::kData;
  std::string_view key;    // of a range: its begin
  std::string_view value;  // of a put; of a range: its end
};

// Appends what comes before the key: value_bytes unless it is a deletion.
void AppendOperationHead(LogOperation::Kind kind, Keyspace keyspace, size_t key_bytes,
                         std::optional<size_t> value_bytes, std::string& to);

// Takes the first operation off `payload`; nullopt, changing nothing, at bytes that are none.
std::optional<LogOperation> TakeOperation(std::string_view& payload);

}  // namespace cartwheel::storage
