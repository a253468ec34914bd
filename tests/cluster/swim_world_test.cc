// Many members over a bad network: how soon a death is noticed, and how seldom somebody is taken
// for dead who is not.
#include "tests/cluster/swim_world.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

// When the first and the last of the others took the node for that or worse; 0: not all did.
struct Noticed {
  int64_t first_us = 0;
  int64_t last_us = 0;
};
Noticed WhenNoticed(const SwimWorld& world, size_t about, Health health, int64_t since_us) {
  Noticed noticed;
  std::set<size_t> by;
  for (const SwimWorld::Notice& notice : world.notices) {
    if (notice.about != about || notice.health < health || notice.at_us < since_us) continue;
    if (by.empty()) noticed.first_us = notice.at_us - since_us;
    if (!by.insert(notice.by).second) continue;
    noticed.last_us = notice.at_us - since_us;
  }
  return by.size() + 1 == world.size() ? noticed : Noticed{};
}

size_t Count(const SwimWorld& world, Health health) {
  return static_cast<size_t>(std::ranges::count_if(
      world.notices, [health](const auto& notice) { return notice.health == health; }));
}

TEST(SwimWorld, InAQuietNetworkNobodyIsEverSuspected) {
  for (const size_t nodes : {2, 3, 9, 30}) {
    SwimWorld world(nodes, nodes);
    world.RunFor(60 * kSecondUs);
    EXPECT_TRUE(world.notices.empty()) << nodes;
    EXPECT_TRUE(world.AllTakeAllForAlive());
  }
}

// At worst, of all runs: when everybody suspected the node that died, and took it for dead.
void CheckDeathsOfNine(bool connections_break, int64_t suspected_at_most_us,
                       int64_t dead_at_most_us) {
  int64_t suspected_us = 0;
  int64_t dead_us = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SwimWorld world(9, seed);
    world.RunFor(5 * kSecondUs + static_cast<int64_t>(seed) * 7'919);
    const int64_t since_us = world.now_us();
    world.Kill(4);
    if (connections_break) world.MakeDoubt(4);
    world.RunFor(15 * kSecondUs);
    const Noticed suspected = WhenNoticed(world, 4, Health::kSuspect, since_us);
    const Noticed dead = WhenNoticed(world, 4, Health::kDead, since_us);
    ASSERT_GT(suspected.last_us, 0) << "seed " << seed;
    ASSERT_GT(dead.last_us, 0) << "seed " << seed;
    suspected_us = std::max(suspected_us, suspected.last_us);
    dead_us = std::max(dead_us, dead.last_us);
    EXPECT_EQ(Count(world, Health::kDead), 8U) << "nobody else, seed " << seed;
  }
  std::printf("of 9, in 40 runs%s: suspected by all after %.2f s at most, dead after %.2f s\n",
              connections_break ? ", connections break" : "",
              static_cast<double>(suspected_us) / kSecondUs,
              static_cast<double>(dead_us) / kSecondUs);
  EXPECT_LE(suspected_us, suspected_at_most_us);
  EXPECT_LE(dead_us, dead_at_most_us);
}

TEST(SwimWorld, ADeathThatBreaksConnectionsIsKnownToAllWithinFiveSeconds) {
  CheckDeathsOfNine(true, 2 * kSecondUs, 5 * kSecondUs);
}

// As of a machine that is gone, for who has no connection to it: each of the others asks one of
// the eight a second, in a random order, so that it may take a whole round.
TEST(SwimWorld, ADeathThatNobodyHearsOfIsFoundByProbing) {
  CheckDeathsOfNine(false, 9 * kSecondUs, 13 * kSecondUs);
}

TEST(SwimWorld, OfTwoTheOtherIsNoticedToo) {
  SwimWorld world(2, 5);
  world.RunFor(10 * kSecondUs);
  world.Kill(1);
  world.RunFor(12 * kSecondUs);
  EXPECT_TRUE(world.AllTake(1, Health::kDead));
}

