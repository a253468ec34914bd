#include "cluster/moves.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Row = std::span<const NodeId>;

constexpr NodeId kA{1};
constexpr NodeId kB{2};
constexpr NodeId kC{3};
constexpr NodeId kD{4};

TopologyMember MemberNumber(uint64_t id, uint32_t weight = 1) {
  return {.node = NodeId{id},
          .address = {.host = "node-" + std::to_string(id), .port = 17'000},
          .zone = "",
          .weight = weight};
}

Topology Of(uint64_t members, uint8_t n = 3) {
  const Topology topology{.cluster_id = 7, .n = n, .members = {}, .owners = {}};
  std::vector<TopologyMember> all;
  for (uint64_t id = 1; id <= members; ++id) all.push_back(MemberNumber(id));
  return With(topology, all);
}

// A topology with what its members have told of it.
class Moves : public ::testing::Test {
 protected:
  // All are linked and know it.
  void Begin(Topology topology) {
    topology_ = std::move(topology);
    states_.clear();
    for (const TopologyMember& member : topology_.members) {
      states_[member.node] = {.linked = true, .epoch = epoch_, .arrived = {}, .trouble = {}};
    }
  }
  // From A, B and C to B, C and D: each partition that has a D is on its way to it.
  void BeginWithOneMove(MoveStep step = MoveStep::kPrepare) {
    epoch_ = 10;
    Begin(Of(4));
    for (Partition p = 0; p < kPartitions; ++p) {
      SetRow(topology_.owners, p, std::array{kA, kB, kC});
    }
    topology_.moves = {{.partition = 5, .step = step, .to = {kB, kC, kD}}};
    topology_.epochs[5] = 10;
    target_ = topology_.owners;
    SetRow(target_, 5, std::array{kB, kC, kD});
  }
  void Arrive(NodeId node, Partition partition) { states_[node].arrived.push_back(partition); }
  std::optional<Topology> Next() {
    if (target_.nodes.empty()) target_ = TargetOf(topology_);
    return NextMoves(topology_, target_, states_, options_);
  }
  // False: nothing follows.
  bool Go() {
    auto next = Next();
    if (!next) return false;
    StampEpochs(topology_, *next, ++epoch_);
    topology_ = *std::move(next);
    return true;
  }

  Topology topology_;
  OwnerTable target_;
  MemberStates states_;
  MoveOptions options_;
  uint64_t epoch_ = 1;
};

// ---- each rule

TEST_F(Moves, WhatIsAsTheWeightsAskForIsSettled) {
  EXPECT_TRUE(IsSettled(Of(1)));
  EXPECT_TRUE(IsSettled(Of(5)));
  Begin(Of(5));
  EXPECT_FALSE(Next());
}

TEST_F(Moves, FromPrepareToSwitchWhenAllHaveAdoptedItAndItHasArrived) {
  BeginWithOneMove();
  EXPECT_FALSE(Next()) << "D has not got it";
  Arrive(kD, 5);
  ASSERT_TRUE(Go());
  ASSERT_THAT(topology_.moves, SizeIs(1));
  EXPECT_EQ(topology_.moves[0].step, MoveStep::kSwitch) << "not straight to the new owners";
  EXPECT_THAT(RowOf(topology_.owners, 5), ElementsAre(kA, kB, kC));
  EXPECT_EQ(topology_.epochs[5], 11U);
}

TEST_F(Moves, WhatWasToldBeforeTheMoveDoesNotCount) {
  BeginWithOneMove();
  Arrive(kD, 5);
  states_[kD].epoch = 9;
  EXPECT_FALSE(Next());
}

TEST_F(Moves, WhoGoesHasToHaveAdoptedPrepare) {
  BeginWithOneMove();
  Arrive(kD, 5);
  states_[kA].epoch = 9;
  EXPECT_FALSE(Next());
}

TEST_F(Moves, WhoStaysNeedNotAsLongAsEnoughHave) {
  BeginWithOneMove();
  Arrive(kD, 5);
  states_[kB].epoch = 9;
  EXPECT_TRUE(Next()) << "A and C are two of those before, C and D two of those after";
  states_[kC].epoch = 9;
  EXPECT_FALSE(Next()) << "two that do not know of it are W of three";
}

TEST_F(Moves, AllHaveToWhereOneAnswerIsEnough) {
  BeginWithOneMove();
  Arrive(kD, 5);
  options_.levels.r = 1;
  states_[kB].epoch = 9;
  EXPECT_FALSE(Next());
  states_[kB].epoch = 10;
  EXPECT_TRUE(Next());
}

TEST_F(Moves, AdoptionCountsOfThoseWhoAreAwayToo) {
  BeginWithOneMove();
  Arrive(kD, 5);
  for (auto& [node, state] : states_) state.linked = false;
  EXPECT_TRUE(Next());
}

TEST_F(Moves, FromSwitchToTheNewOwnersWhenItIsAdopted) {
  BeginWithOneMove(MoveStep::kSwitch);
  for (const NodeId node : {kA, kD}) {
    states_[node].epoch = 9;
    EXPECT_FALSE(Next()) << static_cast<uint64_t>(node);
    states_[node].epoch = 10;
  }
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.moves, IsEmpty());
  EXPECT_THAT(RowOf(topology_.owners, 5), ElementsAre(kB, kC, kD));
}

