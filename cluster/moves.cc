#include "cluster/moves.h"

#include <algorithm>
#include <span>
#include <utility>

#include "cluster/placement.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

using Row = std::span<const NodeId>;

bool Contains(Row row, NodeId node) {
  return std::ranges::find(row, node) != row.end();
}

bool AreSame(Row a, Row b) {
  return std::ranges::is_permutation(a, b);
}

std::vector<NodeId> Difference(Row row, Row without) {
  std::vector<NodeId> rest;
  for (const NodeId node : row) {
    if (!Contains(without, node)) rest.push_back(node);
  }
  return rest;
}

bool IsGone(const Topology& topology, NodeId node) {
  const TopologyMember* const member = FindMember(topology, node);
  return member == nullptr || member->gone;
}

// It is not to own anything: what is on its way to it can as well stay where it is.
bool HasNoWeight(const Topology& topology, NodeId node) {
  const TopologyMember* const member = FindMember(topology, node);
  return member == nullptr || member->weight == 0;
}

// What the steps of a round are taken from.
struct Round {
  const Topology& topology;
  const MemberStates& states;
  const MoveOptions& options;

  bool IsLinked(NodeId node) const {
    const auto state = states.find(node);
    return state != states.end() && state->second.linked;
  }
  bool HasAdopted(NodeId node, uint64_t epoch) const {
    const auto state = states.find(node);
    return state != states.end() && state->second.epoch >= epoch;
  }
  bool HasArrived(NodeId node, const Move& move) const {
    return HasAdopted(node, topology.epochs[move.partition]) &&
           std::ranges::binary_search(states.at(node).arrived, move.partition);
  }

  size_t W(size_t owners) const { return std::clamp<size_t>(options.levels.w, 1, owners); }
  size_t R(size_t owners) const { return std::clamp<size_t>(options.levels.r, 1, owners); }
  // So many of the owners that neither W nor R of them are left.
  size_t Enough(size_t owners) const { return owners - std::min(W(owners), R(owners)) + 1; }
  // Of whom enough are as `is` asks for; where too few are left alive, all who are.
  bool EnoughAre(Row owners, auto&& is) const {
    const auto alive = static_cast<size_t>(
        std::ranges::count_if(owners, [this](NodeId owner) { return !IsGone(topology, owner); }));
    const auto are = static_cast<size_t>(std::ranges::count_if(
        owners, [&](NodeId owner) { return !IsGone(topology, owner) && is(owner); }));
    return are >= std::min(Enough(owners.size()), alive);
  }
  bool AllAre(Row nodes, auto&& are) const {
    return std::ranges::all_of(nodes,
                               [&](NodeId node) { return IsGone(topology, node) || are(node); });
  }
  // Those who have to know of a move: who comes, who goes, and enough of all.
  bool TheyAre(Row from, Row to, bool departures_too, auto&& are) const {
    return AllAre(Difference(to, from), are) &&
           (!departures_too || AllAre(Difference(from, to), are)) && EnoughAre(from, are) &&
           EnoughAre(to, are);
  }
};

bool IsAdopted(const Round& round, const Move& move) {
  if (IsPlanted(Mutation::kSkipsAdoption)) return true;
  const bool skips_source = IsPlanted(Mutation::kSkipsSource) && move.step == MoveStep::kPrepare;
  const uint64_t epoch = round.topology.epochs[move.partition];
  return round.TheyAre(RowOf(round.topology.owners, move.partition), move.to, !skips_source,
                       [&](NodeId node) { return round.HasAdopted(node, epoch); });
}

bool HaveAllArrived(const Round& round, const Move& move) {
  const Row from = RowOf(round.topology.owners, move.partition);
  return std::ranges::all_of(Difference(move.to, from),
                             [&](NodeId node) { return round.HasArrived(node, move); });
}

// Nobody is to wait for who will not come.
bool IsInVain(const Topology& topology, const Move& move) {
  if (move.step != MoveStep::kPrepare) return false;
  return std::ranges::any_of(Difference(move.to, RowOf(topology.owners, move.partition)),
                             [&](NodeId node) { return HasNoWeight(topology, node); });
}

// Takes each move as far as one step leads. False: none goes on.
bool GoOn(const Round& round, Topology& next) {
  next.moves.clear();
  for (Move move : round.topology.moves) {
    if (IsInVain(round.topology, move)) continue;
    bool ends = false;
    if (IsAdopted(round, move)) {
      ends = move.step == MoveStep::kSwitch;
      if (move.step == MoveStep::kPrepare && HaveAllArrived(round, move)) {
        move.step = MoveStep::kSwitch;
        ends = IsPlanted(Mutation::kSkipsSwitch);
      }
    }
    if (ends) {
      SetRow(next.owners, move.partition, move.to);
    } else {
      next.moves.push_back(std::move(move));
    }
  }
  return next.moves != round.topology.moves;
}

// How many partitions are on their way to each member; those that only become fewer go to kNoNode.
using OnTheirWay = std::map<NodeId, size_t>;

std::vector<NodeId> WhoCount(Row from, Row to) {
  std::vector<NodeId> come = Difference(to, from);
  if (come.empty()) come.push_back(kNoNode);
  return come;
}

// When owners became fewer, those who stayed may lack what those who went still have to hand on,
// and another change of owners would take them to have it. Where there are N of them they never
// did.
bool IsHandedOn(const Round& round, Partition partition, Row from, Row to) {
  if (from.size() >= round.topology.n) return true;
  return std::ranges::all_of(round.topology.members, [&](const TopologyMember& member) {
    if (member.gone || Contains(from, member.node) || Contains(to, member.node)) return true;
    const auto state = round.states.find(member.node);
    return state != round.states.end() && state->second.drained &&
           state->second.epoch >= round.topology.epochs[partition];
  });
}

