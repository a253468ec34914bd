#include "cluster/placement.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <ranges>
#include <tuple>
#include <utility>

#include "cluster/rendezvous.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

// Shares are fixed-point numbers, the same on every machine: a partition is kOne.
using Fixed = uint64_t;
constexpr int kFractionBits = 24;
constexpr Fixed kOne = Fixed{1} << kFractionBits;
constexpr Fixed kFraction = kOne - 1;

// Members by their place in the list, sorted by id.
using Index = size_t;

struct Bucket {
  Fixed cap;
  uint64_t weight;
  Fixed share = 0;
};

// Divides `total` in proportion to the weights; what is over a cap goes to the others.
void WaterFill(std::vector<Bucket>& buckets, Fixed total) {
  std::vector<Bucket*> active;
  uint64_t weights = 0;
  for (Bucket& bucket : buckets) {
    active.push_back(&bucket);
    weights += bucket.weight;
  }
  while (!active.empty()) {
    std::vector<Bucket*> below;
    Fixed left = total;
    uint64_t weights_left = weights;
    for (Bucket* bucket : active) {
      if (static_cast<__uint128_t>(total) * bucket->weight <
          static_cast<__uint128_t>(bucket->cap) * weights) {
        below.push_back(bucket);
        continue;
      }
      bucket->share = bucket->cap;
      left -= std::min(left, bucket->cap);
      weights_left -= bucket->weight;
    }
    if (below.size() == active.size()) {
      for (Bucket* bucket : active) {
        bucket->share =
            static_cast<Fixed>(static_cast<__uint128_t>(total) * bucket->weight / weights);
      }
      return;
    }
    active = std::move(below);
    total = left;
    weights = weights_left;
  }
}

// What the members are to a placement.
struct Shape {
  size_t copies = 0;    // of each partition
  size_t per_zone = 0;  // of them at most
  std::vector<size_t> zone_of;
  std::vector<size_t> zone_sizes;
  std::vector<Fixed> shares;

  Fixed ZoneCap(size_t zone) const {
    return std::min(per_zone, zone_sizes[zone]) * kPartitions * kOne;
  }
};

Shape ShapeOf(std::span<const Member> members, size_t n) {
  Shape shape;
  std::map<std::string_view, size_t> zones;
  for (const Member& member : members) zones.try_emplace(member.zone, 0);
  for (auto& [name, zone] : zones) {
    zone = shape.zone_sizes.size();
    shape.zone_sizes.push_back(0);
  }
  std::vector<Bucket> zone_buckets(zones.size(), Bucket{.cap = 0, .weight = 0});
  for (const Member& member : members) {
    storage::Check(member.weight > 0 && member.weight <= kMaxWeight, "a weight is in its bounds");
    const size_t zone = zones.at(member.zone);
    shape.zone_of.push_back(zone);
    ++shape.zone_sizes[zone];
    zone_buckets[zone].weight += member.weight;
  }
  shape.copies = std::min(n, members.size());
  const auto fit = [&] {
    size_t places = 0;
    for (const size_t size : shape.zone_sizes) places += std::min(shape.per_zone, size);
    return places >= shape.copies;
  };
  while (!fit()) ++shape.per_zone;
  for (size_t zone = 0; zone < zone_buckets.size(); ++zone) {
    zone_buckets[zone].cap = shape.ZoneCap(zone);
  }
  WaterFill(zone_buckets, shape.copies * kPartitions * kOne);
  shape.shares.resize(members.size());
  for (size_t zone = 0; zone < zone_buckets.size(); ++zone) {
    std::vector<Bucket> buckets;
    for (Index i = 0; i < members.size(); ++i) {
      if (shape.zone_of[i] != zone) continue;
      buckets.push_back({.cap = kPartitions * kOne, .weight = members[i].weight});
    }
    WaterFill(buckets, zone_buckets[zone].share);
    auto bucket = buckets.begin();
    for (Index i = 0; i < members.size(); ++i) {
      if (shape.zone_of[i] == zone) shape.shares[i] = bucket++->share;
    }
  }
  return shape;
}

