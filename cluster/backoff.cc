#include "cluster/backoff.h"

#include <algorithm>

namespace cartwheel::cluster {
namespace {

// splitmix64 (Steele, Lea, Flood 2014): every seed will do.
uint64_t NextRandom(uint64_t& state) {
  uint64_t mixed = state += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

}  // namespace

int64_t Backoff::NextDelayMs() {
  const int64_t half = delay_ms_ / 2;
  const auto part = static_cast<int64_t>(NextRandom(random_state_) % static_cast<uint64_t>(half));
  const int64_t delay = delay_ms_ - part;
  delay_ms_ = std::min(2 * delay_ms_, kLongestMs);
  return delay;
}

}  // namespace cartwheel::cluster
