#include "server/gateway.h"

#include <algorithm>
#include <utility>

#include "server/cluster_errors.h"
#include "server/command.h"
#include "server/gather.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

// As long as there is no limit nothing goes.
cluster::EvictionPolicy PolicyOf(const Config& config) {
  const uint64_t limit = config.memory_only() ? config.max_memory() : config.maxstorage;
  return limit != 0 ? config.eviction_policy : cluster::EvictionPolicy::kNoEviction;
}

// About as often as owners compare, but never twice within what can be under way between two nodes.
int64_t ClosesEvery(const Config& config) {
  constexpr int64_t kLeastUs = 10 * kSecondUs;
  constexpr int64_t kMostUs = 30 * kSecondUs;
  const int64_t compares_us = config.cluster_repair_interval * kSecondUs;
  return compares_us == 0 ? kMostUs : std::clamp(compares_us, kLeastUs, kMostUs);
}

cluster::Node::Options NodeOptions(const ClusterOptions& options, const Config& config) {
  cluster::Node::Options node;
  node.self = options.self;
  node.write.rpc_timeout_us = node.read.rpc_timeout_us = options.rpc_timeout_us;
  node.write.deadline_us = node.read.deadline_us = options.deadline_us;
  node.refill.levels = options.levels;
  node.refill.max_bytes_per_second = config.cluster_move_bandwidth;
  node.anti_entropy.every_us = config.cluster_repair_interval * kSecondUs;
  node.anti_entropy.scrub_every_us = config.cluster_scrub_interval * kSecondUs;
  node.anti_entropy.first_after_us =
      std::min(node.anti_entropy.first_after_us, node.anti_entropy.every_us);
  node.anti_entropy.max_bytes_per_second = config.cluster_repair_bandwidth;
  node.anti_entropy.eviction_policy = PolicyOf(config);
  node.former_actors.every_us = ClosesEvery(config);
  node.gossip.key = options.gossip_key;
  node.gossip.boot_nonce = options.boot_nonce;
  node.evicting.seed = options.boot_nonce ^ static_cast<uint64_t>(options.self);
  node.gossip.seed = options.boot_nonce ^ static_cast<uint64_t>(options.self);
  node.gossip.incarnation = options.incarnation;
  return node;
}

cluster::Ring RingOf(const ClusterOptions& options, const cluster::Ring* before = nullptr) {
  if (!options.owners.nodes.empty()) {
    return {options.members, options.owners, options.moves, options.epochs, before};
  }
  return {options.members, cluster::RotatedTable(options.members, options.levels.n)};
}

// Of a node that is in no cluster: it owns nothing.
cluster::Ownership OwnershipOf(const ClusterOptions& options, const cluster::Ring& ring) {
  if (options.cluster_id == 0) return {.alone = false, .owned = {}};
  return cluster::OwnershipOf(ring, options.self);
}

}  // namespace

void TakeTopology(const cluster::Topology* topology, ClusterOptions& options) {
  options.listed.clear();
  if (topology == nullptr) {
    options.cluster_id = 0;
    options.members = {{.node = options.self, .zone = ""}};
    options.owners = {};
    options.moves.clear();
    options.epochs.clear();
    return;
  }
  options.cluster_id = topology->cluster_id;
  options.members = cluster::RingMembers(*topology);
  options.owners = topology->owners;
  options.moves = topology->moves;
  options.epochs = topology->epochs;
  for (const cluster::TopologyMember& member : topology->members) {
    if (member.gone) continue;  // another may be at its address
    options.listed[member.node] = {.host = member.address.host, .port = member.address.port};
  }
}

cluster::Ownership OwnershipOf(const ClusterOptions& options) {
  return OwnershipOf(options, RingOf(options));
}

ClusterOptions OptionsOf(const ClusterConfig& config, uint64_t boot_nonce) {
  ClusterOptions options;
  options.self = config.self;
  options.cluster_id = config.cluster_id;
  options.boot_nonce = boot_nonce;
  options.levels = config.levels;
  options.rpc_timeout_us = config.rpc_timeout_us;
  options.deadline_us = config.deadline_us;
  options.gossip_key = config.gossip_key;
  options.client_address = {.host = config.client_host, .port = config.client_port};
  if (config.forms) TakeTopology(nullptr, options);
  for (const ClusterMember& member : config.members) {
    options.members.push_back({.node = member.id, .zone = member.zone});
    options.listed[member.id] = {.host = member.host, .port = member.port};
  }
  return options;
}