class Placer {
 public:
  Placer(const OwnerTable& before, std::span<const Member> sorted_members, size_t n)
      : members_(sorted_members), shape_(ShapeOf(sorted_members, n)), held_(members_.size()) {
    for (Partition p = 0; p < kPartitions && before.copies > 0; ++p) {
      for (const NodeId node : std::span(before.nodes).subspan(p * before.copies, before.copies)) {
        if (const auto index = Find(node)) rows_[p].push_back(*index);
      }
    }
    for (const auto& row : rows_) {
      for (const Index index : row) ++held_[index];
    }
  }

  OwnerTable Run() {
    for (Partition p = 0; p < kPartitions; ++p) DropCrowded(p);
    SetQuotas();
    FillHoles();
    LevelOut();
    BalanceFirsts();
    OwnerTable table{.copies = shape_.copies, .nodes = {}};
    for (const auto& row : rows_) {
      for (const Index index : row) table.nodes.push_back(members_[index].node);
    }
    return table;
  }

 private:
  // The partition's replica goes from one member to another; from nobody: a hole is filled.
  struct Move {
    Partition partition;
    std::optional<Index> from;
    Index to;
  };

  std::optional<Index> Find(NodeId node) const {
    const auto found = std::ranges::lower_bound(members_, node, {}, &Member::node);
    if (found == members_.end() || found->node != node) return std::nullopt;
    return static_cast<Index>(found - members_.begin());
  }
  uint64_t Hash(Partition p, Index index) const { return Rendezvous(p, members_[index].node); }
  size_t InZone(Partition p, size_t zone) const {
    return static_cast<size_t>(std::ranges::count_if(
        rows_[p], [&](Index index) { return shape_.zone_of[index] == zone; }));
  }
  bool Holds(Index index, Partition p) const {
    return std::ranges::find(rows_[p], index) != rows_[p].end();
  }
  // Whether `to` may hold it once `from` does not.
  bool MayHold(Partition p, Index to, std::optional<Index> from) const {
    if (Holds(to, p)) return false;
    const size_t zone = shape_.zone_of[to];
    const size_t leaves = from && shape_.zone_of[*from] == zone ? 1 : 0;
    return InZone(p, zone) - leaves < shape_.per_zone;
  }
  bool HasDeficit(Index index) const { return held_[index] < quotas_[index]; }
  // Signed: how far it is above what it should have.
  int64_t Surplus(Index index) const {
    return static_cast<int64_t>(held_[index] * kOne) - static_cast<int64_t>(shape_.shares[index]);
  }

  void Drop(Partition p, std::vector<Index>::iterator at) {
    --held_[*at];
    rows_[p].erase(at);
  }
  // Whoever has most too much of those that are too many, in a zone or altogether.
  void DropCrowded(Partition p) {
    while (true) {
      const bool too_many = rows_[p].size() > shape_.copies;
      auto worst = rows_[p].end();
      for (auto at = rows_[p].begin(); at != rows_[p].end(); ++at) {
        if (!too_many && InZone(p, shape_.zone_of[*at]) <= shape_.per_zone) continue;
        if (worst == rows_[p].end() ||
            std::pair(Surplus(*worst), Hash(p, *worst)) < std::pair(Surplus(*at), Hash(p, *at))) {
          worst = at;
        }
      }
      if (worst == rows_[p].end()) return;
      Drop(p, worst);
    }
  }

  // Whole numbers: each share rounded down, and what is left one by one to those who hold it
  // already, then to the largest fractions.
  void SetQuotas() {
    std::vector<Fixed> of_zone(shape_.zone_sizes.size());
    std::vector<Index> order;
    size_t left = shape_.copies * kPartitions;
    for (Index i = 0; i < members_.size(); ++i) {
      quotas_.push_back(shape_.shares[i] >> kFractionBits);
      of_zone[shape_.zone_of[i]] += quotas_[i] * kOne;
      left -= quotas_[i];
      order.push_back(i);
    }
    std::ranges::sort(order, {}, [this](Index i) {
      return std::tuple(held_[i] <= quotas_[i], kFraction - (shape_.shares[i] & kFraction),
                        Mix(static_cast<uint64_t>(members_[i].node)));
    });
    for (const bool fractions_only : {true, false}) {
      for (const Index i : order) {
        const size_t zone = shape_.zone_of[i];
        const bool full = quotas_[i] >= kPartitions || of_zone[zone] >= shape_.ZoneCap(zone);
        const bool has_more = (shape_.shares[i] >> kFractionBits) < quotas_[i];
        if (left == 0 || full || has_more) continue;
        if (fractions_only && (shape_.shares[i] & kFraction) == 0) continue;
        ++quotas_[i];
        of_zone[zone] += kOne;
        --left;
      }
    }
  }

