// CLUSTER PLAN: what CLUSTER COMMIT would change, as lines for whoever decides about it.
#pragma once

#include <string>

#include "cluster/topology.h"
#include "server/cluster_map.h"

namespace cartwheel::server {

// `map.nodes` are the topology's members. `why_not`: why it cannot be done now; empty: it can.
std::string PlanPicture(const cluster::Topology& topology, const ClusterMap& map,
                        const std::string& why_not);

}  // namespace cartwheel::server
