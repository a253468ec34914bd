// Topologies for tests of moves: members by number.
#pragma once

#include <string>
#include <vector>

#include "cluster/topology.h"

namespace cartwheel::cluster {

inline TopologyMember MemberNumber(uint64_t id, uint32_t weight = 1) {
  return {.node = NodeId{id},
          .address = {.host = "node-" + std::to_string(id), .port = 17'000},
          .zone = "",
          .weight = weight};
}

inline Topology Of(uint64_t members, uint8_t n = 3) {
  const Topology topology{.cluster_id = 7, .n = n, .members = {}, .owners = {}};
  std::vector<TopologyMember> all;
  for (uint64_t id = 1; id <= members; ++id) all.push_back(MemberNumber(id));
  return With(topology, all);
}

}  // namespace cartwheel::cluster
