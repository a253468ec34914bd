#include "server/ring_picture.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/ring.h"

namespace cartwheel::server {
namespace {

using cluster::NodeId;
using testing::HasSubstr;

// Of four nodes in two zones, one of which takes twice as much.
const std::vector<cluster::Member> kMembers = {
    {.node = NodeId{0xA1}, .zone = "left", .weight = 100},
    {.node = NodeId{0xA2}, .zone = "right", .weight = 100},
    {.node = NodeId{0xA3}, .zone = "left", .weight = 100},
    {.node = NodeId{0xA4}, .zone = "right", .weight = 300},
};

// The first is the one that is asked.
ClusterMap MapOf(const std::vector<cluster::Member>& members, const std::vector<NodeId>& lost) {
  ClusterMap map;
  for (const cluster::Member& member : members) {
    const auto number = static_cast<int>(member.node) & 0xF;
    map.nodes.push_back({.id = member.node,
                         .address = {.host = "db" + std::to_string(number), .port = 6379},
                         .cluster_port = 16379,
                         .is_self = number == 1,
                         .healthy = std::ranges::find(lost, member.node) == lost.end(),
                         .slots = {}});
  }
  return map;
}

cluster::Ring Rotated(const std::vector<cluster::Member>& members, size_t n) {
  return {members, cluster::RotatedTable(members, n)};
}

TEST(RingPicture, GroupsNodesByZoneAndAddsThemUp) {
  EXPECT_EQ(RingPicture(Rotated(kMembers, 2), MapOf(kMembers, {NodeId{0xA4}})),
            R"(node                address          weight  partitions    share   first  state
zone left           2 nodes             200        1024   50.0 %     512
  00000000000000a1  db1:6379@16379      100         512   25.0 %     256  this node
  00000000000000a3  db3:6379@16379      100         512   25.0 %     256  ok
zone right          2 nodes             400        1024   50.0 %     512
  00000000000000a2  db2:6379@16379      100         512   25.0 %     256  ok
  00000000000000a4  db4:6379@16379      300         512   25.0 %     256  lost
total               4 nodes             600        2048  100.0 %    1024  1 lost

1024 partitions, 2 copies of each, 2048 in all
on lost nodes: all copies of 0 partitions, some copies of 512 partitions
)");
}

TEST(RingPicture, TellsWhatIsLostFromWhatHasACopyLeft) {
  // Neighbours: of each, partitions begin with one and go on with the other.
  const auto picture = [](size_t n, const std::vector<NodeId>& lost) {
    return RingPicture(Rotated(kMembers, n), MapOf(kMembers, lost));
  };
  EXPECT_THAT(picture(2, {NodeId{0xA2}, NodeId{0xA3}}),
              HasSubstr("all copies of 256 partitions, some copies of 512 partitions\n"));
  EXPECT_THAT(
      picture(1, {NodeId{0xA2}}),
      HasSubstr("1 copy of each, 1024 in all\n"
                "on lost nodes: all copies of 256 partitions, some copies of 0 partitions"));
  EXPECT_THAT(picture(4, {}),
              HasSubstr("all copies of 0 partitions, some copies of 0 partitions\n"));
}

TEST(RingPicture, ANodeAloneHoldsEverything) {
  const std::vector<cluster::Member> alone = {kMembers[0]};
  EXPECT_THAT(
      RingPicture(Rotated(alone, 3), MapOf(alone, {})),
      HasSubstr("zone left           1 node              100        1024  100.0 %    1024\n"));
}

}  // namespace
}  // namespace cartwheel::server
