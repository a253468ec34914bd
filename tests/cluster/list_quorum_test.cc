#include "cluster/list_quorum.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

using Kind = ReadOutcome::Kind;
using testing::ElementsAre;
using testing::IsEmpty;
using Key = ListQuorum::Key;

constexpr int64_t kStart = 5'000'000;
constexpr int64_t kTimeout = ReadQuorum::Options{}.rpc_timeout_us;

Ring RingOf(size_t members) {
  std::vector<Member> nodes;
  for (size_t i = 1; i <= members; ++i) nodes.push_back({.node = NodeId{i}, .zone = ""});
  return {nodes, RotatedTable(nodes, 3)};
}

std::vector<NodeId> Nodes(std::initializer_list<uint64_t> ids) {
  std::vector<NodeId> nodes;
  for (const uint64_t id : ids) nodes.push_back(NodeId{id});
  return nodes;
}

// The whole of what a replica has.
ListQuorum::Answer Has(std::vector<std::string> keys, ScanPlace next = kEndPlace) {
  const uint64_t count = keys.size();
  return {
      .page = {.next = next, .keys = std::move(keys)}, .complete = true, .database_keys = count};
}

class ListQuorumTest : public testing::Test {
 protected:
  ListQuorum Begin(const Ring& ring, std::initializer_list<uint64_t> asked, Levels levels = {},
                   ScanPlace from = 0, ScanPlace until = kEndPlace) {
    return {ring, Nodes(asked), levels, from, until, ReadQuorum::Options{}, kStart};
  }

  const Ring three_ = RingOf(3);
  const Ring five_ = RingOf(5);
};

TEST_F(ListQuorumTest, EverybodyIsWaitedForAndTheirKeysAreOneListInStoreOrder) {
  ListQuorum list = Begin(three_, {1, 2, 3});
  list.Answered(NodeId{1}, Has({"a", "b", "c"}), kStart);
  list.Answered(NodeId{3}, Has({"c", "b", "a"}), kStart);
  EXPECT_FALSE(list.IsOver());
  EXPECT_EQ(list.NextDeadline(), kStart + kTimeout);
  list.Answered(NodeId{2}, Has({"b", "a", "c"}), kStart);
  ASSERT_TRUE(list.IsOver());
  EXPECT_EQ(list.NextDeadline(), std::nullopt);
  EXPECT_EQ(*list.outcome(), ReadOutcome{});
  std::vector<Key> keys = {{"a", true}, {"b", true}, {"c", true}};
  std::ranges::sort(keys, {}, [](const Key& key) { return PlaceOfKey(key.key); });
  EXPECT_EQ(list.keys(), keys);
  EXPECT_EQ(list.next(), kEndPlace);
  EXPECT_EQ(list.database_keys(), 3U);
}

TEST_F(ListQuorumTest, WhatOneOwnerLacksHasToBeReadAndWhatAStandInLacksNot) {
  ListQuorum differ = Begin(three_, {1, 2, 3});
  differ.Answered(NodeId{1}, Has({"k"}), kStart);
  differ.Answered(NodeId{2}, Has({"k"}), kStart);
  differ.Answered(NodeId{3}, Has({}), kStart);
  EXPECT_THAT(differ.keys(), ElementsAre(Key{"k", false}));

  ListQuorum agree = Begin(five_, {1, 2, 3, 4, 5});
  const Partition partition = PartitionOfKey("k");
  for (uint64_t id = 1; id <= 5; ++id) {
    agree.Answered(NodeId{id}, five_.Owns(NodeId{id}, partition) ? Has({"k"}) : Has({}), kStart);
  }
  EXPECT_THAT(agree.keys(), ElementsAre(Key{"k", true}));
  EXPECT_EQ(agree.database_keys(), 1U);
}

TEST_F(ListQuorumTest, FewerThanROwnersDoNotSettleAKey) {
  ListQuorum list = Begin(five_, {1, 2, 3, 4, 5});
  const auto owners = five_.OwnersOf(PartitionOfKey("k"));
  for (uint64_t id = 1; id <= 5; ++id) {
    const NodeId node{id};
    if (node == owners[1] || node == owners[2]) {
      list.Lost(node, kStart);
    } else {
      list.Answered(node, node == owners[0] ? Has({"k"}) : Has({}), kStart);
    }
  }
  EXPECT_THAT(list.keys(), ElementsAre(Key{"k", false}));
  EXPECT_EQ(list.outcome()->kind, Kind::kAnswered);
}

TEST_F(ListQuorumTest, TheShortestPageEndsThePage) {
  std::vector<std::string> keys = {"a", "b", "c", "d"};
  std::ranges::sort(keys, {}, PlaceOfKey);
  const ScanPlace second = PlaceOfKey(keys[1]);
  ListQuorum list = Begin(three_, {1, 2, 3});
  list.Answered(NodeId{1}, Has(keys), kStart);
  list.Answered(NodeId{2}, Has({keys[0]}, second), kStart);
  list.Answered(NodeId{3}, Has({keys[0], keys[1]}, second + 1), kStart);
  EXPECT_THAT(list.keys(), ElementsAre(Key{keys[0], true}));
  EXPECT_EQ(list.next(), second);
}

