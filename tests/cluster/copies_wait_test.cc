#include "cluster/copies_wait.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kStart = 5'000'000;
constexpr CopiesWait::Options kOptions{};
constexpr NodeId kOne{1};
constexpr NodeId kTwo{2};
constexpr NodeId kThree{3};

Ring RingOf(size_t members) {
  std::vector<Member> nodes;
  for (size_t i = 1; i <= members; ++i) nodes.push_back({.node = NodeId{i}, .zone = ""});
  return {nodes, RotatedTable(nodes, 3)};
}

WriteRange WriteTo(Partition partition) {
  return {.partition = partition, .actor = ActorId{1}, .first = 1, .last = 1};
}

class CopiesWaitTest : public testing::Test {
 protected:
  CopiesWait Begin(size_t replicas, std::vector<Partition> written, int64_t until_us = INT64_MAX,
                   bool once = false) {
    std::vector<WriteRange> writes;
    for (const Partition partition : written) writes.push_back(WriteTo(partition));
    CopiesWait wait(three_, std::move(writes),
                    {.replicas = replicas, .until_us = until_us, .once = once}, kOptions, kStart);
    EXPECT_TRUE(wait.IsRoundDue(kStart));
    wait.BeginRound(all_, kStart);
    return wait;
  }
  static void Answers(CopiesWait& wait, NodeId node, std::vector<Partition> held,
                      int64_t now_us = kStart) {
    wait.Answered(node, held, now_us);
  }

  const Ring three_ = RingOf(3);
  const std::vector<NodeId> all_ = {kOne, kTwo, kThree};
};

TEST_F(CopiesWaitTest, IsOverAsSoonAsOwnersAreEnough) {
  CopiesWait wait = Begin(1, {4});
  Answers(wait, kOne, {4});
  EXPECT_FALSE(wait.IsOver());
  EXPECT_EQ(wait.replicas(), 0U) << "the first copy is none, as Redis's primary is none";
  Answers(wait, kThree, {4});
  EXPECT_EQ(wait.outcome(), 1U);
  EXPECT_EQ(wait.NextDeadline(), std::nullopt);
  Answers(wait, kTwo, {4});
  EXPECT_EQ(wait.outcome(), 1U) << "it is decided once";
}

TEST_F(CopiesWaitTest, CountsWhereTheFewestAre) {
  CopiesWait wait = Begin(2, {4, 9});
  Answers(wait, kOne, {4, 9});
  Answers(wait, kTwo, {4});
  Answers(wait, kThree, {4, 9});
  EXPECT_FALSE(wait.IsOver());
  EXPECT_EQ(wait.replicas(), 1U);
}

TEST_F(CopiesWaitTest, AsksOwnersAloneAndEachForWhatItOwns) {
  const Ring five = RingOf(5);
  const auto owners = five.OwnersOf(0);
  ASSERT_EQ(owners.size(), 3U);
  Partition other = 0;  // one that the first owner of partition 0 does not own
  while (five.Owns(owners[0], other)) ++other;
  CopiesWait wait(five, {WriteTo(0), WriteTo(other)}, {.replicas = 2}, kOptions, kStart);
  EXPECT_THAT(wait.WritesAt(owners[0]), ElementsAre(WriteTo(0)));

  CopiesWait only(five, {WriteTo(0)}, {.replicas = 2}, kOptions, kStart);
  std::vector<NodeId> everybody;
  for (const Member& member : five.members()) everybody.push_back(member.node);
  std::vector<NodeId> asked(owners.begin(), owners.end());
  std::ranges::sort(asked);
  EXPECT_EQ(only.BeginRound(everybody, kStart), asked);
  const auto stranger =
      std::ranges::find_if(everybody, [&](NodeId node) { return !five.Owns(node, 0); });
  for (const NodeId node : {*stranger, owners[0], owners[1]}) Answers(only, node, {0});
  EXPECT_EQ(only.replicas(), 1U) << "who stands in is no replica";
}

TEST_F(CopiesWaitTest, AsksAgainInPausesThatDoubleUpToALimit) {
  CopiesWait wait = Begin(2, {4});
  int64_t now_us = kStart;
  for (const int64_t pause_ms : {20, 40, 80, 160, 320, 500, 500}) {
    for (const NodeId node : all_) Answers(wait, node, {}, now_us);
    EXPECT_EQ(wait.NextDeadline(), now_us + pause_ms * 1000);
    EXPECT_FALSE(wait.IsRoundDue(now_us + pause_ms * 1000 - 1));
    now_us += pause_ms * 1000;
    wait.OnTime(now_us);
    ASSERT_TRUE(wait.IsRoundDue(now_us));
    EXPECT_EQ(wait.BeginRound(all_, now_us), all_);
    EXPECT_FALSE(wait.IsRoundDue(now_us));
  }
  for (const NodeId node : all_) Answers(wait, node, {4}, now_us);
  EXPECT_EQ(wait.outcome(), 2U);
}

