// The rules of moves, all of them together: what they promise to clients.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/moves.h"
#include "tests/cluster/numbered_members.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

using ::testing::IsEmpty;

using Row = std::span<const NodeId>;

// Members that learn of steps late, partitions that arrive late, and clients that write and read
// all the while, each under what its coordinator knows.
class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    topology_ = Of(1 + random_.Below(5), static_cast<uint8_t>(1 + random_.Below(4)));
    options_.levels.n = topology_.n;
    options_.levels.w = static_cast<uint8_t>(topology_.n / 2 + 1);
    options_.levels.r = options_.levels.w;
    options_.at_once = 1 + random_.Below(300);
    history_.push_back(topology_);
    for (const TopologyMember& member : topology_.members) known_[member.node] = 0;
  }

  void ChangeMembers() {
    Topology next = topology_;
    const size_t choice = random_.Below(5);
    TopologyMember& chosen = next.members[random_.Below(next.members.size())];
    if (choice <= 1) {
      next = With(next, {MemberNumber(next_id_++, 1 + static_cast<uint32_t>(random_.Below(3)))},
                  Placing::kByMoves);
      known_[NodeId{next_id_ - 1}] = history_.size() - 1;
    } else if (choice == 2 && chosen.weight > 0) {
      chosen.planned_weight = 1 + static_cast<uint32_t>(random_.Below(5));
      next = Planned(next, Placing::kByMoves);
    } else if (choice == 3 && Owning(next) > 1 && chosen.weight > 0) {
      chosen.planned_weight = 0;
      next = Planned(next, Placing::kByMoves);
    } else if (choice == 4 && !next.moves.empty()) {
      next = Planned(Halted(next, "on a whim"), Placing::kByMoves);
    }
    if (next != topology_) Choose(std::move(next));
  }
  // A member that there are enough copies without, while no other one is gone.
  void Lose() {
    const auto gone = [](const TopologyMember& member) { return member.gone; };
    if (options_.levels.w < 2 || std::ranges::any_of(topology_.members, gone)) return;
    const TopologyMember& chosen = topology_.members[random_.Below(topology_.members.size())];
    bool enough = Owning(topology_) > 2 && chosen.weight > 0;
    for (Partition p = 0; p < kPartitions && enough; ++p) {
      enough = RowOf(topology_.owners, p).size() > 2;
    }
    for (const Move& move : topology_.moves) enough = enough && move.to.size() > 2;
    if (!enough) return;
    known_.erase(chosen.node);
    Choose(Without(topology_, chosen.node, Placing::kByMoves));
  }

  void Step() {
    for (auto& [node, known] : known_) {
      if (random_.Percent(30)) known += random_.Below(history_.size() - known);
      if (random_.Percent(30)) known = history_.size() - 1;
    }
    for (int i = 0; i < 6; ++i) Ask(static_cast<Partition>(random_.Below(kAsked)));
    Arrive();
    Retire();
    Check();
    if (random_.Percent(60)) GoOn();
  }
  bool IsDone() const { return IsSettled(topology_); }
  const std::vector<std::string>& faults() const { return faults_; }
  const Topology& topology() const { return topology_; }
  size_t reads() const { return reads_; }

 private:
  static constexpr Partition kAsked = 24;  // partitions that clients ask for

  static size_t Owning(const Topology& topology) { return OwningMembers(topology).size(); }
  const Topology& KnownTo(NodeId node) const { return history_[known_.at(node)]; }
  static const Move* MoveOf(const Topology& topology, Partition p) {
    const auto move = std::ranges::find(topology.moves, p, &Move::partition);
    return move == topology.moves.end() ? nullptr : &*move;
  }

  void Choose(Topology next) {
    StampEpochs(topology_, next, history_.size());
    topology_ = std::move(next);
    history_.push_back(topology_);
    std::erase_if(known_, [this](const auto& entry) {
      return FindMember(topology_, entry.first) == nullptr;
    });
  }

  // Those of them who would do something under the coordinator's epoch, in some order.
  std::vector<NodeId> WhoServe(Row owners, Partition p, uint64_t epoch) {
    std::vector<NodeId> nodes;
    for (const NodeId node : owners) {
      if (known_.contains(node) && KnownTo(node).epochs[p] == epoch) nodes.push_back(node);
    }
    for (size_t i = nodes.size(); i > 1; --i) std::swap(nodes[i - 1], nodes[random_.Below(i)]);
    return nodes;
  }
  size_t Least(uint8_t level, Row owners) const { return std::min<size_t>(level, owners.size()); }
  // An update is a read and then a write; here they come alone.
  void Ask(Partition p) {
    auto coordinator = known_.begin();
    std::advance(coordinator, static_cast<ptrdiff_t>(random_.Below(known_.size())));
    const Topology& known = history_[coordinator->second];
    const Move* const move = MoveOf(known, p);
    const Row before = RowOf(known.owners, p);
    const Row after = move == nullptr ? before : Row(move->to);
    if (random_.Percent(50)) return Write(p, known.epochs[p], before, after);
    const bool switched = move != nullptr && move->step == MoveStep::kSwitch;
    Read(p, known.epochs[p], switched ? after : before);
  }
  void Write(Partition p, uint64_t epoch, Row before, Row after) {
    const uint64_t written = ++writes_;
    bool acknowledged = true;
    for (const Row row : {before, after}) {
      std::vector<NodeId> nodes = WhoServe(row, p, epoch);
      const size_t least = Least(options_.levels.w, row);
      acknowledged = acknowledged && nodes.size() >= least;
      // It is sent to all, and reaches as few as it may.
      nodes.resize(std::min(nodes.size(), least));
      for (const NodeId node : nodes) data_[{node, p}].insert(written);
    }
    if (acknowledged) acknowledged_[p].insert(written);
  }
  void Read(Partition p, uint64_t epoch, Row owners) {
    const std::vector<NodeId> nodes = WhoServe(owners, p, epoch);
    const size_t least = Least(options_.levels.r, owners);
    if (nodes.size() < least) return;
    ++reads_;
    std::set<uint64_t> seen;
    for (const NodeId node : std::span(nodes).first(least)) {
      seen.insert(data_[{node, p}].begin(), data_[{node, p}].end());
    }
    if (!std::ranges::includes(seen, acknowledged_[p])) {
      faults_.push_back("a read of partition " + std::to_string(p) + " misses a write");
    }
  }

  // What a node fetches it fetches from enough of the owners before, under the same epoch.
  void Arrive() {
    for (const Move& move : topology_.moves) {
      if (move.step != MoveStep::kPrepare || random_.Percent(60)) continue;
      const Row before = RowOf(topology_.owners, move.partition);
      const uint64_t epoch = topology_.epochs[move.partition];
      for (const NodeId node : move.to) {
        if (std::ranges::find(before, node) != before.end() || !known_.contains(node)) continue;
        if (KnownTo(node).epochs[move.partition] != epoch) continue;
        const std::vector<NodeId> sources = WhoServe(before, move.partition, epoch);
        size_t alive = 0;
        for (const NodeId owner : before) alive += FindMember(topology_, owner)->gone ? 0 : 1;
        const size_t least = std::min(alive, before.size() - Least(options_.levels.w, before) + 1);
        if (sources.size() < least) continue;
        const bool lacks_departures = std::ranges::any_of(before, [&](NodeId owner) {
          return std::ranges::find(move.to, owner) == move.to.end() &&
                 !FindMember(topology_, owner)->gone &&
                 std::ranges::find(sources, owner) == sources.end();
        });
        if (lacks_departures) continue;
        for (const NodeId source : sources) {
          const std::set<uint64_t> copy = data_[{source, move.partition}];
          data_[{node, move.partition}].insert(copy.begin(), copy.end());
        }
        arrived_[node][move.partition] = epoch;
      }
    }
  }

  // What it has of partitions that are others' it hands on to all of those, under the same epoch.
  void Retire() {
    for (const auto& [node, known] : known_) {
      const Topology& topology = history_[known];
      for (Partition p = 0; p < kAsked; ++p) {
        const auto left = data_.find({node, p});
        if (left == data_.end() || IsHolder(topology, node, p) || random_.Percent(70)) continue;
        const Move* const move = MoveOf(topology, p);
        const Row row = RowOf(topology.owners, p);
        std::vector<NodeId> owners(row.begin(), row.end());
        if (move != nullptr) owners.insert(owners.end(), move->to.begin(), move->to.end());
        std::erase_if(owners, [&](NodeId owner) {
          const TopologyMember* const member = FindMember(topology_, owner);
          return member == nullptr || member->gone;
        });
        const bool all = WhoServe(owners, p, topology.epochs[p]).size() == owners.size();
        if (!all) continue;
        for (const NodeId owner : owners) {
          data_[{owner, p}].insert(left->second.begin(), left->second.end());
        }
        data_.erase({node, p});
      }
    }
  }
  bool IsHolder(const Topology& topology, NodeId node, Partition p) const {
    const Move* const move = MoveOf(topology, p);
    const Row row = RowOf(topology.owners, p);
    return std::ranges::find(row, node) != row.end() ||
           (move != nullptr && std::ranges::find(move->to, node) != move->to.end());
  }
  bool IsDrained(NodeId node, const Topology& known) const {
    for (Partition p = 0; p < kAsked; ++p) {
      if (data_.contains({node, p}) && !IsHolder(known, node, p)) return false;
    }
    return true;
  }

  void GoOn() {
    MemberStates states;
    for (const auto& [node, known] : known_) {
      MemberState& state = states[node];
      state.linked = random_.Percent(95);
      // What is told comes late, but is never more than what is known.
      state.epoch = random_.Percent(70) ? known : known - std::min<size_t>(known, 1);
      state.drained = IsDrained(node, history_[known]);
      for (const auto& [partition, epoch] : arrived_[node]) {
        if (history_[state.epoch].epochs[partition] == epoch) state.arrived.push_back(partition);
      }
    }
    auto next = NextMoves(topology_, TargetOf(topology_), states, options_);
    if (next) Choose(*std::move(next));
  }

  void Check() {
    const auto decoded = DecodeTopology(EncodeTopology(topology_));
    if (!decoded || *decoded != topology_) faults_.push_back("it does not come back");
    std::map<NodeId, size_t> on_their_way;
    for (const Move& move : topology_.moves) {
      const Row before = RowOf(topology_.owners, move.partition);
      for (const NodeId node : move.to) {
        if (std::ranges::find(before, node) != before.end()) continue;
        const auto arrived = arrived_[node].find(move.partition);
        const bool is_here =
            move.step == MoveStep::kSwitch || (arrived != arrived_[node].end() &&
                                               arrived->second == topology_.epochs[move.partition]);
        on_their_way[node] += is_here ? 0 : 1;
      }
    }
    for (const auto& [node, count] : on_their_way) {
      if (count > options_.at_once) faults_.push_back("more at once than there may be");
    }
  }

  Random random_;
  MoveOptions options_;
  Topology topology_;
  std::vector<Topology> history_;   // by epoch
  std::map<NodeId, size_t> known_;  // of each who is alive: the place of what it knows
  std::map<NodeId, std::map<Partition, uint64_t>> arrived_;
  std::map<std::pair<NodeId, Partition>, std::set<uint64_t>> data_;
  std::map<Partition, std::set<uint64_t>> acknowledged_;
  uint64_t next_id_ = 100;
  uint64_t writes_ = 0;
  size_t reads_ = 0;
  std::vector<std::string> faults_;
};

TEST(MovesProperty, TheyEndAndNoReadMissesAnAcknowledgedWrite) {
  size_t reads = 0;
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    World world(seed);
    Random random(seed);
    for (int change = 0; change < 6; ++change) {
      world.ChangeMembers();
      if (random.Percent(20)) world.Lose();
      for (uint64_t i = random.Below(40); i > 0; --i) world.Step();
      ASSERT_THAT(world.faults(), IsEmpty()) << "seed " << seed;
    }
    int steps = 0;
    while (!world.IsDone() && ++steps < 50'000) world.Step();
    ASSERT_TRUE(world.IsDone()) << "seed " << seed;
    ASSERT_THAT(world.faults(), IsEmpty()) << "seed " << seed;
    EXPECT_THAT(world.topology().moves, IsEmpty());
    reads += world.reads();
  }
  EXPECT_GT(reads, 10'000U) << "they ask for what there is";
}

}  // namespace
}  // namespace cartwheel::cluster
