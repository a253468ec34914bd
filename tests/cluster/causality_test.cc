// The rules of versions keep their properties in a random world, and each of them is needed.
#include <algorithm>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/cluster/causality_world.h"

namespace cartwheel::cluster {
namespace {

constexpr int kSteps = 400;
constexpr uint64_t kSeeds = 500;
// A rule that is left out is missed within so many.
constexpr uint64_t kMutationSeeds = 250;

// A line on what happened, so that a world that stopped doing anything is noticed.
TEST(Causality, EveryPropertyHoldsInARandomWorld) {
  CausalityWorld::Stats sum;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    CausalityWorld world(seed, {});
    const auto broken = world.Run(kSteps);
    ASSERT_FALSE(broken) << "seed " << seed << ": " << *broken << '\n'
                         << CausalityWorld::Story(seed, {}, kSteps);
    const CausalityWorld::Stats& stats = world.stats();
    sum.writes += stats.writes;
    sum.acknowledged += stats.acknowledged;
    sum.increments += stats.increments;
    sum.obsolete += stats.obsolete;
    sum.forgotten += stats.forgotten;
    sum.disks_lost += stats.disks_lost;
    sum.rollbacks += stats.rollbacks;
    sum.hints += stats.hints;
    sum.most_siblings = std::max(sum.most_siblings, stats.most_siblings);
  }
  RecordProperty("writes", std::to_string(sum.writes));
  RecordProperty("forgotten", std::to_string(sum.forgotten));
  EXPECT_GT(sum.acknowledged, kSeeds * 50);
  EXPECT_GT(sum.increments, kSeeds * 20);
  EXPECT_GT(sum.obsolete, kSeeds);
  EXPECT_GT(sum.forgotten, kSeeds);
  EXPECT_GT(sum.disks_lost, kSeeds);
  EXPECT_GT(sum.rollbacks, kSeeds / 4);
  EXPECT_GT(sum.hints, kSeeds * 20);
  EXPECT_GT(sum.most_siblings, 4u);
}

void ExpectMissed(const CausalityRules& rules, uint64_t first_seed = 0) {
  for (uint64_t seed = first_seed; seed < first_seed + kMutationSeeds; ++seed) {
    if (const auto broken = CausalityWorld(seed, rules).Run(kSteps)) {
      EXPECT_NE(CausalityWorld::Story(seed, rules, kSteps).find("BROKEN " + *broken),
                std::string::npos);
      testing::Test::RecordProperty("seed", std::to_string(seed));
      testing::Test::RecordProperty("broken", *broken);
      return;
    }
  }
  FAIL() << "no property broke in " << kMutationSeeds << " seeds";
}

TEST(Causality, VersionVectorsWouldClaimWhatTheyHaveNotSeen) {
  ExpectMissed({.intervals = false});
}
TEST(Causality, WithoutANewActorLostDataReusesDots) {
  ExpectMissed({.rotation = false});
}
TEST(Causality, WithoutReceivedDotsALateCopyRevivesTheDeleted) {
  ExpectMissed({.received_first = false});
}
TEST(Causality, WithoutAFloorWhatIsForgottenComesBack) {
  ExpectMissed({.floor = false});
}
TEST(Causality, WithoutRebuildingOldDataIsBelieved) {
  ExpectMissed({.rebuilding = false});
}
TEST(Causality, WithoutASourceRebuildingRevivesTheDeleted) {
  ExpectMissed({.source = false});
}
TEST(Causality, WithoutContiguityAnIntervalClaimsWhatWasForgotten) {
  ExpectMissed({.contiguity = false});
}
TEST(Causality, AResetOfWhatWasNotSeenLosesIncrements) {
  ExpectMissed({.observed_resets = false});
}
TEST(Causality, WithoutVouchedBasesALateIncrementRevivesAForgottenReset) {
  // Once in a thousand worlds or so: so the seeds are those of one. (MayForget's tests have the
  // same in four steps.)
  constexpr uint64_t kFirstSeed = 250;
  ExpectMissed({.vouched_counters = false, .increments = 60}, kFirstSeed);
}

}  // namespace
}  // namespace cartwheel::cluster