TEST_F(CopiesWaitTest, ARoundDoesNotWaitForTheSilentForEver) {
  CopiesWait wait = Begin(2, {4});
  Answers(wait, kOne, {4});
  Answers(wait, kTwo, {4});
  const int64_t late_us = kStart + kOptions.rpc_timeout_us;
  EXPECT_EQ(wait.NextDeadline(), late_us);
  wait.OnTime(late_us);
  EXPECT_EQ(wait.NextDeadline(), late_us + kOptions.first_pause_us);
  EXPECT_EQ(wait.replicas(), 1U);
  Answers(wait, kThree, {4}, late_us + 1);
  EXPECT_EQ(wait.replicas(), 1U) << "it answers in the next round";
}

TEST_F(CopiesWaitTest, WhoIsLostOrHasLostWhatItHeldDoesNotCountAnyMore) {
  CopiesWait wait = Begin(2, {4});
  Answers(wait, kOne, {4});
  Answers(wait, kTwo, {4});
  EXPECT_EQ(wait.replicas(), 1U);
  wait.Lost(kTwo, kStart);
  EXPECT_EQ(wait.replicas(), 0U);
  Answers(wait, kThree, {4});
  EXPECT_EQ(wait.replicas(), 1U);
  const int64_t next_us = kStart + kOptions.first_pause_us;
  wait.BeginRound(all_, next_us);
  EXPECT_EQ(wait.replicas(), 1U) << "what was known holds until the next answer";
  Answers(wait, kThree, {}, next_us);
  EXPECT_EQ(wait.replicas(), 0U);
}

TEST_F(CopiesWaitTest, EndsInTimeWithWhatIsKnown) {
  CopiesWait wait = Begin(2, {4}, kStart + 1000);
  Answers(wait, kOne, {4});
  Answers(wait, kTwo, {4});
  EXPECT_EQ(wait.NextDeadline(), kStart + 1000);
  wait.OnTime(kStart + 999);
  EXPECT_FALSE(wait.IsOver());
  wait.OnTime(kStart + 1000);
  EXPECT_EQ(wait.outcome(), 1U);
}

TEST_F(CopiesWaitTest, WhoAsksForNoneIsToldWhatOneRoundFinds) {
  CopiesWait wait = Begin(0, {4});
  Answers(wait, kOne, {4});
  Answers(wait, kTwo, {4});
  EXPECT_FALSE(wait.IsOver());
  Answers(wait, kThree, {4});
  EXPECT_EQ(wait.outcome(), 2U);
}

TEST_F(CopiesWaitTest, OnceIsOneRoundWhateverItFinds) {
  CopiesWait wait = Begin(2, {4}, INT64_MAX, /*once=*/true);
  Answers(wait, kOne, {4});
  Answers(wait, kTwo, {4});
  Answers(wait, kThree, {});
  EXPECT_EQ(wait.outcome(), 1U);

  CopiesWait silent = Begin(2, {4}, INT64_MAX, /*once=*/true);
  silent.OnTime(kStart + kOptions.rpc_timeout_us);
  EXPECT_EQ(silent.outcome(), 0U);
}

TEST_F(CopiesWaitTest, WhoHasWrittenNothingHasACopyAtEveryOwnerThatCanBeReached) {
  CopiesWait wait(three_, {}, {.replicas = 2}, kOptions, kStart);
  EXPECT_THAT(wait.BeginRound({{kOne, kThree}}, kStart), IsEmpty());
  EXPECT_FALSE(wait.IsOver());
  EXPECT_EQ(wait.replicas(), 1U);
  EXPECT_THAT(wait.BeginRound(all_, kStart + kOptions.first_pause_us), IsEmpty());
  EXPECT_EQ(wait.outcome(), 2U);

  CopiesWait any(three_, {}, {.replicas = 0}, kOptions, kStart);
  any.BeginRound({{kTwo}}, kStart);
  EXPECT_EQ(any.outcome(), 0U);
}

}  // namespace
}  // namespace cartwheel::cluster
