#include "cluster/exchange.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr ActorId kA{1};
constexpr ActorId kB{2};

Container With(Dot dot, std::string_view bytes) {
  Container container;
  Put(container, {.dot = dot, .value_dot = dot, .hlc = {}, .bytes = bytes});
  return container;
}

ReceivedDots UpTo(ActorId actor, uint64_t number) {
  ReceivedDots received;
  received.RaiseBase(actor, number);
  return received;
}

TEST(Exchange, OfTwoCompleteOwnersTheOneThatLostAVersionGetsItBack) {
  const Container kept = With({kA, 1}, "v");
  const Container both = Exchange(&kept, UpTo(kA, 1), nullptr, UpTo(kA, 1), true);
  EXPECT_EQ(both.versions.size(), 1u);
}

TEST(Exchange, ARebuildingOwnerDropsWhatTheOtherRemovedAndForgot) {
  const Container stale = With({kA, 1}, "v");
  EXPECT_TRUE(Exchange(&stale, UpTo(kA, 1), nullptr, UpTo(kA, 1), false).IsDeleted());
  EXPECT_TRUE(Exchange(nullptr, UpTo(kA, 1), &stale, UpTo(kA, 1), false).IsDeleted());
}

TEST(Exchange, ARebuildingOwnerKeepsWhatTheOtherNeverReceived) {
  const Container fresh = With({kA, 2}, "v");
  EXPECT_FALSE(Exchange(&fresh, UpTo(kA, 2), nullptr, UpTo(kA, 1), false).IsDeleted());
}

TEST(Exchange, WhatIsLiveAtBothStays) {
  const Container a = Sync(With({kA, 1}, "v"), With({kB, 1}, "w"));
  const Container b = With({kA, 1}, "v");
  const Container both = Exchange(&a, UpTo(kA, 1), &b, UpTo(kA, 1), false);
  EXPECT_EQ(both.versions.size(), 2u);
}

TEST(Exchange, CountsThatTheOtherForgotAreReset) {
  Container stale;
  Increment(stale, {kA, 1}, 5);
  Increment(stale, {kB, 1}, 3);
  EXPECT_EQ(Exchange(&stale, UpTo(kA, 1), nullptr, UpTo(kA, 1), false).counter.Sum(), 3);
  EXPECT_EQ(Exchange(&stale, UpTo(kA, 1), nullptr, UpTo(kA, 1), true).counter.Sum(), 8);
}

}  // namespace
}  // namespace cartwheel::cluster
