#include "cluster/removed.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr ActorId kA{1};

ReceivedDots UpTo(uint64_t number) {
  ReceivedDots received;
  received.RaiseBase(kA, number);
  return received;
}

TEST(Removed, AVersionThatArrivedAndIsNotLiveWasRemoved) {
  const Version version{.dot = {kA, 3}, .value_dot = {kA, 3}, .hlc = {}, .bytes = {}};
  Container live;
  Put(live, version);
  EXPECT_TRUE(WasRemoved(version, nullptr, UpTo(3)));
  EXPECT_FALSE(WasRemoved(version, nullptr, UpTo(2)));
  EXPECT_FALSE(WasRemoved(version, &live, UpTo(3)));
  DiscardAll(live);
  EXPECT_TRUE(WasRemoved(version, &live, UpTo(3)));
}

TEST(Removed, AnEntryWasRemovedAsFarAsItArrivedAndIsNotThere) {
  Container shorter;
  Increment(shorter, {kA, 3}, 1);
  Container longer = shorter;
  Increment(longer, {kA, 5}, 1);
  const Counter::Entry& entry = longer.counter.entries()[0];
  EXPECT_TRUE(WasRemoved(entry, nullptr, UpTo(5)));
  EXPECT_FALSE(WasRemoved(entry, nullptr, UpTo(4)));
  EXPECT_TRUE(WasRemoved(entry, &shorter, UpTo(5)));
  EXPECT_FALSE(WasRemoved(entry, &shorter, UpTo(4)));
  EXPECT_FALSE(WasRemoved(entry, &longer, UpTo(5)));
  EXPECT_FALSE(WasRemoved(shorter.counter.entries()[0], &longer, UpTo(5)));
}

}  // namespace
}  // namespace cartwheel::cluster
