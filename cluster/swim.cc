#include "cluster/swim.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>
#include <utility>

#include "cluster/rendezvous.h"
#include "storage/check.h"

namespace cartwheel::cluster {

Swim::Swim(NodeId self, uint64_t incarnation, const Options& options, uint64_t seed)
    : self_(self), incarnation_(incarnation), options_(options), random_state_(seed) {}

uint64_t Swim::Random(uint64_t below) {
  return NextRandom(random_state_) % below;
}

void Swim::SetMembers(std::span<const NodeId> others, int64_t now_us) {
  std::map<NodeId, Peer> peers;
  for (const NodeId node : others) {
    storage::Check(node != self_ && node != kNoNode, "the others are others");
    const auto known = peers_.find(node);
    peers.emplace(node, known == peers_.end() ? Peer{} : std::move(known->second));
  }
  const bool first = peers_.empty() && !peers.empty();
  peers_ = std::move(peers);
  std::erase_if(round_, [this](NodeId node) { return !peers_.contains(node); });
  std::erase_if(spreading_, [this](const auto& each) {
    return each.first != self_ && !peers_.contains(each.first);
  });
  if (probe_ && !peers_.contains(probe_->target)) probe_.reset();
  if (!first) return;
  // Not all nodes of a cluster that starts probe at one moment.
  next_probe_us_ =
      now_us + static_cast<int64_t>(Random(static_cast<uint64_t>(options_.probe_every_us)));
  next_gossip_us_ = now_us + options_.gossip_every_us;
  next_push_pull_us_ = now_us;  // what the others know already
  Spread({.node = self_, .incarnation = incarnation_, .health = Health::kAlive});
}

// ---- time

int64_t Swim::NextDeadline() const {
  if (peers_.empty()) return INT64_MAX;
  int64_t next = std::min(next_probe_us_, next_push_pull_us_);
  if (!spreading_.empty()) next = std::min(next, next_gossip_us_);
  if (probe_ && !probe_->asked_others) next = std::min(next, probe_->ask_others_us);
  for (const auto& [sequence, relay] : relays_) {
    if (!relay.nacked) next = std::min(next, relay.nack_us);
  }
  for (const auto& [node, peer] : peers_) {
    if (peer.health == Health::kSuspect) {
      next = std::min(next, peer.suspected_us + SuspicionUs(peer));
    }
  }
  return next;
}

void Swim::OnTime(int64_t now_us) {
  if (peers_.empty()) return;
  SendNacks(now_us);
  if (probe_ && !probe_->asked_others && now_us >= probe_->ask_others_us) AskOthers();
  if (now_us >= next_probe_us_) {
    if (probe_) EndProbe(false, now_us);
    BeginProbe(now_us);
  }
  BuryOverdue(now_us);
  if (now_us >= next_gossip_us_) {
    next_gossip_us_ = now_us + options_.gossip_every_us;
    Gossip();
  }
  if (now_us >= next_push_pull_us_) {
    next_push_pull_us_ = now_us + options_.push_pull_every_us;
    PushPull();
  }
}

// ---- probing

NodeId Swim::NextTarget() {
  if (round_.empty()) {
    for (const auto& [node, peer] : peers_) round_.push_back(node);
    for (size_t i = round_.size(); i > 1; --i) std::swap(round_[i - 1], round_[Random(i)]);
  }
  const NodeId target = round_.back();
  round_.pop_back();
  return target;
}

void Swim::Doubt(NodeId node, int64_t now_us) {
  const bool is_probed = probe_ && probe_->target == node;
  if (is_probed || HealthOf(node) != Health::kAlive) return;
  // Of the one that is under way nothing is known yet.
  if (probe_) round_.push_back(probe_->target);
  probe_.reset();
  std::erase(round_, node);
  round_.push_back(node);
  next_probe_us_ = now_us;
}

void Swim::Remind(NodeId node) {
  if (!peers_.contains(node) || HealthOf(node) == Health::kAlive) return;
  // Its answer will say so at once; a rumor would wait for its turn.
  Emit(node, SwimPing{.sequence = next_sequence_++, .target = node}, true);
}

void Swim::BeginProbe(int64_t now_us) {
  const int64_t every_us = Slowed(options_.probe_every_us);
  next_probe_us_ = now_us + every_us;
  probe_ = Probe{.target = NextTarget(),
                 .sequence = next_sequence_++,
                 .ask_others_us = now_us + Slowed(options_.probe_timeout_us)};
  Emit(probe_->target, SwimPing{.sequence = probe_->sequence, .target = probe_->target});
}

// The datagram may have been lost, or the way between the two be cut; a connection tells the
// former, and others the latter.
void Swim::AskOthers() {
  probe_->asked_others = true;
  for (const NodeId helper : SomeOthers(options_.indirect_probes, probe_->target, false)) {
    probe_->asked.insert(helper);
    ++probe_->helpers;
    Emit(helper, SwimPingRequest{.sequence = probe_->sequence, .target = probe_->target});
  }
  Emit(probe_->target, SwimPing{.sequence = probe_->sequence, .target = probe_->target}, true);
}

void Swim::EndProbe(bool answered, int64_t now_us) {
  const Probe probe = *std::exchange(probe_, std::nullopt);
  if (answered) {
    if (!probe.asked_others) Improve();
    return;
  }
  const auto peer = peers_.find(probe.target);
  if (peer == peers_.end() || peer->second.health != Health::kAlive) return;
  // Helpers that can be reached say at least that they heard nothing. Who hears nothing from them
  // may itself be slow, or cut off.
  if (probe.helpers == 0 || !probe.asked.empty()) Worsen();
  Hear({.node = probe.target,
        .incarnation = peer->second.incarnation,
        .health = Health::kSuspect,
        .by = self_},
       now_us);
}

void Swim::SendNacks(int64_t now_us) {
  for (auto& [sequence, relay] : relays_) {
    if (relay.nacked || now_us < relay.nack_us) continue;
    relay.nacked = true;
    Emit(relay.for_whom, SwimNack{.sequence = relay.its_sequence});
  }
  // A late answer is of no use to anybody after a few intervals.
  constexpr int64_t kKeptIntervals = 8;
  std::erase_if(relays_, [&](const auto& each) {
    return now_us >= each.second.nack_us + kKeptIntervals * options_.probe_every_us;
  });
}

// ---- spreading

std::vector<NodeId> Swim::SomeOthers(size_t count, NodeId without, bool dead_too) {
  std::vector<NodeId> others;
  for (const auto& [node, peer] : peers_) {
    if (node == without || (!dead_too && peer.health == Health::kDead)) continue;
    others.push_back(node);
  }
  count = std::min(count, others.size());
  for (size_t i = 0; i < count; ++i) std::swap(others[i], others[i + Random(others.size() - i)]);
  others.resize(count);
  return others;
}

void Swim::Gossip() {
  if (spreading_.empty()) return;
  for (const NodeId to : SomeOthers(options_.gossip_to, kNoNode, false)) {
    if (spreading_.empty()) return;
    Emit(to, SwimGossip{});
  }
}

void Swim::PushPull() {
  const auto chosen = SomeOthers(1, kNoNode, true);
  if (!chosen.empty()) Emit(chosen.front(), SwimPushPull{.wants_answer = true}, true);
}

size_t Swim::MostTellings() const {
  return options_.retransmissions * static_cast<size_t>(std::bit_width(peers_.size()));
}

void Swim::Spread(const Rumor& rumor) {
  spreading_[rumor.node] = {.rumor = rumor, .times = 0};
}

std::vector<Rumor> Swim::RumorsFor(NodeId to) {
  std::vector<Rumor> rumors;
  const auto receiver = peers_.find(to);
  if (receiver != peers_.end() && receiver->second.health != Health::kAlive) {
    const Peer& peer = receiver->second;
    rumors.push_back({to, peer.incarnation, peer.health,
                      peer.suspected_by.empty() ? kNoNode : *peer.suspected_by.begin()});
  }
  std::vector<Spreading*> due;
  for (auto& [node, spreading] : spreading_) {
    if (node != to) due.push_back(&spreading);
  }
  std::ranges::sort(due, {},
                    [](const Spreading* each) { return std::pair(each->times, each->rumor.node); });
  for (Spreading* spreading : due) {
    if (rumors.size() >= options_.max_rumors) break;
    rumors.push_back(spreading->rumor);
    ++spreading->times;
  }
  const size_t most = MostTellings();
  std::erase_if(spreading_, [most](const auto& each) { return each.second.times >= most; });
  return rumors;
}

void Swim::Emit(NodeId to, decltype(SwimPacket::body) body, bool reliably) {
  SwimPacket packet{.body = body, .rumors = {}};
  if (std::holds_alternative<SwimPushPull>(body)) {
    packet.rumors.push_back({self_, incarnation_, Health::kAlive, kNoNode});
    for (const auto& [node, peer] : peers_) {
      packet.rumors.push_back({node, peer.incarnation, peer.health,
                               peer.suspected_by.empty() ? kNoNode : *peer.suspected_by.begin()});
    }
  } else {
    packet.rumors = RumorsFor(to);
  }
  outputs_.emplace_back(Send{.to = to, .packet = std::move(packet), .reliably = reliably});
}

// ---- what others say

void Swim::On(NodeId from, const SwimPacket& packet, bool reliably, int64_t now_us) {
  if (!peers_.contains(from)) return;
  for (const Rumor& rumor : packet.rumors) Hear(rumor, now_us);
  std::visit([&](const auto& body) { On(from, body, reliably, now_us); }, packet.body);
}

void Swim::On(NodeId from, const SwimPing& ping, bool reliably, int64_t) {
  if (ping.target == self_) Emit(from, SwimAck{.sequence = ping.sequence}, reliably);
}

void Swim::On(NodeId from, const SwimAck& ack, bool, int64_t now_us) {
  if (const auto relay = relays_.find(ack.sequence); relay != relays_.end()) {
    Emit(relay->second.for_whom, SwimAck{.sequence = relay->second.its_sequence});
    relays_.erase(relay);
    return;
  }
  // From the target itself or from who asked it.
  const bool is_of_probe = probe_ && probe_->sequence == ack.sequence &&
                           (from == probe_->target || probe_->asked_others);
  if (is_of_probe) EndProbe(true, now_us);
}

void Swim::On(NodeId from, const SwimPingRequest& request, bool, int64_t now_us) {
  constexpr size_t kMostRelays = 1'000;
  if (!peers_.contains(request.target) || relays_.size() >= kMostRelays) return;
  const uint64_t sequence = next_sequence_++;
  // So that it is there before who asked gives up.
  constexpr int64_t kNackShare = 2;
  relays_.emplace(sequence, Relay{.for_whom = from,
                                  .its_sequence = request.sequence,
                                  .nack_us = now_us + options_.probe_timeout_us / kNackShare});
  Emit(request.target, SwimPing{.sequence = sequence, .target = request.target});
}

void Swim::On(NodeId from, const SwimNack& nack, bool, int64_t) {
  if (probe_ && probe_->sequence == nack.sequence) probe_->asked.erase(from);
}

void Swim::On(NodeId from, const SwimPushPull& push_pull, bool reliably, int64_t) {
  if (push_pull.wants_answer) Emit(from, SwimPushPull{.wants_answer = false}, reliably);
}

void Swim::Hear(const Rumor& rumor, int64_t now_us) {
  if (rumor.node == self_) return HearOfSelf(rumor);
  const auto found = peers_.find(rumor.node);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  const bool news =
      std::tie(peer.incarnation, peer.health) < std::tie(rumor.incarnation, rumor.health);
  if (rumor.health == Health::kSuspect) {
    Suspect(peer, rumor, now_us);
  } else if (news) {
    Become(peer, rumor);
  }
}

// Somebody takes it for worse than it is, or for one that it was before.
void Swim::HearOfSelf(const Rumor& rumor) {
  const bool worse = rumor.health != Health::kAlive && rumor.incarnation >= incarnation_;
  if (!worse && rumor.incarnation <= incarnation_) return;
  if (worse) Worsen();
  incarnation_ = rumor.incarnation + 1;
  Spread({.node = self_, .incarnation = incarnation_, .health = Health::kAlive});
}

void Swim::Suspect(Peer& peer, const Rumor& rumor, int64_t now_us) {
  const bool same = peer.health == Health::kSuspect && peer.incarnation == rumor.incarnation;
  if (same) {
    // The first few that find out by themselves are worth telling of.
    const bool counts = peer.suspected_by.size() <= options_.confirmations && rumor.by != kNoNode;
    if (counts && peer.suspected_by.insert(rumor.by).second) Spread(rumor);
    return;
  }
  if (std::tie(rumor.incarnation, rumor.health) <= std::tie(peer.incarnation, peer.health)) return;
  Become(peer, rumor);
  peer.suspected_us = now_us;
  if (rumor.by != kNoNode) peer.suspected_by.insert(rumor.by);
}

void Swim::Become(Peer& peer, const Rumor& rumor) {
  const Health before = std::exchange(peer.health, rumor.health);
  peer.incarnation = rumor.incarnation;
  peer.suspected_by.clear();
  Spread(rumor);
  if (before != peer.health) outputs_.emplace_back(Changed{rumor.node, peer.health});
}

// Lifeguard, section IV-B: from the longest time to the shortest with the logarithm of the
// independent confirmations.
int64_t Swim::SuspicionUs(const Peer& peer) const {
  const double members = static_cast<double>(peers_.size() + 1);
  const auto most = static_cast<int64_t>(
      std::max(1.0, std::log10(members)) *
      static_cast<double>(options_.suspicion_intervals * options_.probe_every_us));
  const int64_t least = most / 2;
  // Of three members there is one that could confirm it; of two, nobody.
  const size_t expected = std::min(options_.confirmations, peers_.size() - 1);
  if (expected == 0) return least;
  const size_t confirmed = peer.suspected_by.empty() ? 0 : peer.suspected_by.size() - 1;
  const double share = std::log(static_cast<double>(std::min(confirmed, expected)) + 1) /
                       std::log(static_cast<double>(expected) + 1);
  return most - static_cast<int64_t>(share * static_cast<double>(most - least));
}

void Swim::BuryOverdue(int64_t now_us) {
  for (auto& [node, peer] : peers_) {
    if (peer.health != Health::kSuspect || now_us < peer.suspected_us + SuspicionUs(peer)) continue;
    Become(peer, {.node = node, .incarnation = peer.incarnation, .health = Health::kDead});
  }
}

Health Swim::HealthOf(NodeId node) const {
  if (node == self_) return Health::kAlive;
  const auto peer = peers_.find(node);
  return peer == peers_.end() ? Health::kDead : peer->second.health;
}

size_t Swim::SuspectedBy(NodeId node) const {
  const auto peer = peers_.find(node);
  return peer == peers_.end() ? 0 : peer->second.suspected_by.size();
}

std::vector<Swim::Output> Swim::TakeOutputs() {
  return std::exchange(outputs_, {});
}

}  // namespace cartwheel::cluster
