// Hybrid logical clock: orders writes that no causality orders, close to the wall clock and never
// backwards (Kulkarni et al., "Logical Physical Clocks", OPODIS 2014).
//
// It only chooses among causally concurrent versions; correctness never rests on it.
#pragma once

#include <compare>
#include <cstdint>

namespace cartwheel::cluster {

// 48 bits of Unix milliseconds, 16 of a counter within the millisecond.
struct Hlc {
  uint64_t bits = 0;

  static constexpr int kLogicalBits = 16;
  static constexpr Hlc At(int64_t unix_ms) {
    return {static_cast<uint64_t>(unix_ms) << kLogicalBits};
  }
  constexpr int64_t unix_ms() const { return static_cast<int64_t>(bits >> kLogicalBits); }

  auto operator<=>(const Hlc&) const = default;
};

class HybridClock {
 public:
  // How far ahead of the own clock a remote time may be: what a peer with a broken clock says is
  // refused, or one bad clock would win every conflict for as long as it is ahead.
  static constexpr int64_t kMaxOffsetMs = 500;

  // Larger than everything returned or observed before, and not below the wall clock. More than
  // 65,535 in a millisecond run into the next.
  Hlc Next(int64_t unix_ms);

  // Takes in the time of a remote write. False when it is beyond unix_ms + kMaxOffsetMs: then it
  // is not taken in.
  bool Observe(Hlc remote, int64_t unix_ms);

  Hlc last() const { return last_; }

 private:
  Hlc last_;
};

}  // namespace cartwheel::cluster
