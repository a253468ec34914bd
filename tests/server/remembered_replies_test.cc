#include "server/remembered_replies.h"

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

constexpr uint64_t kFirst = uint64_t{7} << RememberedReplies::kCountBits | 1;

TEST(RememberedReplies, WhatWasDoneIsNotDoneAgainAndItsReplyIsThere) {
  RememberedReplies replies;
  EXPECT_TRUE(replies.Begin(kFirst));
  EXPECT_FALSE(replies.Begin(kFirst)) << "under way";
  EXPECT_EQ(replies.Find(kFirst), nullptr);
  const std::vector<cluster::WriteRange> writes = {
      {.partition = 3, .actor = cluster::ActorId{4}, .first = 5, .last = 6}};
  replies.Finish(kFirst, "+OK\r\n", writes);
  EXPECT_FALSE(replies.Begin(kFirst));
  ASSERT_NE(replies.Find(kFirst), nullptr);
  EXPECT_EQ(replies.Find(kFirst)->reply, "+OK\r\n");
  EXPECT_EQ(replies.Find(kFirst)->writes, writes);
}

TEST(RememberedReplies, ALongReplyIsNotKeptButWhatItAnsweredIsDone) {
  RememberedReplies replies;
  EXPECT_TRUE(replies.Begin(kFirst));
  replies.Finish(kFirst, std::string(RememberedReplies::kLongestReply + 1, 'x'), {});
  EXPECT_FALSE(replies.Begin(kFirst));
  EXPECT_EQ(replies.Find(kFirst), nullptr);
}

TEST(RememberedReplies, WhatIsTooOldIsTakenForDone) {
  RememberedReplies replies;
  for (uint64_t i = 0; i <= RememberedReplies::kMost; ++i) ASSERT_TRUE(replies.Begin(kFirst + i));
  EXPECT_FALSE(replies.Begin(kFirst));
  EXPECT_FALSE(replies.Begin(kFirst + 1));
  EXPECT_TRUE(replies.Begin(kFirst + RememberedReplies::kMost + 1));
}

TEST(RememberedReplies, AnotherStartOfTheGatewayBeginsAnew) {
  RememberedReplies replies;
  EXPECT_TRUE(replies.Begin(RememberedReplies::FirstSequence(1)));
  EXPECT_TRUE(replies.Begin(RememberedReplies::FirstSequence(2)));
  EXPECT_FALSE(replies.Begin(RememberedReplies::FirstSequence(2)));
}

}  // namespace
}  // namespace cartwheel::server
