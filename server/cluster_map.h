// What cluster-aware clients are told: which node to ask first for which slots, and where it is.
//
// Any node answers any key, so this is a hint that saves a hop and nothing more. Each slot is
// listed once, with the first owner that is healthy as this node sees it and whose address is
// known, and without replicas: client libraries take a node for either a primary or a replica, and
// every node here is the first owner of something. A node that is lost leaves the map, and its
// slots go to the next owner, until it is back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/node_id.h"
#include "cluster/ring.h"
#include "cluster/slot.h"

namespace cartwheel::server {

// Where clients reach a node. Port 0: it has not told yet.
struct ClientAddress {
  std::string host;
  int port = 0;

  bool operator==(const ClientAddress&) const = default;
};

struct ClusterMap {
  struct Node {
    cluster::NodeId id = cluster::kNoNode;
    ClientAddress address;
    int cluster_port = 0;
    bool is_self = false;
    bool healthy = false;
    // Ascending, and no two adjacent.
    struct Range {
      cluster::Slot first = 0;
      cluster::Slot last = 0;
      bool operator==(const Range&) const = default;
    };
    std::vector<Range> slots;

    bool listed() const { return healthy && address.port != 0; }
  };
  std::vector<Node> nodes;  // by id
};

// Gives each slot to a node of the map that is listed: an owner if there is one, else who stands in
// first. `map.nodes` are the ring's members; the slots are what is filled in.
void AssignSlots(const cluster::Ring& ring, ClusterMap& map);

// 40 hex digits, as Redis's node ids, the same wherever it is asked.
std::string RedisNodeId(uint64_t cluster_id, cluster::NodeId node);
// Of the same form, but never a node's: every node is a shard of its own.
std::string RedisShardId(uint64_t cluster_id, cluster::NodeId node);

}  // namespace cartwheel::server
