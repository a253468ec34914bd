#include "cluster/ring.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

// Ids as nodes choose them: without order.
std::vector<Member> Members(size_t count, size_t zones = 1) {
  std::vector<Member> members;
  for (size_t i = 0; i < count; ++i) {
    members.push_back({NodeId{Random(i).Next()}, "zone" + std::to_string(i % zones)});
  }
  return members;
}

Ring RingOf(const std::vector<Member>& members, size_t n = 3) {
  return {members, RotatedTable(members, n)};
}

std::string ZoneOf(const Ring& ring, NodeId node) {
  return std::ranges::find(ring.members(), node, &Member::node)->zone;
}

TEST(Ring, EveryPartitionHasNDistinctOwnersOrAllMembers) {
  for (const size_t count : {1, 2, 3, 4, 7, 100}) {
    const Ring ring = RingOf(Members(count));
    ASSERT_EQ(ring.copies(), std::min<size_t>(3, count));
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      const auto owners = ring.OwnersOf(partition);
      ASSERT_EQ(std::set<NodeId>(owners.begin(), owners.end()).size(), ring.copies());
    }
  }
}

TEST(Ring, TheRotatedTableIsBalancedInEveryPosition) {
  for (const size_t count : {1, 3, 5, 7}) {
    const Ring ring = RingOf(Members(count));
    for (size_t position = 0; position < ring.copies(); ++position) {
      std::map<NodeId, size_t> held;
      for (Partition partition = 0; partition < kPartitions; ++partition) {
        ++held[ring.OwnersOf(partition)[position]];
      }
      for (const Member& member : ring.members()) {
        EXPECT_GE(held[member.node], kPartitions / count);
        EXPECT_LE(held[member.node], kPartitions / count + 1);
      }
    }
  }
}

TEST(Ring, APreferenceListIsTheOwnersInTableOrderAndThenEveryOtherMemberOnce) {
  const auto members = Members(9, 3);
  const OwnerTable table = RotatedTable(members, 3);
  const Ring ring(members, table);
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    const auto list = ring.PreferenceList(partition);
    ASSERT_EQ(std::set<NodeId>(list.begin(), list.end()).size(), 9u);
    for (size_t i = 0; i < 3; ++i) ASSERT_EQ(list[i], table.nodes[partition * 3 + i]);
  }
}

TEST(Ring, AnExplicitTableIsTakenAsItIs) {
  const auto members = Members(4);
  OwnerTable table{.copies = 2, .nodes = {}};
  for (int partition = 0; partition < kPartitions; ++partition) {
    table.nodes.push_back(members[3].node);
    table.nodes.push_back(members[1].node);
  }
  const Ring ring(members, table);
  EXPECT_EQ(ring.OwnersOf(1000)[0], members[3].node);
  EXPECT_EQ(ring.OwnersOf(1000)[1], members[1].node);
  EXPECT_TRUE(ring.Owns(members[1].node, 7));
  EXPECT_FALSE(ring.Owns(members[0].node, 7));
}

TEST(Ring, EveryNodeComputesTheSameWhateverTheOrderOfTheMembers) {
  auto members = Members(8, 4);
  const Ring ring = RingOf(members);
  std::ranges::reverse(members);
  const Ring reversed = RingOf(members);
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    ASSERT_TRUE(
        std::ranges::equal(ring.PreferenceList(partition), reversed.PreferenceList(partition)));
  }
}

// A change of the hash would move every hint: these lists are as the first version had them.
TEST(Ring, TheOrderOfTheFallbacksNeverChanges) {
  std::vector<Member> members;
  for (uint64_t i = 1; i <= 8; ++i) members.push_back({NodeId{i}, ""});
  const Ring ring = RingOf(members);
  std::string lists;
  for (const Partition partition : {0, 1, 1023}) {
    for (const NodeId node : ring.PreferenceList(partition)) {
      lists += std::to_string(static_cast<uint64_t>(node));
    }
    lists += ' ';
  }
  EXPECT_EQ(lists, "12376845 23418567 81276435 ");
}

