// How the LMDB engine stores keys: short ones as they are; long ones (key_order.h) under their
// first 400 bytes and the hash, big-endian, in a bucket with all keys that share those.
//
// A bucket is a sequence of records in byte order of their keys: key length and value length (four
// bytes each, little-endian), key, value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/key_order.h"

namespace cartwheel::storage {

inline constexpr size_t kStoredLongKeyBytes = kOrderedPrefixBytes + sizeof(uint32_t);

// The key under which LMDB has `key`; a view of `key` itself or of the buffer.
class StoredKey {
 public:
  explicit StoredKey(std::string_view key);
  StoredKey(const StoredKey&) = delete;
  StoredKey& operator=(const StoredKey&) = delete;

  std::string_view view() const { return view_; }
  bool is_bucket() const { return view_.size() == kStoredLongKeyBytes; }

 private:
  char buffer_[kStoredLongKeyBytes];
  std::string_view view_;
};

// Walks the records of a bucket; ends early, malformed, at bytes that are no record.
class BucketReader {
 public:
  explicit BucketReader(std::string_view bucket = {}) : rest_(bucket) { Parse(); }

  bool Valid() const { return valid_; }
  bool malformed() const { return malformed_; }
  void Next() { Parse(); }
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

 private:
  void Parse();

  std::string_view rest_;
  std::string_view key_;
  std::string_view value_;
  bool valid_ = false;
  bool malformed_ = false;
};

void AppendRecord(std::string& bucket, std::string_view key, std::string_view value);

// The bucket with `key` set to `value`, or without it.
std::string WithRecord(std::string_view bucket, std::string_view key,
                       std::optional<std::string_view> value);
// The bucket without the keys in the range.
std::string WithoutRange(std::string_view bucket, std::string_view begin, std::string_view end);

}  // namespace cartwheel::storage
