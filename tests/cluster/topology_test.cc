#include "cluster/topology.h"

#include <algorithm>
#include <array>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/byte_fields.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

TopologyMember MemberNumber(uint64_t id) {
  return {.node = NodeId{id},
          .address = {.host = "node-" + std::to_string(id), .port = 17'000},
          .zone = id % 2 == 0 ? "a" : "b",
          .weight = 1};
}

Topology Of(uint64_t members) {
  Topology topology{.cluster_id = 7, .n = 3, .members = {}, .owners = {}};
  std::vector<TopologyMember> all;
  for (uint64_t id = 1; id <= members; ++id) all.push_back(MemberNumber(id));
  return With(topology, all);
}

// With everything in it that there can be.
Topology Moving() {
  Topology topology = Of(5);
  topology.members[3].weight = 0;
  topology.members[3].gone = true;
  topology.members[3].address = topology.members[0].address;
  topology.members[4].weight = 0;
  topology.members[1].planned_weight = 7;
  SetRow(topology.owners, 6, std::array{NodeId{1}});
  SetRow(topology.owners, 7, std::array{NodeId{2}, NodeId{1}, NodeId{3}, NodeId{5}});
  topology.epochs[6] = 300;
  topology.epochs[1023] = 4;
  topology.moves = {
      {.partition = 6, .step = MoveStep::kSwitch, .to = {NodeId{2}, NodeId{5}}},
      {.partition = 7, .step = MoveStep::kPrepare, .to = {NodeId{2}, NodeId{1}, NodeId{3}}}};
  topology.halt = "the disk is full";
  return topology;
}

// As versions before wrote it.
std::string OldBytes(const Topology& topology, uint8_t format) {
  std::string bytes;
  ByteWriter out(bytes);
  out.U8(format).U64(topology.cluster_id).U8(topology.n).Varint(topology.members.size());
  for (const TopologyMember& member : topology.members) {
    out.Name(member.node).Bytes(member.address.host).Little<2>(member.address.port);
    out.Bytes(member.zone).Varint(member.weight);
    if (format == 2) out.Varint(member.planned_weight ? *member.planned_weight + 1 : 0);
  }
  out.U8(static_cast<uint8_t>(topology.owners.copies));
  for (const NodeId owner : topology.owners.nodes) {
    out.Little<2>(static_cast<size_t>(FindMember(topology, owner) - topology.members.data()));
  }
  return bytes;
}

bool IsRefused(const Topology& topology) {
  return !DecodeTopology(EncodeTopology(topology)).has_value();
}

TEST(Topology, ComesBackFromItsBytesWhileItMoves) {
  const Topology topology = Moving();
  const auto decoded = DecodeTopology(EncodeTopology(topology));
  ASSERT_TRUE(decoded.has_value()) << decoded.error();
  EXPECT_EQ(*decoded, topology);
  EXPECT_THAT(RowOf(decoded->owners, 6), ElementsAre(NodeId{1}));
}

TEST(Topology, OldFormatsKnewNoMoves) {
  const Topology plain = Of(4);
  EXPECT_EQ(DecodeTopology(OldBytes(plain, 1)), plain);
  EXPECT_FALSE(DecodeTopology(OldBytes(plain, 2)).has_value()) << "without a plan";
  Topology planned = plain;
  planned.members[1].planned_weight = 5;
  EXPECT_EQ(DecodeTopology(OldBytes(planned, 2)), planned);
  planned.members[1].planned_weight.reset();
  planned.members[1].weight = 0;
  planned.owners.nodes.clear();
  EXPECT_FALSE(DecodeTopology(OldBytes(planned, 2)).has_value());
}

TEST(Topology, RefusesOwnersThatCannotBe) {
  Topology topology = Moving();
  SetRow(topology.owners, 8, std::array{NodeId{1}, NodeId{1}});
  EXPECT_TRUE(IsRefused(topology)) << "one twice";
  topology = Moving();
  std::fill_n(topology.owners.nodes.begin() + 8 * 4, 4, kNoNode);
  EXPECT_TRUE(IsRefused(topology)) << "nobody";
  topology = Moving();
  topology.owners.nodes[8 * 4 + 1] = kNoNode;
  EXPECT_TRUE(IsRefused(topology)) << "a gap";
  topology = Moving();
  SetRow(topology.owners, 7, std::array{NodeId{2}, NodeId{1}, NodeId{5}});
  EXPECT_TRUE(IsRefused(topology)) << "wider than its rows";
  Tighten(topology.owners);
  EXPECT_FALSE(IsRefused(topology));
  topology = Of(9);
  topology.n = 8;
  EXPECT_TRUE(IsRefused(topology)) << "more copies than there may be";
}

TEST(Topology, RefusesMovesThatCannotBe) {
  const auto with = [](auto&& change) {
    Topology topology = Moving();
    change(topology);
    return topology;
  };
  EXPECT_TRUE(IsRefused(with([](Topology& it) { std::swap(it.moves[0], it.moves[1]); })));
  EXPECT_TRUE(IsRefused(with([](Topology& it) { it.moves[1].partition = 6; })));
  EXPECT_TRUE(IsRefused(with([](Topology& it) { it.moves[1].partition = 1024; })));
  EXPECT_TRUE(IsRefused(with([](Topology& it) { it.moves[0].step = MoveStep{3}; })));
  EXPECT_TRUE(IsRefused(with([](Topology& it) { it.moves[0].to.clear(); })));
  EXPECT_TRUE(IsRefused(with([](Topology& it) { it.moves[0].to = {NodeId{2}, NodeId{2}}; })));
  EXPECT_TRUE(IsRefused(with([](Topology& it) { it.moves[0].to = {NodeId{1}}; }))) << "nothing";
  EXPECT_TRUE(IsRefused(with([](Topology& it) { it.halt = std::string(201, 'x'); })));
  EXPECT_TRUE(IsRefused(with([](Topology& it) { it.halt = "\n"; })));
  EXPECT_TRUE(IsRefused(with([](Topology& it) { it.epochs[5] = UINT64_MAX; })));
}

TEST(Topology, RefusesMembersThatCannotBe) {
  Topology topology = Moving();
  topology.members[3].weight = 1;
  EXPECT_TRUE(IsRefused(topology)) << "gone with a weight";
  topology.members[3].planned_weight = 0;
  EXPECT_FALSE(IsRefused(topology)) << "planned to be replaced";
  topology.members[3].gone = false;
  EXPECT_TRUE(IsRefused(topology)) << "two at an address";
}

TEST(Topology, ByMovesNobodyIsLostWhoOwnsSomething) {
  const Topology before = Of(4);
  TopologyMember same_place = MemberNumber(50);
  same_place.address = MemberNumber(1).address;
  Topology after = With(before, {same_place}, Placing::kByMoves);
  EXPECT_EQ(after.owners, before.owners);
  ASSERT_THAT(after.members, SizeIs(5));
  EXPECT_TRUE(after.members[0].gone);
  EXPECT_EQ(after.members[0].weight, 0U);
  EXPECT_FALSE(IsRefused(after)) << "two are at an address, but one of them is gone";
  TopologyMember third = MemberNumber(60);
  third.address = same_place.address;
  after = With(after, {third}, Placing::kByMoves);
  EXPECT_THAT(after.members, SizeIs(5)) << "50 owned nothing yet";
  EXPECT_EQ(FindMember(after, NodeId{50}), nullptr);
  after = Without(before, NodeId{2}, Placing::kByMoves);
  EXPECT_EQ(after.owners, before.owners);
  EXPECT_TRUE(FindMember(after, NodeId{2})->gone);
  Topology planned = before;
  planned.halt = "the disk is full";
  planned.members[1].planned_weight = 0;
  planned.members[2].planned_weight = 3;
  after = Planned(planned, Placing::kByMoves);
  EXPECT_EQ(after.owners, before.owners);
  EXPECT_EQ(FindMember(after, NodeId{2})->weight, 0U);
  EXPECT_EQ(FindMember(after, NodeId{3})->weight, 3U);
  EXPECT_EQ(after.halt, "");
}

TEST(Topology, MembersThatChangePlacesAreNotLost) {
  const Topology before = Of(3);
  TopologyMember moved = MemberNumber(1);
  moved.address = MemberNumber(2).address;
  for (const Placing placing : {Placing::kAtOnce, Placing::kByMoves}) {
    const Topology after = With(before, {moved}, placing);
    EXPECT_EQ(FindMember(after, NodeId{2})->address, MemberNumber(1).address);
    EXPECT_EQ(after.owners, before.owners);
  }
}

TEST(Topology, OnlyPartitionsThatChangeGetAnotherEpoch) {
  const Topology before = Moving();
  Topology next = before;
  std::swap(next.owners.nodes[0], next.owners.nodes[1]);
  SetRow(next.owners, 5, std::array{NodeId{1}});
  next.moves[0].step = MoveStep::kPrepare;
  next.moves.pop_back();
  StampEpochs(before, next, 1000);
  EXPECT_EQ(next.epochs[0], 0U) << "another order";
  for (const Partition partition : {5, 6, 7}) EXPECT_EQ(next.epochs[partition], 1000U);
  EXPECT_EQ(next.epochs[1023], 4U);
}

TEST(Topology, ComesBackFromItsBytes) {
  for (const uint64_t members : {1U, 2U, 3U, 9U}) {
    const Topology topology = Of(members);
    EXPECT_EQ(topology.owners.copies, std::min<uint64_t>(3, members));
    const auto decoded = DecodeTopology(EncodeTopology(topology));
    ASSERT_TRUE(decoded.has_value()) << decoded.error();
    EXPECT_EQ(*decoded, topology);
  }
}

TEST(Topology, RefusesBytesThatAreNotOne) {
  const std::string bytes = EncodeTopology(Of(3));
  for (size_t length = 0; length < bytes.size(); length += length < 100 ? 1 : 97) {
    EXPECT_FALSE(DecodeTopology(bytes.substr(0, length)).has_value()) << length;
  }
  EXPECT_FALSE(DecodeTopology(bytes + "x").has_value());
  std::string later = bytes;
  later[0] = 4;
  EXPECT_EQ(DecodeTopology(later).error(), "a topology of a later version, format 4");
  later[0] = 0;
  EXPECT_EQ(DecodeTopology(later).error(), "an ill-formed topology");
}

TEST(Topology, SurvivesAnyByteThatIsWrong) {
  const std::string bytes = EncodeTopology(Moving());
  Random random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = bytes;
    const size_t part = std::array{size_t{180}, size_t{60}, bytes.size()}[i % 3];
    const size_t at = i % 3 == 1 ? bytes.size() - 1 - random.Below(part) : random.Below(part);
    damaged[at] = static_cast<char>(random.Next());
    const auto decoded = DecodeTopology(damaged);
    if (!decoded) continue;
    // What is taken for one can be used as one.
    EXPECT_EQ(EncodeTopology(*decoded), damaged);
    EXPECT_EQ(RingOf(*decoded).members().size(), decoded->members.size());
  }
}

