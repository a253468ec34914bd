// The versions this build answers to.
#pragma once

#include <string_view>

namespace cartwheel::server {

inline constexpr std::string_view kVersion = "0.1.0";
// The Redis whose behaviour is kept; clients decide by it what they may send.
inline constexpr std::string_view kRedisVersion = "7.0.15";

}  // namespace cartwheel::server
