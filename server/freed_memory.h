// When to give memory that was freed back to the operating system: an allocator keeps it for what
// comes next, which under load is right and afterwards makes the process look as if it still needed
// it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cartwheel::server {

class FreedMemory {
 public:
  // Less is not worth the page faults of the next ones who want it.
  static constexpr uint64_t kLeastBytes = 16 << 20;
  static constexpr int64_t kLowForUs = 10'000'000;

  // `bytes`: what is in use now. True: it has been lower by kLeastBytes than it once was for
  // kLowForUs, so what was freed is to be returned; once for each time that it falls.
  bool Observe(uint64_t bytes, int64_t now_us) {
    most_ = std::max(most_, bytes);
    if (most_ - bytes < kLeastBytes) {
      low_since_us_ = -1;
      return false;
    }
    if (low_since_us_ < 0) low_since_us_ = now_us;
    if (now_us - low_since_us_ < kLowForUs) return false;
    most_ = bytes;
    low_since_us_ = -1;
    return true;
  }

 private:
  uint64_t most_ = 0;  // since memory was returned last
  int64_t low_since_us_ = -1;
};

}  // namespace cartwheel::server