TEST(SwimWorld, WhereEveryFifthDatagramIsLostNobodyDies) {
  size_t suspicions = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SwimWorld world(9, seed);
    world.lost_percent = 20;
    world.RunFor(200 * kSecondUs);
    EXPECT_EQ(Count(world, Health::kDead), 0U) << "seed " << seed;
    suspicions += Count(world, Health::kSuspect);
    EXPECT_TRUE(world.AllTakeAllForAlive());
  }
  std::printf("20 %% loss: %zu suspicions in 4 runs of 9 nodes for 200 s\n", suspicions);
  EXPECT_LE(suspicions, 4U);
}

// It has missed what the others said meanwhile, and must not take them for dead for that.
TEST(SwimWorld, WhoWasPausedAccusesNobodyAndIsBackAtOnce) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SwimWorld world(9, seed);
    world.RunFor(10 * kSecondUs);
    world.Pause(3);
    world.RunFor(10 * kSecondUs);
    EXPECT_TRUE(world.AllTake(3, Health::kDead)) << "seed " << seed;
    world.Resume(3);
    world.RunFor(5 * kSecondUs);
    EXPECT_TRUE(world.AllTakeAllForAlive()) << "seed " << seed;
    for (const SwimWorld::Notice& notice : world.notices) {
      EXPECT_TRUE(notice.about == 3 || notice.health != Health::kDead) << "seed " << seed;
    }
  }
}

TEST(SwimWorld, HalvesLoseSightOfEachOtherAndFindEachOtherAgain) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SwimWorld world(7, seed);
    world.RunFor(5 * kSecondUs);
    for (size_t a = 0; a < 3; ++a) {
      for (size_t b = 3; b < 7; ++b) world.Cut(a, b);
    }
    world.RunFor(40 * kSecondUs);
    for (size_t a = 0; a < 3; ++a) {
      for (size_t b = 3; b < 7; ++b) {
        EXPECT_EQ(world.node(a).HealthOf(SwimWorld::IdOf(b)), Health::kDead);
        EXPECT_EQ(world.node(b).HealthOf(SwimWorld::IdOf(a)), Health::kDead);
      }
      for (size_t b = 0; b < 3; ++b) {
        EXPECT_EQ(world.node(a).HealthOf(SwimWorld::IdOf(b)), Health::kAlive);
      }
    }
    world.Mend();
    world.RunFor(15 * kSecondUs);
    EXPECT_TRUE(world.AllTakeAllForAlive()) << "seed " << seed;
  }
}

// Two that do not reach each other, while all others reach both.
TEST(SwimWorld, ASingleBrokenLinkIsNoDeath) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SwimWorld world(5, seed);
    world.RunFor(5 * kSecondUs);
    world.Cut(0, 1);
    world.RunFor(60 * kSecondUs);
    EXPECT_EQ(Count(world, Health::kDead), 0U) << "seed " << seed;
    EXPECT_EQ(Count(world, Health::kSuspect), 0U) << "seed " << seed;
  }
}

// A datagram has 8 bytes of UDP and 20 of IP around it, a packet some 60 of its own.
TEST(SwimWorld, AnIdleClusterSaysLittle) {
  for (const size_t nodes : {9, 50}) {
    SwimWorld world(nodes, 3);
    world.RunFor(20 * kSecondUs);
    const uint64_t datagrams = world.datagrams;
    const uint64_t over_connections = world.over_connections;
    const uint64_t rumors = world.rumors;
    constexpr int64_t kSeconds = 60;
    world.RunFor(kSeconds * kSecondUs);
    const double packets = static_cast<double>(world.datagrams - datagrams) +
                           2.0 * static_cast<double>(world.over_connections - over_connections);
    const double bytes = packets * 88 + static_cast<double>(world.rumors - rumors) * 25;
    const double each = bytes / static_cast<double>(kSeconds) / static_cast<double>(nodes);
    std::printf("idle, %zu nodes: %.0f bytes a second sent by each\n", nodes, each);
    EXPECT_LE(each, 5'000.0 / 2);
  }
}

}  // namespace
}  // namespace cartwheel::cluster