TEST(Topology, WithTakesInAndReplaces) {
  const Topology before = Of(3);
  TopologyMember moved = MemberNumber(2);
  moved.address.host = "elsewhere";
  Topology after = With(before, {moved, MemberNumber(9)});
  EXPECT_THAT(after.members, ElementsAre(MemberNumber(1), moved, MemberNumber(3), MemberNumber(9)));
  EXPECT_EQ(Text(FindMember(after, NodeId{2})->address), "elsewhere:17000");
  TopologyMember same_place = MemberNumber(50);
  same_place.address = MemberNumber(1).address;
  after = With(before, {same_place});
  EXPECT_THAT(after.members, ElementsAre(MemberNumber(2), MemberNumber(3), same_place));
}

TEST(Topology, AnAddressThatChangesMovesNothing) {
  const Topology before = Of(5);
  TopologyMember moved = MemberNumber(2);
  moved.address.host = "elsewhere";
  EXPECT_EQ(With(before, {moved}).owners, before.owners);
}

TEST(Topology, ComesBackFromItsBytesWithAPlan) {
  Topology topology = Of(4);
  EXPECT_FALSE(HasPlan(topology));
  TopologyMember comes = MemberNumber(9);
  comes.planned_weight = std::exchange(comes.weight, 0);
  topology = With(topology, {comes});
  topology.members[0].planned_weight = 0;
  topology.members[1].planned_weight = 5;
  const std::string bytes = EncodeTopology(topology);
  EXPECT_EQ(DecodeTopology(bytes), topology);
  Random random(3);
  for (int i = 0; i < 5'000; ++i) {
    std::string damaged = bytes;
    damaged[random.Below(120)] = static_cast<char>(random.Next());
    const auto decoded = DecodeTopology(damaged);
    if (!decoded) continue;
    EXPECT_EQ(EncodeTopology(*decoded), damaged);
  }
}