cluster::Time TimeOf(Now now) {
  return {.unix_ms = now.unix_ms(), .monotonic_us = now.monotonic_us};
}

Gateway::Gateway(cluster::LocalStore& store, WatchTable& watches, Statistics& statistics,
                 ConflictLog& conflicts, const Config& config, const ClusterOptions& options,
                 const cluster::TokenKey& token_key)
    : options_(options),
      watches_(watches),
      node_(store, RingOf(options), NodeOptions(options, config)),
      coordination_(node_, store, watches, statistics, conflicts, config, token_key),
      next_sequence_(RememberedReplies::FirstSequence(options.boot_nonce)) {
  node_.gossip().SetCluster(options_.cluster_id);
}

void Gateway::SetTopology(const cluster::Topology* topology, Now now) {
  TakeTopology(topology, options_);
  node_.gossip().SetCluster(options_.cluster_id);
  cluster::Ring ring = RingOf(options_, &node_.ring());
  const cluster::Ownership ownership = OwnershipOf(options_, ring);
  node_.SetRing(std::move(ring), ownership, TimeOf(now));
}

void Gateway::SetRepairs(const Config& config, Now now) {
  node_.anti_entropy().SetEvery(config.cluster_repair_interval * kSecondUs, now.monotonic_us);
  node_.former_actors().SetEvery(ClosesEvery(config));
  node_.anti_entropy().SetScrubEvery(config.cluster_scrub_interval * kSecondUs, now.monotonic_us);
  node_.anti_entropy().SetMaxBytesPerSecond(config.cluster_repair_bandwidth);
  node_.anti_entropy().SetEvictionPolicy(PolicyOf(config));
}

// ---- a client's operation

bool Gateway::Begin(Place place, const Command& command, Args args,
                    const Coordination::Terms& terms, Now now) {
  KeyIndexesOf(command, args.size(), key_indexes_);
  const auto coordinator_of = [&](size_t index) {
    return node_.CoordinatorOf({terms.database, args[index]});
  };
  const cluster::NodeId first =
      key_indexes_.empty() ? options_.self : coordinator_of(key_indexes_[0]);
  const bool one = key_indexes_.size() <= 1 || std::ranges::all_of(key_indexes_, [&](size_t index) {
                     return coordinator_of(index) == first;
                   });
  if (one) {
    BeginAt(first, place, command, args, terms, now);
  } else if (IsOfIndependentKeys(command)) {
    Scatter(place, command, args, terms, now);
  } else {
    BeginAt(options_.self, place, command, args, terms, now);
  }
  // Whether what another node runs is an update is not known here, unless it only reads.
  const bool here = one && first == options_.self;
  return here ? coordination_.LastWasUpdate() : (command.flags & kReadOnly) == 0;
}

void Gateway::Forget(const cluster::SessionContext& session) {
  coordination_.Forget(session);
  for (auto& [sequence, call] : forwarded_) {
    if (call.terms.session == &session) call.terms.session = nullptr;
    if (call.terms.writes == &session.writes()) call.terms.writes = nullptr;
  }
  for (auto& [id, walk] : walks_) {
    if (walk.terms.writes == &session.writes()) walk.terms.writes = nullptr;
  }
  std::erase_if(waits_, [&](const auto& wait) {
    if (wait.second.session != &session) return false;
    node_.EndWait(wait.first);
    return true;
  });
}

void Gateway::Scatter(const Origin& origin, const Command& command, Args args,
                      const Coordination::Terms& terms, Now now) {
  const auto parts = SplitByKey(command, args);
  const uint64_t id = next_gatherer_++;
  gatherers_.emplace(id, Gatherer{.origin = origin,
                                  .protocol = terms.protocol,
                                  .command = &command,
                                  .replies = std::vector<std::string>(parts.size()),
                                  .missing = parts.size()});
  for (size_t i = 0; i < parts.size(); ++i) {
    const cluster::KeyRef ref{terms.database, parts[i][1]};
    BeginAt(node_.CoordinatorOf(ref), ForGatherer{id, i}, command, parts[i], terms, now);
  }
}

