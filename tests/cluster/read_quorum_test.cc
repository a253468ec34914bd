#include "cluster/read_quorum.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

using Kind = ReadOutcome::Kind;

constexpr int64_t kStart = 5'000'000;
constexpr int64_t kHedge = ReadQuorum::Options{}.hedge_after_us;
constexpr int64_t kTimeout = ReadQuorum::Options{}.rpc_timeout_us;
constexpr int64_t kDeadline = ReadQuorum::Options{}.deadline_us;

// The owners of the partition are A, B and C; D and E are fallbacks.
constexpr NodeId kA{1};
constexpr NodeId kB{2};
constexpr NodeId kC{3};
constexpr NodeId kD{4};

std::vector<Candidate> Nodes(size_t count) {
  std::vector<Candidate> nodes;
  for (size_t i = 1; i <= count; ++i) {
    nodes.push_back({.node = NodeId{i}, .owner = i <= 3, .healthy = true});
  }
  return nodes;
}

// Writes by one actor, each with the number as its value, of which `live` are; the rest of
// 1..`known` is superseded.
Container With(std::initializer_list<uint64_t> live, uint64_t known) {
  static const std::vector<std::string> values = {"0", "1", "2", "3", "4", "5"};
  Container container;
  container.context.AppendInterval({ActorId{7}, 1, known});
  for (const uint64_t number : live) {
    const Dot dot{ActorId{7}, number};
    container.versions.push_back(
        {.dot = dot, .value_dot = dot, .hlc = {}, .bytes = values[number]});
  }
  return container;
}

std::string Letter(NodeId node) {
  return {static_cast<char>('A' + static_cast<int>(node) - 1)};
}

std::string Text(const ReadQuorum::Send& send) {
  return Letter(send.node);
}
std::string Text(const ReadQuorum::Repair& repair) {
  return "repair " + Letter(repair.node) + std::to_string(static_cast<uint64_t>(repair.actor));
}
std::string Text(const ReadOutcome& outcome) {
  if (outcome.kind == Kind::kTooFew) {
    return "TOOFEW " + std::string(NameOf(outcome.level)) + " " + std::to_string(outcome.reached) +
           "/" + std::to_string(outcome.needed);
  }
  return std::string("OK") + (outcome.degraded ? " degraded" : "") +
         (outcome.session_missed ? " missed" : "");
}

std::string Outputs(ReadQuorum& quorum) {
  std::string text;
  for (const ReadQuorum::Output& output : quorum.TakeOutputs()) {
    if (!text.empty()) text += ", ";
    text += std::visit([](const auto& each) { return Text(each); }, output);
  }
  return text;
}

ReadQuorum Begin(size_t nodes, const Levels& levels = {}, const Context& session = {}) {
  return {Nodes(nodes), levels, session, {}, kStart};
}

ReadQuorum::Answer Complete(const Container& container) {
  return {.container = &container, .complete = true, .actor = ActorId{70}, .received = {}};
}
ReadQuorum::Answer Rebuilding(const Container& container) {
  return {.container = &container, .complete = false, .actor = ActorId{70}, .received = {}};
}
ReadQuorum::Answer None() {
  return {.container = nullptr, .complete = true, .actor = ActorId{70}, .received = {}};
}

const Container kOld = With({1}, 1);
const Container kNew = With({2}, 2);

TEST(ReadQuorum, TheBestRAreAskedAndTheirMergeIsTheAnswer) {
  ReadQuorum quorum = Begin(5);
  EXPECT_EQ(Outputs(quorum), "A, B");
  quorum.Answered(kB, Complete(kOld), kStart);
  EXPECT_EQ(Outputs(quorum), "");
  quorum.Answered(kA, Complete(kNew), kStart);
  EXPECT_EQ(Outputs(quorum), "OK, repair B70");
  EXPECT_EQ(quorum.merged(), kNew);
  EXPECT_TRUE(quorum.IsOver());
  EXPECT_EQ(quorum.NextDeadline(), std::nullopt);
}

