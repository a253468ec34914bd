// What an operator wants changed of the members, on any of them: it proposes the change itself.
#include <algorithm>
#include <utility>

#include "cluster/membership.h"

namespace cartwheel::cluster {

std::string Membership::WhyNotJoin() const {
  if (holds_keys_) return "it holds keys; a node joins empty";
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

// Owners can change while nothing is there that would have to move. What the one who goes holds is
// not asked for.
std::string Membership::WhyNotMove(NodeId without) const {
  if (holds_keys_) return "the cluster holds keys";
  for (const TopologyMember& member : committed_->topology.members) {
    if (member.node == options_.self || member.node == without) continue;
    const MemberNews* const news = NewsOf(member.node);
    if (news == nullptr) return NotKnown(member);
    if (news->holds_keys) return "the cluster holds keys";
  }
  return {};
}

std::string Membership::WhyNotCommit() const {
  const Topology* const topology = this->topology();
  if (topology == nullptr) return "this node is in no cluster";
  if (!HasPlan(*topology)) return "nothing is planned";
  if (std::ranges::none_of(topology->members, &TopologyMember::weight_to_be)) {
    return "nobody would be left";
  }
  if (!ReachesMajority()) return "a majority of those who decide cannot be reached";
  if (std::string reason = WhyNotMove(kNoNode); !reason.empty()) {
    return reason + "; owners change while it is empty";
  }
  return {};
}

std::string Membership::WhyNotForget(NodeId node) const {
  const Topology* const topology = this->topology();
  if (topology == nullptr) return "this node is in no cluster";
  const TopologyMember* const member = FindMember(*topology, node);
  if (member == nullptr) return "it is no member";
  if (node == options_.self) return "a node does not take itself out";
  const bool owns = member->weight > 0;
  const MemberNews* const news = NewsOf(node);
  const bool may_hold_keys = news == nullptr || news->holds_keys;
  if (IsLinked(node) && owns) return "it is alive; stop it first";
  if (IsLinked(node) && may_hold_keys) return "it is alive and holds keys";
  if (!ReachesMajority()) return "a majority of those who decide cannot be reached";
  if (!owns) return {};
  const bool is_last = std::ranges::none_of(topology->members, [&](const TopologyMember& other) {
    return other.node != node && other.weight > 0;
  });
  if (is_last) return "it alone owns what there is; CLUSTER COMMIT gives others a share";
  if (std::string reason = WhyNotMove(node); !reason.empty()) {
    return reason + "; owners change while it is empty";
  }
  return {};
}

std::string Membership::WhyNot(const Wanted& wanted) const {
  return wanted.forgotten == kNoNode ? WhyNotCommit() : WhyNotForget(wanted.forgotten);
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
  const Topology& topology = known_->topology;
  const NodeId forgotten = wanted_change_->forgotten;
  const bool done =
      forgotten == kNoNode ? !HasPlan(topology) : FindMember(topology, forgotten) == nullptr;
  if (done) return wanted_change_.reset();
  if (const std::string reason = WhyNot(*wanted_change_); !reason.empty()) {
    wanted_change_.reset();
    return Say("a change of the members came to nothing: " + reason, true);
  }
  Propose(forgotten == kNoNode ? Planned(topology) : Without(topology, forgotten), now_us);
}

}  // namespace cartwheel::cluster
