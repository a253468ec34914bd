#include "storage_testing.h"

#include <unordered_map>

#include "storage/key_order.h"

namespace cartwheel::storage {

std::pair<std::string, std::string> CollidingKeys() {
  static const std::pair<std::string, std::string> found = [] {
    std::unordered_map<uint32_t, int> by_hash;
    const std::string prefix(kOrderedPrefixBytes, 'c');
    for (int i = 0;; ++i) {
      const std::string key = prefix + std::to_string(i);
      const auto [earlier, inserted] = by_hash.emplace(LongKeyHash(key), i);
      if (!inserted) return std::pair(prefix + std::to_string(earlier->second), key);
    }
  }();
  return found;
}

}  // namespace cartwheel::storage
