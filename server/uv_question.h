// One question to the node at an address, and its answer, on a connection of its own: how a node
// that is in no cluster finds one (cluster/join.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "cluster/frame_stream.h"
#include "cluster/join.h"
#include "server/uv_peer_socket.h"

namespace cartwheel::server {

class UvLoop;
class UvPeers;

// Deletes itself once it is over and the loop has let go of its handles. UvPeers hears of its end
// once, after Ask has returned, unless it was stopped.
class UvQuestion final : UvPeerSocket::Owner {
 public:
  static UvQuestion* Ask(UvLoop& loop, UvPeers& peers, const cluster::NodeAddress& to,
                         std::string frame, uint64_t timeout_ms);
  UvQuestion(const UvQuestion&) = delete;
  UvQuestion& operator=(const UvQuestion&) = delete;

  const cluster::NodeAddress& to() const { return to_; }
  void Stop();

 private:
  UvQuestion(UvLoop& loop, UvPeers& peers, const cluster::NodeAddress& to, std::string frame);
  ~UvQuestion() = default;

  void OnConnected() override;
  void OnBytes(std::string_view bytes) override;
  void OnEnd(const std::string& reason) override;

  void Resolve();
  void OnResolved(int status, addrinfo* found);
  void Connect();
  // `answer`: the payload; "": there is none, for the reason.
  void End(std::string_view answer, const std::string& reason);
  void DeleteIfOver();

  UvLoop& loop_;
  UvPeers& peers_;
  const cluster::NodeAddress to_;
  std::string frame_;
  uv_timer_t timer_{};
  uv_getaddrinfo_t resolve_request_{};
  std::vector<sockaddr_storage> addresses_;  // not yet tried, the next one last
  UvPeerSocket* socket_ = nullptr;
  cluster::FrameStream answer_;
  bool resolving_ = false;
  bool over_ = false;
  bool timer_closed_ = false;
};

}  // namespace cartwheel::server
