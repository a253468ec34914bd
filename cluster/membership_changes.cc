// What an operator wants changed of the members, on any of them: it proposes the change itself.
#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "cluster/membership.h"

namespace cartwheel::cluster {
namespace {

constexpr const char* kInNone = "this node is in no cluster";
constexpr const char* kNoMember = "it is no member";
constexpr const char* kNoMajority = "a majority of those who decide cannot be reached";

// Moves, or owners that differ from those that the weights ask for.
bool IsUnderWay(const Topology& topology) {
  return !topology.moves.empty() || TargetOf(topology) != topology.owners;
}

// Others than the member are to own something.
bool OthersAreToOwn(const Topology& topology, NodeId node) {
  return std::ranges::any_of(topology.members, [node](const TopologyMember& member) {
    return member.node != node && member.weight_to_be() > 0;
  });
}

// Who owns nothing without its plan would have to go with it.
bool IsDroppable(const TopologyMember& member) {
  return member.weight > 0 && member.planned_weight.has_value();
}

void Plan(TopologyMember& member, uint32_t weight) {
  member.planned_weight = weight;
  if (member.weight == weight) member.planned_weight.reset();
}

// Partitions that nobody else has all of.
size_t PartitionsLostWith(const Topology& topology, NodeId node) {
  std::set<NodeId> gone = {node};
  for (const TopologyMember& member : topology.members) {
    if (member.gone) gone.insert(member.node);
  }
  std::vector<std::span<const NodeId>> rows;
  rows.reserve(kPartitions);
  for (size_t i = 0; i < kPartitions; ++i) {
    rows.push_back(RowOf(topology.owners, static_cast<Partition>(i)));
  }
  for (const Move& move : topology.moves) {
    if (move.step == MoveStep::kSwitch) rows[move.partition] = move.to;
  }
  return static_cast<size_t>(std::ranges::count_if(rows, [&gone](const auto& row) {
    return std::ranges::all_of(row, [&gone](NodeId owner) { return gone.contains(owner); });
  }));
}

}  // namespace

std::string Membership::WhyNotJoin() const {
  if (HoldsKeys()) return "it holds keys; a node joins empty";
  if (!formed() || IsSingle()) return {};
  return "it is in a cluster of " + std::to_string(known_->topology.members.size()) +
         " members already";
}

bool Membership::ReachesMajority() const {
  const std::vector<NodeId>& voters = committed_->record.voters;
  const auto reached = std::ranges::count_if(
      voters, [this](NodeId voter) { return voter == options_.self || IsLinked(voter); });
  return static_cast<size_t>(reached) > voters.size() / 2;
}

bool Membership::IsReached(NodeId node) const {
  return node == options_.self || (IsLinked(node) && NewsOf(node) != nullptr);
}

// ---- why not

std::string Membership::WhyNotCommit() const {
  const Topology* const topology = this->topology();
  if (topology == nullptr) return kInNone;
  if (!HasPlan(*topology) && topology->halt.empty()) return "nothing is planned";
  if (std::ranges::none_of(topology->members, &TopologyMember::weight_to_be)) {
    return "nobody would be left";
  }
  if (!ReachesMajority()) return kNoMajority;
  if (IsKnownEmpty() && topology->moves.empty()) return {};
  for (const TopologyMember& member : topology->members) {
    const bool takes_part =
        member.weight > 0 || member.weight_to_be() > 0 || IsOwner(*topology, member.node);
    if (takes_part && !member.gone && !IsReached(member.node)) {
      return "the member at " + Text(member.address) + " cannot be reached";
    }
    const MemberNews* const news = NewsOf(member.node);
    if (member.weight_to_be() > 0 && news != nullptr && !news->trouble.empty()) {
      return "the member at " + Text(member.address) + ": " + news->trouble;
    }
  }
  return {};
}

std::string Membership::WhyNotForget(NodeId node) const {
  const Topology* const topology = this->topology();
  if (topology == nullptr) return kInNone;
  const TopologyMember* const member = FindMember(*topology, node);
  if (member == nullptr) return kNoMember;
  if (node == options_.self) return "a node does not take itself out";
  const bool owns = member->weight > 0 || IsOwner(*topology, node);
  const MemberNews* const news = NewsOf(node);
  const bool may_hold_keys = news == nullptr || news->holds_keys;
  if (IsLinked(node) && owns) return "it is alive; stop it first";
  if (IsLinked(node) && may_hold_keys) return "it is alive and holds keys";
  if (!ReachesMajority()) return kNoMajority;
  if (!owns) return {};
  const bool is_last = std::ranges::none_of(topology->members, [&](const TopologyMember& other) {
    return other.node != node && other.weight > 0;
  });
  if (is_last) return "it alone owns what there is; CLUSTER COMMIT gives others a share";
  if (IsKnownEmpty(node)) return {};
  const size_t lost = PartitionsLostWith(*topology, node);
  if (lost == 0) return {};
  return std::to_string(lost) + " partitions have no other owner; what they hold would be lost";
}

std::string Membership::WhyNotLeave(NodeId node) const {
  const Topology* const topology = this->topology();
  if (topology == nullptr) return kInNone;
  const TopologyMember* const member = FindMember(*topology, node);
  if (member == nullptr) return kNoMember;
  if (member->weight_to_be() == 0) return {};  // it leaves already
  if (!IsReached(node)) return "it cannot be reached; CLUSTER FORGET takes out who is dead";
  if (!OthersAreToOwn(*topology, node)) return "nobody else would own anything";
  return ReachesMajority() ? std::string() : kNoMajority;
}

std::string Membership::WhyNotReweight(NodeId node, uint32_t weight) const {
  const Topology* const topology = this->topology();
  if (topology == nullptr) return kInNone;
  if (weight < 1 || weight > kMaxWeight) {
    return "a weight is between 1 and " + std::to_string(kMaxWeight);
  }
  const TopologyMember* const member = FindMember(*topology, node);
  if (member == nullptr) return kNoMember;
  if (member->gone) return "it is gone, and on its way out";
  return ReachesMajority() ? std::string() : kNoMajority;
}

std::string Membership::WhyNotReplace(NodeId node, NodeId by) const {
  const Topology* const topology = this->topology();
  if (topology == nullptr) return kInNone;
  const TopologyMember* const member = FindMember(*topology, node);
  const TopologyMember* const other = FindMember(*topology, by);
  if (member == nullptr) return kNoMember;
  if (other == nullptr) return "who comes in its place is no member; it joins first";
  if (node == by) return "a member does not come in its own place";
  if (member->weight == 0) return "it has no share that another could take";
  if (other->weight > 0 || !other->planned_weight) {
    return "who comes in its place has a share already; one that has joined and is planned takes "
           "it";
  }
  return ReachesMajority() ? std::string() : kNoMajority;
}

std::string Membership::WhyNot(const Wanted& wanted) const {
  using Kind = Wanted::Kind;
  switch (wanted.kind) {
    case Kind::kCommit: return WhyNotCommit();
    case Kind::kForget: return WhyNotForget(wanted.node);
    case Kind::kLeave: return WhyNotLeave(wanted.node);
    case Kind::kReweight: return WhyNotReweight(wanted.node, wanted.weight);
    case Kind::kReplace: return WhyNotReplace(wanted.node, wanted.by);
    case Kind::kHalt: break;
    case Kind::kDropPlan:
      if (topology() == nullptr) return kInNone;
      if (std::ranges::none_of(topology()->members, IsDroppable)) {
        return "there is nothing to cancel";
      }
      break;
  }
  if (topology() == nullptr) return kInNone;
  return ReachesMajority() ? std::string() : kNoMajority;
}

// ---- the changes

std::string Membership::Commit(int64_t now_us) {
  return Change({.kind = Wanted::Kind::kCommit}, now_us);
}

std::string Membership::Forget(NodeId node, int64_t now_us) {
  return Change({.kind = Wanted::Kind::kForget, .node = node}, now_us);
}

std::string Membership::Leave(NodeId node, int64_t now_us) {
  return Change({.kind = Wanted::Kind::kLeave, .node = node}, now_us);
}

std::string Membership::Reweight(NodeId node, uint32_t weight, int64_t now_us) {
  return Change({.kind = Wanted::Kind::kReweight, .node = node, .weight = weight}, now_us);
}

std::string Membership::Replace(NodeId node, NodeId by, int64_t now_us) {
  Wanted wanted{.kind = Wanted::Kind::kReplace, .node = node, .by = by};
  const Topology* const topology = this->topology();
  const TopologyMember* const member = topology == nullptr ? nullptr : FindMember(*topology, node);
  if (member != nullptr) {
    // Of one that leaves already, what it had.
    wanted.weight = member->weight_to_be() > 0 ? member->weight_to_be() : member->weight;
  }
  return Change(wanted, now_us);
}

std::string Membership::Cancel(int64_t now_us) {
  const Topology* const topology = this->topology();
  const bool moves = topology != nullptr && topology->halt.empty() && IsUnderWay(*topology);
  return Change({.kind = moves ? Wanted::Kind::kHalt : Wanted::Kind::kDropPlan}, now_us);
}

// The same, if it is so already.
Topology Membership::Changed(const Topology& topology, const Wanted& wanted) const {
  using Kind = Wanted::Kind;
  const bool leaves = wanted.kind == Kind::kForget;
  const NodeId without = leaves ? wanted.node : kNoNode;
  const bool somebody_owns = std::ranges::any_of(topology.members, [&](const auto& it) {
    return it.node != without && (leaves ? it.weight : it.weight_to_be()) > 0;
  });
  const bool at_once = somebody_owns && topology.moves.empty() && IsKnownEmpty(without);
  const Placing placing = at_once ? Placing::kAtOnce : Placing::kByMoves;
  const bool has_plan = HasPlan(topology) || !topology.halt.empty();
  const TopologyMember* const member = FindMember(topology, wanted.node);
  if (wanted.kind == Kind::kCommit) return has_plan ? Planned(topology, placing) : topology;
  if (leaves) {
    const bool on_its_way = member == nullptr || (member->gone && member->weight == 0);
    return on_its_way ? topology : Without(topology, wanted.node, placing);
  }
  if (wanted.kind == Kind::kHalt) {
    const bool moves = topology.halt.empty() && IsUnderWay(topology);
    return moves ? Halted(topology, "cancelled by an operator") : topology;
  }
  Topology changed = topology;
  for (TopologyMember& it : changed.members) {
    const bool is_it = it.node == wanted.node;
    if (wanted.kind == Kind::kDropPlan && IsDroppable(it)) {
      it.planned_weight.reset();
      it.gone = false;
    }
    if (wanted.kind == Kind::kReweight && is_it) Plan(it, wanted.weight);
    if ((wanted.kind == Kind::kLeave || wanted.kind == Kind::kReplace) && is_it) Plan(it, 0);
    if (wanted.kind == Kind::kReplace && is_it) it.gone = !IsReached(it.node);
    if (wanted.kind == Kind::kReplace && it.node == wanted.by) Plan(it, wanted.weight);
  }
  return changed;
}

std::string Membership::Change(const Wanted& wanted, int64_t now_us) {
  if (wanted_change_) return "another change is under way";
  if (std::string reason = WhyNot(wanted); !reason.empty()) return reason;
  wanted_change_ = wanted;
  ProposeWanted(now_us);
  DrainRegister(now_us);
  return {};
}

// Until it is so: somebody else's change may get the epoch that was meant for it.
void Membership::ProposeWanted(int64_t now_us) {
  if (!wanted_change_ || !IsReadyToPropose()) return;
  Topology next = Changed(known_->topology, *wanted_change_);
  if (next == known_->topology) return wanted_change_.reset();
  if (const std::string reason = WhyNot(*wanted_change_); !reason.empty()) {
    wanted_change_.reset();
    return Say("a change of the members came to nothing: " + reason, true);
  }
  Propose(std::move(next), now_us);
}

}  // namespace cartwheel::cluster
