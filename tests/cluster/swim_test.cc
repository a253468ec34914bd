// One member, told everything by hand. It is A; the others are B, C, D and E.
#include "cluster/swim.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int64_t kStart = 5'000'000;
constexpr Swim::Options kOptions{};
constexpr NodeId kA{1};
constexpr NodeId kB{2};

std::string Letter(NodeId node) {
  return {static_cast<char>('A' + static_cast<int>(node) - 1)};
}

std::string Text(Health health) {
  switch (health) {
    case Health::kAlive: return "alive";
    case Health::kSuspect: return "suspect";
    case Health::kDead: return "dead";
  }
  return "?";
}

std::string Text(const Rumor& rumor) {
  std::string text =
      Letter(rumor.node) + std::to_string(rumor.incarnation) + " " + Text(rumor.health);
  if (rumor.by != kNoNode) text += " by " + Letter(rumor.by);
  return text;
}

std::string Text(const SwimPing& ping) {
  return "ping " + Letter(ping.target);
}
std::string Text(const SwimAck& ack) {
  return "ack " + std::to_string(ack.sequence);
}
std::string Text(const SwimPingRequest& request) {
  return "ask for " + Letter(request.target);
}
std::string Text(const SwimNack& nack) {
  return "nack " + std::to_string(nack.sequence);
}
std::string Text(const SwimGossip&) {
  return "gossip";
}
std::string Text(const SwimPushPull& push_pull) {
  return push_pull.wants_answer ? "push-pull" : "pull";
}

class SwimTest : public testing::Test {
 protected:
  void Begin(size_t others) {
    std::vector<NodeId> nodes;
    for (size_t i = 0; i < others; ++i) nodes.push_back(NodeId{2 + i});
    swim_.SetMembers(nodes, now_us_);
  }

  // "B ping B", "B connection ping B", "B is dead".
  std::vector<std::string> Outputs() {
    std::vector<std::string> texts;
    sent_.clear();
    for (const Swim::Output& output : swim_.TakeOutputs()) {
      if (const auto* changed = std::get_if<Swim::Changed>(&output)) {
        texts.push_back(Letter(changed->node) + " is " + Text(changed->health));
        continue;
      }
      const auto& send = std::get<Swim::Send>(output);
      sent_.push_back(send);
      const std::string body =
          std::visit([](const auto& each) { return Text(each); }, send.packet.body);
      texts.push_back(Letter(send.to) + (send.reliably ? " connection " : " ") + body);
    }
    return texts;
  }
  // Without what it spreads.
  std::vector<std::string> Probing() {
    std::vector<std::string> texts = Outputs();
    std::erase_if(texts, [](const std::string& text) {
      return text.ends_with("gossip") || text.ends_with("push-pull");
    });
    return texts;
  }
  void GoTo(int64_t at_us) {
    while (swim_.NextDeadline() <= at_us) {
      now_us_ = std::max(now_us_, swim_.NextDeadline());
      swim_.OnTime(now_us_);
    }
    now_us_ = at_us;
  }
  void Hear(NodeId from, const Rumor& rumor) {
    swim_.On(from, {.body = SwimGossip{}, .rumors = {rumor}}, false, now_us_);
  }
  // Goes on until it has sent a ping, and returns that.
  Swim::Send NextPing() {
    while (true) {
      now_us_ = std::max(now_us_, swim_.NextDeadline());
      swim_.OnTime(now_us_);
      Outputs();
      for (const Swim::Send& send : sent_) {
        if (!send.reliably && std::holds_alternative<SwimPing>(send.packet.body)) return send;
      }
    }
  }
  static uint64_t SequenceOf(const Swim::Send& ping) {
    return std::get<SwimPing>(ping.packet.body).sequence;
  }
  void Answer(const Swim::Send& ping) {
    swim_.On(ping.to, {.body = SwimAck{SequenceOf(ping)}, .rumors = {}}, false, now_us_);
  }
  std::vector<std::string> RumorsOf(const Swim::Send& send) {
    std::vector<std::string> texts;
    for (const Rumor& rumor : send.packet.rumors) texts.push_back(Text(rumor));
    return texts;
  }

  int64_t now_us_ = kStart;
  Swim swim_{kA, 100, kOptions, 7};
  std::vector<Swim::Send> sent_;
};

TEST_F(SwimTest, AloneItHasNothingToDo) {
  swim_.OnTime(now_us_);
  EXPECT_THAT(Outputs(), IsEmpty());
  EXPECT_EQ(swim_.NextDeadline(), INT64_MAX);
  EXPECT_EQ(swim_.HealthOf(kA), Health::kAlive);
  EXPECT_EQ(swim_.HealthOf(kB), Health::kDead) << "no member";
}

TEST_F(SwimTest, AtFirstItAsksSomebodyForAllThatIsKnown) {
  Begin(1);
  swim_.OnTime(now_us_);
  EXPECT_THAT(Outputs(), testing::Contains("B connection push-pull"));
  EXPECT_EQ(swim_.HealthOf(kB), Health::kAlive);
}

