// What the fuzz targets share: how they say that something is violated, and how an input is cut
// into pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace cartwheel::fuzz {

inline void Require(bool condition, const char* invariant) {
  if (condition) return;
  std::fprintf(stderr, "violated: %s\n", invariant);
  std::abort();
}

// FNV-1a, then xorshift64*: the pieces depend on the input alone, so that a finding repeats.
class Pieces {
 public:
  explicit Pieces(std::string_view seed) {
    for (const char c : seed) state_ = (state_ ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    state_ |= 1;
  }
  size_t Below(size_t bound) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return (state_ * 0x2545f4914f6cdd1d >> 32) % bound;
  }

 private:
  uint64_t state_ = 0xcbf29ce484222325;
};

}  // namespace cartwheel::fuzz
