#include "cluster/counter.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cluster/random.h"
#include "tests/cluster/random_containers.h"

namespace cartwheel::cluster {
namespace {

constexpr ActorId kA{1};
constexpr ActorId kB{2};
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(Counter, ItAddsUpWhatAllActorsAddedAndTookAway) {
  Counter counter;
  EXPECT_FALSE(counter.IsLive());
  counter.Add({kB, 1}, 5, 1);
  counter.Add({kA, 4}, 10, 4);
  counter.Add({kB, 2}, -7, 1);
  EXPECT_EQ(counter.Sum(), 8);
  EXPECT_TRUE(counter.IsLive());
  EXPECT_EQ(counter.entries().size(), 2u);
}

TEST(Counter, AnIncrementByNothingMakesTheKeyExist) {
  Counter counter;
  counter.Add({kA, 1}, 0, 1);
  EXPECT_EQ(counter.Sum(), 0);
  EXPECT_TRUE(counter.IsLive());
}

TEST(Counter, SumsWrapAndTheirDifferenceDoesNot) {
  Counter counter;
  counter.Add({kA, 1}, kMax, 1);
  for (uint64_t i = 0; i < 4; ++i) {
    counter.Add({kA, 2 + 2 * i}, kMin, 1);
    counter.Add({kA, 3 + 2 * i}, kMax, 1);
  }
  EXPECT_EQ(counter.Sum(), kMax - 4);
}

TEST(Counter, AnEntryGoesOnOnlyWhenItBeganWithWhatIsKnown) {
  Counter counter;
  counter.Add({kA, 3}, 1, 3);
  counter.Add({kA, 5}, 1, 3);
  ASSERT_EQ(counter.entries().size(), 1u);
  counter.Add({kA, 9}, 1, 9);
  counter.Add({kA, 10}, 1, 9);
  ASSERT_EQ(counter.entries().size(), 2u);
  EXPECT_EQ(counter.entries()[0].total.number, 5u);
  EXPECT_EQ(counter.entries()[1].first.number, 9u);
  EXPECT_EQ(counter.entries()[1].total.number, 10u);
}

TEST(Counter, AResetRemovesExactlyWhatWasSeen) {
  Counter counter;
  counter.Add({kA, 1}, 10, 1);
  const Counter seen = counter;
  counter.Add({kA, 2}, 5, 1);
  counter.Add({kB, 1}, 3, 1);
  counter.Reset(seen);
  EXPECT_EQ(counter.Sum(), 8);
  counter.Reset(seen);
  EXPECT_EQ(counter.Sum(), 8);
  counter.ResetAll();
  EXPECT_EQ(counter.Sum(), 0);
  EXPECT_FALSE(counter.IsLive());
}

TEST(Counter, WhatWasSeenElsewhereArrivesReset) {
  Counter elsewhere;
  elsewhere.Add({kA, 1}, 10, 1);
  const Counter seen = elsewhere.WithoutResets();
  elsewhere.Add({kA, 2}, 5, 1);
  Counter counter;
  counter.Reset(seen);
  EXPECT_FALSE(counter.IsLive());
  counter.Join(elsewhere);
  EXPECT_EQ(counter.Sum(), 5);
}

TEST(Counter, JoinIsCommutativeAssociativeAndIdempotent) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    const RandomContainers containers(seed, 12);
    Random random(seed);
    const Counter& a = containers.Pick(random).counter;
    const Counter& b = containers.Pick(random).counter;
    const Counter& c = containers.Pick(random).counter;
    const auto joined = [](Counter x, const Counter& y) {
      x.Join(y);
      return x;
    };
    ASSERT_EQ(joined(a, b), joined(b, a));
    ASSERT_EQ(joined(joined(a, b), c), joined(a, joined(b, c)));
    ASSERT_EQ(joined(a, a), a);
  }
}

// Three replicas that add, reset all they know, and take in what others had, however old.
TEST(Counter, TheSumIsThatOfTheIncrementsWhichNoResetSaw) {
  constexpr size_t kReplicas = 3;
  struct Replica {
    Counter counter;
    std::vector<bool> added = std::vector<bool>(64);
    std::vector<bool> reset = std::vector<bool>(64);
  };
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<Replica> replicas(kReplicas);
    std::vector<Replica> sent;
    std::vector<int64_t> deltas;
    for (uint64_t step = 1; step <= 40; ++step) {
      const size_t at = random.Below(kReplicas);
      Replica& replica = replicas[at];
      const uint64_t what = random.Below(100);
      if (what < 45) {
        deltas.push_back(static_cast<int64_t>(random.Below(15)) - 5);
        replica.counter.Add({ActorId{at + 1}, step}, deltas.back(), 1);
        replica.added[deltas.size() - 1] = true;
        sent.push_back(replica);
      } else if (what < 55) {
        replica.counter.ResetAll();
        replica.reset = replica.added;
        sent.push_back(replica);
      } else if (!sent.empty()) {
        const Replica& copy = sent[random.Below(sent.size())];
        replica.counter.Join(copy.counter);
        for (size_t i = 0; i < deltas.size(); ++i) {
          replica.added[i] = replica.added[i] || copy.added[i];
          replica.reset[i] = replica.reset[i] || copy.reset[i];
        }
      }
      int64_t sum = 0;
      for (size_t i = 0; i < deltas.size(); ++i) {
        if (replica.added[i] && !replica.reset[i]) sum += deltas[i];
      }
      ASSERT_EQ(replica.counter.Sum(), sum);
    }
  }
}

TEST(Counter, EntriesThatMakeNoSenseAreNotAppended) {
  Counter counter;
  ASSERT_TRUE(counter.AppendEntry({{kB, 3}, {5, 1, 2}, {4, 1, 0}}));
  const Counter before = counter;
  const std::vector<Counter::Entry> wrong = {
      {{kA, 9}, {9, 1, 0}, {}},                  // out of order
      {{kB, 3}, {9, 1, 0}, {}},                  // twice
      {{kB, 7}, {6, 1, 0}, {}},                  // ends before it begins
      {{kB, 7}, {9, 1, 0}, {10, 1, 0}},          // more reset than there is
      {{kB, 7}, {9, 1, 0}, {6, 1, 0}},           // reset before it begins
      {{kB, 7}, {9, 1, 0}, {0, 1, 0}},           // a sum up to nothing
      {{kB, 7}, {kMaxDotNumber + 1, 1, 0}, {}},  // too large
      {{ActorId{}, 7}, {9, 1, 0}, {}}};
  for (const auto& entry : wrong) EXPECT_FALSE(counter.AppendEntry(entry));
  EXPECT_EQ(counter, before);
}

TEST(Counter, AnEntryOfWhichAllWasRemovedKeepsItsSums) {
  Counter counter;
  counter.Add({kA, 1}, 1, 1);
  counter.Add({kB, 7}, 2, 7);
  counter.ResetIf([](const Counter::Entry& entry) { return entry.last() == Dot{kA, 1}; });
  EXPECT_EQ(counter.Sum(), 2);
  counter.Add({kA, 2}, 5, 1);
  EXPECT_EQ(counter.Sum(), 7);
}

}  // namespace
}  // namespace cartwheel::cluster
