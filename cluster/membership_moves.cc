// Partitions on their way to other owners, as the proposer sees to them: what the members tell
// comes to a step of the moves, and what goes wrong ends them.
#include <algorithm>
#include <span>
#include <utility>

#include "cluster/membership.h"

namespace cartwheel::cluster {
namespace {

bool Contains(std::span<const NodeId> nodes, NodeId node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

// How many partitions the step takes on, and how many it leaves where they are on their way.
struct Steps {
  size_t taken = 0;
  size_t left = 0;
};
Steps StepsTo(const Topology& topology, const Topology& next) {
  Steps steps;
  for (const Move& move : topology.moves) {
    const auto after = std::ranges::lower_bound(next.moves, move.partition, {}, &Move::partition);
    const bool same = after != next.moves.end() && *after == move;
    same ? ++steps.left : ++steps.taken;
  }
  for (const Move& move : next.moves) {
    const bool begins =
        !std::ranges::binary_search(topology.moves, move.partition, {}, &Move::partition);
    if (begins) ++steps.taken;
  }
  return steps;
}

bool IsOnItsWay(const Topology& topology, const Move& move, NodeId node) {
  const auto owners = RowOf(topology.owners, move.partition);
  return move.step == MoveStep::kPrepare && Contains(move.to, node) && !Contains(owners, node);
}

// Those of whom all are to take part first: who comes and who goes.
std::vector<NodeId> HoldersOf(const Topology& topology, const Move& move) {
  const auto owners = RowOf(topology.owners, move.partition);
  std::vector<NodeId> nodes;
  for (const NodeId node : move.to) {
    if (!Contains(owners, node)) nodes.push_back(node);
  }
  for (const NodeId node : owners) {
    if (!Contains(move.to, node)) nodes.push_back(node);
  }
  for (const NodeId node : move.to) {
    if (Contains(owners, node)) nodes.push_back(node);
  }
  return nodes;
}

}  // namespace

// There may be something to do soon. Whatever waits for an operator does not count, so that a
// cluster at rest is idle.
bool Membership::HasMovesToMake() const {
  if (!has_moves_to_make_) {
    const Topology& topology = known_->topology;
    const auto has_left = [&](const TopologyMember& member) { return HasLeft(topology, member); };
    if (topology.halt.empty()) {
      has_moves_to_make_ = !IsSettled(topology);
    } else {
      has_moves_to_make_ =
          !topology.moves.empty() || std::ranges::any_of(topology.members, has_left);
    }
  }
  return *has_moves_to_make_;
}

MemberStates Membership::StatesOfMembers() const {
  MemberStates states;
  for (const TopologyMember& member : known_->topology.members) {
    const MemberNews* const news = NewsOf(member.node);
    if (news == nullptr) continue;
    states[member.node] = {.linked = IsReached(member.node),
                           .epoch = news->epoch,
                           .drained = news->drained,
                           .arrived = news->arrived,
                           .trouble = news->trouble};
  }
  return states;
}

std::string Membership::TextOf(NodeId node) const {
  const TopologyMember* const member = FindMember(known_->topology, node);
  return "the member at " + (member == nullptr ? "no address" : Text(member->address));
}

// ---- what goes wrong

// What a member says that something is on its way to. It need not know of that yet: whose disk is
// full cannot keep the record that says so.
std::string Membership::TroubleOfArrivals() const {
  const Topology& topology = known_->topology;
  for (const TopologyMember& member : topology.members) {
    const MemberNews* const news = NewsOf(member.node);
    if (news == nullptr || news->trouble.empty()) continue;
    const bool stops = std::ranges::any_of(
        topology.moves, [&](const Move& move) { return IsOnItsWay(topology, move, member.node); });
    if (stops) return TextOf(member.node) + ": " + news->trouble;
  }
  return {};
}

void Membership::WatchMoves(int64_t now_us) {
  const Topology& topology = known_->topology;
  std::map<Partition, MoveWatch> watches;
  std::map<NodeId, ArrivalWatch> arrivals;
  for (const Move& move : topology.moves) {
    MoveWatch watch{.epoch = topology.epochs[move.partition], .since_us = now_us};
    const auto before = move_watches_.find(move.partition);
    if (before != move_watches_.end() && before->second.epoch == watch.epoch) {
      watch = before->second;
    }
    watches.emplace(move.partition, watch);
    for (const NodeId node : move.to) {
      const MemberNews* const news = NewsOf(node);
      if (!IsOnItsWay(topology, move, node) || news == nullptr || arrivals.contains(node)) continue;
      ArrivalWatch now{
          .keys = news->keys, .bytes = news->bytes, .arrived = news->arrived, .since_us = now_us};
      const auto was = arrival_watches_.find(node);
      const bool same = was != arrival_watches_.end() && was->second.keys == now.keys &&
                        was->second.bytes == now.bytes && was->second.arrived == now.arrived;
      if (same) now.since_us = was->second.since_us;
      arrivals.emplace(node, std::move(now));
    }
  }
  move_watches_ = std::move(watches);
  arrival_watches_ = std::move(arrivals);
}

bool Membership::IsStuck(const MoveWatch& watch, int64_t now_us) const {
  return now_us - watch.since_us >= options_.move_stuck_us;
}

// Of moves that could be given up, and do not go on in `next` either: who keeps one from it.
// Adopting a step takes no time worth mentioning; what a partition holds comes in as long as it
// comes in.
std::string Membership::WhyStuck(const Topology& next, int64_t now_us) const {
  const Topology& topology = known_->topology;
  for (const Move& move : next.moves) {
    const auto watch = move_watches_.find(move.partition);
    if (move.step != MoveStep::kPrepare || watch == move_watches_.end()) continue;
    if (!IsStuck(watch->second, now_us)) continue;
    for (const NodeId node : HoldersOf(topology, move)) {
      const TopologyMember* const member = FindMember(topology, node);
      const MemberNews* const news = NewsOf(node);
      const bool is_gone = member == nullptr || member->gone;
      const bool adopted = news != nullptr && news->epoch >= watch->second.epoch;
      if (!adopted && !is_gone) return TextOf(node) + " does not take part";
    }
    for (const auto& [node, arrival] : arrival_watches_) {
      const bool waits = IsOnItsWay(topology, move, node) &&
                         !std::ranges::binary_search(arrival.arrived, move.partition);
      if (waits && now_us - arrival.since_us >= options_.move_stuck_us) {
        return "what is on its way to " + TextOf(node) + " does not arrive";
      }
    }
  }
  return {};
}

// ---- what goes on

// Working it out takes a while, and from the same record it comes to the same.
const OwnerTable& Membership::MovesLeadTo() {
  const Topology& topology = known_->topology;
  std::vector<Member> owning = OwningMembers(topology);
  if (!move_target_ || move_target_->owning != owning || move_target_->n != topology.n ||
      move_target_->halt != topology.halt) {
    move_target_ = MoveTarget{.owning = std::move(owning),
                              .n = topology.n,
                              .halt = topology.halt,
                              .epoch = known_->record.epoch,
                              .table = TargetOf(topology)};
  }
  return move_target_->table;
}

std::optional<Topology> Membership::NextStep(const MemberStates& states) {
  const MoveOptions options{.at_once = options_.moves_at_once, .levels = options_.levels};
  auto next = NextMoves(known_->topology, MovesLeadTo(), states, options);
  const bool is_old = move_target_->epoch < known_->record.epoch;
  if (next || !known_->topology.moves.empty() || !is_old) return next;
  move_target_.reset();
  return NextMoves(known_->topology, MovesLeadTo(), states, options);
}

void Membership::SayProgress(const Topology& next) {
  if (said_that_it_moves_ || next.moves.empty()) return;
  said_that_it_moves_ = true;
  size_t partitions = 0;
  for (size_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<Partition>(i);
    if (!std::ranges::is_permutation(RowOf(known_->topology.owners, partition),
                                     RowOf(MovesLeadTo(), partition))) {
      ++partitions;
    }
  }
  Say("moves partitions: " + std::to_string(partitions) + " of them come to other owners");
}

void Membership::StopMoving() {
  move_target_.reset();
  move_watches_.clear();
  arrival_watches_.clear();
  said_that_it_moves_ = false;
}

bool Membership::IsToGatherMore(const Topology& next, int64_t now_us) const {
  if (now_us - moved_us_ >= options_.gather_moves_us) return false;
  const Steps steps = StepsTo(known_->topology, next);
  const size_t few = std::min(options_.moves_per_step, options_.moves_at_once / 4);
  return steps.left > 0 && steps.taken < few;
}

void Membership::MoveDue(int64_t now_us) {
  if (!formed() || Proposer() != options_.self) return StopMoving();
  if (!CanPropose()) return;
  const Topology& topology = known_->topology;
  if (!HasMovesToMake()) {
    const bool has_moved = said_that_it_moves_ && topology.halt.empty();
    if (has_moved) Say("all partitions are where they are to be");
    return StopMoving();
  }
  if (now_us < next_move_us_) return;
  next_move_us_ = now_us + options_.move_every_us;
  WatchMoves(now_us);
  auto next = NextStep(StatesOfMembers());
  std::string trouble = TroubleOfArrivals();
  if (trouble.empty()) trouble = WhyStuck(next ? *next : topology, now_us);
  if (!trouble.empty()) {
    Say("partitions are not moved any more: " + trouble + "; CLUSTER COMMIT goes on", true);
    return Propose(Halted(topology, trouble), now_us);
  }
  if (!next || IsToGatherMore(*next, now_us)) return;
  moved_us_ = now_us;
  SayProgress(*next);
  Propose(*std::move(next), now_us);
}

}  // namespace cartwheel::cluster
