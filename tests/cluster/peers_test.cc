#include "cluster/peers.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr NodeId kSelf{1};
constexpr NodeId kPeer{2};

std::vector<Member> Members(size_t count) {
  std::vector<Member> members;
  members.reserve(count);
  for (size_t i = 0; i < count; ++i) members.push_back({.node = NodeId{i + 1}, .zone = ""});
  return members;
}

TEST(Peers, OneIsHealthyWhileItIsLinkedAndHeard) {
  Peers peers(kSelf, Members(3), {});
  EXPECT_FALSE(peers.IsHealthy(kPeer));
  EXPECT_FALSE(peers.LinkUp(NodeId{9}, 0));
  ASSERT_TRUE(peers.LinkUp(kPeer, 0));
  EXPECT_TRUE(peers.IsHealthy(kPeer));
  ASSERT_TRUE(peers.LinkDown(kPeer));
  EXPECT_FALSE(peers.IsHealthy(kPeer));
}

TEST(Peers, OneThatIsSilentIsToldOnceAndComesBackWhenItIsHeard) {
  Peers peers(kSelf, Members(3), {});
  peers.LinkUp(kPeer, 0);
  std::vector<NodeId> silenced;
  int64_t silent_us = 0;
  for (int64_t now_us = 0; now_us < 10'000'000; now_us += 100'000) {
    peers.OnTime(now_us);
    for (const NodeId node : peers.TakeSilenced()) {
      silenced.push_back(node);
      silent_us = now_us;
    }
  }
  EXPECT_THAT(silenced, ElementsAre(kPeer));
  EXPECT_EQ(silent_us, 1'500'000);
  EXPECT_FALSE(peers.IsHealthy(kPeer));
  EXPECT_TRUE(peers.IsLinked(kPeer));
  peers.Heard(kPeer, 10'000'000);
  EXPECT_TRUE(peers.IsHealthy(kPeer));
}

TEST(Peers, OneThatIsAccusedIsAskedAtOnceAndHasLessTimeToAnswer) {
  for (const bool answers : {true, false}) {
    Peers peers(kSelf, Members(3), {});
    peers.LinkUp(kPeer, 0);
    peers.OnTime(0);
    peers.TakeOutput(kPeer);
    peers.Accuse(kPeer, 100'000);
    EXPECT_NE(peers.TakeOutput(kPeer), "") << "a ping";
    EXPECT_TRUE(peers.IsHealthy(kPeer));
    EXPECT_LE(peers.NextDeadline(), 600'000);
    if (answers) peers.Heard(kPeer, 101'000);
    peers.OnTime(599'999);
    EXPECT_TRUE(peers.IsHealthy(kPeer));
    peers.OnTime(600'000);
    EXPECT_EQ(peers.IsHealthy(kPeer), answers);
    EXPECT_EQ(peers.TakeSilenced().size(), answers ? 0U : 1U);
    peers.Accuse(NodeId{9}, 600'000);  // no member
    peers.Accuse(NodeId{3}, 600'000);  // not linked
    peers.OnTime(2'000'000);
    EXPECT_FALSE(peers.IsHealthy(NodeId{3}));
  }
}

TEST(Peers, OneThatMissedARequestIsSilentUntilItIsHeard) {
  Peers peers(kSelf, Members(3), {});
  peers.LinkUp(kPeer, 0);
  peers.Nudge(kPeer, 5);
  const std::string ping = peers.TakeOutput(kPeer);
  EXPECT_NE(ping, "");
  peers.Nudge(kPeer, 5);
  EXPECT_EQ(peers.TakeOutput(kPeer), "") << "once a turn";
  peers.Missed(kPeer);
  peers.Missed(kPeer);
  EXPECT_THAT(peers.TakeSilenced(), ElementsAre(kPeer));
  EXPECT_FALSE(peers.IsHealthy(kPeer));
  peers.Heard(kPeer, 7);
  EXPECT_EQ(peers.HeardAt(kPeer), 7);
  EXPECT_TRUE(peers.IsHealthy(kPeer));
}

TEST(Peers, ManyPeersArePingedLessOften) {
  for (const size_t count : {2U, 17U, 65U, 201U}) {
    Peers peers(kSelf, Members(count), {});
    for (size_t i = 1; i < count; ++i) peers.LinkUp(NodeId{i + 1}, 0);
    size_t pings = 0;
    constexpr int64_t kSeconds = 60;
    for (int64_t now_us = 0; now_us < kSeconds * 1'000'000; now_us = peers.NextDeadline()) {
      peers.OnTime(now_us);
      pings += count - 1;
      for (size_t i = 1; i < count; ++i) peers.Heard(NodeId{i + 1}, now_us);
    }
    EXPECT_LE(pings, 34 * kSeconds) << count;
    EXPECT_GE(pings, std::min<size_t>(2 * (count - 1), 30) * kSeconds) << count;
    EXPECT_THAT(peers.TakeSilenced(), IsEmpty());
  }
}

}  // namespace
}  // namespace cartwheel::cluster
