// The one order of keys, the same in every engine and in every batch.
//
// Bytes decide, except between two keys longer than 400 bytes that share their first 400: those
// stand by a hash, then by bytes. LMDB cannot hold keys above 511 bytes and keeps these under their
// first 400 bytes and the hash; the other engines follow so that a test on one tells about all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cartwheel::storage {

inline constexpr size_t kOrderedPrefixBytes = 400;

inline bool IsLongKey(std::string_view key) {
  return key.size() > kOrderedPrefixBytes;
}

// Part of the file format. 32 bits suffice, since keys with equal hashes share a bucket, and are
// few enough that a test finds real collisions.
uint32_t LongKeyHash(std::string_view key);

bool LongKeyLess(std::string_view a, std::string_view b);  // both long

struct KeyOrder {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const {
    if (IsLongKey(a) && IsLongKey(b)) [[unlikely]]
      return LongKeyLess(a, b);
    return a < b;
  }
};

// Whether begin <= key < end; an empty `end` is no bound.
inline bool InRange(std::string_view key, std::string_view begin, std::string_view end) {
  return !KeyOrder()(key, begin) && (end.empty() || KeyOrder()(key, end));
}

// Whether no key lies between the bounds.
inline bool IsEmptyRange(std::string_view begin, std::string_view end) {
  return !end.empty() && !KeyOrder()(begin, end);
}

}  // namespace cartwheel::storage
