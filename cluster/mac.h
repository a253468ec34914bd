// HMAC-SHA-256 (RFC 2104, FIPS 180-4).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace cartwheel::cluster {

using Mac = std::array<uint8_t, 32>;

// Whether the first bytes of two are the same, as many as are given of the second, in a time that
// does not tell how many of them are.
bool BeginsWith(const Mac& mac, std::string_view bytes);

inline bool Same(const Mac& mac, const Mac& other) {
  return BeginsWith(mac, {reinterpret_cast<const char*>(other.data()), other.size()});
}

Mac HmacSha256(std::span<const uint8_t> key, std::string_view bytes);

}  // namespace cartwheel::cluster
