// The register of one node, told everything by hand. It is A; voters are A, B and C unless a test
// says otherwise.
#include "cluster/register.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr NodeId kA{1};
constexpr NodeId kB{2};
constexpr NodeId kC{3};
constexpr NodeId kD{4};
constexpr int64_t kStart = 1'000'000;
constexpr Register::Options kOptions{};

Record At(uint64_t epoch, std::string bytes, std::vector<NodeId> voters = {kA, kB, kC}) {
  return {.epoch = epoch, .voters = std::move(voters), .bytes = std::move(bytes)};
}

std::string Letter(NodeId node) {
  return {static_cast<char>('A' + static_cast<int>(node) - 1)};
}
std::string Text(const Prepare& each) {
  return "prepare " + std::to_string(each.epoch);
}
std::string Text(const Promise& each) {
  return "promise " + std::to_string(each.epoch) +
         (each.accepted.round == 0 ? "" : " of " + each.record.bytes);
}
std::string Text(const Accept& each) {
  return "accept " + each.record.bytes;
}
std::string Text(const Accepted& each) {
  return "accepted " + std::to_string(each.epoch);
}
std::string Text(const Rejected& each) {
  return "rejected for " + std::to_string(each.promised.round);
}
std::string Text(const Chosen& each) {
  return "chosen " + each.record.bytes;
}
std::string Text(const Pull& each) {
  return "pull " + std::to_string(each.epoch);
}
std::string Text(Register::Outcome outcome) {
  switch (outcome) {
    case Register::Outcome::kChosen: return "CHOSEN";
    case Register::Outcome::kOvertaken: return "OVERTAKEN";
    case Register::Outcome::kUnknown: return "UNKNOWN";
  }
  return "?";
}

class RegisterTest : public testing::Test {
 protected:
  std::vector<std::string> Outputs() {
    std::vector<std::string> texts;
    for (const Register::Output& output : register_.TakeOutputs()) {
      if (const auto* send = std::get_if<Register::Send>(&output)) {
        last_ = send->message;
        texts.push_back(Letter(send->to) + " " +
                        std::visit([](const auto& each) { return Text(each); }, send->message));
      } else {
        texts.push_back(Text(std::get<Register::Outcome>(output)));
      }
    }
    return texts;
  }
  void Hear(NodeId from, const RegisterMessage& message) { register_.On(from, message, kStart); }
  // As the proposer sent it last.
  Ballot BallotOf() const {
    if (const auto* prepare = std::get_if<Prepare>(&last_)) return prepare->ballot;
    return std::get<Accept>(last_).ballot;
  }

  Register register_{
      kA, {.chosen = At(7, "old"), .promised = {}, .accepted = {}, .record = {}}, kOptions, 5};
  RegisterMessage last_;
};

TEST_F(RegisterTest, WhatAMajorityAcceptsIsChosenAndToldToAll) {
  ASSERT_TRUE(register_.Propose(At(8, "new", {kA, kD}), kStart));
  EXPECT_THAT(Outputs(), ElementsAre("B prepare 8", "C prepare 8"));
  Hear(kB, Promise{8, BallotOf(), {}, {}});
  EXPECT_THAT(Outputs(), ElementsAre("B accept new", "C accept new"));
  EXPECT_EQ(register_.chosen().bytes, "old");
  Hear(kC, Accepted{8, BallotOf()});
  EXPECT_THAT(Outputs(), ElementsAre("CHOSEN", "B chosen new", "C chosen new", "D chosen new"));
  EXPECT_EQ(register_.chosen().bytes, "new");
  EXPECT_TRUE(register_.TakeChanged());
}

TEST_F(RegisterTest, OfOneVoterItIsChosenAtOnce) {
  Register alone(kA, {.chosen = At(7, "old", {kA}), .promised = {}, .accepted = {}, .record = {}},
                 kOptions, 5);
  alone.Propose(At(8, "new", {kA}), kStart);
  EXPECT_EQ(alone.chosen().bytes, "new");
  EXPECT_FALSE(alone.is_proposing());
}

TEST_F(RegisterTest, WhatSomebodyHasAcceptedIsCompletedFirst) {
  register_.Propose(At(8, "new"), kStart);
  Outputs();
  Hear(kB, Promise{8, BallotOf(), {.round = 1, .node = kC, .nonce = 3}, At(8, "theirs")});
  EXPECT_THAT(Outputs(), ElementsAre("B accept theirs", "C accept theirs"));
  Hear(kB, Accepted{8, BallotOf()});
  EXPECT_EQ(Outputs().front(), "OVERTAKEN");
  EXPECT_EQ(register_.chosen().bytes, "theirs");
}

