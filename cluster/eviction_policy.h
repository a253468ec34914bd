// What goes when there is no more room, by Redis's names.
#pragma once

#include <cstdint>

namespace cartwheel::cluster {

enum class EvictionPolicy : uint8_t {
  kNoEviction,      // nothing: commands that need room are refused
  kVolatileTtl,     // of the keys that expire, the next ones
  kAllKeysRandom,   // any
  kAllKeysLru,      // those not used for longest
  kAllKeysLfu,      // those used least often
  kVolatileRandom,  // the same of the keys that expire
  kVolatileLru,
  kVolatileLfu,
};

constexpr bool TakesOnlyWhatExpires(EvictionPolicy policy) {
  return policy == EvictionPolicy::kVolatileTtl || policy == EvictionPolicy::kVolatileRandom ||
         policy == EvictionPolicy::kVolatileLru || policy == EvictionPolicy::kVolatileLfu;
}
constexpr bool GoesByRecency(EvictionPolicy policy) {
  return policy == EvictionPolicy::kAllKeysLru || policy == EvictionPolicy::kVolatileLru;
}
constexpr bool GoesByFrequency(EvictionPolicy policy) {
  return policy == EvictionPolicy::kAllKeysLfu || policy == EvictionPolicy::kVolatileLfu;
}

}  // namespace cartwheel::cluster
