#include "cluster/verification.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/placement.h"

namespace cartwheel::cluster {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr NodeId kA{1};
constexpr NodeId kB{2};
constexpr NodeId kC{3};
constexpr int64_t kSecond = 1'000'000;

Ring RingOf(std::vector<Move> moves = {}) {
  const std::vector<Member> members = {
      {.node = kA, .zone = ""}, {.node = kB, .zone = ""}, {.node = kC, .zone = ""}};
  OwnerTable owners{.copies = 2, .nodes = {}};
  for (int i = 0; i < kPartitions; ++i) {
    owners.nodes.push_back(kA);
    owners.nodes.push_back(kB);
  }
  return {members, owners, moves, std::vector<uint64_t>(kPartitions, 5)};
}

std::vector<RootsReply::OfPartition> Roots(uint64_t root) {
  std::vector<RootsReply::OfPartition> roots;
  for (size_t i = 0; i < kPartitions; ++i) {
    roots.push_back({.partition = static_cast<Partition>(i), .epoch = 5, .root = root});
  }
  return roots;
}

class VerificationTest : public testing::Test {
 protected:
  void Begin(const Ring& ring) { verification_.emplace(ring, Verification::Options{}, now_us_); }
  // A round as soon as one is due. False: it is over.
  bool Round() {
    while (!verification_->IsOver() && !verification_->IsRoundDue(now_us_)) {
      now_us_ = verification_->NextDeadline();
      verification_->OnTime(now_us_);
    }
    if (verification_->IsOver()) return false;
    verification_->BeginRound(members_, now_us_);
    return true;
  }
  void Answer(NodeId node, const std::vector<RootsReply::OfPartition>& roots) {
    verification_->Answered(node, roots, now_us_);
  }

  std::vector<NodeId> members_ = {kA, kB, kC};
  std::optional<Verification> verification_;
  int64_t now_us_ = kSecond;
};

TEST_F(VerificationTest, OwnersThatAgreeAreDoneWithInOneRound) {
  const Ring ring = RingOf();
  Begin(ring);
  ASSERT_TRUE(Round());
  Answer(kA, Roots(7));
  Answer(kC, {});
  EXPECT_FALSE(verification_->IsOver()) << "B has not answered";
  Answer(kB, Roots(7));
  ASSERT_TRUE(verification_->IsOver());
  EXPECT_EQ(verification_->result().equal, size_t{kPartitions});
  EXPECT_EQ(verification_->NextDeadline(), INT64_MAX);
}

TEST_F(VerificationTest, WhatStaysDifferentIsToldAfterSomeRounds) {
  const Ring ring = RingOf();
  Begin(ring);
  auto roots = Roots(7);
  roots[3].root = roots[1000].root = 8;
  int rounds = 0;
  for (; Round(); ++rounds) {
    for (const NodeId node : {kA, kC}) Answer(node, Roots(7));
    Answer(kB, roots);
  }
  EXPECT_EQ(rounds, 4);
  EXPECT_THAT(verification_->result().different, ElementsAre(3, 1000));
  EXPECT_EQ(verification_->result().equal, size_t{kPartitions} - 2);
}

TEST_F(VerificationTest, WhatWasOnlyOnItsWayIsNoDifference) {
  const Ring ring = RingOf();
  Begin(ring);
  auto roots = Roots(7);
  roots[3].root = 8;
  for (int round = 0; Round(); ++round) {
    Answer(kA, Roots(7));
    Answer(kC, {});
    Answer(kB, round < 2 ? roots : Roots(7));
  }
  EXPECT_EQ(verification_->result().equal, size_t{kPartitions});
}

TEST_F(VerificationTest, AnOwnerThatIsNotReachedLeavesItUnknown) {
  const Ring ring = RingOf();
  members_ = {kA, kC};
  Begin(ring);
  while (Round()) {
    for (const NodeId node : {kA, kC}) Answer(node, Roots(7));
  }
  EXPECT_EQ(verification_->result().unknown.size(), size_t{kPartitions});
  EXPECT_LE(now_us_, 62 * kSecond);
}

TEST_F(VerificationTest, WhoDoesNotAnswerIsNotWaitedForForEver) {
  const Ring ring = RingOf();
  Begin(ring);
  while (Round()) {
    for (const NodeId node : {kA, kC}) Answer(node, Roots(7));
  }
  EXPECT_EQ(verification_->result().unknown.size(), size_t{kPartitions});
  EXPECT_LE(now_us_, 64 * kSecond);
}

TEST_F(VerificationTest, TreesThatAreBuiltMeanwhileAreWaitedFor) {
  const Ring ring = RingOf();
  Begin(ring);
  for (int round = 0; Round(); ++round) {
    for (const NodeId node : {kA, kC}) Answer(node, Roots(7));
    auto some = Roots(7);
    some.resize(std::min<size_t>(kPartitions, static_cast<size_t>(round) * 100));
    Answer(kB, some);
  }
  EXPECT_EQ(verification_->result().equal, size_t{kPartitions});
}

TEST_F(VerificationTest, RootsUnderOtherOwnersMeanNothing) {
  const Ring ring = RingOf();
  Begin(ring);
  auto roots = Roots(7);
  roots[9].epoch = 4;
  while (Round()) {
    for (const NodeId node : {kA, kC}) Answer(node, Roots(7));
    Answer(kB, roots);
  }
  EXPECT_THAT(verification_->result().unknown, ElementsAre(9));
}

TEST_F(VerificationTest, OfWhatMovesNothingIsSaid) {
  const Ring ring = RingOf({{.partition = 4, .step = MoveStep::kPrepare, .to = {kA, kC}}});
  Begin(ring);
  while (Round()) {
    for (const NodeId node : {kA, kB, kC}) Answer(node, Roots(7));
  }
  EXPECT_THAT(verification_->result().moving, ElementsAre(4));
  EXPECT_THAT(verification_->result().different, IsEmpty());
}

TEST_F(VerificationTest, AMemberThatIsLostInARoundEndsIt) {
  const Ring ring = RingOf();
  Begin(ring);
  ASSERT_TRUE(Round());
  for (const NodeId node : {kA, kC}) Answer(node, Roots(7));
  verification_->Lost(kB, now_us_);
  EXPECT_FALSE(verification_->IsOver());
  ASSERT_TRUE(Round());
  for (const NodeId node : {kA, kB, kC}) Answer(node, Roots(7));
  EXPECT_EQ(verification_->result().equal, size_t{kPartitions});
}

}  // namespace
}  // namespace cartwheel::cluster
