#include "cluster/own_writes.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/cluster/allocation_counter.h"

namespace cartwheel::cluster {
namespace {

constexpr ActorId kA{7};
constexpr ActorId kB{9};

TEST(OwnWrites, OfEachActorTheFirstAndTheLastNumberAreKept) {
  OwnWrites writes;
  EXPECT_TRUE(writes.empty());
  writes.Note(3, {kA, 8});
  writes.Note(3, {kA, 5});
  writes.Note(3, {kA, 6});
  writes.Note(3, {kB, 1});
  EXPECT_FALSE(writes.empty());
  const std::vector<WriteRange> ranges = {{.partition = 3, .actor = kA, .first = 5, .last = 8},
                                          {.partition = 3, .actor = kB, .first = 1, .last = 1}};
  EXPECT_EQ(writes.Ranges(), ranges);
}

TEST(OwnWrites, TheirOrderIsThatOfPartitionsWhateverActorsAreCalled) {
  OwnWrites writes;
  for (Partition i = kPartitions; i-- > 0;) writes.Note(i, {ActorId{1'000'000U - i}, i + 1U});
  const auto ranges = writes.Ranges();
  ASSERT_EQ(ranges.size(), static_cast<size_t>(kPartitions));
  for (Partition i = 0; i < kPartitions; ++i) EXPECT_EQ(ranges[i].partition, i);
}

TEST(OwnWrites, WhatAnotherNodeWroteForTheConnectionIsJoined) {
  OwnWrites writes;
  writes.Note(3, {kA, 8});
  writes.Note({.partition = 3, .actor = kA, .first = 2, .last = 4});
  const std::vector<WriteRange> ranges = {{.partition = 3, .actor = kA, .first = 2, .last = 8}};
  EXPECT_EQ(writes.Ranges(), ranges);
}

TEST(OwnWrites, ANewWriteOfAKnownActorNeedsNoAllocation) {
  OwnWrites writes;
  writes.Note(3, {kA, 1});
  const size_t before = AllocationCount();
  for (uint64_t number = 2; number < 1000; ++number) writes.Note(3, {kA, number});
  EXPECT_EQ(AllocationCount(), before);
}

TEST(OwnWrites, WhoHasForgottenSomeSaysSo) {
  OwnWrites writes;
  for (uint64_t i = 1; i <= OwnWrites::kMostRanges; ++i) writes.Note(3, {ActorId{i}, 1});
  EXPECT_TRUE(writes.complete());
  writes.Note(3, {ActorId{1}, 2});
  EXPECT_TRUE(writes.complete());
  writes.Note(3, {ActorId{OwnWrites::kMostRanges + 1}, 1});
  EXPECT_FALSE(writes.complete());
  EXPECT_EQ(writes.Ranges().size(), OwnWrites::kMostRanges);
}

}  // namespace
}  // namespace cartwheel::cluster
