// P15: the same inputs give the same table. P16: no member holds more than 1.05 of its share, and
// no more than 1.1 of what has to move does; the replicas of a partition are in different zones
// whenever they can be.
#include "cluster/placement.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

using Members = std::vector<Member>;

Member Of(uint64_t id, std::string zone = "", uint32_t weight = 1) {
  return {.node = NodeId{id}, .zone = std::move(zone), .weight = weight};
}

std::map<NodeId, size_t> Held(const OwnerTable& table) {
  std::map<NodeId, size_t> held;
  for (const NodeId node : table.nodes) ++held[node];
  return held;
}

std::map<NodeId, size_t> Firsts(const OwnerTable& table) {
  std::map<NodeId, size_t> firsts;
  for (size_t at = 0; at < table.nodes.size(); at += table.copies) ++firsts[table.nodes[at]];
  return firsts;
}

std::span<const NodeId> RowOf(const OwnerTable& table, size_t partition) {
  return std::span(table.nodes).subspan(partition * table.copies, table.copies);
}

// Copies that are where there was none.
size_t Moved(const OwnerTable& before, const OwnerTable& after) {
  size_t moved = 0;
  for (size_t p = 0; p < kPartitions; ++p) {
    const auto old = before.copies == 0 ? std::span<const NodeId>() : RowOf(before, p);
    for (const NodeId node : RowOf(after, p)) {
      if (std::ranges::find(old, node) == old.end()) ++moved;
    }
  }
  return moved;
}

// What each member lacks of its share, at least, has to come from somewhere.
size_t FewestMoves(const OwnerTable& before, const Members& members, size_t n) {
  auto held = Held(before);
  const std::vector<double> shares = FairShares(members, n);
  size_t fewest = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    const auto wanted = static_cast<size_t>(std::floor(shares[i] + 1e-6));
    const size_t has = held[members[i].node];
    if (has < wanted) fewest += wanted - has;
  }
  return fewest;
}

void CheckTable(const OwnerTable& table, const Members& members, size_t n) {
  ASSERT_EQ(table.copies, std::min(n, members.size()));
  ASSERT_EQ(table.nodes.size(), table.copies * kPartitions);
  std::map<NodeId, std::string> zones;
  for (const Member& member : members) zones[member.node] = member.zone;
  const size_t per_zone = MostPerZone(members, n);
  for (size_t p = 0; p < kPartitions; ++p) {
    std::set<NodeId> distinct;
    std::map<std::string, size_t> in_zone;
    for (const NodeId node : RowOf(table, p)) {
      ASSERT_TRUE(zones.contains(node));
      ASSERT_TRUE(distinct.insert(node).second) << "partition " << p;
      ASSERT_LE(++in_zone[zones[node]], per_zone) << "partition " << p;
    }
  }
}

TEST(Placement, OneMemberOwnsEverything) {
  const OwnerTable table = Place({}, Members{Of(5)}, 3);
  CheckTable(table, {Of(5)}, 3);
  EXPECT_EQ(Held(table), (std::map<NodeId, size_t>{{NodeId{5}, kPartitions}}));
}

TEST(Placement, AsManyMembersAsCopiesHoldEverythingAndAreFirstInTurns) {
  const Members members = {Of(1), Of(2), Of(3)};
  const OwnerTable table = Place({}, members, 3);
  CheckTable(table, members, 3);
  for (const auto& [node, firsts] : Firsts(table)) EXPECT_NEAR(firsts, kPartitions / 3.0, 2);
}

TEST(Placement, SharesFollowTheWeights) {
  const Members members = {Of(1), Of(2), Of(3), Of(4, "", 2), Of(5), Of(6, "", 4)};
  const auto shares = FairShares(members, 1);
  EXPECT_NEAR(shares[0], 102.4, 1e-3);
  EXPECT_NEAR(shares[3], 204.8, 1e-3);
  EXPECT_NEAR(shares[5], 409.6, 1e-3);
}

TEST(Placement, NobodyHoldsAPartitionTwiceHoweverHeavy) {
  const Members members = {Of(1, "", 100), Of(2), Of(3)};
  const auto shares = FairShares(members, 2);
  EXPECT_EQ(shares[0], kPartitions);
  EXPECT_NEAR(shares[1], kPartitions / 2.0, 1e-3);
  CheckTable(Place({}, members, 2), members, 2);
}

