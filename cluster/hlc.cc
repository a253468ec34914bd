#include "cluster/hlc.h"

#include <algorithm>

namespace cartwheel::cluster {

Hlc HybridClock::Next(int64_t unix_ms) {
  last_ = std::max(Hlc{last_.bits + 1}, Hlc::At(unix_ms));
  return last_;
}

bool HybridClock::Observe(Hlc remote, int64_t unix_ms) {
  if (remote.unix_ms() > unix_ms + kMaxOffsetMs) return false;
  last_ = std::max(last_, remote);
  return true;
}

}  // namespace cartwheel::cluster
