// Writes and reads while a partition moves, and when its owners change under them.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/owned_container.h"
#include "cluster/read_quorum.h"
#include "cluster/ring.h"
#include "cluster/write_quorum.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kStart = 5'000'000;
constexpr NodeId kA{1};  // goes
constexpr NodeId kB{2};  // comes
constexpr NodeId kX{3};
constexpr NodeId kY{4};
constexpr NodeId kF{5};  // stands in
constexpr Partition kPartition = 7;

// A, X and Y own everything; the partition is on its way to B, X and Y.
Ring RingAt(std::optional<MoveStep> step, bool moved = false) {
  std::vector<Member> members;
  for (const NodeId node : {kA, kB, kX, kY, kF}) members.push_back({.node = node, .zone = ""});
  OwnerTable owners{.copies = 3, .nodes = {}};
  for (int i = 0; i < kPartitions; ++i) owners.nodes.insert(owners.nodes.end(), {kA, kX, kY});
  if (moved) SetRow(owners, kPartition, std::vector{kB, kX, kY});
  std::vector<Move> moves;
  if (step) moves.push_back({.partition = kPartition, .step = *step, .to = {kB, kX, kY}});
  return {members, owners, moves};
}

std::vector<Candidate> Writers(const Ring& ring, const std::vector<NodeId>& unhealthy = {}) {
  std::vector<Candidate> candidates;
  const size_t holders = ring.HoldersOf(kPartition).size();
  for (const NodeId node : ring.PreferenceList(kPartition)) {
    const size_t at = candidates.size();
    candidates.push_back({.node = node,
                          .owner = at < holders,
                          .healthy = std::ranges::find(unhealthy, node) == unhealthy.end()});
    if (at < holders) candidates.back().quorums = ring.QuorumsOf(kPartition, at);
  }
  return candidates;
}

std::vector<NodeId> SentTo(WriteQuorum& quorum) {
  std::vector<NodeId> nodes;
  for (const auto& output : quorum.TakeOutputs()) {
    if (const auto* send = std::get_if<WriteQuorum::Send>(&output)) nodes.push_back(send->node);
  }
  std::ranges::sort(nodes);
  return nodes;
}

WriteQuorum Begin(const Ring& ring, NodeId self, const Levels& levels = {}) {
  return {self, Writers(ring), levels, {}, kStart};
}

TEST(MovingWrite, GoesToTheOwnersBeforeAndAfter) {
  for (const MoveStep step : {MoveStep::kPrepare, MoveStep::kSwitch}) {
    WriteQuorum write = Begin(RingAt(step), kX);
    write.LocalStored(false, kStart);
    EXPECT_EQ(SentTo(write), (std::vector{kA, kB, kY}));
  }
}

TEST(MovingWrite, NeedsWOfEach) {
  WriteQuorum write = Begin(RingAt(MoveStep::kPrepare), kA);
  write.LocalStored(false, kStart);
  write.Acknowledged(kB, false, kStart);
  EXPECT_FALSE(write.outcome()) << "one of each";
  write.Acknowledged(kX, false, kStart);
  ASSERT_TRUE(write.outcome()) << "A and X, B and X";
  EXPECT_EQ(write.outcome()->kind, WriteOutcome::Kind::kAcknowledged);
}

TEST(MovingWrite, IsNotAcknowledgedByTheOwnersBeforeAlone) {
  WriteQuorum write = Begin(RingAt(MoveStep::kPrepare), kA, {.n = 3, .r = 1, .w = 3});
  write.LocalStored(false, kStart);
  write.Acknowledged(kX, false, kStart);
  write.Acknowledged(kY, false, kStart);
  EXPECT_FALSE(write.outcome());
  write.Acknowledged(kB, false, kStart);
  EXPECT_TRUE(write.outcome());
}