TEST(ReadQuorum, ReplicasThatAnswerTheSameNeedNoRepair) {
  ReadQuorum quorum = Begin(3, {.r = 3});
  for (const NodeId node : {kA, kB, kC}) quorum.Answered(node, Complete(kNew), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C, OK");
}

TEST(ReadQuorum, ConcurrentVersionsAreSiblingsAndBothReplicasNeedTheOther) {
  const Container a = With({1}, 1);
  Container b;
  b.context.AppendInterval({ActorId{9}, 4, 4});
  b.versions.push_back(
      {.dot = {ActorId{9}, 4}, .value_dot = {ActorId{9}, 4}, .hlc = {}, .bytes = "b"});
  ReadQuorum quorum = Begin(3);
  quorum.Answered(kA, Complete(a), kStart);
  quorum.Answered(kB, Complete(b), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, OK, repair A70, repair B70");
  EXPECT_EQ(quorum.merged().versions.size(), 2u);
}

TEST(ReadQuorum, NotFoundCountsToRButHidesNothing) {
  ReadQuorum quorum = Begin(3);
  quorum.Answered(kA, None(), kStart);
  quorum.Answered(kB, Complete(kNew), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, OK, repair A70");
  EXPECT_EQ(quorum.merged(), kNew);
}

TEST(ReadQuorum, WhoHasForgottenADeletionIsNotToldOfItAgain) {
  ReadQuorum quorum = Begin(3);
  quorum.Answered(kA, None(), kStart);
  quorum.Answered(kB, Complete(With({}, 2)), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, OK");
  EXPECT_TRUE(quorum.merged().IsDeleted());
}

TEST(ReadQuorum, TheMergeOwnsItsBytes) {
  ReadQuorum quorum = Begin(3);
  auto bytes = std::make_unique<std::string>("a value");
  Container container = kNew;
  container.versions[0].bytes = *bytes;
  quorum.Answered(kA, Complete(container), kStart);
  bytes->assign("another");
  bytes.reset();
  quorum.Answered(kB, None(), kStart);
  EXPECT_EQ(quorum.merged().versions[0].bytes, "a value");
}

TEST(ReadQuorum, ALostPeerIsReplacedByTheNext) {
  ReadQuorum quorum = Begin(4);
  quorum.Lost(kA, kStart);
  quorum.Lost(kC, kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C, D");
  quorum.Answered(kD, None(), kStart);
  quorum.Answered(kB, Complete(kOld), kStart);
  // D is no owner: what it lacks it need not have.
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(ReadQuorum, OneMoreIsAskedAtTheHedgeAndOnlyOne) {
  ReadQuorum quorum = Begin(5);
  Outputs(quorum);
  EXPECT_EQ(quorum.NextDeadline(), kStart + kHedge);
  quorum.OnTime(kStart + kHedge - 1);
  EXPECT_EQ(Outputs(quorum), "");
  quorum.OnTime(kStart + kHedge);
  EXPECT_EQ(Outputs(quorum), "C");
  quorum.OnTime(kStart + 2 * kHedge);
  EXPECT_EQ(Outputs(quorum), "");
  quorum.Answered(kC, Complete(kNew), kStart + 2 * kHedge);
  quorum.Answered(kA, Complete(kNew), kStart + 2 * kHedge);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(ReadQuorum, ALateAnswerIsComparedAndRepaired) {
  ReadQuorum quorum = Begin(3, {.r = 1});
  quorum.OnTime(kStart + kHedge);
  quorum.Answered(kB, Complete(kNew), kStart + kHedge);
  EXPECT_EQ(Outputs(quorum), "A, B, OK");
  quorum.Answered(kA, Complete(kOld), kStart + kHedge + 1);
  EXPECT_EQ(Outputs(quorum), "repair A70");
}

TEST(ReadQuorum, ALateAnswerMayShowThatTheFirstOneWasStale) {
  ReadQuorum quorum = Begin(3, {.r = 1});
  quorum.OnTime(kStart + kHedge);
  quorum.Answered(kB, Complete(kOld), kStart + kHedge);
  quorum.Answered(kA, Complete(kNew), kStart + kHedge + 1);
  EXPECT_EQ(Outputs(quorum), "A, B, OK, repair B70");
  EXPECT_EQ(quorum.merged(), kNew);
}

TEST(ReadQuorum, ASilentPeerIsPassedOverAndAfterTheReplyNoLongerWaitedFor) {
  ReadQuorum quorum = Begin(4);
  quorum.Answered(kA, Complete(kNew), kStart);
  quorum.OnTime(kStart + kHedge);
  EXPECT_EQ(Outputs(quorum), "A, B, C");
  quorum.OnTime(kStart + kTimeout);
  EXPECT_EQ(Outputs(quorum), "");
  EXPECT_EQ(quorum.NextDeadline(), kStart + kHedge + kTimeout);
  quorum.OnTime(kStart + kHedge + kTimeout);
  EXPECT_EQ(Outputs(quorum), "D");
  quorum.Answered(kD, None(), kStart + kHedge + kTimeout + 1);
  EXPECT_EQ(Outputs(quorum), "OK");
  EXPECT_TRUE(quorum.IsOver());
}

TEST(ReadQuorum, ALateAnswerBeforeTheDeadlineStillMakesTheQuorum) {
  ReadQuorum quorum = Begin(2);
  quorum.Answered(kA, Complete(kOld), kStart);
  quorum.OnTime(kStart + kTimeout);
  EXPECT_EQ(Outputs(quorum), "A, B");
  quorum.Answered(kB, Complete(kNew), kStart + kTimeout + 1);
  EXPECT_EQ(Outputs(quorum), "OK, repair A70");
}

TEST(ReadQuorum, AtTheDeadlineTooFewAnswersAreAnError) {
  ReadQuorum quorum = Begin(3);
  quorum.Answered(kA, Complete(kOld), kStart);
  quorum.OnTime(kStart + kTimeout);
  Outputs(quorum);
  quorum.OnTime(kStart + kDeadline);
  EXPECT_EQ(Outputs(quorum), "TOOFEW R 1/2");
  EXPECT_TRUE(quorum.IsOver());
}

TEST(ReadQuorum, WhenAllAreLostTheClientIsToldAtOnce) {
  ReadQuorum quorum = Begin(3);
  for (const NodeId node : {kA, kB, kC}) quorum.Lost(node, kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C, TOOFEW R 0/2");
}

TEST(ReadQuorum, PRCountsOwnersOnly) {
  const std::vector<Candidate> nodes = {{kA, true, true}, {kD, false, true}, {kB, true, true}};
  ReadQuorum quorum(nodes, {.n = 3, .r = 2, .w = 1, .pr = 2}, {}, {}, kStart);
  EXPECT_EQ(Outputs(quorum), "A, B");
  quorum.Answered(kA, Complete(kOld), kStart);
  quorum.Lost(kB, kStart);
  EXPECT_EQ(Outputs(quorum), "D") << "once one is lost";
  quorum.Answered(kD, None(), kStart);
  EXPECT_EQ(Outputs(quorum), "TOOFEW PR 1/2");
}

// A hedge may ask it; but as long as the owner may answer, nobody has been asked to stand in.
TEST(ReadQuorum, AFallbackDoesNotCountInPlaceOfAnOwnerThatIsMerelySlow) {
  ReadQuorum quorum = Begin(4, {.n = 3, .r = 3});
  EXPECT_EQ(Outputs(quorum), "A, B, C");
  quorum.OnTime(kStart + kHedge);
  EXPECT_EQ(Outputs(quorum), "D");
  quorum.Answered(kA, None(), kStart + kHedge);
  quorum.Answered(kB, None(), kStart + kHedge);
  quorum.Answered(kD, None(), kStart + kHedge);
  EXPECT_EQ(Outputs(quorum), "");
  quorum.Answered(kC, Complete(kNew), kStart + kTimeout - 1);
  EXPECT_EQ(Outputs(quorum), "OK, repair A70, repair B70");
}

TEST(ReadQuorum, AFallbackCountsInPlaceOfAnOwnerThatHasFallenSilent) {
  ReadQuorum quorum = Begin(4, {.n = 3, .r = 3});
  quorum.OnTime(kStart + kHedge);
  for (const NodeId node : {kA, kB, kD}) quorum.Answered(node, None(), kStart + kHedge);
  EXPECT_EQ(Outputs(quorum), "A, B, C, D");
  quorum.OnTime(kStart + kTimeout);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(ReadQuorum, AFallbackCountsInPlaceOfAnUnhealthyOwner) {
  const std::vector<Candidate> nodes = {{kA, true, true}, {kD, false, true}, {kB, true, false}};
  ReadQuorum quorum(nodes, {.n = 2, .r = 2, .w = 1}, {}, {}, kStart);
  quorum.Answered(kA, Complete(kOld), kStart);
  quorum.Answered(kD, Complete(kNew), kStart);
  EXPECT_EQ(Outputs(quorum), "A, D, OK, repair A70");
}

TEST(ReadQuorum, WhoAnswersTheSameAsAnotherLacksWhatThatOneLacks) {
  ReadQuorum quorum = Begin(3, {.n = 3, .r = 3});
  quorum.Answered(kA, Complete(kOld), kStart);
  EXPECT_TRUE(quorum.Knows(kA));
  quorum.Answered(kB, Complete(kNew), kStart);
  EXPECT_FALSE(quorum.Knows(kA));
  quorum.Answered(kC, {.actor = ActorId{70}, .received = {}, .same_as = kA}, kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C, OK, repair A70, repair C70");
  EXPECT_EQ(quorum.merged(), kNew);
}

TEST(ReadQuorum, WhatARebuildingNodeAnsweredIsNotWhatIsKnown) {
  ReadQuorum quorum = Begin(3);
  quorum.Answered(kA, Rebuilding(kNew), kStart);
  EXPECT_FALSE(quorum.Knows(kA));
  EXPECT_FALSE(quorum.Knows(kB));
}

TEST(ReadQuorum, TooFewOwnersForPRAreAnError) {
  ReadQuorum quorum = Begin(5, {.r = 1, .pr = 3});
  EXPECT_EQ(Outputs(quorum), "A, B, C");
  quorum.Lost(kB, kStart);
  quorum.Answered(kA, Complete(kOld), kStart);
  quorum.Answered(kC, Complete(kOld), kStart);
  EXPECT_EQ(Outputs(quorum), "TOOFEW PR 2/3");
}

TEST(ReadQuorum, ARebuildingOwnerDoesNotCountWhileCompleteOnesCanAnswer) {
  ReadQuorum quorum = Begin(3);
  quorum.Answered(kA, Rebuilding(With({1}, 1)), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C");
  quorum.Answered(kB, Complete(With({}, 2)), kStart);
  quorum.Answered(kC, None(), kStart);
  EXPECT_EQ(Outputs(quorum), "OK, repair A70") << "it lacks what the others know";
}

// What it shows may have been deleted, and the deletion forgotten, while it was away.
TEST(ReadQuorum, ARebuildingOwnersOldVersionsAreNotShownBesideCompleteAnswers) {
  ReadQuorum quorum = Begin(3);
  quorum.Answered(kA, Rebuilding(kOld), kStart);
  quorum.Answered(kB, None(), kStart);
  quorum.Answered(kC, None(), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C, OK");
  EXPECT_TRUE(quorum.merged().versions.empty());
}

TEST(ReadQuorum, WithTooFewCompleteAnswersARebuildingOnesCountsAndIsToldAsDegraded) {
  ReadQuorum quorum = Begin(3);
  quorum.Answered(kA, Rebuilding(kNew), kStart);
  quorum.Answered(kB, Complete(kOld), kStart);
  quorum.Lost(kC, kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C, OK degraded, repair B70");
  EXPECT_EQ(quorum.merged(), kNew);
}

// Those that stand in need not have heard of a key that owners have acknowledged.
TEST(ReadQuorum, NodesThatStandInDoNotHideWhatARebuildingOwnerKnows) {
  ReadQuorum quorum = Begin(4);
  quorum.Answered(kA, Rebuilding(kNew), kStart);
  quorum.Answered(kB, None(), kStart);
  quorum.Lost(kC, kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C, D");
  quorum.Answered(kD, None(), kStart);
  EXPECT_EQ(Outputs(quorum), "OK degraded, repair B70");
  EXPECT_EQ(quorum.merged(), kNew);
}

TEST(ReadQuorum, OnlyTheFirstAnswerOfANodeCountsAndNoneOfWhoWasNotAsked) {
  ReadQuorum quorum = Begin(3);
  quorum.Answered(kA, Complete(kOld), kStart);
  quorum.Answered(kA, Complete(kOld), kStart);
  quorum.Answered(kC, Complete(kOld), kStart);
  quorum.Answered(NodeId{99}, Complete(kOld), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B");
}

// The session of a connection: what it has seen it sees again.

TEST(ReadQuorumSession, TheDotsToAskAboutAreTheLastOfEachInterval) {
  Context session;
  session.AppendInterval({ActorId{1}, 2, 5});
  session.AppendInterval({ActorId{1}, 9, 9});
  session.AppendInterval({ActorId{4}, 1, 3});
  EXPECT_EQ(SessionDots(session), (DotList{{ActorId{1}, 5}, {ActorId{1}, 9}, {ActorId{4}, 3}}));
  EXPECT_EQ(Begin(3, {}, session).session_dots(), SessionDots(session));
}

TEST(ReadQuorumSession, WhenTheAnswersLackWhatTheSessionHasSeenTheRestIsAsked) {
  ReadQuorum quorum = Begin(4, {}, kNew.context);
  EXPECT_EQ(Outputs(quorum), "A, B");
  quorum.Answered(kA, Complete(kOld), kStart);
  quorum.Answered(kB, Complete(kOld), kStart);
  EXPECT_EQ(Outputs(quorum), "C, D");
  quorum.Answered(kC, Complete(kNew), kStart);
  EXPECT_EQ(Outputs(quorum), "OK");
  EXPECT_EQ(quorum.merged(), kNew);
  quorum.Answered(kD, None(), kStart);
  EXPECT_EQ(Outputs(quorum), "repair A70, repair B70");
}

TEST(ReadQuorumSession, AnOwnerThatReceivedTheWriteAndHasForgottenItsDeletionIsProofEnough) {
  ReadQuorum quorum = Begin(3, {}, kNew.context);
  Outputs(quorum);
  ReadQuorum::Answer received = None();
  received.received = quorum.session_dots();
  quorum.Answered(kA, None(), kStart);
  quorum.Answered(kB, received, kStart);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(ReadQuorumSession, WhatAFallbackReceivedProvesNothing) {
  const std::vector<Candidate> nodes = {{kA, true, true}, {kD, false, true}};
  ReadQuorum quorum(nodes, {.n = 1, .r = 1, .w = 1}, kNew.context, {}, kStart);
  quorum.Answered(kA, None(), kStart);
  EXPECT_EQ(Outputs(quorum), "A, D");
  ReadQuorum::Answer received = None();
  received.received = quorum.session_dots();
  quorum.Answered(kD, received, kStart);
  EXPECT_EQ(Outputs(quorum), "OK missed");
}

TEST(ReadQuorumSession, WhenNobodyKnowsItTheAnswerSaysSo) {
  ReadQuorum quorum = Begin(3, {}, kNew.context);
  for (const NodeId node : {kA, kB, kC}) quorum.Answered(node, Complete(kOld), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C, OK missed");
}

TEST(ReadQuorumSession, WhatOnlyARebuildingOwnerKnowsOfTheSessionIsMerged) {
  ReadQuorum quorum = Begin(3, {}, kNew.context);
  quorum.Answered(kA, Rebuilding(kNew), kStart);
  quorum.Answered(kB, Complete(kOld), kStart);
  quorum.Answered(kC, Complete(kOld), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C, OK degraded, repair B70, repair C70");
  EXPECT_EQ(quorum.merged(), kNew);
}

TEST(ReadQuorumSession, TheSilentAreNotWaitedForPastTheRpcTimeout) {
  ReadQuorum quorum = Begin(3, {}, kNew.context);
  quorum.Answered(kA, Complete(kOld), kStart);
  quorum.Answered(kB, Complete(kOld), kStart);
  EXPECT_EQ(Outputs(quorum), "A, B, C");
  quorum.OnTime(kStart + kTimeout);
  EXPECT_EQ(Outputs(quorum), "OK missed");
}

}  // namespace
}  // namespace cartwheel::cluster
