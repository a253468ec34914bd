#include "cluster/link_pair.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

using enum LinkPair::Verdict;

constexpr uint64_t kStart = 7;
constexpr uint64_t kNextStart = 8;
constexpr int64_t kLater = LinkPair::kAliveUs;

LinkPair Up() {
  LinkPair pair;
  pair.OnOutgoing(kStart, 0);
  pair.OnIncoming(kStart, 0);
  return pair;
}

TEST(LinkPair, ItIsUpWhileBothDirectionsAre) {
  LinkPair pair;
  EXPECT_FALSE(pair.up());
  EXPECT_EQ(pair.OnIncoming(kStart, 0), kGood);
  EXPECT_FALSE(pair.up());
  EXPECT_EQ(pair.OnOutgoing(kStart, 0), kGood);
  EXPECT_TRUE(pair.up());
  pair.LostOutgoing();
  EXPECT_FALSE(pair.up());
  pair.OnOutgoing(kStart, 0);
  pair.LostIncoming();
  EXPECT_FALSE(pair.up());
}

TEST(LinkPair, ASecondConnectionOfTheSameStartReplacesTheFirst) {
  LinkPair pair = Up();
  EXPECT_EQ(pair.OnIncoming(kStart, 1), kGood);
  EXPECT_TRUE(pair.up());
}

TEST(LinkPair, TwoStartsThatBothLiveAreAClone) {
  LinkPair pair = Up();
  EXPECT_EQ(pair.OnIncoming(kNextStart, kLater - 1), kCloned);
  EXPECT_TRUE(pair.up());
  pair.Heard(kLater);
  EXPECT_EQ(pair.OnIncoming(kNextStart, 2 * kLater - 1), kCloned);
  pair.LostOutgoing();
  EXPECT_EQ(pair.OnOutgoing(kNextStart, 2 * kLater - 1), kCloned);
  EXPECT_FALSE(pair.up());
}

TEST(LinkPair, AStartThatIsSilentGivesWayToTheNext) {
  LinkPair pair = Up();
  EXPECT_EQ(pair.OnIncoming(kNextStart, kLater), kReplacesOther);
  EXPECT_FALSE(pair.up());
  EXPECT_EQ(pair.OnOutgoing(kNextStart, kLater), kGood);
  EXPECT_TRUE(pair.up());
}

TEST(LinkPair, AnAnswerOfTheNextStartEndsTheConnectionOfTheLast) {
  LinkPair pair = Up();
  pair.LostOutgoing();
  EXPECT_EQ(pair.OnOutgoing(kNextStart, kLater), kReplacesOther);
  EXPECT_FALSE(pair.has_incoming());
  EXPECT_FALSE(pair.up());
}

TEST(LinkPair, WhoIsGoneIsFollowedAtOnce) {
  LinkPair pair = Up();
  pair.LostIncoming();
  EXPECT_EQ(pair.OnIncoming(kNextStart, 1), kReplacesOther);
  pair = Up();
  pair.LostIncoming();
  pair.LostOutgoing();
  EXPECT_EQ(pair.OnOutgoing(kNextStart, 1), kGood);
  EXPECT_EQ(pair.OnIncoming(kNextStart, 1), kGood);
  EXPECT_TRUE(pair.up());
}

}  // namespace
}  // namespace cartwheel::cluster
