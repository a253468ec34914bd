// A node: the production server on a simulated machine, built as server/main.cc builds it, and
// driven turn by turn as the libuv shell does: inputs, EndTurn, outputs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/server.h"
#include "tests/sim/check_replicas.h"
#include "tests/sim/machine.h"

namespace cartwheel::sim {

struct NodeOptions {
  Host host = 0;  // its NodeId is one more
  std::vector<cluster::Member> members;
  // Instead of a fixed list: whom the cluster begins with, where members and owners change.
  std::optional<cluster::Topology> topology;
  size_t moves_at_once = 0;
  cluster::Levels levels;
  server::Config config;
  uint64_t seed = 0;
  int64_t skew_us = 0;
};

constexpr cluster::NodeId NodeIdOf(Host host) {
  return cluster::NodeId{host + 1};
}
constexpr Host HostOf(cluster::NodeId node) {
  return static_cast<Host>(node) - 1;
}

class Node {
 public:
  struct Accepted {
    ConnectionId connection = 0;
  };
  struct Received {
    ConnectionId connection = 0;
    std::string bytes;
  };
  struct Closed {
    ConnectionId connection = 0;
  };
  struct PeerIsUp {
    Host peer = 0;
  };
  struct PeerIsDown {
    Host peer = 0;
  };
  struct FromPeer {
    Host peer = 0;
    std::string frame;
  };
  struct Datagram {
    std::string bytes;
  };
  // Somebody has asked it for its cluster.
  struct Asked {};
  // What an operator wants of it.
  struct Operate {
    enum class What : uint8_t { kReweight, kLeave, kForget, kCancel, kCommit, kRepair };
    What what = What::kCommit;
    cluster::NodeId node{};
    uint32_t weight = 0;
    cluster::Partition partition = 0;  // of kRepair
  };
  using Input = std::variant<Accepted, Received, Closed, PeerIsUp, PeerIsDown, FromPeer, Datagram,
                             Operate, Asked>;

  struct ToClient {
    ConnectionId connection = 0;
    std::string bytes;
    bool closes = false;  // behind them
  };
  struct ToPeer {
    Host peer = 0;
    std::string bytes;  // whole frames
  };
  struct Output {
    std::vector<ToClient> to_clients;
    std::vector<ToPeer> to_peers;
    std::vector<ToPeer> datagrams;
  };

  explicit Node(NodeOptions options);
  ~Node();

  Machine& machine() { return machine_; }
  const NodeOptions& options() const { return options_; }

  // Starts a process. An error: why it does not start.
  std::optional<std::string> Boot(int64_t now_us);
  bool running() const { return server_ != nullptr; }
  // Counts processes.
  uint64_t life() const { return life_; }

  void Give(Input input) { inputs_.push_back(std::move(input)); }
  bool has_inputs() const { return !inputs_.empty(); }
  Output RunTurn(int64_t now_us);
  // True time of the server's next deadline.
  int64_t NextDeadline();

  // The process ends: with what it had answered, by kill -9, or because the machine's power went.
  Output Stop(int64_t now_us);
  void Kill();
  void LosePower(int64_t now_us);

  // While it runs.
  cluster::LocalStore& store() { return server_->store(); }
  const cluster::Ring& ring() const { return server_->gateway()->node().ring(); }
  // nullptr: its members are fixed, or it is not one any more.
  const cluster::Topology* topology() const;
  uint64_t epoch() const;
  // Whom it wants to ask for their cluster; what it answers who does; what it was answered, or not.
  std::vector<cluster::Membership::Ask> TakeAsks() { return std::exchange(asks_, {}); }
  cluster::JoinReply Answer(const cluster::JoinRequest& request, int64_t now_us);
  void Take(const cluster::NodeAddress& from, const cluster::JoinReply* reply, int64_t now_us);
  // What is on its way to it, and from it.
  std::string Report() const;
  // Whether some of what an operator has repaired is still to be done.
  bool compares() const { return server_->gateway()->node().anti_entropy().asked_for() > 0; }
  // Hints that wait for somebody, and each of their writes.
  uint64_t hints();
  std::vector<OwedRegister::Debt> Owed();
  // Whether a write has come, in the record too unless that may have been forgotten.
  bool Has(const std::string& key, cluster::Dot dot, bool may_be_forgotten);

 private:
  struct Client {
    ConnectionId connection;
    server::Session* session;
  };

  void Handle(const Accepted& input, server::Now now);
  void Handle(const Received& input, server::Now now);
  void Handle(const Closed& input, server::Now now);
  void Handle(const PeerIsUp& input, server::Now now);
  void Handle(const PeerIsDown& input, server::Now now);
  void Handle(const FromPeer& input, server::Now now);
  void Handle(const Datagram& input, server::Now now);
  void Handle(const Operate& input, server::Now now);
  void Handle(const Asked& /*input*/, server::Now /*now*/) {}
  Output TakeOutput(server::Now now);
  void EndProcess();

  const NodeOptions options_;
  cluster::Random random_;
  Machine machine_;
  std::unique_ptr<storage::Engine> engine_;
  std::unique_ptr<server::Server> server_;
  uint64_t life_ = 0;
  // As if it were on a disk of its own that nothing happens to: who loses what it has promised as a
  // voter is another node, with another id.
  std::optional<cluster::Register::State> register_;
  std::vector<cluster::Membership::Ask> asks_;
  std::vector<Input> inputs_;
  std::map<ConnectionId, Client> clients_;
};

}  // namespace cartwheel::sim
