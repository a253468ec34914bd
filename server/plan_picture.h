// CLUSTER PLAN: what CLUSTER COMMIT would change, or what is on its way, as lines for whoever
// decides about it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cluster/topology.h"
#include "server/cluster_map.h"

namespace cartwheel::server {

// What is known besides the topology.
struct PlanFacts {
  struct Told {
    uint64_t keys = 0;
    uint64_t bytes = 0;
  };
  std::string why_not;     // it cannot be done now; empty: it can
  uint64_t bandwidth = 0;  // bytes a second that come to a member; 0: no limit
  std::map<cluster::NodeId, Told> told;
};

// `map.nodes` are the topology's members.
std::string PlanPicture(const cluster::Topology& topology, const ClusterMap& map,
                        const PlanFacts& facts);

}  // namespace cartwheel::server
