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

std::vector<std::string> FewKeys() {
  std::vector<std::string> keys;
  for (const char a : std::string_view("\x01mz\xff")) {
    keys.emplace_back(1, a);
    for (const char b : std::string_view("am\x80")) keys.push_back({a, b});
    for (const char b : std::string_view("bn\xfe")) keys.push_back({a, b, b});
  }
  for (const size_t size : {399U, 400U, 401U, 404U, 405U, 511U, 512U, 3000U}) {
    for (const char last : std::string_view("\x01kz")) {
      keys.push_back(std::string(size - 1, 'm') + last);
    }
  }
  const auto [one, other] = CollidingKeys();
  keys.push_back(one);
  keys.push_back(other);
  return keys;
}

}  // namespace cartwheel::storage
