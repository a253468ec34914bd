#include "cluster/record.h"

#include <cstring>

#include "cluster/encoding.h"
#include "cluster/record_checksum.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kHasExpiry = 1;  // flags, bit 0

constexpr size_t kFlagsAt = 1;
constexpr size_t kWrittenAt = 2;
constexpr size_t kTimeBytes = 6;
constexpr size_t kExpireAt = kWrittenAt + kTimeBytes;
constexpr size_t kMinRecord = kExpireAt + kChecksumBytes;

bool FitsTime(int64_t time_ms) {
  return time_ms >= 0 && time_ms <= kMaxExpireAt;
}

ExpireAt LoadTime(std::string_view record, size_t at) {
  return static_cast<ExpireAt>(LoadLittle<kTimeBytes>(record.data() + at));
}

bool HasExpiry(std::string_view record) {
  return (record[kFlagsAt] & kHasExpiry) != 0;
}

}  // namespace

std::string_view Describe(RecordFault fault) {
  switch (fault) {
    case RecordFault::kTooShort: return "the record is cut short";
    case RecordFault::kNewerFormat: return "the record was written by a later version";
    case RecordFault::kUnknownType: return "the record holds a type this version does not know";
    case RecordFault::kUnknownFlags: return "the record has flags this version does not know";
    case RecordFault::kChecksum: return "the record's checksum does not match: it is damaged";
  }
  return "the record is damaged";
}

void EncodeRecord(std::string_view store_key, const Value& value, std::string& out) {
  storage::Check(FitsTime(value.written_at_ms), "a record's write time fits 48 bits");
  storage::Check(FitsTime(value.expire_at), "a record's expiry fits 48 bits");
  const bool expires = value.expire_at != kNoExpiry;
  const size_t bytes_at = kExpireAt + (expires ? kTimeBytes : 0);
  const size_t checksum_at = bytes_at + value.bytes.size();
  out.resize(checksum_at + kChecksumBytes);
  char* const at = out.data();
  at[0] = static_cast<char>(kRecordFormat << 4 | static_cast<uint8_t>(value.type));
  at[kFlagsAt] = static_cast<char>(expires ? kHasExpiry : 0);
  StoreLittle<kTimeBytes>(static_cast<uint64_t>(value.written_at_ms), at + kWrittenAt);
  if (expires) StoreLittle<kTimeBytes>(static_cast<uint64_t>(value.expire_at), at + kExpireAt);
  // Empty bytes may have no data() at all, which memcpy does not allow.
  if (!value.bytes.empty()) std::memcpy(at + bytes_at, value.bytes.data(), value.bytes.size());
  StoreLittle<kChecksumBytes>(RecordChecksum(store_key, {at, checksum_at}), at + checksum_at);
}

std::expected<Value, RecordFault> DecodeRecord(std::string_view store_key,
                                               std::string_view record) {
  if (record.size() < kMinRecord) return std::unexpected(RecordFault::kTooShort);
  // Before the checksum, as a later format may keep it elsewhere. Format 0 never existed.
  const uint8_t format = static_cast<uint8_t>(record[0]) >> 4;
  if (format > kRecordFormat) return std::unexpected(RecordFault::kNewerFormat);
  const size_t checksum_at = record.size() - kChecksumBytes;
  const auto stored =
      static_cast<uint32_t>(LoadLittle<kChecksumBytes>(record.data() + checksum_at));
  if (format == 0 || stored != RecordChecksum(store_key, record.substr(0, checksum_at))) {
    return std::unexpected(RecordFault::kChecksum);
  }

  const uint8_t type = record[0] & 0x0f;
  if (type != static_cast<uint8_t>(Type::kString)) {
    return std::unexpected(RecordFault::kUnknownType);
  }
  if ((record[kFlagsAt] & ~kHasExpiry) != 0) return std::unexpected(RecordFault::kUnknownFlags);
  Value value;
  value.written_at_ms = LoadTime(record, kWrittenAt);
  size_t bytes_at = kExpireAt;
  if (HasExpiry(record)) {
    bytes_at += kTimeBytes;
    if (checksum_at < bytes_at) return std::unexpected(RecordFault::kTooShort);
    value.expire_at = LoadTime(record, kExpireAt);
    // A value has one stored form, and "never" is the one without the flag.
    if (value.expire_at == kNoExpiry) return std::unexpected(RecordFault::kUnknownFlags);
  }
  value.bytes = record.substr(bytes_at, checksum_at - bytes_at);
  return value;
}

ExpireAt PeekExpiry(std::string_view record) {
  if (record.size() < kExpireAt + kTimeBytes || !HasExpiry(record)) return kNoExpiry;
  return LoadTime(record, kExpireAt);
}

}  // namespace cartwheel::cluster
