#include "cluster/session_context.h"

#include <string>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

Seen SeenUpTo(uint64_t number, ActorId actor = ActorId{1}) {
  Seen seen;
  seen.context.AppendInterval({actor, 1, number});
  return seen;
}

TEST(SessionContext, AConnectionStartsWithNothingSeen) {
  SessionContext session;
  EXPECT_EQ(session.Find({0, "key"}), nullptr);
  EXPECT_EQ(session.size(), 0u);
}

TEST(SessionContext, WhatIsLearntIsJoinedWithWhatIsKnown) {
  SessionContext session;
  session.Learn({0, "key"}, SeenUpTo(5));
  session.Learn({0, "key"}, SeenUpTo(3));
  session.Learn({0, "key"}, SeenUpTo(2, ActorId{2}));
  Seen both = SeenUpTo(5);
  both.Join(SeenUpTo(2, ActorId{2}));
  ASSERT_NE(session.Find({0, "key"}), nullptr);
  EXPECT_EQ(*session.Find({0, "key"}), both);
  EXPECT_EQ(session.size(), 1u);
}

TEST(SessionContext, KeysOfDifferentDatabasesAreDifferent) {
  SessionContext session;
  session.Learn({0, "key"}, SeenUpTo(5));
  session.Learn({1, "key"}, SeenUpTo(7));
  EXPECT_EQ(*session.Find({0, "key"}), SeenUpTo(5));
  EXPECT_EQ(*session.Find({1, "key"}), SeenUpTo(7));
  EXPECT_EQ(session.Find({2, "key"}), nullptr);
}

TEST(SessionContext, TheKeyThatWasNotUsedForLongestIsForgotten) {
  SessionContext session;
  for (size_t i = 0; i < SessionContext::kMaxKeys; ++i) {
    session.Learn({0, "key" + std::to_string(i)}, SeenUpTo(i + 1));
  }
  session.Find({0, "key0"});
  session.Learn({0, "key1"}, SeenUpTo(1));
  session.Learn({0, "another"}, SeenUpTo(1));
  EXPECT_EQ(session.size(), SessionContext::kMaxKeys);
  EXPECT_NE(session.Find({0, "key0"}), nullptr);
  EXPECT_NE(session.Find({0, "key1"}), nullptr);
  EXPECT_EQ(session.Find({0, "key2"}), nullptr);
  EXPECT_NE(session.Find({0, "key3"}), nullptr);
}

TEST(SessionContext, LongKeysAreForgottenEarlierButNeverTheLastOneUsed) {
  SessionContext session;
  const std::string half(SessionContext::kMaxKeyBytes / 2, 'k');
  session.Learn({0, half}, SeenUpTo(1));
  session.Learn({1, half}, SeenUpTo(1));
  EXPECT_EQ(session.size(), 2u);
  session.Learn({2, half}, SeenUpTo(1));
  EXPECT_EQ(session.size(), 2u);
  EXPECT_EQ(session.Find({0, half}), nullptr);
  const std::string huge(SessionContext::kMaxKeyBytes * 2, 'k');
  session.Learn({0, huge}, SeenUpTo(4));
  EXPECT_EQ(session.size(), 1u);
  ASSERT_NE(session.Find({0, huge}), nullptr);
  EXPECT_EQ(*session.Find({0, huge}), SeenUpTo(4));
  session.Learn({0, "k"}, SeenUpTo(1));
  EXPECT_EQ(session.size(), 1u);
}

TEST(SessionContext, ItMovesWithItsConnection) {
  SessionContext session;
  session.Learn({0, "key"}, SeenUpTo(5));
  SessionContext moved = std::move(session);
  ASSERT_NE(moved.Find({0, "key"}), nullptr);
  EXPECT_EQ(*moved.Find({0, "key"}), SeenUpTo(5));
}

}  // namespace
}  // namespace cartwheel::cluster