TEST(MovingWrite, AStandInCountsForWhomItStandsIn) {
  const Ring ring = RingAt(MoveStep::kPrepare);
  WriteQuorum write(kA, Writers(ring, {kB, kY}), {}, {}, kStart);
  write.LocalStored(false, kStart);
  EXPECT_EQ(SentTo(write), (std::vector{kB, kX, kF})) << "of two that are away one has a stand-in";
  write.Acknowledged(kF, false, kStart);
  EXPECT_FALSE(write.outcome());
  write.Acknowledged(kX, false, kStart);
  EXPECT_TRUE(write.outcome());
}

TEST(MovingWrite, PWIsOfTheOwnersThemselvesInEach) {
  WriteQuorum write = Begin(RingAt(MoveStep::kSwitch), kB, {.n = 3, .r = 2, .w = 2, .pw = 2});
  write.LocalStored(false, kStart);
  write.Acknowledged(kA, false, kStart);
  EXPECT_FALSE(write.outcome());
  write.Acknowledged(kY, false, kStart);
  EXPECT_TRUE(write.outcome());
}

TEST(MovingWrite, BeginsAgainUnderOtherOwnersWithoutWhatItHad) {
  WriteQuorum write = Begin(RingAt(std::nullopt), kX, {.n = 3, .r = 1, .w = 3});
  write.LocalStored(false, kStart);
  EXPECT_EQ(SentTo(write), (std::vector{kA, kY}));
  write.Acknowledged(kA, false, kStart);
  write.Restart(kX, Writers(RingAt(std::nullopt, true)), kStart + 1);
  EXPECT_EQ(SentTo(write), (std::vector{kB, kY}));
  write.Acknowledged(kY, false, kStart + 1);
  EXPECT_FALSE(write.outcome()) << "A is no owner any more";
  write.Acknowledged(kB, false, kStart + 1);
  EXPECT_TRUE(write.outcome());
}

TEST(MovingWrite, ACopyAtWhoIsNoOwnerAnyMoreCountsForNobodyThatIsThere) {
  WriteQuorum write = Begin(RingAt(std::nullopt), kA);
  write.LocalStored(false, kStart);
  std::ignore = write.TakeOutputs();
  write.Restart(kA, Writers(RingAt(std::nullopt, true)), kStart);
  EXPECT_NE(write.local_hint_for(), kNoNode) << "it is to be handed on";
  EXPECT_EQ(SentTo(write), (std::vector{kB, kX, kY}));
  write.Acknowledged(kX, false, kStart);
  EXPECT_FALSE(write.outcome());
  write.Acknowledged(kB, false, kStart);
  EXPECT_TRUE(write.outcome());
}

TEST(MovingWrite, KeepsItsDeadlineWhenItBeginsAgain) {
  WriteQuorum write = Begin(RingAt(std::nullopt), kX, {.n = 3, .r = 1, .w = 3});
  write.LocalStored(false, kStart);
  const int64_t deadline_us = kStart + WriteQuorum::Options{}.deadline_us;
  write.Restart(kX, Writers(RingAt(std::nullopt, true)), deadline_us - 1);
  write.OnTime(deadline_us);
  ASSERT_TRUE(write.outcome());
  EXPECT_EQ(write.outcome()->kind, WriteOutcome::Kind::kUncertain);
}

// ---- reads

std::vector<Candidate> Readers(const Ring& ring) {
  std::vector<Candidate> candidates;
  const size_t owners = ring.OwnersOf(kPartition).size();
  for (const NodeId node : ring.PreferenceList(kPartition)) {
    candidates.push_back({.node = node, .owner = candidates.size() < owners, .healthy = true});
  }
  return candidates;
}

TEST(MovingRead, AsksTheOwnersBeforeUntilTheSwitch) {
  const auto owners_at = [](MoveStep step) {
    const Ring ring = RingAt(step);
    const auto owners = ring.OwnersOf(kPartition);
    return std::vector(owners.begin(), owners.end());
  };
  EXPECT_EQ(owners_at(MoveStep::kPrepare), (std::vector{kA, kX, kY}));
  EXPECT_EQ(owners_at(MoveStep::kSwitch), (std::vector{kB, kX, kY}));
}