TEST_F(SwimTest, EverybodyIsProbedOnceARound) {
  Begin(4);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::string> probed;
    for (int i = 0; i < 4; ++i) {
      const Swim::Send ping = NextPing();
      probed.push_back(Letter(ping.to));
      Answer(ping);
    }
    EXPECT_THAT(probed, UnorderedElementsAre("B", "C", "D", "E"));
  }
}

TEST_F(SwimTest, WhoDoesNotAnswerIsAskedThroughOthersAndOverAConnection) {
  Begin(4);
  const std::string target = Letter(NextPing().to);
  GoTo(now_us_ + kOptions.probe_timeout_us);
  const auto probing = Probing();
  ASSERT_EQ(probing.size(), 4U);
  EXPECT_EQ(probing.back(), target + " connection ping " + target);
  for (size_t i = 0; i < 3; ++i) EXPECT_THAT(probing[i], testing::EndsWith(" ask for " + target));
}

TEST_F(SwimTest, AnAnswerThroughAnotherCounts) {
  Begin(3);
  const Swim::Send ping = NextPing();
  GoTo(now_us_ + kOptions.probe_timeout_us);
  const NodeId helper = ping.to == kB ? NodeId{3} : kB;
  swim_.On(helper, {.body = SwimAck{SequenceOf(ping)}, .rumors = {}}, false, now_us_);
  Answer(NextPing());
  EXPECT_EQ(swim_.HealthOf(ping.to), Health::kAlive);
}

TEST_F(SwimTest, WithoutAnAnswerItIsSuspectedAndDeadWhenItDoesNotRefute) {
  Begin(1);
  NextPing();
  GoTo(now_us_ + kOptions.probe_every_us);
  EXPECT_EQ(swim_.HealthOf(kB), Health::kSuspect);
  EXPECT_THAT(Outputs(), testing::Contains("B is suspect"));
  GoTo(now_us_ + kOptions.suspicion_intervals * kOptions.probe_every_us);
  EXPECT_EQ(swim_.HealthOf(kB), Health::kDead);
  EXPECT_THAT(Outputs(), testing::Contains("B is dead"));
}

TEST_F(SwimTest, ASuspectRefutesWithANewIncarnationOnly) {
  Begin(2);
  Hear(NodeId{3}, {kB, 5, Health::kAlive});
  Hear(NodeId{3}, {kB, 5, Health::kSuspect, NodeId{3}});
  EXPECT_EQ(swim_.HealthOf(kB), Health::kSuspect);
  Hear(kB, {kB, 5, Health::kAlive});
  EXPECT_EQ(swim_.HealthOf(kB), Health::kSuspect);
  Hear(kB, {kB, 6, Health::kAlive});
  EXPECT_EQ(swim_.HealthOf(kB), Health::kAlive);
  Hear(NodeId{3}, {kB, 5, Health::kDead});
  EXPECT_EQ(swim_.HealthOf(kB), Health::kAlive) << "that was an earlier one";
}

TEST_F(SwimTest, TheDeadComeBackWithANewIncarnation) {
  Begin(2);
  Hear(NodeId{3}, {kB, 5, Health::kDead});
  Hear(NodeId{3}, {kB, 5, Health::kSuspect, NodeId{3}});
  EXPECT_EQ(swim_.HealthOf(kB), Health::kDead);
  Hear(kB, {kB, 6, Health::kAlive});
  EXPECT_EQ(swim_.HealthOf(kB), Health::kAlive);
}

TEST_F(SwimTest, TheFirstIndependentSuspicionsMakeTheTimeToRefuteShorter) {
  Begin(4);
  const int64_t most_us = kOptions.suspicion_intervals * kOptions.probe_every_us;
  const int64_t since_us = now_us_;
  Hear(NodeId{3}, {kB, 5, Health::kSuspect, NodeId{3}});
  Hear(NodeId{4}, {kB, 5, Health::kSuspect, NodeId{3}});
  EXPECT_EQ(swim_.SuspectedBy(kB), 1U) << "it is the same one";
  Hear(NodeId{4}, {kB, 5, Health::kSuspect, NodeId{4}});
  Hear(NodeId{5}, {kB, 5, Health::kSuspect, NodeId{5}});
  EXPECT_EQ(swim_.SuspectedBy(kB), 3U);
  GoTo(since_us + most_us / 2 - 1);
  EXPECT_EQ(swim_.HealthOf(kB), Health::kSuspect);
  GoTo(since_us + most_us / 2);
  EXPECT_EQ(swim_.HealthOf(kB), Health::kDead);
}

TEST_F(SwimTest, ItSaysThatItLivesWhenOthersThinkOtherwise) {
  Begin(2);
  Hear(kB, {kA, 99, Health::kSuspect, kB});
  EXPECT_EQ(swim_.incarnation(), 100U) << "of an earlier life";
  Hear(kB, {kA, 100, Health::kSuspect, kB});
  EXPECT_EQ(swim_.incarnation(), 101U);
  EXPECT_EQ(swim_.awareness(), 1) << "it may be slow";
  swim_.On(kB, {.body = SwimPing{.sequence = 4, .target = kA}, .rumors = {}}, false, now_us_);
  Outputs();
  EXPECT_THAT(RumorsOf(sent_.back()), testing::Contains("A101 alive"));
}

