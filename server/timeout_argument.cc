#include "server/timeout_argument.h"

#include "server/text.h"

namespace cartwheel::server {

std::expected<int64_t, std::string_view> ParseTimeoutMs(std::string_view text, Now now) {
  const auto milliseconds = ParseInteger(text);
  if (!milliseconds) return std::unexpected("ERR timeout is not an integer or out of range");
  if (*milliseconds < 0) return std::unexpected("ERR timeout is negative");
  if (*milliseconds > (INT64_MAX - now.monotonic_us) / 1000) return INT64_MAX;
  return now.monotonic_us + *milliseconds * 1000;
}

}  // namespace cartwheel::server