void Gateway::BeginAt(cluster::NodeId coordinator, const Origin& origin, const Command& command,
                      Args args, const Coordination::Terms& terms, Now now,
                      const cluster::Seen* seen) {
  // It was taken out while the operation waited for another node.
  if (options_.cluster_id == 0) {
    return Deliver(origin, ErrorReply(kTakenOut, terms.protocol), false, now);
  }
  if (coordinator != options_.self) {
    return ForwardTo(coordinator, origin, command, args, terms, now);
  }
  if (!std::holds_alternative<ForPeer>(origin)) ++hops_.coordinated_here;
  const CallId id = coordination_.Begin(command, args, terms, seen, TimeOf(now));
  origins_.emplace(id, origin);
}

// ---- at another node

void Gateway::ForwardTo(cluster::NodeId coordinator, const Origin& origin, const Command& command,
                        Args args, const Coordination::Terms& terms, Now now) {
  std::vector<size_t> keys;
  KeyIndexesOf(command, args.size(), keys);
  const cluster::KeyRef ref{terms.database, args[keys[0]]};
  cluster::Forward message{.sequence = next_sequence_++,
                           .database = terms.database,
                           .resp = static_cast<uint8_t>(terms.protocol),
                           .levels = terms.levels};
  const cluster::Seen* const seen =
      terms.session == nullptr || keys.size() != 1 ? nullptr : terms.session->Find(ref);
  if (seen != nullptr) message.session = *seen;
  message.arguments.assign(args.begin(), args.end());
  if (!node_.peers().Send(coordinator, message)) {
    return Deliver(origin, ErrorReply(kCoordinatorLost, terms.protocol), false, now);
  }
  ++hops_.passed_on;
  Forwarded call{.origin = origin,
                 .to = coordinator,
                 .command = &command,
                 .terms = terms,
                 .sent_us = now.monotonic_us,
                 .key = std::string(ref.key),
                 .arguments = {}};
  if (keys.size() != 1) call.terms.session = nullptr;
  if ((command.flags & kReadOnly) != 0) call.arguments.assign(args.begin(), args.end());
  forwarded_.emplace(message.sequence, std::move(call));
  unanswered_.push_back(message.sequence);
}

void Gateway::OnForwardReply(cluster::NodeId from, const cluster::ForwardReply& message, Now now) {
  const auto found = forwarded_.find(message.sequence);
  if (found == forwarded_.end() || found->second.to != from) return;
  const Forwarded call = std::move(found->second);
  forwarded_.erase(found);
  ForgetAnswered();
  if (call.terms.session != nullptr) {
    call.terms.session->Learn({call.terms.database, call.key}, message.seen);
  }
  if (call.terms.writes != nullptr) {
    for (const cluster::WriteRange& range : message.writes) call.terms.writes->Note(range);
  }
  Deliver(call.origin, std::string(message.reply), false, now);
}

void Gateway::LoseForwarded(uint64_t sequence, Now now) {
  const auto found = forwarded_.find(sequence);
  Forwarded call = std::move(found->second);
  forwarded_.erase(found);
  if (call.reads()) return SendElsewhere(std::move(call), now);
  Deliver(call.origin, ErrorReply(kWriteOfLostCoordinator, call.terms.protocol), false, now);
}

void Gateway::ForgetAnswered() {
  for (std::deque<uint64_t>* each : {&unanswered_, &nudged_}) {
    while (!each->empty() && !forwarded_.contains(each->front())) each->pop_front();
  }
}

void Gateway::Nudge(uint64_t sequence, Now now) {
  const auto found = forwarded_.find(sequence);
  if (found == forwarded_.end()) return;
  found->second.nudged_us = now.monotonic_us;
  node_.peers().Nudge(found->second.to, now.monotonic_us);
  nudged_.push_back(sequence);
}