  void Apply(const Move& move) {
    auto& row = rows_[move.partition];
    if (move.from) {
      *std::ranges::find(row, *move.from) = move.to;
      --held_[*move.from];
    } else {
      row.push_back(move.to);
    }
    ++held_[move.to];
  }

  void FillHoles() {
    std::vector<Partition> holes;
    for (Partition p = 0; p < kPartitions; ++p) {
      for (size_t i = rows_[p].size(); i < shape_.copies; ++i) holes.push_back(p);
    }
    std::ranges::sort(holes, {}, [](Partition p) { return Mix(p); });
    for (const Partition p : holes) FillHole(p);
  }
  void FillHole(Partition p) {
    std::vector<Move> starts;
    for (Index i = 0; i < members_.size(); ++i) {
      if (MayHold(p, i, std::nullopt)) starts.push_back({p, std::nullopt, i});
    }
    storage::Check(!starts.empty(), "a partition's zones have room for its copies");
    std::ranges::sort(starts, {}, [&](const Move& start) {
      return std::pair(!HasDeficit(start.to), ~Hash(p, start.to));
    });
    const auto path = PathToDeficit(starts);
    if (path.empty()) return Apply(starts.front());
    for (const Move& move : path) Apply(move);
  }

  void LevelOut() {
    for (bool progress = true; progress;) {
      progress = false;
      std::vector<Index> over;
      for (Index i = 0; i < members_.size(); ++i) {
        if (held_[i] > quotas_[i]) over.push_back(i);
      }
      std::ranges::sort(over, {},
                        [this](Index i) { return Mix(static_cast<uint64_t>(members_[i].node)); });
      for (const Index from : over) {
        while (held_[from] > quotas_[from] && GiveOne(from)) progress = true;
      }
    }
  }
  bool GiveOne(Index from) {
    if (const auto move = DirectMove(from)) {
      Apply(*move);
      return true;
    }
    const auto path = PathToDeficit(MovesFrom(from, std::vector<bool>(members_.size()), {}));
    for (const Move& move : path) Apply(move);
    return !path.empty();
  }

  // To whoever lacks most.
  std::optional<Move> DirectMove(Index from) const {
    std::vector<Index> lacking;
    for (Index i = 0; i < members_.size(); ++i) {
      if (HasDeficit(i)) lacking.push_back(i);
    }
    std::ranges::sort(lacking, {}, [this](Index i) {
      return std::pair(static_cast<int64_t>(held_[i]) - static_cast<int64_t>(quotas_[i]),
                       Mix(static_cast<uint64_t>(members_[i].node)));
    });
    for (const Index to : lacking) {
      if (const auto move = BestMove(from, to, {})) return move;
    }
    return std::nullopt;
  }
  // Without the partitions that move already: what a zone may hold is judged by the table as it is.
  std::optional<Move> BestMove(Index from, Index to, std::span<const Partition> without) const {
    std::optional<Move> best;
    for (Partition p = 0; p < kPartitions; ++p) {
      if (!Holds(from, p) || !MayHold(p, to, from)) continue;
      if (std::ranges::find(without, p) != without.end()) continue;
      if (!best || Hash(best->partition, to) < Hash(p, to)) best = Move{p, from, to};
    }
    return best;
  }
  // One to each member that has not been reached and may take something.
  std::vector<Move> MovesFrom(Index from, const std::vector<bool>& reached,
                              std::span<const Partition> without) const {
    std::vector<Move> moves;
    for (Index to = 0; to < members_.size(); ++to) {
      if (reached[to] || to == from) continue;
      if (const auto move = BestMove(from, to, without)) moves.push_back(*move);
    }
    std::ranges::sort(moves, {}, [this](const Move& move) {
      return std::pair(
          static_cast<int64_t>(held_[move.to]) - static_cast<int64_t>(quotas_[move.to]),
          Hash(move.partition, move.to));
    });
    return moves;
  }