TEST_F(ListQuorumTest, WhatIsOutsideTheRangeIsLeftOutWhoeverSaysIt) {
  const ScanPlace place = PlaceOfKey("k");
  ListQuorum list = Begin(three_, {1, 2, 3}, {}, place + 1);
  for (uint64_t id = 1; id <= 3; ++id) list.Answered(NodeId{id}, Has({"k"}), kStart);
  EXPECT_THAT(list.keys(), IsEmpty());
}

TEST_F(ListQuorumTest, WhoRebuildsSettlesNothingAndIsNotCounted) {
  ListQuorum list = Begin(three_, {1, 2, 3});
  ListQuorum::Answer rebuilding = Has({"old"});
  rebuilding.complete = false;
  list.Answered(NodeId{1}, rebuilding, kStart);
  list.Answered(NodeId{2}, Has({"k", "l"}), kStart);
  list.Answered(NodeId{3}, Has({"k", "l"}), kStart);
  EXPECT_TRUE(list.outcome()->degraded);
  EXPECT_EQ(list.database_keys(), 2U);
  for (const Key& key : list.keys()) EXPECT_EQ(key.agreed, key.key != "old") << key.key;
  EXPECT_EQ(list.keys().size(), 3U);
}

TEST_F(ListQuorumTest, SilentOnesAreWaitedForUntilTheTimeout) {
  ListQuorum list = Begin(three_, {1, 2, 3});
  list.Answered(NodeId{1}, Has({"k"}), kStart);
  list.Answered(NodeId{2}, Has({"k"}), kStart);
  list.OnTime(kStart + kTimeout - 1);
  EXPECT_FALSE(list.IsOver());
  list.OnTime(kStart + kTimeout);
  ASSERT_TRUE(list.IsOver());
  EXPECT_THAT(list.keys(), ElementsAre(Key{"k", true}));
  list.Answered(NodeId{3}, Has({"late"}), kStart + kTimeout);
  EXPECT_EQ(list.keys().size(), 1U);
}

TEST_F(ListQuorumTest, FewerThanRIsTooFew) {
  ListQuorum list = Begin(three_, {1, 2, 3});
  list.Lost(NodeId{2}, kStart);
  list.Answered(NodeId{1}, Has({"k"}), kStart);
  list.Lost(NodeId{3}, kStart);
  EXPECT_EQ(*list.outcome(), (ReadOutcome{Kind::kTooFew, Level::kR, 1, 2}));
  EXPECT_EQ(*Begin(three_, {}).outcome(), (ReadOutcome{Kind::kTooFew, Level::kR, 0, 2}));
}

TEST_F(ListQuorumTest, PRAsksForOwnersOfEveryPartition) {
  const Levels strict{.pr = 2};
  ListQuorum list = Begin(five_, {1, 2, 3, 4, 5}, strict);
  for (const uint64_t id : {1, 2, 3}) list.Answered(NodeId{id}, Has({}), kStart);
  for (const uint64_t id : {4, 5}) list.Lost(NodeId{id}, kStart);
  EXPECT_EQ(*list.outcome(), (ReadOutcome{Kind::kTooFew, Level::kPR, 1, 2}));
}

TEST_F(ListQuorumTest, OnlyTheFirstAnswerOfThoseThatWereAskedCounts) {
  ListQuorum list = Begin(three_, {1, 2});
  list.Answered(NodeId{3}, Has({"stranger"}), kStart);
  list.Answered(NodeId{1}, Has({"k"}), kStart);
  list.Answered(NodeId{1}, Has({"again"}), kStart);
  list.Answered(NodeId{2}, Has({"k"}), kStart);
  EXPECT_THAT(list.keys(), ElementsAre(Key{"k", true}));
}

TEST_F(ListQuorumTest, TheNumberOfKeysIsThatOfTheClusterNotOfTheCopies) {
  ListQuorum list = Begin(five_, {1, 2, 3, 4, 5});
  for (uint64_t id = 1; id <= 5; ++id) {
    ListQuorum::Answer answer = Has({});
    answer.database_keys = 600;
    list.Answered(NodeId{id}, answer, kStart);
  }
  EXPECT_EQ(list.database_keys(), 1000U);
}

TEST(ShareOfPage, IsSoMuchThatTogetherTheyComeToTheCount) {
  EXPECT_EQ(ShareOfPage(RingOf(3), 10), 10U);
  EXPECT_EQ(ShareOfPage(RingOf(5), 10), 6U);
  EXPECT_EQ(ShareOfPage(RingOf(5), 0), 1U);
}

}  // namespace
}  // namespace cartwheel::cluster