bool MayBegin(const Round& round, Row from, Row to, const OnTheirWay& on_their_way) {
  const bool has_room = std::ranges::all_of(WhoCount(from, to), [&](NodeId node) {
    const auto count = on_their_way.find(node);
    return count == on_their_way.end() || count->second < round.options.at_once;
  });
  const bool may_hold = std::ranges::none_of(
      Difference(to, from), [&](NodeId node) { return HasNoWeight(round.topology, node); });
  return has_room && may_hold &&
         round.TheyAre(from, to, true, [&](NodeId node) { return round.IsLinked(node); });
}

// A read of those after finds what was written to those before: it asks who comes, and so has all,
// or one of those who stay and have it. A write may have reached no more of these than W without
// those who go.
bool FindsAll(const Round& round, Row from, Row to) {
  const size_t go = Difference(from, to).size();
  const size_t stay = from.size() - go;
  const size_t have = round.W(from.size()) - std::min(round.W(from.size()), go);
  return round.R(to.size()) + have > stay;
}

// As many of those who are to go as can go at once: of three owners not two, if only two have it.
std::vector<NodeId> TowardsTarget(const Round& round, Row from, Row target) {
  std::vector<NodeId> to(target.begin(), target.end());
  const bool promised = round.R(from.size()) + round.W(from.size()) > from.size();
  for (const NodeId node : Difference(from, target)) {
    if (!promised || FindsAll(round, from, to) || to.size() == kMaxCopies) break;
    if (!IsGone(round.topology, node)) to.push_back(node);
  }
  // Where even one may be the only one that has something, no step is small enough.
  if (AreSame(from, to)) to.assign(target.begin(), target.end());
  return to;
}

bool Begin(const Round& round, const OwnerTable& target, Topology& next) {
  OnTheirWay on_their_way;
  std::vector<bool> moves(kPartitions);
  for (const Move& move : round.topology.moves) {
    moves[move.partition] = true;
    // What has arrived only waits to be adopted: more may come meanwhile.
    if (move.step != MoveStep::kPrepare || HaveAllArrived(round, move)) continue;
    for (const NodeId node : WhoCount(RowOf(round.topology.owners, move.partition), move.to)) {
      ++on_their_way[node];
    }
  }
  bool begins = false;
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    const Row from = RowOf(round.topology.owners, partition);
    if (moves[partition] || AreSame(from, RowOf(target, partition))) continue;
    std::vector<NodeId> to = TowardsTarget(round, from, RowOf(target, partition));
    if (!MayBegin(round, from, to, on_their_way)) continue;
    if (!IsHandedOn(round, partition, from, to)) continue;
    for (const NodeId node : WhoCount(from, to)) ++on_their_way[node];
    next.moves.push_back({.partition = partition, .step = MoveStep::kPrepare, .to = std::move(to)});
    begins = true;
  }
  std::ranges::sort(next.moves, {}, &Move::partition);
  return begins;
}

// It has told that it keeps nothing any more since it knows that nothing is its own.
bool HasHandedOn(const Round& round, const TopologyMember& member) {
  if (member.gone) return true;
  const auto state = round.states.find(member.node);
  return state != round.states.end() && state->second.drained &&
         state->second.epoch >= std::ranges::max(round.topology.epochs);
}

bool TakeOut(const Round& round, Topology& next) {
  return std::erase_if(next.members, [&](const TopologyMember& member) {
           return HasLeft(round.topology, member) && HasLeft(next, member) &&
                  HasHandedOn(round, member);
         }) > 0;
}

bool PutInOrder(const OwnerTable& target, Topology& next) {
  if (!next.moves.empty() || next.owners == target) return false;
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    if (!AreSame(RowOf(next.owners, partition), RowOf(target, partition))) return false;
  }
  next.owners = target;
  return true;
}

}  // namespace

bool HasLeft(const Topology& topology, const TopologyMember& member) {
  return member.weight == 0 && !member.planned_weight && !IsOwner(topology, member.node);
}

bool IsSettled(const Topology& topology) {
  const bool somebody_leaves = std::ranges::any_of(
      topology.members, [&](const TopologyMember& member) { return HasLeft(topology, member); });
  return topology.moves.empty() && !somebody_leaves && TargetOf(topology) == topology.owners;
}

OwnerTable TargetOf(const Topology& topology) {
  OwnerTable table = topology.owners;
  for (const Move& move : topology.moves) SetRow(table, move.partition, move.to);
  const std::vector<Member> owning = OwningMembers(topology);
  return owning.empty() ? table : Place(table, owning, topology.n);
}

std::optional<Topology> NextMoves(const Topology& topology, const OwnerTable& target,
                                  const MemberStates& states, const MoveOptions& options) {
  const Round round{.topology = topology, .states = states, .options = options};
  const bool somebody_owns = !OwningMembers(topology).empty();
  Topology next = topology;
  bool changes = GoOn(round, next);
  if (topology.halt.empty() && somebody_owns) changes = Begin(round, target, next) || changes;
  changes = TakeOut(round, next) || changes;
  if (!changes && topology.halt.empty() && somebody_owns) changes = PutInOrder(target, next);
  if (!changes) return std::nullopt;
  Tighten(next.owners);
  return next;
}

Topology Halted(const Topology& topology, std::string reason) {
  Topology halted = topology;
  std::erase_if(halted.moves, [](const Move& move) { return move.step == MoveStep::kPrepare; });
  // It may have come from another member.
  std::ranges::replace_if(reason, [](char c) { return c < ' ' || c > '~'; }, '?');
  reason.resize(std::min(reason.size(), kMaxHaltBytes));
  halted.halt = reason.empty() ? "for no reason that was told" : std::move(reason);
  return halted;
}

}  // namespace cartwheel::cluster
