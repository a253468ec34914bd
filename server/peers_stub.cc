// STUB, to be replaced by the node's own: peers that are heard and answered nothing but a ping.

#include "cluster/message_codec.h"
#include "server/server.h"

namespace cartwheel::server {

void Server::PeerUp(cluster::NodeId peer, Now /*now*/) {
  peer_output_[peer].clear();
}

void Server::PeerDown(cluster::NodeId peer, Now /*now*/) {
  peer_output_.erase(peer);
}

void Server::ReceiveFromPeer(cluster::NodeId peer, const cluster::Message& message, Now /*now*/) {
  const auto* ping = std::get_if<cluster::Ping>(&message);
  if (ping == nullptr) return;
  std::string& output = peer_output_[peer];
  if (output.empty()) touched_peers_.push_back(peer);
  cluster::AppendFrame(cluster::Pong{ping->nonce}, output);
}

std::span<const cluster::NodeId> Server::touched_peers() const {
  return touched_peers_;
}

std::string Server::TakePeerOutput(cluster::NodeId peer) {
  std::erase(touched_peers_, peer);
  return std::exchange(peer_output_[peer], {});
}

void Server::PeerBacklog(cluster::NodeId /*peer*/, size_t /*unsent_bytes*/) {}

}  // namespace cartwheel::server