TEST_F(SwimTest, AnAddressThatBecameAnothersIsNotAnswered) {
  Begin(2);
  Outputs();
  swim_.On(kB, {.body = SwimPing{.sequence = 4, .target = NodeId{3}}, .rumors = {}}, false,
           now_us_);
  EXPECT_THAT(Outputs(), IsEmpty());
  swim_.On(kB, {.body = SwimPing{.sequence = 4, .target = kA}, .rumors = {}}, true, now_us_);
  EXPECT_THAT(Outputs(), ElementsAre("B connection ack 4"));
}

TEST_F(SwimTest, StrangersAreNotHeard) {
  Begin(2);
  Outputs();
  swim_.On(NodeId{77}, {.body = SwimPing{.sequence = 4, .target = kA}, .rumors = {}}, false,
           now_us_);
  Hear(NodeId{77}, {kB, 9, Health::kDead});
  EXPECT_THAT(Outputs(), IsEmpty());
  EXPECT_EQ(swim_.HealthOf(kB), Health::kAlive);
}

TEST_F(SwimTest, ItProbesForOthersAndPassesTheAnswerOn) {
  Begin(2);
  Outputs();
  swim_.On(kB, {.body = SwimPingRequest{.sequence = 31, .target = NodeId{3}}, .rumors = {}}, false,
           now_us_);
  EXPECT_THAT(Outputs(), ElementsAre("C ping C"));
  const uint64_t own = SequenceOf(sent_.front());
  swim_.On(NodeId{3}, {.body = SwimAck{own}, .rumors = {}}, false, now_us_);
  EXPECT_THAT(Outputs(), ElementsAre("B ack 31"));
  swim_.On(NodeId{3}, {.body = SwimAck{own}, .rumors = {}}, false, now_us_);
  EXPECT_THAT(Outputs(), IsEmpty()) << "once";
}

TEST_F(SwimTest, WithoutAnAnswerItSaysThatAtLeast) {
  Begin(2);
  Outputs();
  swim_.On(kB, {.body = SwimPingRequest{.sequence = 31, .target = NodeId{3}}, .rumors = {}}, false,
           now_us_);
  Outputs();
  GoTo(now_us_ + kOptions.probe_timeout_us / 2);
  EXPECT_THAT(Probing(), testing::Contains("B nack 31"));
}

TEST_F(SwimTest, ASuspectIsToldWhatIsSaidOfIt) {
  Begin(1);
  Hear(kB, {kB, 8, Health::kDead});
  const Swim::Send ping = NextPing();
  EXPECT_THAT(RumorsOf(ping), testing::Contains("B8 dead"));
}

TEST_F(SwimTest, ARumorIsToldOnlySoOften) {
  Begin(4);
  Hear(kB, {NodeId{3}, 5, Health::kAlive});
  for (int i = 0; i < 200; ++i) Answer(NextPing());
  EXPECT_THAT(RumorsOf(NextPing()), IsEmpty());
}

TEST_F(SwimTest, WhoIsDoubtedIsProbedAtOnce) {
  Begin(4);
  Answer(NextPing());
  const int64_t before_us = now_us_;
  swim_.Doubt(NodeId{4}, now_us_);
  const Swim::Send ping = NextPing();
  EXPECT_EQ(ping.to, NodeId{4});
  EXPECT_EQ(now_us_, before_us);
  Answer(ping);
  EXPECT_EQ(swim_.HealthOf(NodeId{4}), Health::kAlive);
}

TEST_F(SwimTest, WhoComesBackIsRemindedOfWhatIsSaidOfItAndNobodyElse) {
  Begin(3);
  GoTo(now_us_);
  Outputs();
  swim_.Remind(kB);
  EXPECT_THAT(Outputs(), IsEmpty()) << "it is taken for alive";
  Hear(NodeId{3}, {kB, 8, Health::kDead});
  Outputs();
  swim_.Remind(kB);
  EXPECT_THAT(Outputs(), ElementsAre("B connection ping B"));
  EXPECT_EQ(RumorsOf(sent_.front()).front(), "B8 dead");
  swim_.On(kB, {.body = SwimAck{SequenceOf(sent_.front())}, .rumors = {{kB, 9, Health::kAlive}}},
           true, now_us_);
  EXPECT_EQ(swim_.HealthOf(kB), Health::kAlive);
  swim_.Remind(NodeId{9});
  EXPECT_THAT(Outputs(), ElementsAre("B is alive"));
}

TEST_F(SwimTest, WhoIsNoMemberAnyMoreIsForgotten) {
  Begin(2);
  Hear(kB, {NodeId{3}, 9, Health::kDead});
  swim_.SetMembers(std::vector<NodeId>{kB}, now_us_);
  EXPECT_EQ(swim_.HealthOf(NodeId{3}), Health::kDead);
  for (int i = 0; i < 5; ++i) {
    const Swim::Send ping = NextPing();
    EXPECT_EQ(ping.to, kB);
    Answer(ping);
  }
}

}  // namespace
}  // namespace cartwheel::cluster