  // The shortest sequence of moves that begins with one of `starts` and ends at somebody who lacks
  // one. Empty: there is none.
  std::vector<Move> PathToDeficit(const std::vector<Move>& starts) const {
    struct Step {
      Move move;
      std::optional<Index> before;
    };
    std::vector<std::optional<Step>> steps(members_.size());
    std::vector<bool> reached(members_.size());
    std::deque<Index> queue;
    const auto reach = [&](const Move& move, std::optional<Index> before) {
      if (reached[move.to]) return;
      reached[move.to] = true;
      steps[move.to] = Step{move, before};
      queue.push_back(move.to);
    };
    for (const Move& start : starts) {
      if (start.from) reached[*start.from] = true;
      reach(start, std::nullopt);
    }
    for (; !queue.empty(); queue.pop_front()) {
      const Index at = queue.front();
      std::vector<Move> path;
      std::vector<Partition> moving;
      for (std::optional<Index> i = at; i; i = steps[*i]->before) {
        path.push_back(steps[*i]->move);
        moving.push_back(path.back().partition);
      }
      if (HasDeficit(at)) {
        std::ranges::reverse(path);
        return path;
      }
      for (const Move& move : MovesFrom(at, reached, moving)) reach(move, at);
    }
    return {};
  }

  // Members first in more rows than they should be change places with others of their rows, along a
  // shortest path to one that is first in too few.
  void BalanceFirsts() {
    std::vector<size_t> firsts(members_.size());
    for (const auto& row : rows_) ++firsts[row.front()];
    // firsts - held / copies, times copies.
    const auto surplus = [&](Index i) {
      return static_cast<int64_t>(firsts[i] * shape_.copies) - static_cast<int64_t>(held_[i]);
    };
    for (size_t tries = 0; tries < size_t{4} * kPartitions; ++tries) {
      Index most = 0;
      for (Index i = 1; i < members_.size(); ++i) {
        if (surplus(most) < surplus(i)) most = i;
      }
      if (surplus(most) < static_cast<int64_t>(shape_.copies) || !PassFirst(most, firsts)) return;
    }
  }
  bool PassFirst(Index most, std::vector<size_t>& firsts) {
    struct Step {
      Index before;
      Partition partition;
    };
    std::vector<std::optional<Step>> steps(members_.size());
    std::deque<Index> queue = {most};
    const auto has_room = [&](Index i) { return firsts[i] * shape_.copies < held_[i]; };
    for (; !queue.empty(); queue.pop_front()) {
      const Index at = queue.front();
      if (at != most && has_room(at)) {
        for (Index i = at; i != most; i = steps[i]->before) {
          auto& row = rows_[steps[i]->partition];
          std::swap(row.front(), *std::ranges::find(row, i));
        }
        --firsts[most];
        ++firsts[at];
        return true;
      }
      for (Partition p = 0; p < kPartitions; ++p) {
        if (rows_[p].front() != at) continue;
        for (const Index next : rows_[p] | std::views::drop(1)) {
          if (next == most || steps[next]) continue;
          steps[next] = Step{at, p};
          queue.push_back(next);
        }
      }
    }
    return false;
  }

  std::span<const Member> members_;
  Shape shape_;
  std::array<std::vector<Index>, kPartitions> rows_;
  std::vector<size_t> held_;
  std::vector<size_t> quotas_;
};

}  // namespace

std::vector<double> FairShares(std::span<const Member> members, size_t n) {
  std::vector<double> shares;
  for (const Fixed share : ShapeOf(members, n).shares) {
    shares.push_back(static_cast<double>(share) / static_cast<double>(kOne));
  }
  return shares;
}

size_t MostPerZone(std::span<const Member> members, size_t n) {
  return ShapeOf(members, n).per_zone;
}

OwnerTable Place(const OwnerTable& before, std::span<const Member> members, size_t n) {
  storage::Check(!members.empty() && n > 0, "somebody owns something");
  std::vector<Member> sorted(members.begin(), members.end());
  std::ranges::sort(sorted, {}, &Member::node);
  return Placer(before, sorted, n).Run();
}

}  // namespace cartwheel::cluster
