#include "tests/sim/cluster.h"

#include <utility>

#include "cluster/frame.h"
#include "cluster/message_codec.h"
#include "cluster/topology.h"
#include "tests/sim/check_waits.h"

namespace cartwheel::sim {
namespace {

// From the first input to the turn that takes it in, others with it.
constexpr uint64_t kTurnUs = 150;
// The libuv shell's timers count milliseconds.
constexpr int64_t kTimerUs = 1000;
// Between two batches of commands of all clients together: some twenty commands a second.
constexpr int64_t kPauseUs = 70'000;
constexpr uint64_t kDuplicatePercent = 10;
constexpr uint64_t kLatePercent = 5;
constexpr uint64_t kLateUs = 300'000;
constexpr uint64_t kDuplicateUs = 5'000'000;

std::vector<cluster::Member> Members(size_t nodes) {
  std::vector<cluster::Member> members;
  members.reserve(nodes);
  for (Host host = 0; host < nodes; ++host) {
    members.push_back({.node = NodeIdOf(host), .zone = ""});
  }
  return members;
}

}  // namespace

Cluster::Cluster(const ClusterSetup& setup)
    : random_(setup.seed),
      network_(scheduler_, random_.Next()),
      wires_(scheduler_, network_, random_.Next()),
      replays_(setup.replays),
      tells_messages_(setup.tells_messages),
      workload_(random_.Next(), setup.contexts),
      ring_(Members(setup.nodes), cluster::RotatedTable(Members(setup.nodes), setup.levels.n)),
      moves_(setup.moves) {
  std::optional<cluster::Topology> topology;
  if (moves_) topology = FirstTopology(setup);
  for (Host host = 0; host < setup.nodes; ++host) {
    nodes_.push_back(std::make_unique<Node>(NodeOptions{.host = host,
                                                        .members = Members(setup.nodes),
                                                        .topology = topology,
                                                        .moves_at_once = setup.moves_at_once,
                                                        .levels = setup.levels,
                                                        .config = setup.config,
                                                        .seed = random_.Next(),
                                                        .skew_us = setup.skews_us[host]}));
  }
  started_us_.resize(setup.nodes);
  turn_scheduled_.resize(setup.nodes);
  epochs_.resize(setup.nodes);
  timer_at_us_.resize(setup.nodes, kNever);
  for (size_t i = 0; i < setup.clients; ++i) {
    clients_.emplace_back(
        Client::Options{.number = i,
                        .nodes = setup.nodes,
                        .seed = random_.Next(),
                        .pause_us = static_cast<int64_t>(setup.clients) * kPauseUs},
        workload_, history_);
  }
  alarms_.resize(setup.clients);
  client_connections_.resize(setup.clients);
  for (Host host = 0; host < setup.nodes; ++host) Start(host);
  for (size_t i = 0; i < setup.clients; ++i) Wake(i);
}

Cluster::~Cluster() = default;

void Cluster::Tell(const std::string& line) {
  told_.emplace_back(now_us(), line);
  trace_.Add(line);
}

void Cluster::Fail(const std::string& rule, const std::string& text) {
  Tell("BROKEN " + rule + ": " + text);
  violations_.push_back({rule, "", text});
}

std::optional<Event> Cluster::RunUntil(int64_t until_us) {
  while (auto event = scheduler_.Next(until_us)) {
    trace_.Add(static_cast<uint64_t>(now_us()));
    trace_.Add(event->index());
    if (std::holds_alternative<FaultBegins>(*event) || std::holds_alternative<FaultEnds>(*event)) {
      return event;
    }
    std::visit([this](const auto& it) { Handle(it); }, *event);
    InformNodes();
  }
  return std::nullopt;
}

// ---- nodes

void Cluster::Start(Host node) {
  if (nodes_[node]->running()) return;
  if (const auto error = nodes_[node]->Boot(now_us())) {
    Tell("node " + std::to_string(node) + " does not start: " + *error);
    return;
  }
  Tell("node " + std::to_string(node) + " starts");
  started_us_[node] = now_us();
  turn_scheduled_[node] = false;
  timer_at_us_[node] = kNever;
  ScheduleWork(node);
  wires_.Start(node, nodes_[node]->life(), nodes_.size());
}

void Cluster::Stop(Host node) {
  if (!nodes_[node]->running()) return;
  Tell("node " + std::to_string(node) + " is stopped");
  Perform(node, nodes_[node]->Stop(now_us()));
  CloseAll(node, true);
}

void Cluster::Kill(Host node) {
  if (!nodes_[node]->running()) return;
  Tell("node " + std::to_string(node) + " is killed");
  nodes_[node]->Kill();
  CloseAll(node, true);
}

void Cluster::LosePower(Host node) {
  Tell("node " + std::to_string(node) + " loses power");
  nodes_[node]->LosePower(now_us());
  CloseAll(node, false);
}

void Cluster::CloseAll(Host node, bool told) {
  paused_.erase(node);
  put_off_.erase(node);
  wires_.End(node);
  for (const ConnectionId id : network_.ConnectionsOf(node)) network_.Close(id, node, told);
}

void Cluster::Resume(Host node) {
  paused_.erase(node);
  for (Event& event : std::exchange(put_off_[node], {})) {
    scheduler_.At(now_us(), std::move(event));
  }
}

bool Cluster::MayRun(Host node, const Event& event) {
  if (!paused_.contains(node)) return true;
  put_off_[node].push_back(event);
  return false;
}

void Cluster::GiveToNode(Host node, Node::Input input) {
  if (!nodes_[node]->running()) return;
  nodes_[node]->Give(std::move(input));
  ScheduleTurn(node);
}

void Cluster::ScheduleTurn(Host node) {
  if (turn_scheduled_[node]) return;
  turn_scheduled_[node] = true;
  scheduler_.After(static_cast<int64_t>(random_.Below(kTurnUs)),
                   NodeTurn{node, nodes_[node]->life()});
}

void Cluster::Handle(const NodeTurn& event) {
  if (!nodes_[event.node]->running() || nodes_[event.node]->life() != event.life) return;
  if (!MayRun(event.node, event)) return;
  turn_scheduled_[event.node] = false;
  RunTurn(event.node);
}

void Cluster::Handle(const NodeTimer& event) {
  if (!nodes_[event.node]->running() || nodes_[event.node]->life() != event.life) return;
  if (timer_at_us_[event.node] != event.at_us) return;
  if (!MayRun(event.node, event)) return;
  timer_at_us_[event.node] = kNever;
  RunTurn(event.node);
}

void Cluster::Handle(const HelperDone& event) {
  if (!nodes_[event.node]->running() || nodes_[event.node]->life() != event.life) return;
  nodes_[event.node]->machine().FinishJob(event.helper);
  ScheduleWork(event.node);
}

void Cluster::RunTurn(Host node) {
  Perform(node, nodes_[node]->RunTurn(now_us()));
  PassQuestions(node);
  HangUpOnOthers(node);
  ScheduleWork(node);
}

// Those who are no members for it. They notice.
void Cluster::HangUpOnOthers(Host node) {
  if (!moves_ || std::exchange(epochs_[node], nodes_[node]->epoch()) == nodes_[node]->epoch()) {
    return;
  }
  for (Host other = 0; other < nodes_.size(); ++other) {
    const auto& members = nodes_[node]->ring().members();
    const bool is_member = std::ranges::any_of(
        members, [other](const cluster::Member& member) { return member.node == NodeIdOf(other); });
    if (!is_member) GiveToNode(other, Node::PeerIsDown{node});
  }
}

void Cluster::ScheduleWork(Host node) {
  Machine& machine = nodes_[node]->machine();
  for (const Helper helper : {Helper::kSyncer, Helper::kFlusher}) {
    if (!machine.HasNewJob(helper)) continue;
    scheduler_.After(machine.BeginJob(helper, now_us()),
                     HelperDone{node, nodes_[node]->life(), helper});
  }
  const int64_t at_us = std::max(nodes_[node]->NextDeadline(), now_us() + kTimerUs);
  if (at_us >= timer_at_us_[node]) return;
  timer_at_us_[node] = at_us;
  scheduler_.At(at_us, NodeTimer{node, nodes_[node]->life(), at_us});
}

void Cluster::Perform(Host node, Node::Output output) {
  for (Node::ToClient& to : output.to_clients) {
    Connection* connection = network_.Find(to.connection);
    if (connection == nullptr) continue;
    if (!to.bytes.empty()) network_.Send(*connection, false, std::move(to.bytes));
    if (to.closes) network_.Close(to.connection, node, true);
  }
  for (Node::ToPeer& to : output.to_peers) {
    Connection* connection = network_.Find(wires_.WireTo(node, to.peer));
    // What a node says to a peer that it cannot reach is lost.
    if (connection == nullptr || to.bytes.empty()) continue;
    network_.Send(*connection, true, std::move(to.bytes));
  }
  for (const Node::ToPeer& to : output.datagrams) network_.SendDatagram(node, to.peer, to.bytes);
}

// ---- between nodes

void Cluster::Handle(const DatagramArrives& event) {
  if (network_.Reaches(event.from, event.to) && MayRun(event.to, event)) {
    trace_.Add(event.bytes);
    GiveToNode(event.to, Node::Datagram{event.bytes});
  }
}

void Cluster::InformNodes() {
  for (auto& [node, input] : wires_.TakeInputs()) GiveToNode(node, std::move(input));
}

void Cluster::Handle(const DialPeer& event) {
  if (MayRun(event.from, event)) wires_.OnDial(event);
}

void Cluster::Handle(const Answered& event) {
  Connection* connection = network_.Find(event.connection);
  if (connection != nullptr && MayRun(connection->dialler, event)) wires_.OnAnswered(*connection);
}

void Cluster::Handle(const HandshakeEnds& event) {
  const Connection* connection = network_.Find(event.connection);
  if (connection != nullptr && MayRun(connection->dialler, event)) wires_.OnTooLate(*connection);
}

void Cluster::TakeFrames(Connection& connection, std::string_view bytes) {
  connection.received += bytes;
  const ConnectionId id = connection.id;
  const Host from = connection.dialler;
  size_t taken = 0;
  while (taken < connection.received.size()) {
    const std::string_view rest = std::string_view(connection.received).substr(taken);
    cluster::FrameReader reader;
    const auto status = reader.Parse(rest);
    if (status == cluster::FrameReader::Status::kIncomplete) break;
    const bool good = status == cluster::FrameReader::Status::kComplete &&
                      cluster::DecodeMessage(reader.frame()).has_value();
    if (!good) {
      return Fail(
          "nodes send messages that can be read",
          "from node " + std::to_string(from) + " to node " + std::to_string(connection.acceptor));
    }
    taken += reader.consumed();
    if (!std::exchange(connection.proven, true)) {
      wires_.OnProven(connection);
      if (network_.Find(id) == nullptr) return;
      continue;
    }
    std::string frame(rest.substr(0, reader.consumed()));
    Observe(connection, frame);
    if (replays_ && random_.Percent(kDuplicatePercent)) {
      scheduler_.After(static_cast<int64_t>(random_.Below(kDuplicateUs)), Replay{id, frame});
    }
    if (replays_ && random_.Percent(kLatePercent)) {
      scheduler_.After(static_cast<int64_t>(random_.Below(kLateUs)), Replay{id, std::move(frame)});
      continue;
    }
    wires_.OnFrame(connection, std::move(frame));
  }
  connection.received.erase(0, taken);
}

// Whose numbers belong to one connection comes again on that one alone.
void Cluster::Handle(const Replay& event) {
  const Connection* connection = network_.Find(event.connection);
  if (connection == nullptr || connection->closed_by) return;
  if (!MayRun(connection->acceptor, event)) return;
  wires_.OnFrame(*connection, event.frame);
}

void Cluster::Observe(const Connection& connection, const std::string& frame) {
  cluster::FrameReader reader;
  if (reader.Parse(frame) != cluster::FrameReader::Status::kComplete) return;
  const auto message = cluster::DecodeMessage(reader.frame());
  if (const auto* copy = std::get_if<cluster::Replicate>(&*message)) {
    dots_.NoteMessage(copy->ref.key, copy->container, connection.dialler);
  }
  if (!tells_messages_) return;
  messages_.Note(now_us(), connection.dialler, connection.acceptor, *message);
}

// ---- connections

void Cluster::Handle(const Established& event) {
  Connection* connection = network_.Find(event.connection);
  if (connection == nullptr || connection->closed_by) return;
  const Host from = connection->dialler;
  const Host to = connection->acceptor;
  if (connection->between_nodes) {
    if (MayRun(to, event)) wires_.OnEstablished(*connection);
    return;
  }
  const bool reachable =
      nodes_[to]->running() && network_.Reaches(from, to) && network_.Reaches(to, from);
  const size_t client = from - nodes_.size();
  if (!reachable || client_connections_[client] != event.connection) {
    return network_.Close(event.connection, from, true);
  }
  GiveToNode(to, Node::Accepted{event.connection});
  Perform(client, clients_[client].OnConnected(event.connection, to, now_us()));
}

void Cluster::Handle(const Arrival& event) {
  const auto bytes = network_.Receive(event);
  if (!bytes) return;
  Connection& connection = *network_.Find(event.connection);
  const Host to = connection.To(event.forward);
  trace_.Add(to);
  trace_.Add(*bytes);
  if (connection.between_nodes) return TakeFrames(connection, *bytes);
  if (IsNode(to)) return GiveToNode(to, Node::Received{connection.id, *bytes});
  const size_t client = to - nodes_.size();
  if (client_connections_[client] != connection.id) return;
  Perform(client, clients_[client].OnBytes(*bytes, now_us()));
  if (!clients_[client].protocol_error().empty()) {
    Fail("replies are replies", clients_[client].protocol_error());
  }
  for (const Operation* wait : clients_[client].TakeWaited()) CheckWaited(*wait);
}

void Cluster::CheckWaited(const Operation& wait) {
  if (nodes_.size() == 1) return;  // it promises nothing
  for (const Operation& write : history_) {
    if (&write == &wait) return;
    const bool counts = write.connection == wait.connection && write.writes_value() &&
                        write.outcome == Outcome::kOk;
    const auto dot = counts ? dots_.DotOf(write.value) : std::nullopt;
    // Another write may take its place before a copy is seen that names it.
    if (!dot) continue;
    const size_t holders = HoldersOf(write.key, *dot, wait.invoked_us);
    for (Violation& found : CheckWait(wait, write, holders)) {
      Tell("BROKEN " + found.rule + ": " + found.text);
      violations_.push_back(std::move(found));
    }
  }
}

// Owners that have the write, or may have had it when they were asked and lost it since.
size_t Cluster::HoldersOf(const std::string& key, cluster::Dot dot, int64_t since_us) {
  size_t holders = 0;
  const auto partition = cluster::PartitionOfKey(key);
  for (Host host = 0; host < nodes_.size(); ++host) {
    // Who was an owner then need not be one now.
    if (!moves_ && !ring_.Owns(NodeIdOf(host), partition)) continue;
    const bool may_have_lost = !nodes_[host]->running() || started_us_[host] >= since_us;
    if (may_have_lost || nodes_[host]->store().HasReceived(partition, dot)) ++holders;
  }
  return holders;
}

void Cluster::Handle(const GiveUp& event) {
  if (!network_.HasGivenUp(event)) return;
  const Connection connection = *network_.Find(event.connection);
  const Host by = connection.From(event.stall % 2 == 1);
  network_.Close(event.connection, by, true);
  if (connection.between_nodes) return wires_.OnLost(connection, by);
  if (IsNode(by)) return GiveToNode(by, Node::Closed{event.connection});
  const size_t client = by - nodes_.size();
  if (std::exchange(client_connections_[client], 0) != event.connection) return;
  Perform(client, clients_[client].OnClosed(now_us()));
}

void Cluster::Handle(const Hangup& event) {
  const Connection* found = network_.Find(event.connection);
  if (found == nullptr) return;
  const Connection connection = *found;
  network_.Forget(event);
  if (connection.between_nodes) return wires_.OnLost(connection, event.at);
  if (IsNode(event.at)) return GiveToNode(event.at, Node::Closed{event.connection});
  const size_t client = event.at - nodes_.size();
  if (client_connections_[client] != event.connection) return;
  client_connections_[client] = 0;
  Perform(client, clients_[client].OnClosed(now_us()));
}

// ---- clients

void Cluster::Wake(size_t client) {
  scheduler_.At(now_us(), ClientWakes{client, ++alarms_[client]});
}

void Cluster::Handle(const ClientWakes& event) {
  if (alarms_[event.client] != event.alarm) return;
  Perform(event.client, clients_[event.client].OnAlarm(now_us()));
}

void Cluster::Perform(size_t client, const Client::Actions& actions) {
  const Host host = HostOfClient(client);
  if (actions.hangs_up && client_connections_[client] != 0) {
    network_.Close(std::exchange(client_connections_[client], 0), host, true);
  }
  if (actions.dials) {
    client_connections_[client] = network_.Dial(host, *actions.dials, false);
  }
  if (!actions.sends.empty()) {
    Connection* connection = network_.Find(client_connections_[client]);
    if (connection != nullptr) network_.Send(*connection, true, actions.sends);
  }
  if (actions.wakes_at_us == kNever) return;
  scheduler_.At(actions.wakes_at_us, ClientWakes{client, ++alarms_[client]});
}

}  // namespace cartwheel::sim
