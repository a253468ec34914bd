// STUB, to be replaced by the cluster side of the server: a node that hears its peers and says
// nothing.
#include "server/server.h"

namespace cartwheel::server {

void Server::PeerUp(cluster::NodeId /*peer*/, Now /*now*/) {}
void Server::PeerDown(cluster::NodeId /*peer*/, Now /*now*/) {}
void Server::ReceiveFromPeer(cluster::NodeId /*peer*/, const cluster::Message& /*message*/,
                             Now /*now*/) {}
std::span<const cluster::NodeId> Server::touched_peers() const {
  return {};
}
std::string Server::TakePeerOutput(cluster::NodeId /*peer*/) {
  return {};
}

}  // namespace cartwheel::server