TEST_F(RegisterTest, OneVotersWordCountsOnceAndStrangersDoNot) {
  register_.Propose(At(8, "new"), kStart);
  Outputs();
  const Ballot ballot = BallotOf();
  Hear(kD, Promise{8, ballot, {}, {}});
  EXPECT_THAT(Outputs(), IsEmpty());
  Hear(kB, Promise{8, ballot, {}, {}});
  Outputs();
  Hear(kD, Accepted{8, ballot});
  EXPECT_EQ(register_.chosen().bytes, "old");
}

TEST_F(RegisterTest, AVoterPromisesTheHigherBallotAndKeepsToIt) {
  Hear(kB, Prepare{8, {.round = 5, .node = kB}});
  EXPECT_THAT(Outputs(), ElementsAre("B promise 8"));
  EXPECT_TRUE(register_.TakeChanged()) << "it has to be on disk first";
  Hear(kC, Prepare{8, {.round = 4, .node = kC}});
  EXPECT_THAT(Outputs(), ElementsAre("C rejected for 5"));
  Hear(kC, Accept{{.round = 4, .node = kC}, At(8, "theirs")});
  EXPECT_THAT(Outputs(), ElementsAre("C rejected for 5"));
  EXPECT_FALSE(register_.TakeChanged());
  Hear(kB, Accept{{.round = 5, .node = kB}, At(8, "b's")});
  EXPECT_THAT(Outputs(), ElementsAre("B accepted 8"));
  Hear(kC, Prepare{8, {.round = 6, .node = kC}});
  EXPECT_THAT(Outputs(), ElementsAre("C promise 8 of b's"));
}

TEST_F(RegisterTest, AfterARestartItKeepsToWhatItPromised) {
  Hear(kB, Prepare{8, {.round = 5, .node = kB}});
  Register again(kA, register_.state(), kOptions, 6);
  again.On(kC, RegisterMessage(Prepare{8, {.round = 4, .node = kC}}), kStart);
  const auto outputs = again.TakeOutputs();
  ASSERT_EQ(outputs.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Rejected>(std::get<Register::Send>(outputs[0]).message));
}

TEST_F(RegisterTest, WhoIsBehindIsToldAndWhoIsAheadIsAsked) {
  Hear(kB, Prepare{6, {.round = 1, .node = kB}});
  EXPECT_THAT(Outputs(), ElementsAre("B chosen old"));
  Hear(kB, Prepare{12, {.round = 1, .node = kB}});
  EXPECT_THAT(Outputs(), ElementsAre("B pull 7"));
  Hear(kB, Chosen{At(11, "much newer", {kB})});
  EXPECT_EQ(register_.chosen().epoch, 11U);
  Hear(kC, Chosen{At(9, "late")});
  EXPECT_EQ(register_.chosen().epoch, 11U);
  Hear(kC, Pull{7});
  EXPECT_THAT(Outputs(), ElementsAre("C chosen much newer"));
  register_.HeardOf(kC, 11);
  EXPECT_THAT(Outputs(), IsEmpty());
  register_.HeardOf(kC, 12);
  EXPECT_THAT(Outputs(), ElementsAre("C pull 11"));
}

TEST_F(RegisterTest, WhoIsNoVoterPromisesNothing) {
  Hear(kB, Chosen{At(8, "without a", {kB, kC})});
  Outputs();
  Hear(kB, Prepare{9, {.round = 1, .node = kB}});
  EXPECT_THAT(Outputs(), IsEmpty());
}

TEST_F(RegisterTest, AfterARejectionItOutbids) {
  register_.Propose(At(8, "new"), kStart);
  Outputs();
  Hear(kB, Rejected{8, BallotOf(), {.round = 40, .node = kC}});
  ASSERT_LE(register_.NextDeadline(), kStart + kOptions.backoff_us + 1);
  register_.OnTime(kStart + kOptions.backoff_us + 1);
  EXPECT_THAT(Outputs(), ElementsAre("B prepare 8", "C prepare 8"));
  EXPECT_EQ(BallotOf().round, 41U);
}

TEST_F(RegisterTest, WithoutAMajorityTheOutcomeIsUnknownInTheEnd) {
  register_.Propose(At(8, "new"), kStart);
  EXPECT_FALSE(register_.Propose(At(8, "another"), kStart)) << "one at a time";
  int64_t now_us = kStart;
  while (register_.is_proposing()) {
    ASSERT_LT(now_us, INT64_MAX);
    now_us = register_.NextDeadline();
    register_.OnTime(now_us);
  }
  EXPECT_EQ(now_us, kStart + kOptions.deadline_us);
  EXPECT_EQ(Outputs().back(), "UNKNOWN");
  EXPECT_EQ(register_.NextDeadline(), INT64_MAX);
}

}  // namespace
}  // namespace cartwheel::cluster
