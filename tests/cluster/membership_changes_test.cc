// What an operator changes: FORGET and COMMIT, on any member.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/membership.h"
#include "tests/cluster/forming_world.h"

namespace cartwheel::cluster {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000;

class MembershipChanges : public ::testing::Test {
 protected:
  void Form(size_t nodes, bool auto_commit = true) {
    std::vector<NodeAddress> seeds;
    for (size_t i = 0; i < nodes; ++i) seeds.push_back(FormingWorld::AddressOf(i));
    for (size_t i = 0; i < nodes; ++i) world_.Add(seeds);
    world_.auto_commit = auto_commit;
    for (size_t i = 0; i < nodes; ++i) world_.Start(i);
    ASSERT_TRUE(world_.RunUntilOne(5 * kSecond));
  }
  std::string Forget(size_t at, size_t node) {
    const std::string why_not = world_.node(at).Forget(world_.IdOf(node), world_.now_us());
    world_.RunFor(kSecond);
    return why_not;
  }
  std::string Commit(size_t at) {
    const std::string why_not = world_.node(at).Commit(world_.now_us());
    world_.RunFor(kSecond);
    return why_not;
  }
  // 0: it is in no cluster.
  size_t MembersAt(size_t node) {
    const Topology* const topology = world_.node(node).topology();
    return topology == nullptr ? 0 : topology->members.size();
  }
  size_t PartitionsOf(size_t node) {
    return static_cast<size_t>(std::ranges::count(world_.node(0).topology()->owners.nodes,  //
                                                  world_.IdOf(node)));
  }
  void TearDown() override { EXPECT_THAT(world_.violations(), IsEmpty()); }

