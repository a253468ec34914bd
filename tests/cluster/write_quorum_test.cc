#include "cluster/write_quorum.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

using Kind = WriteOutcome::Kind;

constexpr int64_t kStart = 5'000'000;
constexpr int64_t kTimeout = WriteQuorum::Options{}.rpc_timeout_us;
constexpr int64_t kDeadline = WriteQuorum::Options{}.deadline_us;

// The owners of the partition are A, B and C; D to G are fallbacks.
constexpr NodeId kA{1};
constexpr NodeId kB{2};
constexpr NodeId kC{3};
constexpr NodeId kD{4};
constexpr NodeId kE{5};

std::vector<Candidate> Nodes(size_t count, std::initializer_list<NodeId> unhealthy = {}) {
  std::vector<Candidate> nodes;
  for (size_t i = 1; i <= count; ++i) {
    const bool healthy = std::ranges::find(unhealthy, NodeId{i}) == unhealthy.end();
    nodes.push_back({.node = NodeId{i}, .owner = i <= 3, .healthy = healthy});
  }
  return nodes;
}

std::string Letter(NodeId node) {
  return {static_cast<char>('A' + static_cast<int>(node) - 1)};
}

// "B" is a copy sent to B, "D(C)" one sent to D as a hint for C, "hint C" a hint stored here.
std::string Text(const WriteQuorum::Send& send) {
  return Letter(send.node) + (send.hint_for == kNoNode ? "" : "(" + Letter(send.hint_for) + ")");
}
std::string Text(const WriteQuorum::StoreHint& hint) {
  return "hint " + Letter(hint.owner);
}
std::string Text(const WriteOutcome& outcome) {
  const std::string numbers = " " + std::string(NameOf(outcome.level)) + " " +
                              std::to_string(outcome.reached) + "/" +
                              std::to_string(outcome.needed);
  switch (outcome.kind) {
    case Kind::kAcknowledged: return "OK";
    case Kind::kUncertain: return "UNCERTAIN" + numbers;
    case Kind::kNoReplicas: return "NOREPLICAS" + numbers;
    case Kind::kNotStored: return "NOTSTORED";
  }
  return "?";
}

std::string Outputs(WriteQuorum& quorum) {
  std::string text;
  for (const WriteQuorum::Output& output : quorum.TakeOutputs()) {
    if (!text.empty()) text += ", ";
    text += std::visit([](const auto& each) { return Text(each); }, output);
  }
  return text;
}

WriteQuorum Begin(NodeId self, const std::vector<Candidate>& nodes, const Levels& levels = {}) {
  return {self, nodes, levels, {}, kStart};
}

WriteQuorum Stored(NodeId self, const std::vector<Candidate>& nodes, const Levels& levels = {}) {
  WriteQuorum quorum = Begin(self, nodes, levels);
  quorum.LocalStored(false, kStart);
  return quorum;
}

TEST(WriteQuorum, NothingIsSentBeforeTheCoordinatorHasStoredTheWrite) {
  WriteQuorum quorum = Begin(kA, Nodes(5));
  EXPECT_EQ(Outputs(quorum), "");
  EXPECT_EQ(quorum.NextDeadline(), std::nullopt);
  quorum.LocalStored(false, kStart);
  EXPECT_EQ(Outputs(quorum), "B, C");
}

TEST(WriteQuorum, AWriteThatTheCoordinatorCannotStoreWasNotDone) {
  WriteQuorum quorum = Begin(kA, Nodes(5));
  quorum.LocalFailed();
  EXPECT_EQ(Outputs(quorum), "NOTSTORED");
  EXPECT_TRUE(quorum.IsOver());
  EXPECT_EQ(quorum.NextDeadline(), std::nullopt);
}

// "Dynamo", section 4.5: "if at least W-1 nodes respond then the write is considered successful".
TEST(WriteQuorum, WMinusOneAnswersBesideTheOwnCopyAcknowledgeTheWrite) {
  WriteQuorum quorum = Stored(kA, Nodes(5));
  Outputs(quorum);
  quorum.Acknowledged(kC, false, kStart + 300);
  EXPECT_EQ(Outputs(quorum), "OK");
  EXPECT_FALSE(quorum.IsOver());
  quorum.Acknowledged(kB, false, kStart + 400);
  EXPECT_EQ(Outputs(quorum), "");
  EXPECT_TRUE(quorum.IsOver());
  EXPECT_TRUE(quorum.OwnersWithoutCopy().empty());
}

