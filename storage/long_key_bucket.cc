#include "storage/long_key_bucket.h"

#include <cstring>

namespace cartwheel::storage {
namespace {

constexpr size_t kHeaderBytes = 8;

void AppendNumber(std::string& out, size_t number) {
  for (int shift = 0; shift < 32; shift += 8) {
    out.push_back(static_cast<char>((number >> shift) & 0xff));
  }
}

size_t ReadNumber(const char* bytes) {
  size_t number = 0;
  for (int i = 3; i >= 0; --i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

}  // namespace

StoredKey::StoredKey(std::string_view key) : view_(key) {
  if (!IsLongKey(key)) return;
  std::memcpy(buffer_, key.data(), kOrderedPrefixBytes);
  const uint32_t hash = LongKeyHash(key);
  for (int i = 0; i < 4; ++i) {
    buffer_[kOrderedPrefixBytes + i] = static_cast<char>((hash >> (24 - 8 * i)) & 0xff);
  }
  view_ = {buffer_, kStoredLongKeyBytes};
}

void BucketReader::Parse() {
  valid_ = false;
  if (rest_.empty()) return;
  malformed_ = true;
  if (rest_.size() < kHeaderBytes) return;
  const size_t key_size = ReadNumber(rest_.data());
  const size_t value_size = ReadNumber(rest_.data() + 4);
  if (key_size <= kOrderedPrefixBytes || rest_.size() - kHeaderBytes < key_size + value_size) {
    return;
  }
  key_ = rest_.substr(kHeaderBytes, key_size);
  value_ = rest_.substr(kHeaderBytes + key_size, value_size);
  rest_.remove_prefix(kHeaderBytes + key_size + value_size);
  valid_ = true;
  malformed_ = false;
}

void AppendRecord(std::string& bucket, std::string_view key, std::string_view value) {
  AppendNumber(bucket, key.size());
  AppendNumber(bucket, value.size());
  bucket.append(key).append(value);
}

std::string WithRecord(std::string_view bucket, std::string_view key,
                       std::optional<std::string_view> value) {
  std::string out;
  out.reserve(bucket.size() + (value ? kHeaderBytes + key.size() + value->size() : 0));
  BucketReader record(bucket);
  for (; record.Valid() && record.key() < key; record.Next()) {
    AppendRecord(out, record.key(), record.value());
  }
  if (value) AppendRecord(out, key, *value);
  if (record.Valid() && record.key() == key) record.Next();
  for (; record.Valid(); record.Next()) AppendRecord(out, record.key(), record.value());
  return out;
}

std::string WithoutRange(std::string_view bucket, std::string_view begin, std::string_view end) {
  std::string out;
  for (BucketReader record(bucket); record.Valid(); record.Next()) {
    if (!InRange(record.key(), begin, end)) AppendRecord(out, record.key(), record.value());
  }
  return out;
}

}  // namespace cartwheel::storage
