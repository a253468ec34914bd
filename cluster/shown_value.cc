#include "cluster/shown_value.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace cartwheel::cluster {
namespace {

// Redis's integers: decimal, as printed, nothing around them.
std::optional<int64_t> IntegerIn(std::string_view bytes) {
  constexpr size_t kMostDigits = 20;
  if (bytes.empty() || bytes.size() > kMostDigits) return std::nullopt;
  int64_t number = 0;
  const char* const end = bytes.data() + bytes.size();
  const auto parsed = std::from_chars(bytes.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  const size_t first = bytes[0] == '-' ? 1 : 0;
  const bool as_printed = bytes[first] != '0' || bytes == "0";
  return as_printed ? std::optional(number) : std::nullopt;
}

// Replicas may have counted, each within bounds, to what together is not.
int64_t SaturatingSum(int64_t base, int64_t counted) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(base, counted, &sum)) return sum;
  return counted < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

}  // namespace

std::optional<Value> ShownValue(const Container& container, int64_t now_ms, std::string& text) {
  const Version* winner = Winner(container, now_ms);
  const bool expired = winner == nullptr && !container.versions.empty();
  const bool counts = container.counter.IsLive();
  if (expired || (winner == nullptr && !counts)) return std::nullopt;
  Value value;
  if (winner != nullptr) {
    value = {.type = winner->type,
             .bytes = winner->bytes,
             .expire_at = winner->expire_at,
             .written_at_ms = winner->hlc.unix_ms()};
    if (!counts) return value;
  } else {
    value.written_at_ms = now_ms;  // increments have no time
  }
  const std::optional<int64_t> base = winner == nullptr ? 0 : IntegerIn(winner->bytes);
  if (!base) return value;
  text = std::to_string(SaturatingSum(*base, container.counter.Sum()));
  value.bytes = text;
  return value;
}

ExpireAt GoneAt(const Container& container) {
  ExpireAt last = kNoExpiry;
  for (const Version& version : container.versions) {
    if (version.expire_at == kNoExpiry) return kNoExpiry;
    last = std::max(last, version.expire_at);
  }
  return last;
}

}  // namespace cartwheel::cluster
