// A node that has peers: clients' operations wait for other nodes, and their replies take their
// places among those of the session when they are known.
#include <algorithm>
#include <utility>

#include "server/handlers.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

// Requests of one session under way at one time; its next one waits.
constexpr size_t kMostLateReplies = 1024;

uint64_t HashOf(cluster::Database database, std::string_view key) {
  return std::hash<std::string_view>()(key) + database;
}

}  // namespace

// ---- a request

Gateway::Place Server::TakeLatePlace(Session& session) {
  const uint64_t slot = session.next_slot++;
  session.late.push_back({.slot = slot, .silent = session.silent(), .bytes = {}});
  return {session.id, slot};
}

// Its next request runs when all replies are known.
void Server::WaitForLate(Session& session) {
  session.waits_for_late = true;
  if (!session.in_exec) ReplyLater(session, INT64_MAX, "");
}

void Server::CallInCluster(Session& session, const Command& command, Args args, Now now) {
  const Gateway::Place place = TakeLatePlace(session);
  const Coordination::Terms terms{.database = session.database,
                                  .protocol = session.protocol,
                                  .levels = session.command_levels.value_or(session.levels),
                                  .session = &session.seen,
                                  .writes = &session.seen.writes()};
  const bool update = gateway_->Begin(place, command, args, terms, now);
  if (update) NoteUpdate(session, command, args);
  const bool ordered = update && (session.in_exec || session.late.back().updates.empty());
  if (ordered || session.late.size() >= kMostLateReplies) WaitForLate(session);
}

// What changes a key after reading it waits for other nodes in between. Requests about other keys
// go on meanwhile; those about the same have to see what it does.
void Server::NoteUpdate(Session& session, const Command& command, Args args) {
  KeyIndexesOf(command, args.size(), key_indexes_);
  for (const size_t index : key_indexes_) {
    const uint64_t hash = HashOf(session.database, args[index]);
    session.late.back().updates.push_back(hash);
    session.updating.insert(hash);
  }
}

bool Server::IsUpdatingAny(const Session& session, const Command& command, Args args) {
  KeyIndexesOf(command, args.size(), key_indexes_);
  return std::ranges::any_of(key_indexes_, [&](size_t index) {
    return session.updating.contains(HashOf(session.database, args[index]));
  });
}

void Server::WalkInCluster(Session& session, const Command& command, Args args, Now now) {
  auto request = ParseKeyspaceRequest(command, args);
  if (!request) return session.writer().Error(request.error());
  const Gateway::Place place = TakeLatePlace(session);
  const Coordination::Terms terms{.database = session.database,
                                  .protocol = session.protocol,
                                  .levels = session.command_levels.value_or(session.levels),
                                  .writes = &session.seen.writes()};
  gateway_->BeginWalk(place, *request, terms, NextRandom(), now);
  WaitForLate(session);
}

// Where nobody could end it, in a transaction or after the client's last byte, it does not wait.
void Server::WaitForCopies(Session& session, size_t replicas, int64_t until_us, Now now) {
  const Gateway::Place place = TakeLatePlace(session);
  const cluster::CopiesWait::Terms terms{
      .replicas = replicas, .until_us = until_us, .once = session.in_exec || session.input_ended};
  gateway_->BeginWait(place, session.seen, session.protocol, terms, now);
  WaitForLate(session);
}

void Server::ReplyVerified(Session& session, bool with_keys, Now now) {
  gateway_->BeginVerify(TakeLatePlace(session), session.protocol, with_keys, now);
  WaitForLate(session);
}

bool Server::EndWaitForCopies(const Session& session, std::string_view error) {
  return gateway_ != nullptr && gateway_->EndWait(session.id, error);
}

// A walk has to see what the requests before it do, wherever they are done, and WAIT is about them.
// And who hears of a message reads what was written before it was published. While keys are being
// updated, requests about others alone do not wait.
bool Server::MustFollowLate(const Session& session, const Command& command, Args args) {
  if (session.late.empty()) return false;
  const bool publishes = command.handler == Publish || command.handler == SPublish;
  if (IsOnKeyspace(command) || publishes || command.handler == Wait) return true;
  if (session.updating.empty()) return false;
  if (IsCoordinated(command)) return IsUpdatingAny(session, command, args);
  const bool on_data = (command.flags & (kWrite | kReadOnly)) != 0;
  return on_data || command.handler == Watch || command.handler == Exec;
}

// The reply counts this node's subscribers alone, as Redis's cluster does.
size_t Server::PublishEverywhere(PubSub::Kind kind, std::string_view channel,
                                 std::string_view message) {
  if (gateway_ != nullptr) {
    gateway_->node().peers().SendToAll(cluster::Published{
        .shard = kind == PubSub::Kind::kShard, .channel = channel, .message = message});
  }
  return PublishHere(kind, channel, message);
}