TEST_F(Moves, WhoIsGoneIsNotWaitedFor) {
  BeginWithOneMove();
  Arrive(kD, 5);
  topology_.members[0].weight = 0;
  topology_.members[0].gone = true;
  states_.erase(kA);
  ASSERT_TRUE(Go());
  EXPECT_EQ(topology_.moves[0].step, MoveStep::kSwitch);
}

TEST_F(Moves, ThenAllWhoAreLeftHaveToKnow) {
  BeginWithOneMove();
  Arrive(kD, 5);
  for (const size_t gone : {0U, 1U}) {
    topology_.members[gone].weight = 0;
    topology_.members[gone].gone = true;
    states_.erase(topology_.members[gone].node);
  }
  states_[kC].epoch = 9;
  EXPECT_FALSE(Next());
  states_[kC].epoch = 10;
  EXPECT_TRUE(Next());
}

TEST_F(Moves, WhatIsOnItsWayToWhoLeavesIsGivenUp) {
  BeginWithOneMove();
  topology_.members[3].weight = 0;
  ASSERT_TRUE(Go());
  EXPECT_THAT(RowOf(topology_.owners, 5), ElementsAre(kA, kB, kC));
  EXPECT_FALSE(
      std::ranges::any_of(topology_.moves, [](const Move& move) { return move.partition == 5; }));
}

// ---- where they begin

TEST_F(Moves, SoManyAtOnceToOneMember) {
  Topology topology = With(Of(4), {MemberNumber(5)}, Placing::kByMoves);
  EXPECT_FALSE(IsSettled(topology));
  options_.at_once = 7;
  Begin(topology);
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.moves, SizeIs(7));
  for (const Move& move : topology_.moves) {
    EXPECT_EQ(move.step, MoveStep::kPrepare);
    EXPECT_TRUE(std::ranges::count(move.to, NodeId{5}) == 1);
    EXPECT_EQ(topology_.epochs[move.partition], epoch_);
  }
  EXPECT_FALSE(Next()) << "those under way count";
}

TEST_F(Moves, FewerOwnersComeAFewAtATimeToo) {
  Topology topology = Of(4, 3);
  topology.n = 2;
  options_.at_once = 7;
  Begin(topology);
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.moves, SizeIs(7));
}