TEST(Placement, ReplicasAreInDifferentZonesOrInAsFewOfOneAsCanBe) {
  EXPECT_EQ(MostPerZone(Members{Of(1, "a"), Of(2, "a"), Of(3, "b"), Of(4, "c")}, 3), 1U);
  EXPECT_EQ(MostPerZone(Members{Of(1, "a"), Of(2, "a"), Of(3, "b"), Of(4, "b")}, 3), 2U);
  EXPECT_EQ(MostPerZone(Members{Of(1, "a"), Of(2, "b"), Of(3, "b"), Of(4, "b"), Of(5, "b")}, 4), 3U)
      << "a zone of one member can hold one";
}

TEST(Placement, WhoLeavesIsReplacedAndHardlyAnythingElseMoves) {
  const Members five = {Of(1), Of(2), Of(3), Of(4), Of(5)};
  const OwnerTable before = Place({}, five, 3);
  const Members four = {Of(1), Of(2), Of(3), Of(5)};
  const OwnerTable after = Place(before, four, 3);
  CheckTable(after, four, 3);
  EXPECT_LE(Moved(before, after), Held(before)[NodeId{4}] * 1.02);
}

TEST(Placement, OtherNumbersOfCopiesAreTakenOver) {
  const Members members = {Of(1), Of(2), Of(3), Of(4), Of(5), Of(6)};
  const OwnerTable three = Place({}, members, 3);
  const OwnerTable five = Place(three, members, 5);
  CheckTable(five, members, 5);
  EXPECT_LE(Moved(three, five), 2 * kPartitions * 1.01);
  const OwnerTable two = Place(five, members, 2);
  CheckTable(two, members, 2);
  EXPECT_EQ(Moved(five, two), 0U);
}

// ---- any members, any changes

Members RandomMembers(Random& random, uint64_t& next_id, Members members) {
  const size_t zones = 1 + random.Below(6);
  const uint64_t changes = 1 + random.Below(4);
  for (uint64_t i = 0; i < changes; ++i) {
    const uint64_t die = random.Below(100);
    if (die < 50 || members.size() < 2) {
      members.push_back(Of(next_id++, "z" + std::to_string(random.Below(zones)),
                           1 + static_cast<uint32_t>(random.Below(4))));
    } else if (die < 80) {
      members.erase(members.begin() + static_cast<ptrdiff_t>(random.Below(members.size())));
    } else {
      members[random.Below(members.size())].weight = 1 + static_cast<uint32_t>(random.Below(8));
    }
  }
  return members;
}

TEST(PlacementProperty, P15TheOrderOfTheMembersDoesNotMatterAndASecondTimeNothingMoves) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    uint64_t next_id = 1;
    Members members = {Of(next_id++)};
    OwnerTable table;
    for (int step = 0; step < 12; ++step) {
      members = RandomMembers(random, next_id, members);
      const size_t n = 1 + random.Below(4);
      const OwnerTable next = Place(table, members, n);
      CheckTable(next, members, n);
      if (testing::Test::HasFatalFailure()) return;
      Members shuffled = members;
      for (size_t i = shuffled.size(); i > 1; --i) {
        std::swap(shuffled[i - 1], shuffled[random.Below(i)]);
      }
      ASSERT_EQ(Place(table, shuffled, n).nodes, next.nodes);
      ASSERT_EQ(Place(next, members, n).nodes, next.nodes);
      table = next;
    }
  }
}

TEST(PlacementProperty, EveryMemberHoldsItsShareRoundedDownOrUp) {
  for (uint64_t seed = 100; seed < 110; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    uint64_t next_id = 1;
    Members members = {Of(next_id++)};
    OwnerTable table;
    for (int step = 0; step < 12; ++step) {
      members = RandomMembers(random, next_id, members);
      table = Place(table, members, 3);
      const auto shares = FairShares(members, 3);
      auto held = Held(table);
      for (size_t i = 0; i < members.size(); ++i) {
        ASSERT_NEAR(static_cast<double>(held[members[i].node]), shares[i], 1.0) << "member " << i;
      }
    }
  }
}

// ---- P16, as a table

struct Change {
  enum class Kind : uint8_t { kJoin, kLeave, kReweight };
  Kind kind = Kind::kJoin;
  Member member;
};

struct Figures {
  size_t changes = 0;
  double most = 1;         // held beside the share
  double most_firsts = 1;  // first beside a fair part of what is held
  size_t moved = 0;
  size_t fewest = 0;
};

