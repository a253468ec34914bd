// Whole runs: a seed is a run, everything promised holds in some of them, and a run does things.
#include "tests/sim/world.h"

#include <gtest/gtest.h>

#include "server/log.h"

namespace cartwheel::sim {
namespace {

constexpr uint64_t kSeeds = 20;

WorldResult RunQuietly(const WorldOptions& options) {
  // What a server says about its broken disk is of no interest here.
  server::Config quiet;
  quiet.logfile = "/dev/null";
  EXPECT_TRUE(server::OpenLog(quiet).has_value());
  return RunWorld(options);
}

std::string Text(const WorldResult& result) {
  std::string text;
  for (const Violation& violation : result.violations) {
    text += violation.rule + ", " + violation.key + ": " + violation.text + "\n";
  }
  return text + result.story;
}

TEST(World, TheSameSeedIsTheSameRun) {
  const WorldResult first = RunQuietly({.seed = 7});
  const WorldResult second = RunQuietly({.seed = 7});
  EXPECT_EQ(first.trace, second.trace);
  EXPECT_NE(first.trace, RunQuietly({.seed = 8}).trace);
}

TEST(World, EveryPropertyHoldsOnOneNode) {
  WorldResult sum;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const WorldResult result = RunQuietly({.seed = seed});
    ASSERT_TRUE(result.violations.empty()) << "seed " << seed << "\n" << Text(result);
    sum.acknowledged += result.acknowledged;
    sum.uncertain += result.uncertain;
    sum.faults += result.faults;
  }
  EXPECT_GT(sum.acknowledged, kSeeds * 150);
  EXPECT_GT(sum.uncertain, kSeeds);
  EXPECT_GT(sum.faults, kSeeds * 2);
}

TEST(World, EveryPropertyHoldsInMemory) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const WorldResult result = RunQuietly({.seed = seed, .in_memory = true});
    ASSERT_TRUE(result.violations.empty()) << "seed " << seed << "\n" << Text(result);
  }
}

TEST(World, WithoutFaultsNothingIsUncertain) {
  const WorldResult result = RunQuietly({.seed = 1, .faults = false});
  EXPECT_EQ(result.uncertain, 0u);
  EXPECT_EQ(result.failed, 0u);
  EXPECT_TRUE(result.violations.empty()) << Text(result);
}

}  // namespace
}  // namespace cartwheel::sim