// "Dynamo", section 4.2: a node that becomes unavailable hands its load to the rest evenly.
TEST(Ring, WhatALostNodeHeldIsSpreadOverAllOthers) {
  constexpr size_t kCount = 10;
  const Ring ring = RingOf(Members(kCount));
  for (const Member& lost : ring.members()) {
    std::map<NodeId, int> stand_ins;
    int held = 0;
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      if (!ring.Owns(lost.node, partition)) continue;
      ++held;
      ++stand_ins[ring.PreferenceList(partition)[ring.copies()]];
    }
    // A rotation's neighbours own the same partitions, so they stand in for fewer.
    EXPECT_EQ(stand_ins.size(), kCount - 1);
    for (const auto& [node, count] : stand_ins) EXPECT_LT(count, held / 4);
  }
}

TEST(Ring, TheFirstFallbacksAreOneOfEachZoneThatIsNotUsedYet) {
  const Ring ring = RingOf(Members(20, 5));
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    const auto list = ring.PreferenceList(partition);
    std::set<std::string> zones;
    for (const NodeId owner : list.first(3)) zones.insert(ZoneOf(ring, owner));
    for (size_t i = 3; zones.size() < 5; ++i) {
      ASSERT_TRUE(zones.insert(ZoneOf(ring, list[i])).second) << partition << " at " << i;
    }
  }
}

// With members, moves and epochs drawn from a few, so that much stays the same.
TEST(Ring, WhatIsMadeFromAnotherIsTheSameAndKnowsWhereItDiffers) {
  Random random(1);
  const auto all = Members(6, 3);
  std::optional<Ring> before;
  for (int round = 0; round < 60; ++round) {
    auto members = all;
    if (random.Below(4) == 0) members.pop_back();
    if (random.Below(4) == 0) members[0].gone = true;
    OwnerTable owners = RotatedTable(std::span(members).first(4), 3);
    std::vector<uint64_t> epochs(kPartitions, 1);
    std::vector<Move> moves;
    for (size_t i = 0; i < 8; ++i) {
      const auto partition = static_cast<Partition>(i * 7);
      epochs[partition] = 1 + random.Below(2);
      if (random.Below(2) == 0) SetRow(owners, partition, std::vector{members[4].node});
      if (random.Below(2) == 0) continue;
      const auto step = random.Below(2) == 0 ? MoveStep::kPrepare : MoveStep::kSwitch;
      moves.push_back({.partition = partition, .step = step, .to = {members[1].node}});
    }
    const Ring fresh(members, owners, moves, epochs);
    Ring made(members, owners, moves, epochs, before ? &*before : nullptr);
    EXPECT_TRUE(made.DifferentFrom(fresh).none());
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      ASSERT_TRUE(
          std::ranges::equal(made.PreferenceList(partition), fresh.PreferenceList(partition)));
    }
    if (before) {
      const PartitionSet different = made.DifferentFrom(*before);
      for (Partition partition = 0; partition < kPartitions; ++partition) {
        const bool same_members = std::ranges::equal(made.members(), before->members());
        const bool same =
            same_members && made.EpochOf(partition) == before->EpochOf(partition) &&
            made.IsMoving(partition) == before->IsMoving(partition) &&
            std::ranges::equal(made.OwnersOf(partition), before->OwnersOf(partition)) &&
            std::ranges::equal(made.HoldersOf(partition), before->HoldersOf(partition));
        ASSERT_EQ(different[partition], !same) << round << ", partition " << partition;
      }
    }
    before = std::move(made);
  }
}

TEST(RingDeathTest, ATableThatIsNoneIsABugOfTheCaller) {
  const auto members = Members(3);
  OwnerTable table = RotatedTable(members, 2);
  table.nodes[1] = table.nodes[0];
  EXPECT_DEATH(Ring(members, table), "owners are distinct members");
  table = RotatedTable(members, 2);
  table.nodes[0] = NodeId{12345};
  EXPECT_DEATH(Ring(members, table), "owners are distinct members");
  table.nodes.pop_back();
  EXPECT_DEATH(Ring(members, table), "same number of places");
  EXPECT_DEATH(Ring({}, table), "1 to 512 members");
  EXPECT_DEATH(Ring({members[0], members[0]}, RotatedTable(members, 2)), "members are distinct");
}

}  // namespace
}  // namespace cartwheel::cluster
