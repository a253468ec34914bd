#include "cluster/topology.h"

#include <algorithm>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  later[0] = 3;
  EXPECT_EQ(DecodeTopology(later).error(), "a topology of a later version, format 3");
}

TEST(Topology, SurvivesAnyByteThatIsWrong) {
  const std::string bytes = EncodeTopology(Of(4));
  Random random(3);
  for (int i = 0; i < 5'000; ++i) {
    std::string damaged = bytes;
    damaged[random.Below(i % 2 == 0 ? 80 : bytes.size())] = static_cast<char>(random.Next());
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

TEST(Topology, WhatIsPlannedHasItsOwnForm) {
  Topology topology = Of(4);
  EXPECT_FALSE(HasPlan(topology));
  EXPECT_EQ(EncodeTopology(topology)[0], 1) << "earlier versions read it";
  TopologyMember comes = MemberNumber(9);
  comes.planned_weight = std::exchange(comes.weight, 0);
  topology = With(topology, {comes});
  topology.members[0].planned_weight = 0;
  topology.members[1].planned_weight = 5;
  const std::string bytes = EncodeTopology(topology);
  EXPECT_EQ(bytes[0], 2);
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

TEST(Topology, VotersStayAndAreAtMostFive) {
  EXPECT_THAT(VotersOf(Of(2), {}), SizeIs(2));
  const auto five = VotersOf(Of(9), {NodeId{8}, NodeId{9}, NodeId{77}});
  EXPECT_THAT(five, ElementsAre(NodeId{1}, NodeId{2}, NodeId{3}, NodeId{8}, NodeId{9}));
}

}  // namespace
}  // namespace cartwheel::cluster