void Gateway::OnSilence(uint64_t sequence, Now now) {
  const auto found = forwarded_.find(sequence);
  if (found == forwarded_.end()) return;
  // One that is alive, and waits for others itself, has said at least that.
  if (node_.peers().HeardAt(found->second.to) > found->second.nudged_us) return;
  node_.peers().Missed(found->second.to);
  if (found->second.reads()) LoseForwarded(sequence, now);
}

// Whoever has been lost or silent is chosen by nobody any more; in the end this node is left.
void Gateway::SendElsewhere(Forwarded call, Now now) {
  const std::vector<std::string_view> args(call.arguments.begin(), call.arguments.end());
  const cluster::NodeId next = node_.CoordinatorOf({call.terms.database, call.key});
  BeginAt(next == call.to ? options_.self : next, call.origin, *call.command, args, call.terms,
          now);
}

void Gateway::OnForward(cluster::NodeId from, const cluster::Forward& message, Now now) {
  const auto protocol = message.resp == 3 ? resp::Protocol::kResp3 : resp::Protocol::kResp2;
  const Origin origin = ForPeer{from, message.sequence};
  RememberedReplies& remembered = remembered_[from];
  if (!remembered.Begin(message.sequence)) {
    if (const auto* const answer = remembered.Find(message.sequence)) {
      node_.peers().Send(from, cluster::ForwardReply{.sequence = message.sequence,
                                                     .reply = answer->reply,
                                                     .writes = answer->writes});
    }
    return;
  }
  const Args args(message.arguments.data(), message.arguments.size());
  const Command* const command = args.empty() ? nullptr : FindCommand(args[0]);
  if (command == nullptr || !IsCoordinated(*command) || !ArityMatches(*command, args.size()) ||
      !Validate(message.levels) || message.database >= cluster::kMaxDatabases) {
    return Deliver(origin, ErrorReply(kNotForwardable, protocol), false, now);
  }
  const Coordination::Terms terms{
      .database = message.database, .protocol = protocol, .levels = message.levels};
  BeginAt(options_.self, origin, *command, args, terms, now, &message.session);
}

// ---- what comes from elsewhere

void Gateway::PeerUp(cluster::NodeId peer, Now now) {
  node_.PeerUp(peer, TimeOf(now));
}

void Gateway::PeerDown(cluster::NodeId peer, Now now) {
  node_.PeerDown(peer, TimeOf(now));
  std::vector<uint64_t> lost;
  for (const auto& [sequence, call] : forwarded_) {
    if (call.to == peer) lost.push_back(sequence);
  }
  for (const uint64_t sequence : lost) LoseForwarded(sequence, now);
}

void Gateway::OnMessage(cluster::NodeId from, const cluster::Message& message, Now now) {
  if (!node_.peers().IsMember(from)) return;
  node_.OnMessage(from, message, TimeOf(now));
  // Whether it changed anything is not asked: an EXEC that fails for nothing is tried again.
  if (const auto* copy = std::get_if<cluster::Replicate>(&message)) watches_.Touch(copy->ref);
  if (const auto* forward = std::get_if<cluster::Forward>(&message)) {
    OnForward(from, *forward, now);
  } else if (const auto* reply = std::get_if<cluster::ForwardReply>(&message)) {
    OnForwardReply(from, *reply, now);
  }
}

void Gateway::OnTime(Now now) {
  node_.OnTime(TimeOf(now));
  while (UntilNudge() <= now.monotonic_us) {
    const uint64_t sequence = unanswered_.front();
    unanswered_.pop_front();
    Nudge(sequence, now);
  }
  while (UntilSilence() <= now.monotonic_us) {
    const uint64_t sequence = nudged_.front();
    nudged_.pop_front();
    OnSilence(sequence, now);
  }
  while (UntilLost() <= now.monotonic_us) LoseForwarded(forwarded_.begin()->first, now);
}

int64_t Gateway::NextDeadline() const {
  if (node_.has_staged()) return 0;
  return std::min({node_.NextDeadline(), UntilNudge(), UntilSilence(), UntilLost()});
}

