// Looking for a cluster.
#include "cluster/membership.h"

#include <algorithm>
#include <utility>

#include "cluster/register_codec.h"
#include "cluster/rendezvous.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

using Verdict = JoinReply::Verdict;

std::string Hex(uint64_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = text.size(); i-- > 0; number >>= 4) text[i] = kDigits[number & 15];
  return text;
}

std::string Members(uint64_t count) {
  return std::to_string(count) + (count == 1 ? " member" : " members");
}

}  // namespace

Membership::Membership(const Options& options, const std::optional<Register::State>& stored,
                       uint64_t seed)
    : options_(options), random_state_(seed) {
  for (const NodeAddress& address : options_.seeds) targets_.try_emplace(address);
  if (!stored) return;
  register_.emplace(options_.self, *stored, options_.reg, Random());
  storage::Check(Decode(), "what is stored is a topology");
  committed_ = known_;
  own_news_.epoch = epoch();
}

uint64_t Membership::Random() {
  uint64_t number = 0;
  while (number == 0) number = NextRandom(random_state_);
  return number;
}

bool Membership::IsSingle() const {
  return formed() && known_->topology.members.size() == 1;
}

void Membership::Say(std::string text, bool warning) {
  outputs_.emplace_back(Notice{.text = std::move(text), .warning = warning});
}

NodeAddress Membership::OwnAddress() const {
  if (!options_.address.host.empty()) return options_.address;
  if (!self_found_.host.empty()) return self_found_;
  return {.host = seen_host_, .port = options_.address.port};
}

void Membership::Meet(const NodeAddress& address) {
  if (std::ranges::find(met_, address) != met_.end()) return;
  met_.push_back(address);
  targets_[address].next_us = 0;
  Say("asks the node at " + Text(address) + " for its cluster");
}

void Membership::SetHoldsKeys(bool holds_keys) {
  if (std::exchange(own_news_.holds_keys, holds_keys) != holds_keys) TellAll();
}

void Membership::SetReport(const Report& report) {
  const bool is_urgent = own_news_.drained != report.drained ||
                         own_news_.arrived != report.arrived || own_news_.trouble != report.trouble;
  own_news_.drained = report.drained;
  own_news_.keys = report.keys;
  own_news_.bytes = report.bytes;
  own_news_.arrived = report.arrived;
  own_news_.trouble = report.trouble;
  const NodeId proposer = Proposer();
  if (is_urgent && proposer != kNoNode && proposer != options_.self) TellNews(proposer);
}

// ---- asking

// In no cluster, or alone in one, or not linked to everybody: something may be known elsewhere.
bool Membership::IsLookedFor() const {
  if (!formed() || IsSingle()) return true;
  return std::ranges::any_of(known_->topology.members, [this](const TopologyMember& member) {
    return member.node != options_.self && !member.gone && !IsLinked(member.node);
  });
}

bool Membership::IsLinked(NodeId node) const {
  const auto peer = peers_.find(node);
  return peer != peers_.end() && peer->second.linked;
}

void Membership::ChooseTargets() {
  // Who was taken out comes back when an operator says so, not because of an old list.
  std::vector<NodeAddress> wanted = is_taken_out() ? std::vector<NodeAddress>() : options_.seeds;
  wanted.insert(wanted.end(), met_.begin(), met_.end());
  if (formed()) {
    for (const TopologyMember& member : known_->topology.members) {
      if (member.node == options_.self || member.gone) continue;
      if (IsLinked(member.node)) {
        std::erase(wanted, member.address);
      } else {
        wanted.push_back(member.address);
      }
    }
  }
  for (const NodeAddress& address : wanted) targets_.try_emplace(address);
  std::erase_if(targets_, [&wanted](const auto& target) {
    return std::ranges::find(wanted, target.first) == wanted.end();
  });
}

void Membership::AskDue(int64_t now_us) {
  ChooseTargets();
  if (!IsLookedFor()) return;
  for (auto& [address, target] : targets_) {
    if (now_us < target.next_us) continue;
    // One that is under way for so long has been lost.
    target.nonce = Random();
    target.next_us = now_us + options_.ask_timeout_us;
    const uint64_t cluster = formed() ? known_->topology.cluster_id : wanted_;
    outputs_.emplace_back(
        Ask{.to = address,
            .request = {.nonce = target.nonce,
                        .node = options_.self,
                        .boot_nonce = options_.boot_nonce,
                        .cluster_id = cluster,
                        .holds_keys = HoldsKeys(),
                        .asked = address,
                        .address = OwnAddress(),
                        .zone = options_.zone,
                        .weight = options_.weight,
                        .record = topology() == nullptr
                                      ? std::string()
                                      : EncodeRegisterMessage(Chosen{committed_->record})}});
  }
}

void Membership::NotAnswered(const NodeAddress& to, int64_t now_us) {
  const auto found = targets_.find(to);
  if (found == targets_.end()) return;
  Target& target = found->second;
  target.nonce = 0;
  target.tried = true;
  target.found = Found::kNothing;
  target.next_us = now_us + (formed() ? options_.look_every_us : options_.ask_every_us);
}

