#include "server/cluster_map.h"

#include <algorithm>

#include <fmt/format.h>

#include "cluster/vnode.h"

namespace cartwheel::server {
namespace {

ClusterMap::Node* FindListed(ClusterMap& map, cluster::NodeId id) {
  const auto found = std::ranges::lower_bound(map.nodes, id, {}, &ClusterMap::Node::id);
  if (found == map.nodes.end() || found->id != id || !found->listed()) return nullptr;
  return &*found;
}

void Add(ClusterMap::Node& node, cluster::Slot first, cluster::Slot last) {
  if (!node.slots.empty() && node.slots.back().last + 1 == first) {
    node.slots.back().last = last;
  } else {
    node.slots.push_back({first, last});
  }
}

// `kind` tells apart what has the same two numbers.
std::string RedisId(uint64_t cluster_id, uint32_t kind, cluster::NodeId node) {
  return fmt::format("{:016x}{:08x}{:016x}", cluster_id, kind, static_cast<uint64_t>(node));
}

}  // namespace

void AssignSlots(const cluster::Ring& ring, ClusterMap& map) {
  for (cluster::Partition partition = 0; partition < cluster::kPartitions; ++partition) {
    for (const cluster::NodeId id : ring.PreferenceList(partition)) {
      ClusterMap::Node* const node = FindListed(map, id);
      if (node == nullptr) continue;
      const auto first = static_cast<cluster::Slot>(partition * cluster::kSlotsPerPartition);
      Add(*node, first, static_cast<cluster::Slot>(first + cluster::kSlotsPerPartition - 1));
      break;
    }
  }
}

std::string RedisNodeId(uint64_t cluster_id, cluster::NodeId node) {
  return RedisId(cluster_id, 0, node);
}

std::string RedisShardId(uint64_t cluster_id, cluster::NodeId node) {
  return RedisId(cluster_id, 1, node);
}

}  // namespace cartwheel::server
