#include "server/redis_dump.h"

#include <cstdint>
#include <liblzf/lzf.h>
#include <limits>
#include <optional>

#include "server/crc64.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

// RDB: https://rdb.fnordig.de/file_format.html describes the encodings.
constexpr uint8_t kStringObject = 0;
constexpr uint8_t kFirstUnassignedObject = 20;  // in version 10; 8 was never assigned
constexpr uint16_t kRdbVersion = 10;
constexpr size_t kFooterBytes = 2 + 8;

constexpr uint8_t kLength14Bit = 0x40;
constexpr uint8_t kLength32Bit = 0x80;
constexpr uint8_t kLength64Bit = 0x81;
constexpr uint8_t kInt8 = 0xc0;
constexpr uint8_t kInt16 = 0xc1;
constexpr uint8_t kInt32 = 0xc2;
constexpr uint8_t kLzf = 0xc3;

constexpr size_t kLongestInt32 = 11;     // "-2147483648"
constexpr size_t kShortestToPack = 21;   // Redis leaves shorter strings uncompressed
constexpr size_t kLeastSaving = 4;       // and those that LZF shortens by less than this
constexpr size_t kLzfLargestRatio = 88;  // three bytes stand for at most 264

void AppendBigEndian(uint64_t value, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

void AppendLittleEndian(uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

void AppendLength(uint64_t length, std::string& out) {
  if (length < (1U << 6)) {
    AppendBigEndian(length, 1, out);
  } else if (length < (1U << 14)) {
    AppendBigEndian(length | (uint64_t{kLength14Bit} << 8), 2, out);
  } else if (length <= std::numeric_limits<uint32_t>::max()) {
    out.push_back(static_cast<char>(kLength32Bit));
    AppendBigEndian(length, 4, out);
  } else {
    out.push_back(static_cast<char>(kLength64Bit));
    AppendBigEndian(length, 8, out);
  }
}

template <typename Integer>
bool Fits(int64_t value) {
  return value >= std::numeric_limits<Integer>::min() &&
         value <= std::numeric_limits<Integer>::max();
}

bool AppendAsInteger(std::string_view value, std::string& out) {
  if (value.size() > kLongestInt32) return false;
  const std::optional<int64_t> integer = ParseInteger(value);
  if (!integer || !Fits<int32_t>(*integer)) return false;
  const auto append = [&](uint8_t encoding, int bytes) {
    out.push_back(static_cast<char>(encoding));
    AppendLittleEndian(static_cast<uint64_t>(*integer), bytes, out);
  };
  if (Fits<int8_t>(*integer)) {
    append(kInt8, 1);
  } else if (Fits<int16_t>(*integer)) {
    append(kInt16, 2);
  } else {
    append(kInt32, 4);
  }
  return true;
}

// lzf_compress starts with whatever its stack holds in its table of three-byte groups, and is still
// a function of `value` alone: a group's first occurrence lies in no match, so it is always entered
// before a second one looks it up.
bool AppendCompressed(std::string_view value, std::string& out) {
  if (value.size() < kShortestToPack) return false;
  if (value.size() > std::numeric_limits<unsigned>::max()) return false;
  std::string packed(value.size() - kLeastSaving, '\0');
  const unsigned packed_size = lzf_compress(value.data(), static_cast<unsigned>(value.size()),
                                            packed.data(), static_cast<unsigned>(packed.size()));
  if (packed_size == 0) return false;
  out.push_back(static_cast<char>(kLzf));
  AppendLength(packed_size, out);
  AppendLength(value.size(), out);
  out.append(packed, 0, packed_size);
  return true;
}

// Takes values off the front of a payload; nullopt once the bytes do not suffice or make no sense.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::string_view> Bytes(uint64_t count) {
    if (count > rest_.size()) return std::nullopt;
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

  std::optional<uint8_t> Byte() {
    const auto byte = Bytes(1);
    if (!byte) return std::nullopt;
    return static_cast<uint8_t>(byte->front());
  }

  std::optional<uint64_t> BigEndian(size_t count) {
    const auto bytes = Bytes(count);
    if (!bytes) return std::nullopt;
    uint64_t value = 0;
    for (const char byte : *bytes) value = value << 8 | static_cast<uint8_t>(byte);
    return value;
  }

  template <typename Integer>
  std::optional<std::string> DecimalOf() {
    const auto bytes = Bytes(sizeof(Integer));
    if (!bytes) return std::nullopt;
    std::make_unsigned_t<Integer> value = 0;
    for (size_t i = sizeof(Integer); i-- > 0;) {
      value = static_cast<std::make_unsigned_t<Integer>>(uint64_t{value} << 8 |
                                                         static_cast<uint8_t>((*bytes)[i]));
    }
    return std::to_string(static_cast<Integer>(value));
  }

  // A length whose first byte has been read.
  std::optional<uint64_t> LengthAfter(uint8_t first) {
    if (first < kLength14Bit) return first;
    if (first == kLength32Bit) return BigEndian(4);
    if (first == kLength64Bit) return BigEndian(8);
    if (first > kLength32Bit) return std::nullopt;
    const auto low = Byte();
    if (!low) return std::nullopt;
    return uint64_t{first & 0x3fU} << 8 | *low;
  }

  std::optional<uint64_t> Length() {
    const auto first = Byte();
    return first ? LengthAfter(*first) : std::nullopt;
  }

 private:
  std::string_view rest_;
};

std::optional<std::string> ReadCompressed(Reader& reader, size_t max_string_bytes) {
  const auto packed_size = reader.Length();
  const auto size = reader.Length();
  if (!packed_size || !size || *size == 0 || *size > max_string_bytes) return std::nullopt;
  const auto packed = reader.Bytes(*packed_size);
  // A few bytes must not make us allocate what they could never decompress to.
  if (!packed || *size / kLzfLargestRatio > packed->size()) return std::nullopt;
  constexpr size_t kLzfLimit = std::numeric_limits<unsigned>::max();
  if (*size > kLzfLimit || packed->size() > kLzfLimit) return std::nullopt;
  std::string value(*size, '\0');
  const unsigned unpacked = lzf_decompress(packed->data(), static_cast<unsigned>(packed->size()),
                                           value.data(), static_cast<unsigned>(value.size()));
  if (unpacked != value.size()) return std::nullopt;
  return value;
}

std::optional<std::string> ReadString(Reader& reader, size_t max_string_bytes) {
  const auto first = reader.Byte();
  if (!first) return std::nullopt;
  switch (*first) {
    case kInt8: return reader.DecimalOf<int8_t>();
    case kInt16: return reader.DecimalOf<int16_t>();
    case kInt32: return reader.DecimalOf<int32_t>();
    case kLzf: return ReadCompressed(reader, max_string_bytes);
    default: break;
  }
  const auto length = reader.LengthAfter(*first);
  if (!length || *length > max_string_bytes) return std::nullopt;
  const auto bytes = reader.Bytes(*length);
  if (!bytes) return std::nullopt;
  return std::string(*bytes);
}

bool FooterIsRight(std::string_view payload) {
  const std::string_view footer = payload.substr(payload.size() - kFooterBytes);
  const unsigned version =
      static_cast<uint8_t>(footer[0]) | static_cast<unsigned>(static_cast<uint8_t>(footer[1])) << 8;
  if (version > kRdbVersion) return false;
  std::string checksum;
  AppendLittleEndian(Crc64(payload.substr(0, payload.size() - 8)), 8, checksum);
  return footer.substr(2) == checksum;
}

}  // namespace

std::string EncodeRedisDump(std::string_view value) {
  std::string out;
  out.push_back(static_cast<char>(kStringObject));
  if (!AppendAsInteger(value, out) && !AppendCompressed(value, out)) {
    AppendLength(value.size(), out);
    out.append(value);
  }
  AppendLittleEndian(kRdbVersion, 2, out);
  AppendLittleEndian(Crc64(out), 8, out);
  return out;
}

std::expected<std::string, std::string_view> DecodeRedisDump(std::string_view payload,
                                                             size_t max_string_bytes) {
  if (payload.size() < kFooterBytes || !FooterIsRight(payload)) {
    return std::unexpected(kDumpVersionOrChecksum);
  }
  Reader reader(payload.substr(0, payload.size() - kFooterBytes));
  const auto object = reader.Byte();
  if (!object || *object == 8 || *object >= kFirstUnassignedObject) {
    return std::unexpected(kDumpBadFormat);
  }
  if (*object != kStringObject) return std::unexpected(kDumpNotString);
  std::optional<std::string> value = ReadString(reader, max_string_bytes);
  if (!value) return std::unexpected(kDumpBadFormat);
  return *std::move(value);
}

}  // namespace cartwheel::server