TEST_F(Moves, NoneBeginWithoutThoseWhoComeAndGo) {
  Begin(With(Of(4), {MemberNumber(5)}, Placing::kByMoves));
  states_[NodeId{5}].linked = false;
  EXPECT_FALSE(Next());
  states_[NodeId{5}].linked = true;
  states_[kA].linked = false;
  ASSERT_TRUE(Go());
  for (const Move& move : topology_.moves) {
    const Row from = RowOf(topology_.owners, move.partition);
    const bool goes = std::ranges::count(from, kA) == 1 && std::ranges::count(move.to, kA) == 0;
    EXPECT_FALSE(goes) << move.partition;
  }
}

TEST_F(Moves, WhileHaltedNoneBeginButSwitchesGoOn) {
  Topology topology = With(Of(4), {MemberNumber(5)}, Placing::kByMoves);
  Begin(topology);
  ASSERT_TRUE(Go());
  topology_.moves[0].step = MoveStep::kSwitch;
  const Move switched = topology_.moves[0];
  topology_ = Halted(topology_, "the disk\n" + std::string(300, 'x'));
  EXPECT_THAT(topology_.moves, ElementsAre(switched)) << "its owners before have missed something";
  EXPECT_THAT(topology_.halt, SizeIs(kMaxHaltBytes));
  EXPECT_TRUE(topology_.halt.starts_with("the disk?"));
  EXPECT_TRUE(DecodeTopology(EncodeTopology(topology_)).has_value());
  for (auto& [node, state] : states_) state.epoch = epoch_;
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.moves, IsEmpty());
  EXPECT_FALSE(Next());
  topology_ = Planned(topology_, Placing::kByMoves);
  EXPECT_TRUE(Next()) << "the plan goes on";
}

TEST_F(Moves, AnotherOrderNeedsNoMoves) {
  Topology topology = Of(4);
  std::swap(topology.owners.nodes[0], topology.owners.nodes[1]);
  Begin(topology);
  target_ = Of(4).owners;
  ASSERT_TRUE(Go());
  EXPECT_EQ(topology_.owners, target_);
  EXPECT_EQ(topology_.epochs[0], 0U);
}

// ---- who is taken out

TEST_F(Moves, WhoOwnsNothingIsTakenOutOnceItHasHandedOnWhatItKeeps) {
  Topology topology = Of(3);
  topology.members.push_back(MemberNumber(9, 0));
  topology.epochs[3] = 6;
  epoch_ = 6;
  Begin(topology);
  EXPECT_FALSE(IsSettled(topology_));
  EXPECT_FALSE(Next());
  states_[NodeId{9}].drained = true;
  states_[NodeId{9}].epoch = 5;
  EXPECT_FALSE(Next()) << "it may have been an owner then";
  states_[NodeId{9}].epoch = 6;
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.members, SizeIs(3));
  EXPECT_TRUE(IsSettled(topology_));
}

TEST_F(Moves, WhoIsGoneIsTakenOutAtOnceAndWhoIsPlannedStays) {
  Topology topology = Of(3);
  topology.members.push_back(MemberNumber(8, 0));
  topology.members.back().gone = true;
  topology.members.push_back(MemberNumber(9, 0));
  topology.members.back().planned_weight = 1;
  Begin(topology);
  ASSERT_TRUE(Go());
  EXPECT_THAT(topology_.members, SizeIs(4));
  EXPECT_NE(FindMember(topology_, NodeId{9}), nullptr);
  EXPECT_TRUE(IsSettled(topology_));
}

TEST_F(Moves, WithoutAnybodyToOwnAnythingNothingIsDone) {
  Topology topology = Of(2);
  for (TopologyMember& member : topology.members) member.weight = 0;
  Begin(topology);
  EXPECT_TRUE(IsSettled(topology_));
  EXPECT_EQ(TargetOf(topology_), topology_.owners);
  EXPECT_FALSE(Next());
}

// ---- all of them together

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
        if (std::ranges::find(before, node) == before.end()) ++on_their_way[node];
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