TEST(Topology, WhoIsOnlyPlannedOwnsNothingAndMovesNothing) {
  const Topology before = Of(4);
  TopologyMember comes = MemberNumber(9);
  comes.planned_weight = std::exchange(comes.weight, 0);
  const Topology after = With(before, {comes});
  EXPECT_THAT(after.members, SizeIs(5));
  EXPECT_EQ(after.owners, before.owners);
  const Ring ring = RingOf(after);
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    EXPECT_FALSE(ring.Owns(NodeId{9}, partition));
  }
  EXPECT_EQ(Without(after, NodeId{9}), before);
}

TEST(Topology, APlanCarriedOutIsAsIfItHadBeenSoAtOnce) {
  TopologyMember comes = MemberNumber(9);
  const Topology at_once = With(Of(4), {comes});
  comes.planned_weight = std::exchange(comes.weight, 0);
  Topology planned = With(Of(4), {comes});
  EXPECT_EQ(Planned(planned), at_once);
  planned.members[0].planned_weight = 0;  // and one leaves
  const Topology after = Planned(planned);
  EXPECT_EQ(FindMember(after, NodeId{1}), nullptr);
  EXPECT_FALSE(HasPlan(after));
  EXPECT_THAT(after.members, SizeIs(4));
  EXPECT_EQ(std::ranges::count(after.owners.nodes, NodeId{1}), 0);
  EXPECT_EQ(after.owners.nodes.size(), 3 * kPartitions);
}

