#include "storage/key_order.h"

#include <xxhash.h>

namespace cartwheel::storage {

uint32_t LongKeyHash(std::string_view key) {
  return static_cast<uint32_t>(XXH3_64bits(key.data(), key.size()));
}

bool LongKeyLess(std::string_view a, std::string_view b) {
  const int prefix = a.substr(0, kOrderedPrefixBytes).compare(b.substr(0, kOrderedPrefixBytes));
  if (prefix != 0) return prefix < 0;
  const uint32_t hash_a = LongKeyHash(a);
  const uint32_t hash_b = LongKeyHash(b);
  if (hash_a != hash_b) return hash_a < hash_b;
  return a < b;
}

}  // namespace cartwheel::storage
