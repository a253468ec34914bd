// Where the other members connect to, and their connections to this node.
#pragma once

#include <cstddef>
#include <expected>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "cluster/link.h"
#include "server/now.h"
#include "server/uv_peer_socket.h"

namespace cartwheel::server {

class UvLoop;
class UvPeerListener;
class UvPeers;

// One connection on which another node speaks.
//
// What it says is passed on only while the peer is up, that is, while it can be answered; until
// then it waits here or in the network.
class UvPeerIncoming final : UvPeerSocket::Owner {
 public:
  // Deletes itself when closed.
  UvPeerIncoming(UvPeerListener& listener, UvPeerSocket& socket);
  UvPeerIncoming(const UvPeerIncoming&) = delete;
  UvPeerIncoming& operator=(const UvPeerIncoming&) = delete;

  bool established() const { return link_.established(); }
  void SetPeerUp(bool up);
  // Nobody is told.
  void Close();

 private:
  ~UvPeerIncoming() = default;

  void OnBytes(std::string_view bytes) override;
  void OnEnd(const std::string& reason) override;
  void OnTimer();

  void Read(std::string_view bytes);
  void Hold(std::string_view bytes);
  // False: it is closed.
  bool On(const cluster::Established& event, Now now);
  bool On(const cluster::Received& event, Now now);
  bool On(const cluster::Asked& event, Now now);
  bool On(const cluster::Failed& event, Now now);
  void Lose(const std::string& reason);

  UvPeerListener& listener_;
  UvPeerSocket* socket_;  // null once closed
  const std::string from_;
  cluster::IncomingLink link_;
  uv_timer_t timer_{};  // of the handshake
  cluster::NodeId peer_ = cluster::kNoNode;
  bool peer_up_ = false;
  std::string held_;  // not yet read, while the peer is not up
};

class UvPeerListener {
 public:
  UvPeerListener(UvLoop& loop, UvPeers& peers);
  UvPeerListener(const UvPeerListener&) = delete;
  UvPeerListener& operator=(const UvPeerListener&) = delete;

  // `host`: a name, an address, or * for all. The error names it and what to do.
  std::expected<void, std::string> Listen(const std::string& host, int port, int backlog);
  // Where it listens.
  sockaddr_storage address() const;
  void Stop();

  UvLoop& loop() { return loop_; }
  UvPeers& peers() { return peers_; }
  void Remove(UvPeerIncoming& connection) { connections_.erase(&connection); }

 private:
  void Accept();

  UvLoop& loop_;
  UvPeers& peers_;
  uv_tcp_t tcp_{};
  std::set<UvPeerIncoming*> connections_;
};

}  // namespace cartwheel::server