  FormingWorld world_{1};
};

// ---- FORGET

TEST_F(MembershipChanges, ADeadNodeIsTakenOutByAnyOther) {
  Form(4);
  world_.Kill(3);
  world_.RunFor(kSecond);
  EXPECT_EQ(Forget(2, 3), "");
  EXPECT_TRUE(world_.IsOne(3));
}

TEST_F(MembershipChanges, SoIsTheOneThatUsedToPropose) {
  Form(3);
  const NodeId proposer = world_.node(0).Proposer();
  size_t dead = 0;
  while (world_.IdOf(dead) != proposer) ++dead;
  world_.Kill(dead);
  world_.RunFor(kSecond);
  EXPECT_EQ(Forget((dead + 1) % 3, dead), "");
  EXPECT_TRUE(world_.IsOne(2));
}

TEST_F(MembershipChanges, WhoWasTakenOutStaysOutWhenItComesBack) {
  Form(3);
  world_.Kill(2);
  world_.RunFor(kSecond);
  ASSERT_EQ(Forget(0, 2), "");
  for (int start = 0; start < 2; ++start) {
    world_.Start(2);
    world_.RunFor(5 * kSecond);
    EXPECT_EQ(MembersAt(2), 0U);
    EXPECT_TRUE(world_.node(2).is_taken_out());
    EXPECT_EQ(MembersAt(0), 2U);
    world_.Kill(2);
  }
  EXPECT_THAT(world_.notices(2), Contains(HasSubstr("was taken out of the cluster")));
}

TEST_F(MembershipChanges, ItComesBackWhenItIsToldTo) {
  Form(3);
  world_.Kill(2);
  world_.RunFor(kSecond);
  ASSERT_EQ(Forget(0, 2), "");
  world_.Start(2);
  world_.RunFor(3 * kSecond);
  ASSERT_EQ(MembersAt(2), 0U);
  EXPECT_EQ(world_.node(2).WhyNotJoin(), "");
  world_.node(2).Meet(FormingWorld::AddressOf(1));
  EXPECT_TRUE(world_.RunUntilOne(5 * kSecond));
}

TEST_F(MembershipChanges, WhoWasOnlyCutOffLearnsOfItToo) {
  Form(3);
  world_.Cut(0, 2);
  world_.Cut(1, 2);
  world_.RunFor(kSecond);
  ASSERT_EQ(Forget(1, 2), "");
  EXPECT_EQ(MembersAt(2), 3U) << "it has not heard of it";
  world_.MendAll();
  world_.RunFor(5 * kSecond);
  EXPECT_EQ(MembersAt(2), 0U);
  EXPECT_EQ(MembersAt(1), 2U);
}

TEST_F(MembershipChanges, TakenOutWithKeysItKeepsThem) {
  Form(3);
  world_.Cut(0, 2);
  world_.Cut(1, 2);
  world_.RunFor(kSecond);
  world_.SetHoldsKeys(2, true);
  ASSERT_EQ(Forget(1, 2), "");
  world_.MendAll();
  world_.RunFor(5 * kSecond);
  EXPECT_EQ(MembersAt(2), 0U);
  EXPECT_THAT(world_.notices(2), Contains(HasSubstr("keeps the keys that it holds")));
  EXPECT_EQ(world_.node(2).WhyNotJoin(), "it holds keys; a node joins empty");
}

TEST_F(MembershipChanges, WhoCannotBeTakenOut) {
  Form(3);
  EXPECT_EQ(Forget(0, 0), "a node does not take itself out");
  EXPECT_EQ(Forget(0, 2), "it is alive; stop it first");
  EXPECT_EQ(world_.node(0).Forget(NodeId{12345}, world_.now_us()), "it is no member");
  world_.SetHoldsKeys(1, true);
  world_.RunFor(kSecond);
  world_.Kill(2);
  world_.RunFor(kSecond);
  EXPECT_THAT(Forget(0, 2), HasSubstr("the cluster holds keys"));
  EXPECT_THAT(Forget(1, 2), HasSubstr("the cluster holds keys"));
  world_.SetHoldsKeys(1, false);
  world_.RunFor(kSecond);
  world_.Kill(1);
  world_.RunFor(kSecond);
  EXPECT_EQ(Forget(0, 2), "a majority of those who decide cannot be reached");
  EXPECT_EQ(MembersAt(0), 3U);
}

// ---- joining with a plan

TEST_F(MembershipChanges, WithoutAutoCommitWhoJoinsOwnsNothingUntilTheCommit) {
  Form(3, false);
  EXPECT_EQ(PartitionsOf(0), kPartitions) << "who created it";
  EXPECT_EQ(PartitionsOf(1) + PartitionsOf(2), 0U);
  EXPECT_EQ(Commit(2), "");
  EXPECT_TRUE(world_.IsOne(3));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(PartitionsOf(i), kPartitions) << i;
  EXPECT_EQ(Commit(1), "nothing is planned");
}

TEST_F(MembershipChanges, APlannedNodeIsLetInWhileThereAreKeysButNotCommitted) {
  Form(3, false);
  ASSERT_EQ(Commit(0), "");
  world_.SetHoldsKeys(1, true);
  const size_t late = world_.Add({FormingWorld::AddressOf(2)});
  world_.Start(late);
  ASSERT_TRUE(world_.RunUntilOne(5 * kSecond));
  EXPECT_EQ(PartitionsOf(late), 0U);
  EXPECT_THAT(Commit(0), HasSubstr("the cluster holds keys"));
  world_.SetHoldsKeys(1, false);
  world_.RunFor(kSecond);
  EXPECT_EQ(Commit(0), "");
  EXPECT_GT(PartitionsOf(late), kPartitions / 2);
}

TEST_F(MembershipChanges, APlanIsTakenBackByForget) {
  Form(3, false);
  ASSERT_EQ(Commit(0), "");
  const size_t late = world_.Add({FormingWorld::AddressOf(2)});
  world_.Start(late);
  ASSERT_TRUE(world_.RunUntilOne(5 * kSecond));
  for (size_t i = 0; i < 3; ++i) world_.SetHoldsKeys(i, true);
  EXPECT_EQ(Forget(1, late), "") << "it is alive, and owns nothing";
  world_.RunFor(5 * kSecond);
  EXPECT_EQ(MembersAt(0), 3U);
  EXPECT_EQ(MembersAt(late), 0U);
}

TEST_F(MembershipChanges, TheOnlyOwnerIsNotTakenOut) {
  Form(3, false);
  world_.Kill(0);
  world_.RunFor(kSecond);
  EXPECT_THAT(Forget(1, 0), HasSubstr("it alone owns what there is"));
}

// Several at once: each comes true in the end, or is refused, and nobody sees two of an epoch.
TEST_F(MembershipChanges, SeveralAtOnceComeAfterEachOther) {
  Form(6);
  for (const size_t dead : {4U, 5U}) world_.Kill(dead);
  world_.RunFor(kSecond);
  EXPECT_EQ(world_.node(1).Forget(world_.IdOf(4), world_.now_us()), "");
  EXPECT_EQ(world_.node(2).Forget(world_.IdOf(5), world_.now_us()), "");
  EXPECT_EQ(world_.node(1).Forget(world_.IdOf(5), world_.now_us()), "another change is under way");
  world_.RunFor(3 * kSecond);
  EXPECT_TRUE(world_.IsOne(4));
}

}  // namespace
}  // namespace cartwheel::cluster