void Membership::Replied(const NodeAddress& to, const JoinReply& reply, int64_t now_us) {
  const auto found = targets_.find(to);
  if (found == targets_.end() || reply.nonce == 0 || reply.nonce != found->second.nonce) return;
  Target& target = found->second;
  target.nonce = 0;
  target.tried = true;
  target.next_us = now_us + (formed() ? options_.look_every_us : options_.ask_every_us);
  if (!reply.seen_host.empty()) seen_host_ = reply.seen_host;
  if (reply.node == options_.self) {
    if (reply.boot_nonce != options_.boot_nonce) {
      return TellRefusal(target, to, "it says that it is this node: its data directory was copied");
    }
    target.found = Found::kSelf;
    self_found_ = to;
    return;
  }
  target.found = reply.verdict == Verdict::kUnformed ? Found::kUnformed : Found::kCluster;
  if (target.found == Found::kCluster) OnCluster(target, to, reply, now_us);
}

void Membership::OnCluster(Target& target, const NodeAddress& to, const JoinReply& reply,
                           int64_t now_us) {
  if (formed()) {
    if (reply.cluster_id != known_->topology.cluster_id) {
      return OnForeignCluster(target, to, reply, now_us);
    }
    if (!reply.record.empty()) LearnRecord(reply.node, reply.record, now_us);
    return;
  }
  // What it is asked for is to be let in again.
  if (is_taken_out() && reply.verdict == Verdict::kMember && IsOld(reply)) return;
  // Whoever was in it may have given it up for another one.
  const bool may_choose = wanted_ == 0 || now_us - wanted_us_ > kGivenUpUs || to == wanted_at_;
  if (may_choose) wanted_ = reply.cluster_id;
  if (reply.cluster_id != wanted_) {
    return TellRefusal(target, to, "it is of another cluster than the one that is to be joined");
  }
  wanted_us_ = now_us;
  wanted_at_ = to;
  switch (reply.verdict) {
    case Verdict::kFormed: target.next_us = now_us; return;
    case Verdict::kMember: return Join(to, reply);
    case Verdict::kRefused:
      target.next_us = now_us + options_.look_every_us;
      return TellRefusal(target, to, reply.reason);
    case Verdict::kPending:
    case Verdict::kUnformed: return;
  }
}

void Membership::TellRefusal(Target& target, const NodeAddress& to, const std::string& reason) {
  if (std::exchange(target.told, reason) == reason) return;
  Say("the node at " + Text(to) + " does not let this one in: " + reason, true);
}

void Membership::Join(const NodeAddress& to, const JoinReply& reply) {
  const auto record = DecodeChosen(reply.record);
  const auto topology =
      record ? DecodeTopology(record->bytes) : std::unexpected(std::string("no record"));
  if (!topology || topology->cluster_id != wanted_ ||
      FindMember(*topology, options_.self) == nullptr) {
    const std::string what = topology ? "a topology without this node" : topology.error();
    return Say("the node at " + Text(to) + " answered with " + what, true);
  }
  register_.emplace(
      options_.self,
      Register::State{.chosen = *record, .promised = {}, .accepted = {}, .record = {}},
      options_.reg, Random());
  changed_ = true;
  Decode();
  Say("joined the cluster " + Hex(topology->cluster_id) + " of " +
      Members(topology->members.size()) + " at " + Text(to));
}

// ---- two clusters, one of which is as good as none

void Membership::OnForeignCluster(Target& target, const NodeAddress& to, const JoinReply& reply,
                                  int64_t now_us) {
  const uint64_t own = known_->topology.cluster_id;
  const bool asked_for = std::ranges::find(met_, to) != met_.end() ||
                         std::ranges::find(options_.seeds, to) != options_.seeds.end();
  const bool gives_way =
      reply.members > 1 || reply.cluster_id < own || reply.cluster_id == keeps_keys_;
  if (IsSingle() && !HoldsKeys() && asked_for && gives_way) {
    return Abandon(reply.cluster_id, to, now_us);
  }
  const bool it_gives_way = reply.members == 1 && IsSingle() && !gives_way;
  if (it_gives_way || std::exchange(target.told, Hex(reply.cluster_id)) == Hex(reply.cluster_id)) {
    return;
  }
  const std::string stays =
      HoldsKeys() && IsSingle() ? ", and as it holds keys it stays there" : "";
  Say("the node at " + Text(to) + " is of the cluster " + Hex(reply.cluster_id) + ", this one of " +
          Hex(own) + stays,
      true);
}

void Membership::Abandon(uint64_t for_cluster, const NodeAddress& at, int64_t now_us) {
  Say("gives up its cluster of one, which holds nothing, to join the cluster " + Hex(for_cluster));
  register_.reset();
  known_.reset();
  pending_.clear();
  changed_ = true;
  adopt_due_ = true;
  wanted_ = for_cluster;
  wanted_us_ = now_us;
  wanted_at_ = at;
  for (auto& [address, target] : targets_) target.next_us = 0;
}

