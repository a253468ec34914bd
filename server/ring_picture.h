// CLUSTER RING: who holds how much of the ring, as lines for whoever looks after it.
//
// It counts what the owner table says, whoever is lost: a lost node keeps what it holds. Stand-ins
// and data on their way do not show.
#pragma once

#include <string>

#include "cluster/ring.h"
#include "server/cluster_map.h"

namespace cartwheel::server {

// Where a member is: host:port@cluster-port.
std::string AddressText(const ClusterMap::Node& node);

// `map.nodes` are the ring's members.
std::string RingPicture(const cluster::Ring& ring, const ClusterMap& map);

}  // namespace cartwheel::server
