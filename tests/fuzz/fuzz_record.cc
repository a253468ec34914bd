// The input as bytes that a disk gave back: a store key (its length is the first byte) and a
// record. They are decoded as they are and, since no mutation guesses a checksum, once more with
// the checksum made right. What decodes must encode to the same bytes again. Every call gets its
// bytes in a new buffer of exactly their size, so that ASan sees reads past the end.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <xxhash.h>

#include "cluster/record.h"
#include "cluster/store_key.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using cartwheel::cluster::DecodeRecord;
using cartwheel::cluster::DecodeStoreKey;
using cartwheel::cluster::EncodeRecord;
using cartwheel::cluster::EncodeStoreKey;
using cartwheel::cluster::PeekExpiry;
using cartwheel::cluster::StoreKeyPrefix;
using cartwheel::fuzz::Require;

constexpr size_t kChecksumBytes = 4;

// A copy in a buffer of its own, which ends where the bytes end.
class ExactBuffer {
 public:
  explicit ExactBuffer(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {
    bytes_.shrink_to_fit();
  }
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

void CheckStoreKey(std::string_view bytes) {
  const auto parts = DecodeStoreKey(bytes);
  if (!parts) return;
  Require(StoreKeyPrefix(parts->slot, parts->database, parts->hash).append(parts->key) == bytes,
          "the parts of a store key make the store key");
  std::string encoded;
  EncodeStoreKey({parts->database, parts->key}, encoded);
  const auto again = DecodeStoreKey(encoded);
  Require(again && again->database == parts->database && again->key == parts->key,
          "a store key decodes to what was encoded");
}

void CheckRecord(std::string_view store_key, std::string_view record) {
  const auto value = DecodeRecord(store_key, record);
  if (!value) {
    Require(!Describe(value.error()).empty(), "every fault has a line");
    PeekExpiry(record);
    return;
  }
  Require(PeekExpiry(record) == value->expire_at, "peeking agrees with decoding");
  std::string encoded;
  EncodeRecord(store_key, *value, encoded);
#ifdef CARTWHEEL_CANARY
  // The planted fault: expiring values of two bytes are encoded wrongly. No seed has one.
  if (value->expire_at != 0 && value->bytes.size() == 2) encoded.back() ^= 1;
#endif
  Require(encoded == record, "a value has one stored form");
}

// Writes into the last bytes of `record` the checksum that it should have.
void Seal(std::string_view store_key, std::string& record) {
  if (record.size() < kChecksumBytes) return;
  const size_t covered = record.size() - kChecksumBytes;
  const XXH64_hash_t seed = XXH3_64bits(store_key.data(), store_key.size());
  const uint64_t checksum = XXH3_64bits_withSeed(record.data(), covered, seed);
  for (size_t i = 0; i < kChecksumBytes; ++i) {
    record[covered + i] = static_cast<char>(checksum >> (8 * i));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const size_t key_size = std::min<size_t>(data[0], input.size());
  const ExactBuffer store_key(input.substr(0, key_size));
  CheckStoreKey(store_key.view());

  std::string record(input.substr(key_size));
  CheckRecord(store_key.view(), ExactBuffer(record).view());
  Seal(store_key.view(), record);
  CheckRecord(store_key.view(), ExactBuffer(record).view());
  return 0;
}
