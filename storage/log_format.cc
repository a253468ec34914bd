#include "storage/log_format.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <utility>

#define XXH_STATIC_LINKING_ONLY  // the streaming state on the stack
#include <xxhash.h>

namespace cartwheel::storage {
namespace {

static_assert(std::endian::native == std::endian::little, "integers are copied as they are");

constexpr std::string_view kMagic = "CWLOGSEG";
constexpr std::string_view kNamePrefix = "log-";
constexpr size_t kNameDigits = 16;
constexpr uint32_t kBatchGoesOn = 1;
constexpr uint32_t kBatchBeganBefore = 2;
constexpr uint32_t kAllFlags = kBatchGoesOn | kBatchBeganBefore;

constexpr size_t kChecksumBytes = sizeof(uint64_t);
constexpr size_t kPositionAt = 8;
constexpr size_t kDurableAt = 16;
constexpr size_t kPayloadBytesAt = 24;
constexpr size_t kFlagsAt = 28;

constexpr int kVarintBits = 7;
constexpr uint8_t kVarintGoesOn = 0x80;
constexpr int kKeyspaceShift = 4;

template <typename T>
T Load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename T>
void Store(T value, char* to) {
  std::memcpy(to, &value, sizeof(value));
}

uint64_t HeaderChecksum(const char* segment_header) {
  return XXH3_64bits_withSeed(segment_header, kSegmentHeaderBytes - kChecksumBytes,
                              Load<uint32_t>(segment_header + 8));
}

// The payload's checksum is seeded with the header's.
uint64_t RecordSeed(const char* header) {
  return XXH3_64bits_withSeed(header + kChecksumBytes, kRecordHeaderBytes - kChecksumBytes,
                              kLogFormat);
}

std::optional<uint64_t> TakeVarint(std::string_view& from) {
  uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += kVarintBits) {
    if (from.empty()) return std::nullopt;
    const auto byte = static_cast<uint8_t>(from.front());
    from.remove_prefix(1);
    value |= uint64_t{byte & (kVarintGoesOn - 1U)} << shift;
    if ((byte & kVarintGoesOn) == 0) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> TakeBytes(std::string_view& from, uint64_t size) {
  if (size > from.size()) return std::nullopt;
  const std::string_view bytes = from.substr(0, size);
  from.remove_prefix(size);
  return bytes;
}

}  // namespace

std::string SegmentName(LogPosition begin) {
  std::string digits(kNameDigits, '0');
  char text[kNameDigits];
  const auto end = std::to_chars(text, text + kNameDigits, begin, 16).ptr;
  std::copy(text, end, digits.end() - (end - text));
  return std::string(kNamePrefix) + digits;
}

std::optional<LogPosition> ParseSegmentName(std::string_view name) {
  if (!name.starts_with(kNamePrefix)) return std::nullopt;
  LogPosition begin = 0;
  const std::string_view digits = name.substr(kNamePrefix.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), begin, 16);
  if (name != SegmentName(begin) || begin > kMaxLogPosition) return std::nullopt;
  return begin;
}

void EncodeSegmentHeader(LogPosition begin, char* to) {
  std::memcpy(to, kMagic.data(), kMagic.size());
  Store(kLogFormat, to + 8);
  Store(uint32_t{0}, to + 12);
  Store(begin, to + 16);
  Store(HeaderChecksum(to), to + 24);
}

std::optional<SegmentFault> CheckSegmentHeader(const char* bytes, LogPosition begin) {
  if (std::string_view(bytes, kMagic.size()) != kMagic) return SegmentFault::kDamaged;
  // Before the format, so that a flipped bit of it is no later format.
  if (Load<uint64_t>(bytes + 24) != HeaderChecksum(bytes)) return SegmentFault::kDamaged;
  if (Load<uint32_t>(bytes + 8) > kLogFormat) return SegmentFault::kNewerFormat;
  if (Load<uint64_t>(bytes + 16) != begin) return SegmentFault::kDamaged;
  return std::nullopt;
}

void EncodeRecordHeader(const RecordHeader& header, std::span<const std::string_view> payload,
                        char* to) {
  Store(header.position, to + kPositionAt);
  Store(header.durable, to + kDurableAt);
  Store(header.payload_bytes, to + kPayloadBytesAt);
  const uint32_t flags = (header.batch_goes_on ? kBatchGoesOn : 0) |
                         (header.batch_began_before ? kBatchBeganBefore : 0);
  Store(flags, to + kFlagsAt);
  const uint64_t seed = RecordSeed(to);
  if (payload.size() == 1) [[likely]]
    return Store(XXH3_64bits_withSeed(payload[0].data(), payload[0].size(), seed), to);
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset_withSeed(&state, seed);
  for (const std::string_view piece : payload) {
    XXH3_64bits_update(&state, piece.data(), piece.size());
  }
  Store(XXH3_64bits_digest(&state), to);
}

std::optional<RecordHeader> DecodeRecordHeader(const char* bytes, LogPosition position) {
  RecordHeader header;
  header.position = Load<uint64_t>(bytes + kPositionAt);
  header.durable = Load<uint64_t>(bytes + kDurableAt);
  header.payload_bytes = Load<uint32_t>(bytes + kPayloadBytesAt);
  const auto flags = Load<uint32_t>(bytes + kFlagsAt);
  header.batch_goes_on = (flags & kBatchGoesOn) != 0;
  header.batch_began_before = (flags & kBatchBeganBefore) != 0;
  const bool makes_sense = header.position == position && header.durable <= position &&
                           header.payload_bytes > 0 && (flags & ~kAllFlags) == 0;
  if (!makes_sense) return std::nullopt;
  return header;
}

bool IsSoundRecord(const char* header, std::string_view payload) {
  const uint64_t checksum =
      XXH3_64bits_withSeed(payload.data(), payload.size(), RecordSeed(header));
  return checksum == Load<uint64_t>(header);
}

void AppendOperationHead(LogOperation::Kind kind, Keyspace keyspace, size_t key_bytes,
                         std::optional<size_t> value_bytes, std::string& to) {
  char head[1 + 2 * 5];
  size_t size = 0;
  const auto append_varint = [&](uint64_t value) {
    for (; value >= kVarintGoesOn; value >>= kVarintBits) {
      head[size++] = static_cast<char>(value | kVarintGoesOn);
    }
    head[size++] = static_cast<char>(value);
  };
  head[size++] =
      static_cast<char>(std::to_underlying(kind) | std::to_underlying(keyspace) << kKeyspaceShift);
  append_varint(key_bytes);
  if (value_bytes) append_varint(*value_bytes);
  to.append(head, size);
}

std::optional<LogOperation> TakeOperation(std::string_view& payload) {
  std::string_view rest = payload;
  if (rest.empty()) return std::nullopt;
  const auto head = static_cast<uint8_t>(rest.front());
  rest.remove_prefix(1);
  LogOperation operation;
  operation.kind = static_cast<LogOperation::Kind>(head & ((1 << kKeyspaceShift) - 1));
  operation.keyspace = static_cast<Keyspace>(head >> kKeyspaceShift);
  if (std::to_underlying(operation.keyspace) >= kKeyspaceCount) return std::nullopt;
  const bool deletes = operation.kind == LogOperation::Kind::kDelete;
  if (!deletes && operation.kind != LogOperation::Kind::kPut &&
      operation.kind != LogOperation::Kind::kDeleteRange) {
    return std::nullopt;
  }
  const auto key_bytes = TakeVarint(rest);
  const auto value_bytes = deletes ? std::optional<uint64_t>(0) : TakeVarint(rest);
  if (!key_bytes || !value_bytes) return std::nullopt;
  const auto key = TakeBytes(rest, *key_bytes);
  const auto value = TakeBytes(rest, *value_bytes);
  if (!key || !value) return std::nullopt;
  // Nothing is ever stored under the empty key.
  if (key->empty() && operation.kind != LogOperation::Kind::kDeleteRange) return std::nullopt;
  operation.key = *key;
  operation.value = *value;
  payload = rest;
  return operation;
}

}  // namespace cartwheel::storage
