// Redis's names of the eviction policies, in Redis's order.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "cluster/eviction_policy.h"

namespace cartwheel::server {

inline constexpr std::array<std::pair<std::string_view, cluster::EvictionPolicy>, 8>
    kEvictionPolicies = {{{"volatile-lru", cluster::EvictionPolicy::kVolatileLru},
                          {"volatile-lfu", cluster::EvictionPolicy::kVolatileLfu},
                          {"volatile-random", cluster::EvictionPolicy::kVolatileRandom},
                          {"volatile-ttl", cluster::EvictionPolicy::kVolatileTtl},
                          {"allkeys-lru", cluster::EvictionPolicy::kAllKeysLru},
                          {"allkeys-lfu", cluster::EvictionPolicy::kAllKeysLfu},
                          {"allkeys-random", cluster::EvictionPolicy::kAllKeysRandom},
                          {"noeviction", cluster::EvictionPolicy::kNoEviction}}};

}  // namespace cartwheel::server