TEST(WriteQuorum, WithWOfOneTheOwnCopyIsEnoughAndTheOthersAreStillSentTheirs) {
  WriteQuorum quorum = Stored(kA, Nodes(3), {.w = 1});
  EXPECT_EQ(Outputs(quorum), "B, C, OK");
}

TEST(WriteQuorum, ANodeAloneInItsClusterAcknowledgesByItself) {
  WriteQuorum quorum = Stored(kA, Nodes(1), {.w = 3, .pw = 2});
  EXPECT_EQ(Outputs(quorum), "OK");
  EXPECT_TRUE(quorum.IsOver());
  EXPECT_EQ(quorum.NextDeadline(), std::nullopt);
}

TEST(WriteQuorum, ADuplicatedAcknowledgementCountsOnce) {
  WriteQuorum quorum = Stored(kA, Nodes(3), {.w = 3});
  Outputs(quorum);
  for (int i = 0; i < 3; ++i) quorum.Acknowledged(kB, false, kStart);
  EXPECT_EQ(Outputs(quorum), "");
  quorum.Acknowledged(kC, false, kStart);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(WriteQuorum, AnAcknowledgementByWhoWasNotAskedCountsNothing) {
  WriteQuorum quorum = Stored(kA, Nodes(5));
  Outputs(quorum);
  quorum.Acknowledged(kD, true, kStart);
  quorum.Acknowledged(kA, true, kStart);
  quorum.Acknowledged(NodeId{99}, true, kStart);
  EXPECT_EQ(Outputs(quorum), "");
}

// "Dynamo", section 4.6: "all read and write operations are performed on the first N healthy
// nodes"; the replica sent to a fallback "will have a hint ... which node was the intended
// recipient".
TEST(WriteQuorum, AFallbackStandsInForANamedOwnerThatIsNotHealthy) {
  WriteQuorum quorum = Stored(kA, Nodes(6, {kB, kD}));
  EXPECT_EQ(Outputs(quorum), "C, E(B)");
  quorum.Acknowledged(kE, false, kStart);
  EXPECT_EQ(Outputs(quorum), "OK");
  quorum.Acknowledged(kC, false, kStart);
  EXPECT_EQ(Outputs(quorum), "");
  EXPECT_TRUE(quorum.OwnersWithoutCopy().empty());
}

TEST(WriteQuorum, WithoutAHealthyFallbackTheSuspectedOwnerItselfIsAsked) {
  WriteQuorum quorum = Stored(kA, Nodes(4, {kC, kD}));
  EXPECT_EQ(Outputs(quorum), "B, C");
  quorum.Lost(kC, kStart);
  EXPECT_EQ(Outputs(quorum), "D(C)");
}

TEST(WriteQuorum, AFallbackThatCoordinatesStandsInForTheFirstOwnerThatIsAway) {
  WriteQuorum quorum = Begin(kD, Nodes(6, {kA, kB, kC}));
  EXPECT_EQ(quorum.local_hint_for(), kA);
  quorum.LocalStored(false, kStart);
  EXPECT_EQ(Outputs(quorum), "E(B), F(C)");
  EXPECT_EQ(Begin(kB, Nodes(6)).local_hint_for(), kNoNode);
}

TEST(WriteQuorum, ALostOwnerIsReplacedByTheNextFallbackAtOnce) {
  WriteQuorum quorum = Stored(kA, Nodes(5));
  Outputs(quorum);
  quorum.Lost(kB, kStart + 100);
  EXPECT_EQ(Outputs(quorum), "D(B)");
  quorum.Lost(kD, kStart + 200);
  EXPECT_EQ(Outputs(quorum), "E(B)");
  quorum.Lost(kE, kStart + 300);
  EXPECT_EQ(Outputs(quorum), "hint B");
  quorum.Acknowledged(kC, false, kStart + 400);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(WriteQuorum, OnceAcknowledgedALostOwnerGetsAHintInsteadOfAnotherNode) {
  WriteQuorum quorum = Stored(kA, Nodes(5));
  Outputs(quorum);
  quorum.Acknowledged(kB, false, kStart);
  quorum.Lost(kC, kStart);
  EXPECT_EQ(Outputs(quorum), "OK, hint C");
  EXPECT_TRUE(quorum.IsOver());
}

TEST(WriteQuorum, ASilentOwnerGetsAHintAtTheRpcTimeoutAndNotBefore) {
  WriteQuorum quorum = Stored(kA, Nodes(5));
  Outputs(quorum);
  quorum.Acknowledged(kB, false, kStart);
  EXPECT_EQ(Outputs(quorum), "OK");
  EXPECT_EQ(quorum.NextDeadline(), kStart + kTimeout);
  quorum.OnTime(kStart + kTimeout - 1);
  EXPECT_EQ(Outputs(quorum), "");
  quorum.OnTime(kStart + kTimeout);
  EXPECT_EQ(Outputs(quorum), "hint C");
  EXPECT_TRUE(quorum.IsOver());
  EXPECT_EQ(quorum.NextDeadline(), std::nullopt);
  ASSERT_EQ(quorum.OwnersWithoutCopy().size(), 1u);
  EXPECT_EQ(quorum.OwnersWithoutCopy()[0], kC);
}

TEST(WriteQuorum, SilenceBeforeWIsReachedBringsInFallbacksAndALateAnswerStillCounts) {
  WriteQuorum quorum = Stored(kA, Nodes(5));
  Outputs(quorum);
  quorum.OnTime(kStart + kTimeout);
  EXPECT_EQ(Outputs(quorum), "hint B, hint C, D(B), E(C)");
  quorum.Acknowledged(kB, false, kStart + kTimeout + 1);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(WriteQuorum, AnOwnerAndTheFallbackForItAreOneCopy) {
  WriteQuorum quorum = Stored(kA, Nodes(5), {.w = 3});
  Outputs(quorum);
  quorum.OnTime(kStart + kTimeout);
  quorum.Acknowledged(kB, false, kStart + kTimeout + 1);
  quorum.Acknowledged(kD, false, kStart + kTimeout + 2);
  EXPECT_EQ(Outputs(quorum), "hint B, hint C, D(B), E(C)");
  quorum.Acknowledged(kE, false, kStart + kTimeout + 3);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(WriteQuorum, AtTheDeadlineTheWriteIsUncertainAndEveryOwnerWithoutACopyHasAHint) {
  WriteQuorum quorum = Stored(kA, Nodes(3));
  Outputs(quorum);
  quorum.OnTime(kStart + kTimeout);
  EXPECT_EQ(Outputs(quorum), "hint B, hint C");
  EXPECT_EQ(quorum.NextDeadline(), kStart + kDeadline);
  quorum.OnTime(kStart + kDeadline);
  EXPECT_EQ(Outputs(quorum), "UNCERTAIN W 1/2");
  EXPECT_TRUE(quorum.IsOver());
  quorum.Acknowledged(kB, false, kStart + kDeadline + 1);
  EXPECT_EQ(Outputs(quorum), "");
  EXPECT_EQ(quorum.outcome()->kind, Kind::kUncertain);
}

TEST(WriteQuorum, WhenNobodyIsLeftTheClientIsToldWithoutWaitingForTheDeadline) {
  WriteQuorum quorum = Stored(kA, Nodes(3), {.w = 3});
  Outputs(quorum);
  quorum.Acknowledged(kB, false, kStart);
  quorum.Lost(kC, kStart);
  EXPECT_EQ(Outputs(quorum), "UNCERTAIN W 2/3, hint C");
}

// P13: refused before anything was done, so it never appears later.
TEST(WriteQuorum, WithTooFewHealthyNodesTheWriteIsRefusedAndNobodyIsAsked) {
  WriteQuorum quorum = Begin(kA, Nodes(3, {kB, kC}));
  EXPECT_EQ(Outputs(quorum), "NOREPLICAS W 1/2");
  EXPECT_TRUE(quorum.IsOver());
  EXPECT_EQ(quorum.NextDeadline(), std::nullopt);
  quorum.OnTime(kStart + kDeadline);
  quorum.Acknowledged(kB, false, kStart + kDeadline);
  EXPECT_EQ(Outputs(quorum), "");
}

TEST(WriteQuorum, AWriteThatWasRefusedMustNotBeStored) {
  WriteQuorum quorum = Begin(kA, Nodes(3, {kB, kC}));
  EXPECT_DEATH(quorum.LocalStored(false, kStart), "one result");
}

TEST(WriteQuorum, PWCountsOwnersOnly) {
  WriteQuorum quorum = Stored(kA, Nodes(5, {kB}), {.pw = 2});
  EXPECT_EQ(Outputs(quorum), "C, D(B)");
  quorum.Acknowledged(kD, false, kStart);
  EXPECT_EQ(Outputs(quorum), "");
  quorum.Acknowledged(kC, false, kStart);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(WriteQuorum, ForPWAnOwnerThatWasPassedOverIsAskedAfterAll) {
  WriteQuorum quorum = Stored(kA, Nodes(5, {kB}), {.pw = 2});
  Outputs(quorum);
  quorum.Lost(kC, kStart);
  EXPECT_EQ(Outputs(quorum), "E(C), B");
  quorum.Acknowledged(kB, false, kStart);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(WriteQuorum, WithTooFewHealthyOwnersForPWTheWriteIsRefused) {
  WriteQuorum quorum = Begin(kA, Nodes(5, {kB}), {.pw = 3});
  EXPECT_EQ(Outputs(quorum), "NOREPLICAS PW 2/3");
}

TEST(WriteQuorum, DWCountsCopiesOnDiskAndAPeerMaySayItLater) {
  WriteQuorum quorum = Stored(kA, Nodes(3), {.dw = 2});
  Outputs(quorum);
  quorum.Acknowledged(kB, false, kStart);
  quorum.Acknowledged(kC, true, kStart);
  EXPECT_EQ(Outputs(quorum), "");
  quorum.Acknowledged(kB, true, kStart + 1);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(WriteQuorum, ARefusalBringsInTheNextFallback) {
  for (const Refusal refusal : {Refusal::kFull, Refusal::kRebuilding, Refusal::kBusy}) {
    WriteQuorum quorum = Stored(kA, Nodes(5));
    Outputs(quorum);
    quorum.Refused(kB, refusal, kStart);
    EXPECT_EQ(Outputs(quorum), "D(B)");
  }
}

TEST(WriteQuorum, AReplicaWithANewActorIsAskedOnceMoreUnderIt) {
  WriteQuorum quorum = Stored(kA, Nodes(5));
  Outputs(quorum);
  quorum.Refused(kB, Refusal::kWrongActor, kStart);
  EXPECT_EQ(Outputs(quorum), "B");
  quorum.Refused(kB, Refusal::kWrongActor, kStart);
  EXPECT_EQ(Outputs(quorum), "D(B)");
}

TEST(WriteQuorum, ARefusalThatComesAfterTheAcknowledgementTakesNothingBack) {
  WriteQuorum quorum = Stored(kA, Nodes(5), {.w = 3});
  Outputs(quorum);
  quorum.Acknowledged(kB, false, kStart);
  quorum.Refused(kB, Refusal::kWrongActor, kStart);
  quorum.Lost(kB, kStart);
  EXPECT_EQ(Outputs(quorum), "");
  quorum.Acknowledged(kC, false, kStart);
  EXPECT_EQ(Outputs(quorum), "OK");
}

TEST(WriteQuorum, NoMoreFallbacksThanTheLimitAreAsked) {
  WriteQuorum quorum = Stored(kA, Nodes(20), {.w = 3});
  size_t asked = 0;
  for (bool more = true; more;) {
    more = false;
    for (const WriteQuorum::Output& output : quorum.TakeOutputs()) {
      const auto* send = std::get_if<WriteQuorum::Send>(&output);
      if (send == nullptr) continue;
      ++asked;
      more = true;
      quorum.Lost(send->node, kStart);
    }
  }
  EXPECT_EQ(asked, 2 + WriteQuorum::kMaxFallbacks);
  EXPECT_EQ(quorum.outcome()->kind, Kind::kUncertain);
}

}  // namespace
}  // namespace cartwheel::cluster
