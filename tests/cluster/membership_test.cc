#include "cluster/membership.h"

#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/forming_world.h"

namespace cartwheel::cluster {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<NodeAddress> Addresses(size_t nodes) {
  std::vector<NodeAddress> addresses;
  for (size_t i = 0; i < nodes; ++i) addresses.push_back(FormingWorld::AddressOf(i));
  return addresses;
}

// So many nodes with the same list.
FormingWorld World(size_t nodes, uint64_t seed = 1) {
  FormingWorld world(seed);
  for (size_t i = 0; i < nodes; ++i) world.Add(Addresses(nodes));
  return world;
}

void StartAll(FormingWorld& world) {
  for (size_t i = 0; i < world.size(); ++i) world.Start(i);
}

constexpr int64_t kSecond = 1'000'000;

TEST(Membership, NodesThatStartTogetherFormOneCluster) {
  FormingWorld world = World(3);
  StartAll(world);
  EXPECT_TRUE(world.RunUntilOne(2 * kSecond));
  EXPECT_THAT(world.violations(), IsEmpty());
}

// Four times 250 seeds, to be run side by side.
class MembershipForms : public ::testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, MembershipForms, ::testing::Values(0, 250, 500, 750));

TEST_P(MembershipForms, OneClusterInAnyOrderAndOverABadNetwork) {
  int64_t slowest_us = 0;
  for (uint64_t seed = GetParam() + 1; seed <= GetParam() + 250; ++seed) {
    Random random(seed);
    FormingWorld world = World(3 + random.Below(7), seed);
    world.lost_percent = seed % 2 == 0 ? 0 : 3;
    std::vector<int64_t> starts;
    for (size_t i = 0; i < world.size(); ++i) {
      starts.push_back(static_cast<int64_t>(random.Below(3'000'000)));
    }
    for (int64_t at_us = 0; at_us <= 3 * kSecond; at_us += 10'000) {
      for (size_t i = 0; i < world.size(); ++i) {
        if (!world.runs(i) && starts[i] <= at_us) world.Start(i);
      }
      world.RunFor(10'000);
    }
    const int64_t began_us = world.now_us();
    ASSERT_TRUE(world.RunUntilOne(5 * kSecond))
        << "seed " << seed << ": " << world.Clusters().size() << " clusters";
    ASSERT_THAT(world.violations(), IsEmpty()) << "seed " << seed;
    slowest_us = std::max(slowest_us, world.now_us() - began_us);
  }
  std::cout << "slowest: " << slowest_us / 1000 << " ms after the last start\n";
}

// What is wrong with runs of nodes that crash while they form.
std::vector<std::string> FaultsOfCrashes(uint64_t seed, bool stores_late) {
  Random random(seed);
  FormingWorld world = World(3 + random.Below(3), seed);
  world.lost_percent = 5;
  world.stores_late = stores_late;
  for (int step = 0; step < 60; ++step) {
    const size_t node = random.Below(world.size());
    if (!world.runs(node)) {
      world.Start(node);
    } else if (random.Percent(40)) {
      world.Kill(node);
    }
    world.RunFor(static_cast<int64_t>(random.Below(300'000)));
  }
  for (size_t i = 0; i < world.size(); ++i) {
    if (!world.runs(i)) world.Start(i);
  }
  world.lost_percent = 0;
  std::vector<std::string> faults = world.violations();
  if (!world.RunUntilOne(20 * kSecond)) {
    faults.push_back(std::to_string(world.Clusters().size()) + " clusters in the end");
  }
  return faults;
}

TEST(Membership, ThroughCrashes) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    ASSERT_THAT(FaultsOfCrashes(seed, false), IsEmpty()) << "seed " << seed;
  }
}

TEST(Membership, TheWorldFindsNodesThatAnswerBeforeTheyStore) {
  size_t found = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) found += FaultsOfCrashes(seed, true).empty() ? 0 : 1;
  EXPECT_GT(found, 0u);
}

TEST(Membership, ALateNodeJoinsAnEmptyCluster) {
  FormingWorld world = World(3);
  const size_t late = world.Add({FormingWorld::AddressOf(1)});
  for (size_t i = 0; i < 3; ++i) world.Start(i);
  world.RunFor(3 * kSecond);
  ASSERT_TRUE(world.IsOne(3));
  world.Start(late);
  EXPECT_TRUE(world.RunUntilOne(2 * kSecond));
}

size_t PartitionsOf(FormingWorld& world, size_t node) {
  return static_cast<size_t>(
      std::ranges::count(world.node(0).topology()->owners.nodes, world.IdOf(node)));
}

TEST(Membership, ANodeIsLetInWhileTheClusterHoldsKeysButOnlyPlanned) {
  FormingWorld world = World(3);
  const size_t late = world.Add({FormingWorld::AddressOf(1)});
  for (size_t i = 0; i < 3; ++i) world.Start(i);
  world.RunFor(3 * kSecond);
  world.SetHoldsKeys(2, true);
  world.Start(late);
  EXPECT_TRUE(world.RunUntilOne(5 * kSecond));
  EXPECT_EQ(PartitionsOf(world, late), 0U);
  EXPECT_TRUE(HasPlan(*world.node(0).topology()));
}

TEST(Membership, WithAutoCommitPartitionsMoveToIt) {
  FormingWorld world = World(3);
  world.auto_commit = AutoCommit::kYes;
  const size_t late = world.Add({FormingWorld::AddressOf(1)});
  for (size_t i = 0; i < 3; ++i) world.Start(i);
  world.RunFor(3 * kSecond);
  world.SetHoldsKeys(2, true);
  world.Start(late);
  EXPECT_TRUE(world.RunUntilOne(5 * kSecond));
  EXPECT_LT(PartitionsOf(world, late), kPartitions / 2);
  EXPECT_TRUE(world.RunUntilSettled(4, 20 * kSecond));
  EXPECT_EQ(PartitionsOf(world, late), 3 * kPartitions / 4);
  EXPECT_THAT(world.violations(), IsEmpty());
}

TEST(Membership, AClusterOfOneThatHoldsKeysGrows) {
  for (const uint64_t seed : {7U, 8U, 9U, 10U}) {
    FormingWorld world(seed);
    world.auto_commit = AutoCommit::kYes;
    for (size_t i = 0; i < 2; ++i) world.Add({});
    StartAll(world);
    world.RunFor(kSecond);
    world.SetHoldsKeys(0, true);
    const uint64_t cluster = world.node(0).topology()->cluster_id;
    world.node(1).Meet(FormingWorld::AddressOf(0));
    ASSERT_TRUE(world.RunUntilSettled(2, 20 * kSecond)) << seed;
    EXPECT_EQ(world.node(1).topology()->cluster_id, cluster) << "whatever their numbers";
    EXPECT_EQ(world.node(1).topology()->owners.copies, 2U);
  }
}

TEST(Membership, NotWithKeysOfItsOwn) {
  FormingWorld world = World(3);
  const size_t late = world.Add({FormingWorld::AddressOf(0)});
  for (size_t i = 0; i < 3; ++i) world.Start(i);
  world.RunFor(3 * kSecond);
  world.SetHoldsKeys(late, true);
  world.Start(late);
  world.RunFor(3 * kSecond);
  EXPECT_EQ(world.node(late).topology(), nullptr);
  EXPECT_THAT(world.notices(late), Contains(HasSubstr("it holds keys itself")));
}

TEST(Membership, WhileAMemberIsAwayWhoseKeysNobodyKnowsANodeIsOnlyPlanned) {
  FormingWorld world = World(3);
  StartAll(world);
  ASSERT_TRUE(world.RunUntilOne(5 * kSecond));
  for (size_t i = 0; i < 3; ++i) world.Kill(i);
  const size_t late = world.Add({FormingWorld::AddressOf(0)});
  world.Start(0);
  world.Start(1);
  world.RunFor(1 * kSecond);
  world.Start(late);
  world.RunFor(3 * kSecond);
  EXPECT_EQ(world.node(late).topology(), nullptr) << "it may come yet";
  world.RunFor(5 * kSecond);
  ASSERT_NE(world.node(late).topology(), nullptr);
  EXPECT_EQ(PartitionsOf(world, late), 0U);
  world.Start(2);
  EXPECT_TRUE(world.RunUntilOne(5 * kSecond));
}

TEST(Membership, AMemberThatWasAwayLearnsWhatChanged) {
  FormingWorld world = World(3);
  StartAll(world);
  ASSERT_TRUE(world.RunUntilOne(5 * kSecond));
  world.Kill(2);
  const size_t late = world.Add({FormingWorld::AddressOf(0)});
  world.Start(late);
  world.RunFor(3 * kSecond);
  ASSERT_TRUE(world.IsOne(4));
  world.Start(2);
  EXPECT_TRUE(world.RunUntilOne(5 * kSecond));
}

TEST(Membership, AWipedNodeTakesThePlaceOfWhatItWas) {
  FormingWorld world = World(3);
  StartAll(world);
  ASSERT_TRUE(world.RunUntilOne(5 * kSecond));
  for (const size_t node : {1U, 0U}) {
    world.Kill(node);
    world.Wipe(node);
    world.Start(node);
    ASSERT_TRUE(world.RunUntilOne(6 * kSecond)) << node;
  }
}

TEST(Membership, WithKeysAroundPartitionsMoveToItAtOnce) {
  FormingWorld world = World(4);
  world.auto_commit = AutoCommit::kNo;
  StartAll(world);
  ASSERT_TRUE(world.RunUntilOne(5 * kSecond));
  ASSERT_EQ(world.node(0).Commit(world.now_us()), "");
  world.RunFor(kSecond);
  for (size_t i = 0; i < 4; ++i) world.SetHoldsKeys(i, true);
  world.Kill(3);
  world.SetHoldsKeys(3, false);
  world.Wipe(3);
  world.Start(3);
  ASSERT_TRUE(world.RunUntilSettled(4, 20 * kSecond));
  EXPECT_EQ(PartitionsOf(world, 3), 3 * kPartitions / 4);
  EXPECT_THAT(world.violations(), IsEmpty());
}

TEST(Membership, MembersWhoseAddressesAreSwappedStayMembers) {
  FormingWorld world(3);
  for (size_t i = 0; i < 5; ++i) world.Add(Addresses(5), true);
  StartAll(world);
  ASSERT_TRUE(world.RunUntilOne(5 * kSecond));
  for (size_t i = 0; i < 5; ++i) world.SetHoldsKeys(i, true);
  for (const size_t node : {2U, 3U}) world.Kill(node);
  world.SwapAddresses(2, 3);
  for (const size_t node : {2U, 3U}) world.Start(node);
  EXPECT_TRUE(world.RunUntilSettled(5, 10 * kSecond));
  for (const size_t node : {2U, 3U}) {
    EXPECT_FALSE(FindMember(*world.node(0).topology(), world.IdOf(node))->gone);
  }
}

// P17: addresses of two clusters were swapped.
TEST(Membership, TwoClustersWhoseAddressesAreSwappedStayApart) {
  FormingWorld world(1);
  for (size_t i = 0; i < 6; ++i) {
    const size_t first = i < 3 ? 0 : 3;
    world.Add({FormingWorld::AddressOf(first), FormingWorld::AddressOf(first + 1),
               FormingWorld::AddressOf(first + 2)});
  }
  StartAll(world);
  world.RunFor(4 * kSecond);
  ASSERT_EQ(world.Clusters().size(), 2U);
  const Topology one = *world.node(0).topology();
  const Topology other = *world.node(3).topology();
  for (const size_t node : {2U, 5U}) world.Kill(node);
  world.SwapAddresses(2, 5);
  for (const size_t node : {2U, 5U}) world.Start(node);
  world.RunFor(10 * kSecond);
  for (size_t i = 0; i < 6; ++i) {
    const Topology& topology = *world.node(i).topology();
    EXPECT_EQ(topology.cluster_id, (i < 3 ? one : other).cluster_id) << i;
    for (const TopologyMember& member : topology.members) {
      const TopologyMember* const before = FindMember(i < 3 ? one : other, member.node);
      EXPECT_NE(before, nullptr) << "node " << i << " took in a stranger";
    }
  }
  EXPECT_THAT(world.violations(), IsEmpty());
}

TEST(Membership, NodesThatWereToldOfNobodyMeet) {
  FormingWorld world(7);
  for (size_t i = 0; i < 3; ++i) world.Add({});
  StartAll(world);
  world.RunFor(kSecond);
  EXPECT_EQ(world.Clusters().size(), 3U) << "each is a cluster of one";
  world.node(0).Meet(FormingWorld::AddressOf(1));
  world.node(0).Meet(FormingWorld::AddressOf(2));
  EXPECT_TRUE(world.RunUntilOne(10 * kSecond));
}

TEST(Membership, NoSecondClusterWhileTheOthersAreAway) {
  FormingWorld world = World(3);
  StartAll(world);
  ASSERT_TRUE(world.RunUntilOne(5 * kSecond));
  const uint64_t cluster = world.node(0).topology()->cluster_id;
  for (size_t i = 0; i < 3; ++i) world.Kill(i);
  world.Start(0);
  world.RunFor(10 * kSecond);
  EXPECT_EQ(world.node(0).topology()->cluster_id, cluster) << "it is a member already";
  world.Start(1);
  world.Start(2);
  EXPECT_TRUE(world.RunUntilOne(5 * kSecond));
}

TEST(Membership, OnlyTheFirstOfTheListCreates) {
  FormingWorld world = World(3);
  world.Start(1);
  world.Start(2);
  world.RunFor(20 * kSecond);
  EXPECT_THAT(world.Clusters(), IsEmpty());
  world.Start(0);
  EXPECT_TRUE(world.RunUntilOne(5 * kSecond));
}

TEST(Membership, ANodeAtAnotherAddressIsFoundThere) {
  FormingWorld world(3);
  for (size_t i = 0; i < 3; ++i) world.Add(Addresses(3), true);
  StartAll(world);
  ASSERT_TRUE(world.RunUntilOne(5 * kSecond));
  const size_t elsewhere = world.Add(Addresses(3), true);
  for (size_t i = 0; i < 3; ++i) world.SetHoldsKeys(i, true);
  world.Kill(2);
  world.SwapAddresses(2, elsewhere);
  world.Start(2);
  world.RunFor(5 * kSecond);
  EXPECT_TRUE(world.IsOne(3));
  const TopologyMember* const member = FindMember(*world.node(0).topology(), world.IdOf(2));
  ASSERT_NE(member, nullptr);
  EXPECT_EQ(member->address, FormingWorld::AddressOf(elsewhere));
}

}  // namespace
}  // namespace cartwheel::cluster