int64_t Gateway::UntilNudge() const {
  if (unanswered_.empty()) return INT64_MAX;
  const auto call = forwarded_.find(unanswered_.front());
  return call == forwarded_.end() ? 0 : call->second.sent_us + options_.rpc_timeout_us / 2;
}

// From when it was nudged, which is late where this node itself stood still.
int64_t Gateway::UntilSilence() const {
  if (nudged_.empty()) return INT64_MAX;
  const auto call = forwarded_.find(nudged_.front());
  return call == forwarded_.end() ? 0 : call->second.nudged_us + options_.rpc_timeout_us / 2;
}

// The coordinator has an answer by its deadline; its way back.
int64_t Gateway::UntilLost() const {
  if (forwarded_.empty()) return INT64_MAX;
  return forwarded_.begin()->second.sent_us + options_.deadline_us + options_.rpc_timeout_us;
}

void Gateway::Committed(bool committed, bool durable, Now now) {
  coordination_.OnCommit();
  node_.Committed(committed, durable, TimeOf(now));
}

// ---- replies

std::vector<Gateway::Reply> Gateway::TakeReplies(Now now) {
  // What becomes known may begin something else, which may be over at once.
  while (TakeEvents(now)) {
  }
  return std::exchange(replies_, {});
}

// False: there was nothing.
bool Gateway::TakeEvents(Now now) {
  bool any = false;
  while (const auto event = node_.NextEvent()) {
    any = true;
    if (const auto* listed = std::get_if<cluster::Node::ListDone>(&*event)) {
      OnListed(*listed, now);
    } else if (const auto* waited = std::get_if<cluster::Node::WaitDone>(&*event)) {
      OnWaited(waited->id, waited->replicas);
    } else if (const auto* verified = std::get_if<cluster::Node::VerifyDone>(&*event)) {
      OnVerified(*verified);
    } else {
      coordination_.On(*event, TimeOf(now));
    }
  }
  for (Coordination::Finished& finished : coordination_.TakeFinished()) {
    any = true;
    const auto found = origins_.find(finished.id);
    if (found == origins_.end()) continue;
    const Origin origin = found->second;
    origins_.erase(found);
    Deliver(origin, std::move(finished.reply), finished.uncommitted, now, &finished);
  }
  return any;
}

void Gateway::Deliver(const Origin& origin, std::string bytes, bool uncommitted, Now now,
                      const Coordination::Finished* call) {
  if (const auto* place = std::get_if<Place>(&origin)) {
    replies_.push_back({*place, std::move(bytes), uncommitted});
  } else if (const auto* peer = std::get_if<ForPeer>(&origin)) {
    DeliverToPeer(*peer, std::move(bytes), call);
  } else if (const auto* part = std::get_if<ForGatherer>(&origin)) {
    DeliverPart(*part, std::move(bytes), uncommitted, now);
  } else {
    OnAnsweredAbout(std::get<ForWalk>(origin), std::move(bytes), uncommitted, now);
  }
}

void Gateway::DeliverToPeer(const ForPeer& peer, std::string bytes,
                            const Coordination::Finished* call) {
  cluster::ForwardReply reply{.sequence = peer.sequence, .reply = bytes};
  if (call != nullptr) reply.writes = call->writes.Ranges();
  if (call != nullptr && call->seen != nullptr) reply.seen = *call->seen;
  node_.peers().Send(peer.gateway, reply);
  remembered_[peer.gateway].Finish(peer.sequence, std::move(bytes), std::move(reply.writes));
}

void Gateway::DeliverPart(const ForGatherer& part, std::string bytes, bool uncommitted, Now now) {
  const auto found = gatherers_.find(part.gatherer);
  if (found == gatherers_.end()) return;
  Gatherer& gatherer = found->second;
  gatherer.replies[part.part] = std::move(bytes);
  gatherer.uncommitted = gatherer.uncommitted || uncommitted;
  if (--gatherer.missing > 0) return;
  const Gatherer whole = std::move(gatherer);
  gatherers_.erase(found);
  Deliver(whole.origin, Gather(*whole.command, whole.replies, whole.protocol), whole.uncommitted,
          now);
}

}  // namespace cartwheel::server