TEST(Topology, WithoutAMemberTheOthersOwnItAll) {
  const Topology after = Without(Of(3), NodeId{2});
  EXPECT_THAT(after.members, ElementsAre(MemberNumber(1), MemberNumber(3)));
  EXPECT_EQ(after.owners.copies, 2U);
  EXPECT_EQ(DecodeTopology(EncodeTopology(after)), after);
}

TEST(Topology, WhoIsOnItsWayOutGivesWayToOtherVoters) {
  Topology topology = Of(7);
  std::vector<NodeId> voters = VotersOf(topology, {});
  topology.members[0].weight = 0;  // leaves
  topology.members[1].weight = 0;
  topology.members[1].gone = true;
  EXPECT_THAT(VotersOf(topology, voters),
              ElementsAre(NodeId{3}, NodeId{4}, NodeId{5}, NodeId{6}, NodeId{7}));
  topology.members.resize(4);
  EXPECT_THAT(VotersOf(topology, voters), ElementsAre(NodeId{1}, NodeId{3}, NodeId{4}));
}

TEST(Topology, VotersStayAndAreAtMostFive) {
  EXPECT_THAT(VotersOf(Of(2), {}), SizeIs(2));
  const auto five = VotersOf(Of(9), {NodeId{8}, NodeId{9}, NodeId{77}});
  EXPECT_THAT(five, ElementsAre(NodeId{1}, NodeId{2}, NodeId{3}, NodeId{8}, NodeId{9}));
}

}  // namespace
}  // namespace cartwheel::cluster