size_t Server::PublishHere(PubSub::Kind kind, std::string_view channel, std::string_view message) {
  const auto delivered = [this](Session& session) { Touch(session); };
  return kind == PubSub::Kind::kShard ? pub_sub_.PublishShard(channel, message, delivered)
                                      : pub_sub_.Publish(channel, message, delivered);
}

// What has been written to the output from `begin` on belongs behind the replies that are waited
// for; pushes among it go along.
void Server::PlaceBehindLate(Session& session, size_t begin) {
  if (session.silent()) KeepOwnPushesOnly(session, begin);
  std::erase_if(session.own_pushes,
                [begin](const Session::OwnPush& push) { return push.begin >= begin; });
  if (session.output.size() <= begin) return;
  session.late.push_back({.slot = session.next_slot++,
                          .known = true,
                          .turn = HasUncommitted() ? turn_ : 0,
                          .bytes = session.output.substr(begin)});
  session.output.resize(begin);
}

// Those that are known, up to the first that is not.
void Server::SendKnownReplies(Session& session) {
  while (!session.late.empty() && session.late.front().known) {
    Session::LateReply& reply = session.late.front();
    if (!reply.silent) {
      const size_t begin = session.output.size();
      session.output += reply.bytes;
      session.data_replies.push_back(
          {begin, session.output.size(), reply.turn == turn_, /*continued=*/false});
    }
    for (const uint64_t hash : reply.updates) session.updating.extract(hash);
    session.late.pop_front();
    Touch(session);
  }
  if (!session.late.empty()) return;
  const bool has_ended = session.input_ended && !session.held_back();
  if (session.close_behind_late || has_ended) Close(session, "", true);
}

void Server::TakeLateReplies(Now now) {
  if (gateway_ == nullptr) return;
  auto replies = gateway_->TakeReplies(now);
  for (Gateway::Reply& reply : replies) {
    const auto session = sessions_.find(reply.place.session);
    if (session == sessions_.end()) continue;
    GiveLateReply(*session->second, reply.place.slot, std::move(reply.bytes), reply.uncommitted,
                  now);
  }
}

void Server::GiveLateReply(Session& session, uint64_t slot, std::string bytes, bool uncommitted,
                           Now now) {
  if (session.late.empty() || slot < session.late.front().slot) return;
  const size_t index = slot - session.late.front().slot;
  if (index >= session.late.size()) return;
  Session::LateReply& reply = session.late[index];
  if (bytes.starts_with('-')) {
    statistics_.CountError(std::string_view(bytes).substr(1, bytes.find('\r') - 1));
  }
  reply.known = true;
  reply.turn = uncommitted ? turn_ : 0;
  reply.bytes = std::move(bytes);
  SendKnownReplies(session);
  if (!session.waits_for_late || !session.late.empty()) return;
  session.waits_for_late = false;
  session.waiting_until_us = now.monotonic_us;
  next_wake_us_ = now.monotonic_us;
}

// The turn's commit failed: what depended on it and waits behind other replies fails too.
void Server::FailLateReplies(const std::string& text) {
  if (gateway_ == nullptr) return;
  for (const auto& [id, session] : sessions_) {
    for (Session::LateReply& reply : session->late) {
      if (std::exchange(reply.turn, 0) != turn_) continue;
      reply.bytes.clear();
      resp::ReplyWriter(reply.bytes, session->protocol).Error(text);
    }
  }
}

// ---- EXEC

void Server::RunExec(Session& session, std::vector<Session::QueuedCommand> queue, size_t begin,
                     Now now) {
  if (!session.late.empty()) PlaceBehindLate(session, begin);
  session.exec_length = queue.size();
  session.exec_levels = session.command_levels;
  session.exec_rest.assign(std::make_move_iterator(queue.begin()),
                           std::make_move_iterator(queue.end()));
  RunRestOfExec(session, now);
}

// Until one has to wait: then the rest follows with its reply.
void Server::RunRestOfExec(Session& session, Now now) {
  session.in_exec = true;
  std::vector<std::string_view> args;
  while (!session.exec_rest.empty() && !session.waits_for_late) {
    const Session::QueuedCommand& next = session.exec_rest.front();
    args.assign(next.args.begin(), next.args.end());
    if (MustFollowLate(session, *next.command, args)) {
      session.waits_for_late = true;
      break;
    }
    const Session::QueuedCommand queued = std::move(session.exec_rest.front());
    session.exec_rest.pop_front();
    session.command_levels = queued.levels ? queued.levels : session.exec_levels;
    args.assign(queued.args.begin(), queued.args.end());
    Call(session, *queued.command, args, now);
  }
  session.command_levels.reset();
  session.in_exec = false;
  if (session.waits_for_late) ReplyLater(session, INT64_MAX, "");
}

// ---- peers, and the end of a turn

