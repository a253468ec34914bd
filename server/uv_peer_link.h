// Our connection to one member of the cluster: dialled until it is there, and again whenever it
// breaks.
//
// A host's name is looked up at each attempt, so one that is missing yet is waited for. Nothing but
// a Hello is sent before the other end has said a good one and proven it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "cluster/backoff.h"
#include "cluster/link.h"
#include "server/cluster_config.h"
#include "server/uv_peer_socket.h"

namespace cartwheel::server {

class UvLoop;
class UvPeers;

// Lives until the loop has let go of its handles.
class UvPeerLink final : UvPeerSocket::Owner {
 public:
  UvPeerLink(UvLoop& loop, UvPeers& peers, ClusterMember member, uint64_t seed);
  UvPeerLink(const UvPeerLink&) = delete;
  UvPeerLink& operator=(const UvPeerLink&) = delete;

  const ClusterMember& member() const { return member_; }
  // Dials at once. Also when it would wait before it dials again: the peer has shown that it is
  // there. Otherwise nothing.
  void DialNow();
  // It is of use: should it break, the first wait is short again.
  void OnPeerUp() {
    backoff_.Reset();
    was_up_ = true;
  }
  // Only while established.
  void Send(std::string bytes);
  size_t unsent_bytes();
  // Where the member was reached last; nullptr: it has not been yet.
  const sockaddr* reached() const {
    return reached_ ? reinterpret_cast<const sockaddr*>(&*reached_) : nullptr;
  }
  // Breaks it, in a later turn: UvPeers hears of it as of any other end.
  void BreakSoon(std::string reason);
  void Stop();

 private:
  enum class State : uint8_t { kIdle, kResolving, kConnecting, kEstablished, kStopped };

  void OnConnected() override;
  void OnBytes(std::string_view bytes) override;
  void OnSent() override;
  void OnEnd(const std::string& reason) override;

  void Resolve();
  void OnResolved(int status, addrinfo* found);
  void Connect();
  void OnTimer();
  void OnAttemptTime(int64_t now_us);
  void WaitUntil(int64_t monotonic_us);
  void Wait(uint64_t milliseconds);
  void Fail(const std::string& reason);

  UvLoop& loop_;
  UvPeers& peers_;
  const ClusterMember member_;
  cluster::Backoff backoff_;
  State state_ = State::kIdle;
  uv_timer_t timer_{};
  uv_getaddrinfo_t resolve_request_{};
  std::vector<sockaddr_storage> addresses_;  // of the last look-up
  size_t attempts_ = 0;                      // to connect; they take turns among the addresses
  std::optional<sockaddr_storage> reached_;
  int64_t attempt_until_us_ = 0;  // to connect and to shake hands
  UvPeerSocket* socket_ = nullptr;
  std::optional<cluster::OutgoingLink> link_;  // once connected
  bool was_up_ = false;                        // the peer, while connected
  std::string broken_;                         // why it is to break; "": it is not
};

}  // namespace cartwheel::server
