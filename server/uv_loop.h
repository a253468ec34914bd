// The driver: libuv's loop around a Server. One loop iteration is one turn: sockets are read, the
// turn ends in a commit, then every touched session's replies are sent, and what is for the peers.
#pragma once

#include <array>
#include <expected>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "server/cluster_config.h"
#include "server/server.h"
#include "server/uv_listener.h"

namespace cartwheel::server {

class UvConnection;
class UvPeers;

class UvLoop {
 public:
  explicit UvLoop(Server& server);
  ~UvLoop();
  UvLoop(const UvLoop&) = delete;
  UvLoop& operator=(const UvLoop&) = delete;

  // Listens as the configuration says. The error names the address and what to do.
  std::expected<void, std::string> Listen();
  // Listens for the other members of the cluster and begins to dial them; `boot_nonce` is of this
  // start. The error says why it cannot.
  std::expected<void, std::string> JoinCluster(const ClusterConfig& config, uint64_t boot_nonce,
                                               uint64_t seed);
  // Serves until a shutdown is requested and every reply has been sent, or has had two seconds to
  // leave.
  void Run();

  Server& server() { return server_; }
  uv_loop_t* loop() { return &loop_; }
  // One reading of the clocks a turn.
  Now now();
  std::span<char> read_buffer() { return read_buffer_; }

  void Add(UvConnection& connection) { connections_.insert(&connection); }
  void Remove(UvConnection& connection);

 private:
  std::expected<void, std::string> ListenAt(int port, std::string_view option);
  void EndTurn();
  void OnTimer();
  void ScheduleTimer();
  void BeginShutdown();
  void ForceShutdown();
  void CloseHandles();

  Server& server_;
  uv_loop_t loop_{};
  uv_prepare_t prepare_{};
  uv_check_t check_{};
  uv_timer_t timer_{};
  uv_timer_t shutdown_timer_{};
  std::array<uv_signal_t, 2> signals_{};
  std::vector<UvListener::Owner> listeners_;
  std::set<UvConnection*> connections_;
  std::unique_ptr<UvPeers> peers_;  // null: a node alone
  std::array<char, 128UL << 10> read_buffer_;
  Now now_;
  bool turn_running_ = false;
  bool shutting_down_ = false;
  int64_t scheduled_us_ = 0;
};

}  // namespace cartwheel::server
