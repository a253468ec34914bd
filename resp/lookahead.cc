#include "resp/lookahead.h"

#include <optional>

namespace cartwheel::resp {
namespace {

// The number of a "*n" or "$n" line, and moves `at` behind it; nullopt when it is not plainly one.
std::optional<size_t> TakeHeader(std::string_view input, char type, size_t& at) {
  constexpr size_t kMostDigits = 8;
  if (at >= input.size() || input[at] != type) return std::nullopt;
  const size_t first = at + 1;
  size_t number = 0;
  size_t next = first;
  while (next < input.size() && input[next] >= '0' && input[next] <= '9') {
    if (next - first == kMostDigits) return std::nullopt;
    number = number * 10 + static_cast<size_t>(input[next++] - '0');
  }
  if (next == first || input.substr(next, 2) != "\r\n") return std::nullopt;
  at = next + 2;
  return number;
}

}  // namespace

size_t LookAhead(std::string_view input, size_t requests, std::vector<std::string_view>& keys) {
  keys.clear();
  size_t looked_at = 0;
  while (requests-- > 0) {
    size_t at = looked_at;
    const auto count = TakeHeader(input, '*', at);
    if (!count) break;
    std::string_view key;
    for (size_t i = 0; i < *count; ++i) {
      const auto length = TakeHeader(input, '$', at);
      if (!length || input.size() - at < *length + 2) return looked_at;
      if (i == 1) key = input.substr(at, *length);
      at += *length + 2;
    }
    if (!key.empty()) keys.push_back(key);
    looked_at = at;
  }
  return looked_at;
}

}  // namespace cartwheel::resp
