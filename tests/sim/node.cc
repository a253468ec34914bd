#include "tests/sim/node.h"

#include "cluster/frame.h"
#include "cluster/message_codec.h"
#include "cluster/slot.h"
#include "cluster/store_key.h"
#include "storage/check.h"

namespace cartwheel::sim {
namespace {

// Nothing takes time inside a turn.
int64_t Stopwatch() {
  return 0;
}

}  // namespace

Node::Node(NodeOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      machine_(random_.Next(), options_.skew_us) {
  if (!options_.topology) return;
  register_.emplace();
  register_->chosen = {.epoch = 1,
                       .voters = cluster::VotersOf(*options_.topology, {}),
                       .bytes = cluster::EncodeTopology(*options_.topology)};
}

Node::~Node() {
  if (running()) Kill();
}

std::optional<std::string> Node::Boot(int64_t now_us) {
  ++life_;
  inputs_.clear();
  auto engine =
      machine_.OpenEngine(server::StorageSettings(options_.config), options_.config.memory_only());
  if (!engine) return engine.error().message;
  engine_ = *std::move(engine);
  std::optional<server::ClusterOptions> members;
  if (options_.members.size() > 1) {
    members.emplace();
    members->self = NodeIdOf(options_.host);
    members->cluster_id = 1;
    members->boot_nonce = random_.Next();
    members->incarnation = static_cast<uint64_t>(machine_.clock().At(now_us).unix_ms());
    members->members = options_.members;
    members->levels = options_.levels;
  }
  std::optional<server::FormingOptions> forming;
  if (options_.topology) {
    const auto topology = cluster::DecodeTopology(register_->chosen.bytes);
    storage::Check(topology.has_value(), "what members agree on can be read");
    const bool is_member = FindMember(*topology, NodeIdOf(options_.host)) != nullptr;
    TakeTopology(is_member ? &*topology : nullptr, *members);
    forming.emplace();
    forming->stored = register_;
    cluster::Membership::Options& membership = forming->membership;
    membership.self = NodeIdOf(options_.host);
    membership.boot_nonce = members->boot_nonce;
    membership.address = options_.topology->members[options_.host].address;
    membership.n = options_.levels.n;
    membership.levels = options_.levels;
    membership.moves_at_once = options_.moves_at_once;
    membership.auto_commit = cluster::AutoCommit::kNo;
  }
  auto store = cluster::LocalStore::Open(
      *engine_,
      {.actor_seed = random_.Next(),
       .may_have_lost_writes = machine_.restored || engine_->persistence().damaged_bytes > 0,
       .boot_id = options_.config.memory_only() ? "" : machine_.boot_id(),
       .always_durable = options_.config.appendfsync == storage::Durability::kAlways,
       .ownership = members ? server::OwnershipOf(*members) : cluster::Ownership{}});
  if (!store) return store.error().message;
  server::ServerOptions options{.config = options_.config,
                                .run_id = std::string(40, 'a'),
                                .executable = "cartwheel-server",
                                .pid = 1,
                                .seed = random_.Next(),
                                .cluster = std::move(members),
                                .forming = std::move(forming),
                                .stopwatch_us = Stopwatch,
                                .identity = cluster::DeriveIdentity("the cluster's secret")};
  server_ = std::make_unique<server::Server>(std::move(options), *std::move(store),
                                             machine_.clock().At(now_us));
  return std::nullopt;
}

Node::Output Node::RunTurn(int64_t now_us) {
  const server::Now now = machine_.clock().At(now_us);
  if (server_->NextDeadline() <= now.monotonic_us) server_->Tick(now);
  for (const Input& input : std::exchange(inputs_, {})) {
    std::visit([&](const auto& it) { Handle(it, now); }, input);
  }
  server_->EndTurn(now);
  if (server_->commit_error().empty()) machine_.restored = false;
  if (server_->forming() != nullptr) {
    if (server_->commit_error().empty()) register_ = server_->forming()->membership().TakeState();
    asks_ = server_->forming()->TakeAsks();
  }
  return TakeOutput(now);
}

int64_t Node::NextDeadline() {
  return machine_.clock().TrueTimeOf(server_->NextDeadline());
}

void Node::Handle(const Accepted& input, server::Now now) {
  const std::string address = "10.0.0.1:" + std::to_string(input.connection);
  const auto [at, is_new] = clients_.try_emplace(input.connection);
  server::Session& session =
      server_->Connect({.address = address, .local_address = "10.0.0.2:6379"}, now);
  at->second = {input.connection, &session};
  session.transport = &at->second;
  server_->Touch(session);
}

void Node::Handle(const Received& input, server::Now now) {
  const auto client = clients_.find(input.connection);
  if (client != clients_.end()) server_->Receive(*client->second.session, input.bytes, now);
}

void Node::Handle(const Closed& input, server::Now /*now*/) {
  const auto client = clients_.find(input.connection);
  if (client == clients_.end()) return;
  server_->Disconnect(*client->second.session);
  clients_.erase(client);
}

void Node::Handle(const PeerIsUp& input, server::Now now) {
  server_->PeerUp(NodeIdOf(input.peer), now);
}

void Node::Handle(const PeerIsDown& input, server::Now now) {
  server_->PeerDown(NodeIdOf(input.peer), now);
}

void Node::Handle(const FromPeer& input, server::Now now) {
  cluster::FrameReader reader;
  storage::Check(reader.Parse(input.frame) == cluster::FrameReader::Status::kComplete,
                 "frames between nodes are whole");
  const auto message = cluster::DecodeMessage(reader.frame());
  storage::Check(message.has_value(), "nodes send each other what they can decode");
  server_->ReceiveFromPeer(NodeIdOf(input.peer), *message, now);
}

void Node::Handle(const Datagram& input, server::Now now) {
  server_->ReceiveDatagram(input.bytes, now);
}

void Node::Handle(const Operate& input, server::Now now) {
  if (input.what == Operate::What::kRepair) {
    if (server_->gateway() == nullptr) return;
    cluster::AntiEntropy& comparisons = server_->gateway()->node().anti_entropy();
    return comparisons.CompareNow(input.partition, now.monotonic_us);
  }
  server::Forming* const forming = server_->forming();
  if (forming == nullptr) return;
  switch (input.what) {
    case Operate::What::kReweight: forming->Reweight(input.node, input.weight, now); return;
    case Operate::What::kLeave: forming->Leave(input.node, now); return;
    case Operate::What::kForget: forming->Forget(input.node, now); return;
    case Operate::What::kCancel: forming->Cancel(now); return;
    case Operate::What::kCommit: forming->Commit(now); return;
    case Operate::What::kRepair: return;
  }
}

const cluster::Topology* Node::topology() const {
  const server::Forming* const forming = server_->forming();
  return forming == nullptr ? nullptr : forming->membership().topology();
}

cluster::JoinReply Node::Answer(const cluster::JoinRequest& request, int64_t now_us) {
  Give(Asked{});
  return server_->forming()->OnRequest(request, request.address.host, machine_.clock().At(now_us));
}

void Node::Take(const cluster::NodeAddress& from, const cluster::JoinReply* reply, int64_t now_us) {
  Give(Asked{});
  const server::Now now = machine_.clock().At(now_us);
  if (reply != nullptr) return server_->forming()->Replied(from, *reply, now);
  server_->forming()->NotAnswered(from, now);
}

std::string Node::Report() const {
  const cluster::Node& node = server_->gateway()->node();
  return std::to_string(node.refill().progress().partitions) + " come, " +
         std::to_string(node.refill().Arrived().size()) + " have arrived, " +
         std::to_string(node.retire().partitions_left()) + " go" +
         (node.retire().IsDrained() ? ", drained" : "") +
         (server_->forming()->membership().Proposer() == NodeIdOf(options_.host) ? ", proposes"
                                                                                 : "");
}

uint64_t Node::epoch() const {
  const server::Forming* const forming = server_->forming();
  return forming == nullptr ? 0 : forming->membership().epoch();
}

Node::Output Node::TakeOutput(server::Now now) {
  Output output;
  const std::vector<server::Session*> touched(server_->touched().begin(), server_->touched().end());
  server_->ClearTouched();
  for (server::Session* session : touched) {
    const ConnectionId connection = static_cast<Client*>(session->transport)->connection;
    ToClient to{connection, {}, session->closing()};
    if (!session->close_now) to.bytes = std::exchange(session->output, {});
    if (!to.bytes.empty()) server_->Sent(*session, to.bytes.size(), now);
    if (to.closes) {
      server_->Disconnect(*session);
      clients_.erase(connection);
    }
    output.to_clients.push_back(std::move(to));
  }
  for (const cluster::NodeId peer : server_->touched_peers()) {
    output.to_peers.push_back({HostOf(peer), {}});
  }
  for (auto& [peer, bytes] : server_->TakeDatagrams()) {
    output.datagrams.push_back({HostOf(peer), std::move(bytes)});
  }
  for (ToPeer& to : output.to_peers) to.bytes = server_->TakePeerOutput(NodeIdOf(to.peer));
  return output;
}

Node::Output Node::Stop(int64_t now_us) {
  server_->RequestShutdown("SIGTERM");
  Output output = RunTurn(now_us);
  // Where it fails, the next start takes the writes since the last sync for lost.
  std::ignore = server_->store().MarkEnd();
  for (const auto& [connection, client] : clients_) {
    output.to_clients.push_back({connection, {}, true});
  }
  EndProcess();
  machine_.NoteStop(now_us);
  return output;
}

void Node::Kill() {
  machine_.Kill();
  EndProcess();
}

void Node::LosePower(int64_t now_us) {
  machine_.LosePower(now_us);
  EndProcess();
}

void Node::EndProcess() {
  server_.reset();
  engine_.reset();
  clients_.clear();
  inputs_.clear();
}

uint64_t Node::hints() {
  uint64_t count = 0;
  for (const auto& [target, waiting] : server_->store().hints().waiting()) count += waiting.hints;
  return count;
}

std::vector<OwedRegister::Debt> Node::Owed() {
  std::vector<OwedRegister::Debt> owed;
  cluster::Hints& hints = server_->store().hints();
  for (const auto& [target, waiting] : hints.waiting()) {
    for (const cluster::Hint& hint : hints.Next(target, {}, waiting.hints)) {
      const auto parts = cluster::DecodeStoreKey(hint.store_key);
      if (!parts) continue;
      for (const cluster::Dot dot : hint.dots) {
        owed.push_back({std::string(parts->key), HostOf(target), dot});
      }
    }
  }
  return owed;
}

bool Node::Has(const std::string& key, cluster::Dot dot, bool may_be_forgotten) {
  cluster::LocalStore& store = server_->store();
  if (!store.HasReceived(cluster::PartitionOf(cluster::SlotOf(key)), dot)) return false;
  const auto container = store.ReadContainer({0, key});
  return may_be_forgotten || (container && (*container)->context.Covers(dot));
}

}  // namespace cartwheel::sim
