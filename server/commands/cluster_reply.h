// What the CLUSTER commands have in common.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cluster/node_id.h"
#include "server/cluster_map.h"
#include "server/handlers.h"

namespace cartwheel::server {

// False after the error reply.
bool InCluster(CommandContext& context);

// A member's id as clients see it.
std::string IdOf(const CommandContext& context, cluster::NodeId node);

// The member with that id; nullopt after the error reply.
std::optional<ClusterMap::Node> TakeNode(CommandContext& context, std::string_view id);

}  // namespace cartwheel::server
