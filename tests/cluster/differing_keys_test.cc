#include "cluster/differing_keys.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/placement.h"

namespace cartwheel::cluster {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr NodeId kA{1};
constexpr NodeId kB{2};
constexpr int64_t kSecond = 1'000'000;

Ring RingOf() {
  const std::vector<Member> members = {{.node = kA, .zone = ""}, {.node = kB, .zone = ""}};
  return {members, RotatedTable(members, 2), {}, std::vector<uint64_t>(kPartitions, 5)};
}

class DifferingKeysTest : public testing::Test {
 protected:
  // The one question that is asked of the node now.
  AskDigests QuestionFor(NodeId node) {
    if (questions_.empty()) questions_ = search_.TakeQuestions();
    for (size_t i = 0; i < questions_.size(); ++i) {
      if (questions_[i].first != node) continue;
      AskDigests question = questions_[i].second;
      questions_.erase(questions_.begin() + static_cast<ptrdiff_t>(i));
      return question;
    }
    ADD_FAILURE() << "nothing is asked";
    return {};
  }
  void TellLeaves(NodeId node, size_t leaves, std::map<size_t, RecordDigest> digests) {
    const AskDigests question = QuestionFor(node);
    EXPECT_THAT(question.numbers, IsEmpty());
    Digests told{.id = question.id, .leaves = std::vector<uint64_t>(leaves), .keys = {}};
    for (const auto& [leaf, digest] : digests) told.leaves[leaf] = digest;
    search_.Answered(node, told, now_us_);
  }
  AskDigests TellKeys(NodeId node, const std::vector<Digests::OfKey>& keys) {
    AskDigests question = QuestionFor(node);
    search_.Answered(node, {.id = question.id, .leaves = {}, .keys = keys}, now_us_);
    return question;
  }
  void Pass(int64_t microseconds) {
    now_us_ += microseconds;
    search_.OnTime(now_us_);
  }

  const Ring ring_ = RingOf();
  int64_t now_us_ = 0;
  DifferingKeys search_{ring_, {3}, 100, {}, 0};
  std::vector<std::pair<NodeId, AskDigests>> questions_;
};

TEST_F(DifferingKeysTest, KeysOfTheLeavesThatDifferAreAskedForTwice) {
  TellLeaves(kA, 64, {{5, 1}, {9, 2}});
  TellLeaves(kB, 128, {{10, 1}, {11, 7}, {18, 2}});  // folded: 5 differs, 9 does not
  const AskDigests question = TellKeys(kA, {{{0, "same"}, 1}, {{0, "newer"}, 4}, {{0, "late"}, 9}});
  EXPECT_EQ(question.partition, 3);
  EXPECT_EQ(question.epoch, 5U);
  EXPECT_EQ(question.leaves, 64U);
  EXPECT_THAT(question.numbers, ElementsAre(5));
  TellKeys(kB, {{{0, "same"}, 1}, {{0, "newer"}, 3}, {{1, "newer"}, 3}});
  EXPECT_FALSE(search_.IsOver());
  EXPECT_THAT(search_.TakeQuestions(), IsEmpty()) << "time for what is on its way";
  Pass(kSecond / 2);
  TellKeys(kA, {{{0, "same"}, 1}, {{0, "newer"}, 4}, {{0, "late"}, 9}});
  TellKeys(kB, {{{0, "same"}, 1}, {{0, "newer"}, 3}, {{1, "newer"}, 3}, {{0, "late"}, 9}});
  ASSERT_TRUE(search_.IsOver());
  const auto& keys = search_.result().keys;
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].key, "newer");
  EXPECT_THAT(keys[0].at, ElementsAre(Pair(kA, 4), Pair(kB, 3)));
  EXPECT_EQ(keys[1].database, 1);
  EXPECT_THAT(keys[1].at, ElementsAre(Pair(kA, 0), Pair(kB, 3)));
  EXPECT_THAT(search_.result().unknown, IsEmpty());
  EXPECT_FALSE(search_.result().more);
}

TEST_F(DifferingKeysTest, WhatIsEqualByThenIsNotListed) {
  TellLeaves(kA, 64, {{5, 1}});
  TellLeaves(kB, 64, {{5, 1}});
  EXPECT_TRUE(search_.IsOver());
  EXPECT_EQ(search_.result(), DifferingKeys::Result());
}

TEST_F(DifferingKeysTest, WhoDoesNotTellLeavesItUnknown) {
  TellLeaves(kA, 64, {});
  Pass(4 * kSecond);
  EXPECT_FALSE(search_.IsOver());
  Pass(kSecond);
  ASSERT_TRUE(search_.IsOver());
  EXPECT_THAT(search_.result().unknown, ElementsAre(3));

  DifferingKeys refused(ring_, {3, 4}, 200, {}, now_us_);
  refused.Answered(kA,
                   {.id = refused.TakeQuestions()[0].second.id,
                    .refusal = Refusal::kBusy,
                    .leaves = {},
                    .keys = {}},
                   now_us_);
  refused.Lost(kB, now_us_);  // asked about the next one by now
  ASSERT_TRUE(refused.IsOver());
  EXPECT_THAT(refused.result().unknown, ElementsAre(3, 4));
}

TEST_F(DifferingKeysTest, AnswersToEarlierQuestionsArePassedOver) {
  const AskDigests question = QuestionFor(kA);
  search_.Answered(kA, {.id = RequestId{1}, .leaves = {1}, .keys = {}}, now_us_);
  search_.Answered(kA, {.id = question.id, .leaves = std::vector<uint64_t>(64), .keys = {}},
                   now_us_);
  search_.Answered(kA, {.id = question.id, .leaves = {1}, .keys = {}}, now_us_);
  TellLeaves(kB, 64, {});
  EXPECT_TRUE(search_.IsOver());
  EXPECT_THAT(search_.result().unknown, IsEmpty());
}

TEST_F(DifferingKeysTest, WhatIsFoundIsBounded) {
  DifferingKeys search(ring_, {1, 2, 3}, 300,
                       {.most_partitions = 1, .most_leaves = 2, .most_keys = 1}, 0);
  auto questions = search.TakeQuestions();
  std::vector<uint64_t> leaves(64, 1);
  search.Answered(kA, {.id = questions[0].second.id, .leaves = leaves, .keys = {}}, 0);
  leaves.assign(64, 2);
  search.Answered(kB, {.id = questions[0].second.id, .leaves = leaves, .keys = {}}, 0);
  for (int round = 0; round < 2; ++round) {
    questions = search.TakeQuestions();
    ASSERT_EQ(questions.size(), 2U);
    EXPECT_THAT(questions[0].second.numbers, ElementsAre(0, 1));
    search.Answered(
        kA, {.id = questions[0].second.id, .leaves = {}, .keys = {{{0, "a"}, 1}, {{0, "b"}, 2}}},
        0);
    search.Answered(kB, {.id = questions[0].second.id, .leaves = {}, .keys = {}}, 0);
    search.OnTime(kSecond / 2);
  }
  ASSERT_TRUE(search.IsOver());
  EXPECT_EQ(search.result().keys.size(), 1U);
  EXPECT_TRUE(search.result().more);
}

}  // namespace
}  // namespace cartwheel::cluster
