#include "cluster/topology.h"

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
  later[0] = 2;
  EXPECT_EQ(DecodeTopology(later).error(), "a topology of a later version, format 2");
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

TEST(Topology, VotersStayAndAreAtMostFive) {
  EXPECT_THAT(VotersOf(Of(2), {}), SizeIs(2));
  const auto five = VotersOf(Of(9), {NodeId{8}, NodeId{9}, NodeId{77}});
  EXPECT_THAT(five, ElementsAre(NodeId{1}, NodeId{2}, NodeId{3}, NodeId{8}, NodeId{9}));
}

}  // namespace
}  // namespace cartwheel::cluster
