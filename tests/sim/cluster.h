// Nodes, clients and the network between them, in one thread and virtual time: takes the next event
// and does what it says. Whatever goes wrong is done from outside (faults.h).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cluster/ring.h"
#include "tests/sim/check_replicas.h"
#include "tests/sim/client.h"
#include "tests/sim/messages_story.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/peer_wires.h"
#include "tests/sim/trace.h"

namespace cartwheel::sim {

struct ClusterSetup {
  uint64_t seed = 0;
  size_t nodes = 1;
  size_t clients = 3;
  cluster::Levels levels;
  server::Config config;
  std::vector<int64_t> skews_us;  // a node's each
  // Members and owners change; of the members the last one holds nothing at first.
  bool moves = false;
  size_t moves_at_once = 64;
  bool contexts = false;        // the server has the commands for them
  bool replays = false;         // messages between nodes come twice, late and out of order
  bool tells_messages = false;  // for the story; slow
};

class Cluster {
 public:
  explicit Cluster(const ClusterSetup& setup);
  ~Cluster();

  // Lets time pass. Events of faults stop it: they are the caller's.
  std::optional<Event> RunUntil(int64_t until_us);

  Scheduler<Event>& scheduler() { return scheduler_; }
  int64_t now_us() const { return scheduler_.now_us(); }
  int64_t formed_us() const { return wires_.FormedAt(nodes_.size()); }
  Network& network() { return network_; }
  // As the node has it that knows most.
  const cluster::Ring& ring() const;
  bool moves() const { return moves_; }
  // Nothing is on its way any more, and all who run know that.
  bool IsSettled() const { return WhyUnsettled().empty(); }
  std::string WhyUnsettled() const;
  void Operate(Host node, const Node::Operate& operation);
  Node& node(Host host) { return *nodes_[host]; }
  size_t node_count() const { return nodes_.size(); }
  Client& client(size_t number) { return clients_[number]; }
  size_t client_count() const { return clients_.size(); }
  Host HostOfClient(size_t number) const { return nodes_.size() + number; }
  Workload& workload() { return workload_; }
  History& history() { return history_; }
  const Trace& trace() const { return trace_; }
  DotRegister& dots() { return dots_; }
  OwedRegister& owed() { return owed_; }
  // What must never happen, besides what the checkers see: a server that does not start, a reply
  // that is none.
  const Violations& violations() const { return violations_; }

  void Start(Host node);
  void Stop(Host node);
  void Kill(Host node);
  void LosePower(Host node);
  // Until it is resumed nothing happens at the node but what the disk and the network do.
  void Pause(Host node) { paused_.insert(node); }
  void Resume(Host node);
  bool paused(Host node) const { return paused_.contains(node); }
  // A client that has nothing to do is told to look again.
  void Wake(size_t client);

  // A line for the story, with the time.
  void Tell(const std::string& line);
  const std::vector<std::pair<int64_t, std::string>>& told() const { return told_; }
  const MessagesStory& messages() const { return messages_; }

 private:
  void Handle(const Arrival& event);
  void Handle(const Replay& event);
  void Handle(const GiveUp& event);
  void Handle(const Hangup& event);
  void Handle(const DatagramArrives& event);
  void Handle(const DialPeer& event);
  void Handle(const Established& event);
  void Handle(const Answered& event);
  void Handle(const HandshakeEnds& event);
  void Handle(const NodeTurn& event);
  void Handle(const NodeTimer& event);
  void Handle(const HelperDone& event);
  void Handle(const ClientWakes& event);
  void Handle(const OperatorCommits& event);
  void Handle(const FaultBegins& /*event*/) {}
  void Handle(const FaultEnds& /*event*/) {}

  bool IsNode(Host host) const { return host < nodes_.size(); }
  // False, and it is put off, while the node is paused.
  bool MayRun(Host node, const Event& event);
  void GiveToNode(Host node, Node::Input input);
  void RunTurn(Host node);
  void Perform(Host node, Node::Output output);
  void ScheduleWork(Host node);
  // cluster_moves.cc
  static cluster::Topology FirstTopology(const ClusterSetup& setup);
  void PassQuestions(Host node);
  void HangUpOnOthers(Host node);
  void ScheduleTurn(Host node);
  void TakeFrames(Connection& connection, std::string_view bytes);
  void Observe(const Connection& connection, const std::string& frame);
  void Perform(size_t client, const Client::Actions& actions);
  // What WAIT has told a client, beside what the owners hold now.
  void CheckWaited(const Operation& wait);
  size_t HoldersOf(const std::string& key, cluster::Dot dot, int64_t since_us);
  // What has come of the connections between them.
  void InformNodes();
  void CloseAll(Host node, bool told);
  void Fail(const std::string& rule, const std::string& text);

  Scheduler<Event> scheduler_;
  cluster::Random random_;
  Network network_;
  PeerWires wires_;
  const bool replays_;
  const bool tells_messages_;
  Workload workload_;
  History history_;
  const cluster::Ring ring_;  // at the beginning
  const bool moves_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<int64_t> started_us_;  // a node's each
  std::vector<Client> clients_;
  std::vector<uint64_t> alarms_;                  // of clients: only the latest counts
  std::vector<ConnectionId> client_connections_;  // 0: none
  std::vector<bool> turn_scheduled_;
  std::vector<uint64_t> epochs_;  // that nodes had when they last hung up
  std::vector<int64_t> timer_at_us_;
  std::set<Host> paused_;
  std::map<Host, std::vector<Event>> put_off_;
  Trace trace_;
  DotRegister dots_;
  OwedRegister owed_;
  Violations violations_;
  std::vector<std::pair<int64_t, std::string>> told_;
  MessagesStory messages_;
};

}  // namespace cartwheel::sim