TEST(MovingRead, BeginsAgainUnderOtherOwnersWithoutWhatItHad) {
  ReadQuorum read(Readers(RingAt(std::nullopt)), {.n = 3, .r = 2, .w = 2}, {}, {}, kStart);
  std::ignore = read.TakeOutputs();
  Container container;
  Version version;
  version.dot = version.value_dot = {ActorId{9}, 1};
  version.bytes = "old";
  Put(container, version);
  read.Answered(
      kA, {.container = &container, .complete = true, .actor = ActorId{1}, .received = {}}, kStart);
  EXPECT_FALSE(read.outcome());
  read.Restart(Readers(RingAt(std::nullopt, true)), kStart + 1);
  EXPECT_TRUE(read.merged().versions.empty());
  size_t asked = 0;
  for (const auto& output : read.TakeOutputs()) {
    const auto* const send = std::get_if<ReadQuorum::Send>(&output);
    ASSERT_NE(send, nullptr);
    EXPECT_NE(send->node, kA);
    ++asked;
  }
  EXPECT_EQ(asked, 2U);
  read.Answered(kB, {.complete = true, .actor = ActorId{2}, .received = {}}, kStart + 1);
  EXPECT_FALSE(read.outcome()) << "one of two";
  read.Answered(kX, {.complete = true, .actor = ActorId{3}, .received = {}}, kStart + 1);
  EXPECT_TRUE(read.outcome());
}

// ---- the ring

TEST(MovingRing, KnowsWhoComesAndWhoGoes) {
  const Ring prepare = RingAt(MoveStep::kPrepare);
  EXPECT_TRUE(prepare.IsMoving(kPartition));
  EXPECT_FALSE(prepare.IsMoving(kPartition + 1));
  EXPECT_EQ(prepare.DeparturesOf(kPartition), std::vector{kA});
  EXPECT_TRUE(prepare.IsPreparedFor(kB, kPartition));
  EXPECT_FALSE(prepare.IsPreparedFor(kX, kPartition));
  EXPECT_TRUE(prepare.Owns(kA, kPartition));
  EXPECT_TRUE(prepare.Owns(kB, kPartition));
  EXPECT_FALSE(prepare.Owns(kF, kPartition));
  EXPECT_FALSE(RingAt(MoveStep::kSwitch).IsPreparedFor(kB, kPartition)) << "it is read there";
  EXPECT_EQ(RingAt(std::nullopt, true).DeparturesOf(kPartition), std::vector<NodeId>());
}

TEST(MovingRing, RowsMayBeOfDifferentLength) {
  OwnerTable table{.copies = 1, .nodes = std::vector<NodeId>(kPartitions, kA)};
  SetRow(table, 3, std::vector{kA, kB, kX});
  EXPECT_EQ(table.copies, 3U);
  EXPECT_EQ(RowOf(table, 2).size(), 1U);
  EXPECT_EQ(RowOf(table, 3).size(), 3U);
  SetRow(table, 3, std::vector{kB});
  EXPECT_EQ(RowOf(table, 3).front(), kB);
  Tighten(table);
  EXPECT_EQ(table.copies, 1U);
  EXPECT_EQ(RowOf(table, 3).front(), kB);
  EXPECT_EQ(RowOf(table, 4).front(), kA);
}

TEST(MovingRing, WhoHasNoWeightStandsInLast) {
  std::vector<Member> members;
  for (const NodeId node : {kA, kB, kX, kY, kF}) members.push_back({.node = node, .zone = ""});
  members[1].weight = 0;
  members[2].gone = true;
  OwnerTable owners{.copies = 1, .nodes = std::vector<NodeId>(kPartitions, kA)};
  const Ring ring(members, owners);
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    const auto list = ring.PreferenceList(partition);
    for (const NodeId last : {list[3], list[4]}) EXPECT_TRUE(last == kB || last == kX);
  }
}

}  // namespace
}  // namespace cartwheel::cluster