void Server::FinishTurnInCluster(bool committed, Now now) {
  ++turn_;
  if (gateway_ == nullptr) return;
  const bool waited =
      options_.config.appendfsync == storage::Durability::kAlways || store_.synced();
  const bool durable = !options_.config.memory_only() && waited;
  gateway_->Committed(committed, durable, now);
  const bool was_in = is_formed();
  const bool adopted = forming_ != nullptr && forming_->Committed(committed, now);
  if (adopted && !was_in) AwaitPeers(now);
  TakeLateReplies(now);
}

void Server::LearnClientAddress(cluster::NodeId peer, ClientAddress address) {
  client_addresses_[peer] = std::move(address);
}

ClusterMap Server::MapOfCluster(const Session& session) const {
  ClusterMap map;
  for (const cluster::Member& member : gateway_->node().ring().members()) {
    map.nodes.push_back(MapNode(member.node, session));
  }
  if (is_formed()) AssignSlots(gateway_->node().ring(), map);
  return map;
}

// Clients for whom the nodes have another host have a port of their own, since nothing else tells
// them apart: what forwards connections to a container changes where they come from and go to.
bool Server::IsOutside(const Session& session) const {
  const int port = options_.config.cluster_outside_port;
  if (port == 0 || session.peer.unix_socket) return false;
  return session.peer.local_address.ends_with(':' + std::to_string(port));
}

// Without its slots.
ClusterMap::Node Server::MapNode(cluster::NodeId id, const Session& session) const {
  const ClusterOptions& options = gateway_->options();
  const bool is_self = id == options.self;
  ClusterMap::Node node{.id = id,
                        .address = {},
                        .is_self = is_self,
                        .healthy = is_self || gateway_->node().peers().IsHealthy(id),
                        .slots = {}};
  const auto told = client_addresses_.find(id);
  if (is_self) node.address = options.client_address;
  if (!is_self && told != client_addresses_.end()) node.address = told->second;
  if (const auto listed = options.listed.find(id); listed != options.listed.end()) {
    node.cluster_port = listed->second.port;
    if (node.address.host.empty()) node.address.host = listed->second.host;
  }
  if (IsOutside(session)) node.address.host = options_.config.cluster_outside_ip;
  return node;
}

void Server::PeerUp(cluster::NodeId peer, Now now) {
  if (gateway_ == nullptr) return;
  links_[peer] = now.unix_ms();
  gateway_->PeerUp(peer, now);
  if (forming_ != nullptr) forming_->PeerUp(peer);
  if (peers_awaited_until_us_ != 0 && AllAreLinked()) EndAwaitingPeers(now);
}

void Server::PeerDown(cluster::NodeId peer, Now now) {
  if (gateway_ == nullptr) return;
  links_.erase(peer);
  gateway_->PeerDown(peer, now);
  if (forming_ != nullptr) forming_->PeerDown(peer);
}

size_t Server::PrefetchForPeers(std::string_view frames) {
  constexpr size_t kFramesAhead = 16;
  const size_t looked_at = cluster::LookAhead(frames, kFramesAhead, keys_ahead_);
  if (keys_ahead_.size() > 1) store_.Prefetch(keys_ahead_);  // of one there is nothing to gain
  return std::max<size_t>(looked_at, 1);
}

// What follows for clients is taken at the end of the turn, for all messages at once.
void Server::ReceiveFromPeer(cluster::NodeId peer, const cluster::Message& message, Now now) {
  if (gateway_ == nullptr) return;
  gateway_->OnMessage(peer, message, now);
  if (forming_ != nullptr && gateway_->node().peers().IsMember(peer)) {
    forming_->OnMessage(peer, message, now);
  }
  const auto* published = std::get_if<cluster::Published>(&message);
  if (published == nullptr || !gateway_->node().peers().IsMember(peer)) return;
  PublishHere(published->shard ? PubSub::Kind::kShard : PubSub::Kind::kChannel, published->channel,
              published->message);
}

void Server::PeerBacklog(cluster::NodeId peer, size_t unsent_bytes) {
  if (gateway_ != nullptr) gateway_->node().peers().SetBacklog(peer, unsent_bytes);
}

std::span<const cluster::NodeId> Server::touched_peers() const {
  return gateway_ == nullptr ? std::span<const cluster::NodeId>()
                             : gateway_->node().peers().touched();
}

void Server::ReceiveDatagram(std::string_view bytes, Now now) {
  if (gateway_ != nullptr) gateway_->node().gossip().OnDatagram(bytes, now.monotonic_us);
}

std::vector<cluster::Gossip::Datagram> Server::TakeDatagrams() {
  if (gateway_ == nullptr) return {};
  return gateway_->node().gossip().TakeDatagrams();
}

std::string Server::TakePeerOutput(cluster::NodeId peer) {
  return gateway_ == nullptr ? std::string() : gateway_->node().peers().TakeOutput(peer);
}

}  // namespace cartwheel::server
