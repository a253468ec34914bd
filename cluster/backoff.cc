#include "cluster/backoff.h"

#include <algorithm>

#include "cluster/rendezvous.h"

namespace cartwheel::cluster {

int64_t Backoff::NextDelayMs() {
  const int64_t half = delay_ms_ / 2;
  const auto part = static_cast<int64_t>(NextRandom(random_state_) % static_cast<uint64_t>(half));
  const int64_t delay = delay_ms_ - part;
  delay_ms_ = std::min(2 * delay_ms_, kLongestMs);
  return delay;
}

}  // namespace cartwheel::cluster
