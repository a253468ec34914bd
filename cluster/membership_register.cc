// Letting others in, and what the members agree on.
#include <algorithm>
#include <utility>

#include "cluster/membership.h"
#include "cluster/register_codec.h"

namespace cartwheel::cluster {
namespace {

using Verdict = JoinReply::Verdict;

bool SpeaksNone(const JoinRequest& request) {
  return std::min(request.newest_protocol, kNewestProtocol) <
         std::max(request.oldest_protocol, kOldestProtocol);
}

TopologyMember MemberOf(const JoinRequest& request) {
  return {.node = request.node,
          .address = request.address,
          .zone = request.zone,
          .weight = request.weight};
}

}  // namespace

// ---- who asks

JoinReply Membership::OnRequest(const JoinRequest& request, const std::string& from_host,
                                int64_t now_us) {
  JoinReply reply{.nonce = request.nonce,
                  .node = options_.self,
                  .boot_nonce = options_.boot_nonce,
                  .cluster_id = 0,
                  .members = 0,
                  .verdict = Verdict::kUnformed,
                  .seen_host = from_host,
                  .reason = {},
                  .record = {}};
  const bool is_self = request.node == options_.self && request.boot_nonce == options_.boot_nonce;
  JoinRequest complete = request;
  if (complete.address.host.empty()) complete.address.host = from_host;
  if (!is_self && !request.record.empty()) LearnRecord(request.node, request.record, now_us);
  if (committed_ && is_taken_out() && request.cluster_id == committed_->topology.cluster_id &&
      FindMember(committed_->topology, request.node) != nullptr) {
    // Who left may be the only one that knows.
    reply.cluster_id = request.cluster_id;
    reply.members = committed_->topology.members.size();
    reply.verdict = Verdict::kFormed;
    reply.record = EncodeRegisterMessage(Chosen{committed_->record});
    return reply;
  }
  if (!committed_ || !formed()) return reply;
  if (IsSingle() && !is_self) MeetBack(request, complete.address);
  // It is found there at least by one; so others can reach it there.
  if (IsSingle() && !is_self && self_found_.host.empty()) self_found_ = request.asked;
  const Topology& topology = committed_->topology;
  reply.cluster_id = topology.cluster_id;
  reply.members = topology.members.size();
  reply.verdict = Verdict::kFormed;
  if (is_self || request.cluster_id != reply.cluster_id) {
    if (!SpeaksNone(request)) return reply;
  }
  const TopologyMember* const member = FindMember(topology, request.node);
  if (SpeaksNone(request)) {
    reply.verdict = Verdict::kRefused;
    reply.reason = "it speaks protocol " + std::to_string(request.oldest_protocol) + " to " +
                   std::to_string(request.newest_protocol) + ", this node " +
                   std::to_string(kOldestProtocol) + " to " + std::to_string(kNewestProtocol);
  } else if (member != nullptr && request.node != options_.self) {
    reply.verdict = Verdict::kMember;
    reply.record = EncodeRegisterMessage(Chosen{committed_->record});
    // It is where it says now; an address that was only seen may be a gateway's.
    const bool moved = !request.address.host.empty() && member->address != request.address;
    if (moved) Admit(complete, now_us);
  } else if (IsBehind(request)) {
    reply.verdict = Verdict::kRefused;
    reply.reason = "it was taken out of the cluster";
    reply.record = EncodeRegisterMessage(Chosen{committed_->record});
  } else if (std::string reason = WhyNot(complete); !reason.empty()) {
    reply.verdict = Verdict::kRefused;
    reply.reason = std::move(reason);
  } else {
    reply.verdict = Verdict::kPending;
    Admit(complete, now_us);
  }
  DrainRegister(now_us);
  return reply;
}

// Two that are each alone in a cluster: which of them gives way is the same for both, so both have
// to know of the other.
void Membership::MeetBack(const JoinRequest& request, const NodeAddress& address) {
  if (request.cluster_id == 0 || request.cluster_id == known_->topology.cluster_id) return;
  const auto record = DecodeChosen(request.record);
  if (!record) return;
  const auto topology = DecodeTopology(record->bytes);
  if (!topology || topology->members.size() != 1) return;
  if (request.holds_keys) keeps_keys_ = request.cluster_id;
  Meet(address);
}

// Who asks takes itself for a member, as it was in an earlier record.
bool Membership::IsBehind(const JoinRequest& request) const {
  const auto record = DecodeChosen(request.record);
  return record && request.cluster_id == committed_->topology.cluster_id &&
         record->epoch < committed_->record.epoch;
}

const MemberNews* Membership::NewsOf(NodeId node) const {
  if (node == options_.self) return &own_news_;
  const auto peer = peers_.find(node);
  return peer == peers_.end() || !peer->second.news ? nullptr : &*peer->second.news;
}

bool Membership::SomebodyHoldsKeys() const {
  return std::ranges::any_of(known_->topology.members, [this](const TopologyMember& member) {
    const MemberNews* const news = NewsOf(member.node);
    return news != nullptr && news->holds_keys;
  });
}

// All have told that they hold no keys, so that nothing would have to move. What the one who goes
// holds, and those who are gone, is not asked for.
bool Membership::IsKnownEmpty(NodeId without) const {
  return std::ranges::all_of(known_->topology.members, [&](const TopologyMember& member) {
    const MemberNews* const news = NewsOf(member.node);
    return member.gone || member.node == without || (news != nullptr && !news->holds_keys);
  });
}

// Another one, which is not there any more.
const TopologyMember* Membership::WhoseAddressItHas(const TopologyMember& asks) const {
  if (FindMember(known_->topology, asks.node) != nullptr) return nullptr;
  const auto other = std::ranges::find_if(known_->topology.members, [&](const auto& member) {
    return !member.gone && member.node != asks.node && member.address == asks.address;
  });
  return other == known_->topology.members.end() ? nullptr : &*other;
}

std::string Membership::WhyNot(const JoinRequest& request) const {
  if (request.node == options_.self) return "two nodes have its id, its data directory was copied";
  if (request.holds_keys) {
    return "it holds keys itself; a node joins empty: start it on a new data directory";
  }
  const Topology& topology = committed_->topology;
  if (topology.members.size() >= Ring::kMaxMembers) return "the cluster is full";
  for (const TopologyMember& member : topology.members) {
    const bool same_place = !member.gone && member.address == request.address;
    if (same_place && IsLinked(member.node)) {
      return "another member is at its address " + Text(member.address);
    }
  }
  return {};
}

void Membership::Admit(const JoinRequest& request, int64_t now_us) {
  const NodeId proposer = Proposer();
  if (proposer == kNoNode) return;
  if (proposer != options_.self) {
    outputs_.emplace_back(PassOn{.to = proposer, .request = request});
    return;
  }
  const auto [at, is_new] = pending_.try_emplace(request.node);
  if (is_new) at->second.first_us = now_us;
  at->second.member = MemberOf(request);
  at->second.last_us = now_us;
}

bool Membership::MayOwnAtOnce(const TopologyMember& asks) const {
  return FindMember(known_->topology, asks.node) == nullptr &&
         (options_.auto_commit != AutoCommit::kNo || WhoseAddressItHas(asks) != nullptr);
}

// As a member, from what it says of itself. `empty`: the cluster is.
TopologyMember Membership::LetIn(const TopologyMember& asks, bool empty) const {
  TopologyMember member = asks;
  // What a member is to hold is not its own to say.
  if (const TopologyMember* const before = FindMember(known_->topology, asks.node)) {
    member = *before;
    member.address = asks.address;
    return member;
  }
  const TopologyMember* const place = WhoseAddressItHas(asks);
  if (place != nullptr && (place->weight > 0 || place->planned_weight)) {
    // The same machine with another disk.
    member.weight = place->weight;
    member.planned_weight = place->planned_weight;
    return member;
  }
  const bool owns = options_.auto_commit == AutoCommit::kYes ||
                    (options_.auto_commit == AutoCommit::kWhenEmpty && empty);
  if (!owns) member.planned_weight = std::exchange(member.weight, 0);
  return member;
}

// Where it can be reached may be found out only after it created the cluster.
void Membership::AdmitSelf(int64_t now_us) {
  const NodeAddress& address = options_.address.host.empty() ? self_found_ : options_.address;
  if (address.host.empty() || !CanPropose()) return;
  const TopologyMember* const own = FindMember(known_->topology, options_.self);
  if (own == nullptr || own->address == address || pending_.contains(options_.self)) return;
  Pending& pending = pending_[options_.self];
  pending.member = *own;
  pending.member.address = address;
  pending.first_us = pending.last_us = now_us;
}

void Membership::OnPassedOn(const JoinRequest& request, int64_t now_us) {
  if (!committed_ || !formed() || request.cluster_id != committed_->topology.cluster_id) return;
  const bool member = FindMember(committed_->topology, request.node) != nullptr;
  if (Proposer() == options_.self && (member || WhyNot(request).empty())) Admit(request, now_us);
}

// ---- members and what they say

NodeId Membership::Proposer() const {
  if (topology() == nullptr) return kNoNode;
  NodeId first = kNoNode;
  for (const NodeId voter : committed_->record.voters) {
    if (voter != options_.self && !IsLinked(voter)) continue;
    if (first == kNoNode) first = voter;
    // One whose disk is full could not keep what it proposes.
    const MemberNews* const news = NewsOf(voter);
    if (news == nullptr || news->trouble.empty()) return voter;
  }
  return first;
}

void Membership::PeerUp(NodeId node) {
  peers_[node].linked = true;
  TellNews(node);
}

void Membership::PeerDown(NodeId node) {
  Peer& peer = peers_[node];
  peer.linked = false;
  // What it held it still holds, until it says otherwise; what was on its way to it may be lost.
  if (peer.news) peer.news->arrived.clear();
}

void Membership::TellNews(NodeId to) {
  if (topology() != nullptr) outputs_.emplace_back(Tell{.to = to, .news = own_news_});
}

void Membership::TellAll() {
  for (const auto& [node, peer] : peers_) {
    if (peer.linked) TellNews(node);
  }
}

// What the node said of itself before it knew the topology.
void Membership::TakeBackReport(const Topology& adopted, uint64_t known_epoch) {
  const auto is_new = [&](uint64_t epoch) { return epoch > known_epoch; };
  if (std::ranges::none_of(adopted.epochs, is_new)) return;
  std::erase_if(own_news_.arrived,
                [&](Partition partition) { return is_new(adopted.epochs[partition]); });
  own_news_.drained = false;
  own_news_.trouble.clear();
}

void Membership::OnNews(NodeId from, const MemberNews& news) {
  if (!register_) return;
  peers_[from].news = news;
  register_->HeardOf(from, news.epoch);
}

void Membership::KnowsMore(NodeId node) {
  if (register_) register_->HeardOf(node, register_->chosen().epoch + 1);
}

void Membership::OnRegister(NodeId from, const RegisterMessage& message, int64_t now_us) {
  if (!register_) return;
  register_->On(from, message, now_us);
  DrainRegister(now_us);
}

// Of who carries it with a question or an answer, whose secret is ours.
void Membership::LearnRecord(NodeId from, const std::string& bytes, int64_t now_us) {
  if (!register_) return;
  const auto record = DecodeChosen(bytes);
  if (!record || record->epoch <= register_->chosen().epoch) return;
  const auto topology = DecodeTopology(record->bytes);
  if (!topology || topology->cluster_id != known_->topology.cluster_id) return;
  register_->On(from, RegisterMessage(Chosen{*record}), now_us);
  DrainRegister(now_us);
}

// ---- changes

// What is built on is what is stored here and what the register has.
bool Membership::IsReadyToPropose() const {
  return formed() && committed_ && !register_->is_proposing() &&
         committed_->record == register_->chosen();
}

bool Membership::CanPropose() const {
  return IsReadyToPropose() && Proposer() == options_.self;
}

void Membership::Propose(Topology next, int64_t now_us) {
  const Record& before = register_->chosen();
  const uint64_t epoch = before.epoch + 1;
  StampEpochs(known_->topology, next, epoch);
  register_->Propose(
      {.epoch = epoch, .voters = VotersOf(next, before.voters), .bytes = EncodeTopology(next)},
      now_us);
}

void Membership::ForgetPending(int64_t now_us) {
  std::erase_if(pending_, [&](const auto& entry) {
    const TopologyMember* const member = FindMember(known_->topology, entry.first);
    const bool done = member != nullptr && member->address == entry.second.member.address;
    return done || now_us - entry.second.last_us > kStillAsksUs;
  });
}

// Somebody has not told yet whether it holds keys, as it has only just come: if it holds none, who
// asks can be given its share at once.
bool Membership::MayBeFoundEmpty(int64_t now_us) const {
  if (SomebodyHoldsKeys()) return false;
  return std::ranges::any_of(pending_, [&](const auto& entry) {
    const Pending& pending = entry.second;
    return MayOwnAtOnce(pending.member) && now_us - pending.first_us < kTellWithinUs;
  });
}

void Membership::ProposeDue(int64_t now_us) {
  if (!formed()) return;
  AdmitSelf(now_us);
  ForgetPending(now_us);
  if (pending_.empty() || now_us < propose_not_before_us_ || !CanPropose()) return;
  const auto first = std::ranges::min_element(
      pending_, {}, [](const auto& entry) { return entry.second.first_us; });
  if (now_us - first->second.first_us < options_.gather_us) return;
  // What somebody at whose address another is now had is gone with it.
  const TopologyMember* const place = WhoseAddressItHas(first->second.member);
  const bool empty = IsKnownEmpty(place == nullptr ? kNoNode : place->node);
  if (!empty && MayBeFoundEmpty(now_us)) {
    propose_not_before_us_ = now_us + options_.ask_every_us;
    return;
  }
  std::vector<TopologyMember> members;
  members.reserve(pending_.size());
  for (const auto& [node, pending] : pending_) members.push_back(LetIn(pending.member, empty));
  const bool at_once = empty && known_->topology.moves.empty();
  Propose(With(known_->topology, members, at_once ? Placing::kAtOnce : Placing::kByMoves), now_us);
}

void Membership::DrainRegister(int64_t now_us) {
  if (!register_) return;
  for (Register::Output& output : register_->TakeOutputs()) {
    if (auto* const send = std::get_if<Register::Send>(&output)) {
      outputs_.emplace_back(Talk{.to = send->to, .message = std::move(send->message)});
    } else if (std::get<Register::Outcome>(output) == Register::Outcome::kUnknown) {
      propose_not_before_us_ = now_us + options_.look_every_us;
      wanted_change_.reset();  // who wanted it may say so again
      Say("a change of the members is not decided: a majority of those who decide cannot be "
          "reached",
          true);
    }
  }
  Decode();
}

// False: the record is one that this version cannot read; the one before it stays in use.
bool Membership::Decode() {
  const Record& record = register_->chosen();
  if (known_ && known_->record == record) return true;
  auto topology = DecodeTopology(record.bytes);
  if (!topology) {
    if (std::exchange(undecodable_epoch_, record.epoch) != record.epoch) {
      Say("the cluster's topology of epoch " + std::to_string(record.epoch) +
              " cannot be read: " + topology.error(),
          true);
    }
    return false;
  }
  known_ = Known{.record = record, .topology = *std::move(topology)};
  has_moves_to_make_.reset();
  return true;
}

}  // namespace cartwheel::cluster
