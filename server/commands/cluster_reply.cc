#include "server/commands/cluster_reply.h"

#include "server/server.h"

namespace cartwheel::server {

bool InCluster(CommandContext& context) {
  if (context.server.gateway() != nullptr) return true;
  context.reply.Error("ERR This instance has cluster support disabled");
  return false;
}

std::string IdOf(const CommandContext& context, cluster::NodeId node) {
  return RedisNodeId(context.server.gateway()->options().cluster_id, node);
}

std::optional<ClusterMap::Node> TakeNode(CommandContext& context, std::string_view id) {
  const ClusterMap map = context.server.MapOfCluster(context.session);
  for (const ClusterMap::Node& node : map.nodes) {
    if (IdOf(context, node.id) == id) return node;
  }
  context.reply.Error("ERR Unknown node " + std::string(id));
  return std::nullopt;
}

}  // namespace cartwheel::server
