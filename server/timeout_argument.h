// Timeouts as commands give them: WAIT, CLIENT PAUSE.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "server/now.h"

namespace cartwheel::server {

// Milliseconds from now, as monotonic microseconds; INT64_MAX when that lies too far away to count.
// The error is the text of Redis's reply.
std::expected<int64_t, std::string_view> ParseTimeoutMs(std::string_view text, Now now);

}  // namespace cartwheel::server