Figures Measure(const std::vector<Change>& changes, size_t n) {
  Figures figures;
  Members members;
  OwnerTable table;
  for (const auto& [kind, member] : changes) {
    const auto at = std::ranges::find(members, member.node, &Member::node);
    if (kind == Change::Kind::kJoin) members.push_back(member);
    if (kind == Change::Kind::kLeave) members.erase(at);
    if (kind == Change::Kind::kReweight) at->weight = member.weight;
    const OwnerTable before = table;
    table = Place(before, members, n);
    CheckTable(table, members, n);
    if (members.size() <= n) continue;
    ++figures.changes;
    figures.moved += Moved(before, table);
    figures.fewest += FewestMoves(before, members, n);
    auto held = Held(table);
    auto firsts = Firsts(table);
    const auto shares = FairShares(members, n);
    for (size_t i = 0; i < members.size(); ++i) {
      const auto has = static_cast<double>(held[members[i].node]);
      figures.most = std::max(figures.most, has / shares[i]);
      figures.most_firsts =
          std::max(figures.most_firsts, static_cast<double>(firsts[members[i].node]) /
                                            (has / static_cast<double>(table.copies)));
    }
  }
  return figures;
}

std::vector<Change> Joins(uint64_t count, const std::function<std::string(uint64_t)>& zone,
                          const std::function<uint32_t(uint64_t)>& weight) {
  std::vector<Change> changes;
  for (uint64_t i = 0; i < count; ++i) {
    changes.push_back({Change::Kind::kJoin, Of(i + 1, zone(i), weight(i))});
  }
  return changes;
}

std::vector<Change> Churn() {
  Random random(7);
  std::vector<Change> changes;
  std::vector<Member> alive;
  for (uint64_t id = 1; id <= 46; ++id) {
    if (id > 16 && alive.size() > 9 && random.Percent(50)) {
      const size_t at = random.Below(alive.size());
      changes.push_back({Change::Kind::kLeave, alive[at]});
      alive.erase(alive.begin() + static_cast<ptrdiff_t>(at));
      continue;
    }
    alive.push_back(Of(id, "z" + std::to_string(id <= 16 ? id % 4 : random.Below(4))));
    changes.push_back({Change::Kind::kJoin, alive.back()});
  }
  for (Member& member : alive) {
    member.weight = 1 + static_cast<uint32_t>(random.Below(4));
    changes.push_back({Change::Kind::kReweight, member});
  }
  return changes;
}

TEST(PlacementProperty, P16BalanceAndMovement) {
  const auto own_zone = [](uint64_t i) { return "n" + std::to_string(i); };
  const auto zones = [](uint64_t count) {
    return [count](uint64_t i) { return "z" + std::to_string(i % count); };
  };
  const auto even = [](uint64_t) { return uint32_t{1}; };
  const auto weights = [](uint64_t i) { return uint32_t{1} << (i * 7 % 3); };
  const std::vector<std::pair<std::string, std::vector<Change>>> runs = {
      {"join 1..12", Joins(12, own_zone, even)},
      {"join 1..50", Joins(50, own_zone, even)},
      {"join 1..24, 3 zones", Joins(24, zones(3), even)},
      {"join 1..20, 5 zones", Joins(20, zones(5), even)},
      {"join 1..20, weights 1 2 4", Joins(20, own_zone, weights)},
      {"join 1..20, weights, 5 zones", Joins(20, zones(5), weights)},
      {"churn and new weights, 4 zones", Churn()},
  };
  std::printf("%-32s %8s %11s %12s %14s\n", "N=3, 1024 partitions", "changes", "held/share",
              "first/share", "moved/fewest");
  for (const auto& [name, changes] : runs) {
    SCOPED_TRACE(name);
    const Figures figures = Measure(changes, 3);
    const double ratio = static_cast<double>(figures.moved) / static_cast<double>(figures.fewest);
    std::printf("%-32s %8zu %11.4f %12.4f %14.4f\n", name.c_str(), figures.changes, figures.most,
                figures.most_firsts, ratio);
    EXPECT_LE(figures.most, 1.05);
    EXPECT_LE(figures.most_firsts, 1.05);
    EXPECT_LE(ratio, 1.1);
  }
}

}  // namespace
}  // namespace cartwheel::cluster