// ---- taken out of one

// A record that this node knows of already, or one before it.
bool Membership::IsOld(const JoinReply& reply) const {
  const auto record = DecodeChosen(reply.record);
  return record && reply.cluster_id == known_->topology.cluster_id &&
         record->epoch <= known_->record.epoch;
}

void Membership::EndMembership() {
  const std::string keeps =
      HoldsKeys() ? "; it keeps the keys that it holds, and serves none of them" : "";
  Say("was taken out of the cluster " + Hex(known_->topology.cluster_id) + keeps +
          "; CLUSTER MEET lets it in again",
      true);
  pending_.clear();
  met_.clear();
  peers_.clear();
  wanted_change_.reset();
  wanted_ = 0;
  StopMoving();
}

// ---- creating one

bool Membership::MayCreate(int64_t now_us) const {
  if (register_ || (wanted_ != 0 && now_us - wanted_us_ <= kGivenUpUs)) return false;
  if (options_.seeds.empty()) return true;
  const Target& first = targets_.at(options_.seeds.front());
  if (first.found != Found::kSelf) return false;
  const bool all_know_of_none = std::ranges::all_of(options_.seeds, [this](const auto& seed) {
    const Found found = targets_.at(seed).found;
    return found == Found::kSelf || found == Found::kUnformed;
  });
  const bool all_tried = std::ranges::all_of(
      options_.seeds, [this](const auto& seed) { return targets_.at(seed).tried; });
  return all_know_of_none || (all_tried && now_us - started_us_ >= options_.create_after_us);
}

void Membership::Create() {
  Topology topology{.cluster_id = Random(), .n = options_.n, .members = {}, .owners = {}};
  NodeAddress address = OwnAddress();
  // Until somebody has asked or answered nobody could reach it anyway.
  if (address.host.empty()) address.host = "localhost";
  topology = With(topology, {{.node = options_.self,
                              .address = address,
                              .zone = options_.zone,
                              .weight = options_.weight}});
  Record record{.epoch = 1, .voters = {options_.self}, .bytes = EncodeTopology(topology)};
  register_.emplace(
      options_.self,
      Register::State{.chosen = std::move(record), .promised = {}, .accepted = {}, .record = {}},
      options_.reg, Random());
  changed_ = true;
  Decode();
  Say("created the cluster " + Hex(topology.cluster_id));
}

// ---- time

void Membership::OnTime(int64_t now_us) {
  if (started_us_ < 0) started_us_ = now_us;
  if (MayCreate(now_us)) Create();
  AskDue(now_us);
  if (register_) register_->OnTime(now_us);
  ProposeWanted(now_us);
  ProposeDue(now_us);
  MoveDue(now_us);
  DrainRegister(now_us);
  if (now_us < next_news_us_) return;
  next_news_us_ = now_us + options_.news_every_us;
  TellAll();
}

int64_t Membership::NextDeadline() const {
  if (started_us_ < 0) return 0;
  int64_t next = next_news_us_;
  if (IsLookedFor()) {
    for (const auto& [address, target] : targets_) next = std::min(next, target.next_us);
  }
  if (register_) next = std::min(next, register_->NextDeadline());
  if (wanted_change_ && IsReadyToPropose()) next = 0;
  if (CanPropose() && (HasMovesToMake() || said_that_it_moves_))
    next = std::min(next, next_move_us_);
  for (const auto& [node, pending] : pending_) {
    const int64_t due_us = std::max(pending.first_us + options_.gather_us, propose_not_before_us_);
    next = std::min(next, CanPropose() ? due_us : pending.last_us + kStillAsksUs + 1);
  }
  return next;
}

// ---- the end of a turn

bool Membership::TakeChanged() {
  const bool changed = changed_ || (register_ && register_->TakeChanged());
  changed_ = changed;  // until it is stored
  return changed;
}

std::optional<Register::State> Membership::TakeState() const {
  if (!register_) return std::nullopt;
  return register_->state();
}

void Membership::Committed(bool committed) {
  if (!committed) {
    std::erase_if(outputs_, [](const Output& output) {
      return !std::holds_alternative<Tell>(output) && !std::holds_alternative<Notice>(output);
    });
    return;
  }
  changed_ = false;
  const bool same = committed_.has_value() == known_.has_value() &&
                    (!known_ || committed_->record == known_->record);
  if (!same || adopt_due_) {
    const bool was_in = topology() != nullptr;
    const uint64_t known_epoch = epoch();
    committed_ = known_;
    adopt_due_ = false;
    own_news_.epoch = epoch();
    if (committed_) TakeBackReport(committed_->topology, known_epoch);
    if (was_in && is_taken_out()) EndMembership();
    ChooseTargets();
    const Topology* const adopted = topology();
    outputs_.emplace_back(
        Adopt{adopted == nullptr ? std::optional<Topology>() : std::optional(*adopted)});
    TellAll();
  }
}

std::vector<Membership::Output> Membership::TakeOutputs() {
  return std::exchange(outputs_, {});
}

}  // namespace cartwheel::cluster
