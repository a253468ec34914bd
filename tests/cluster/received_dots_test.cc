#include "cluster/received_dots.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/cluster/allocation_counter.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

constexpr ActorId kA{7};
constexpr ActorId kB{0xffff'ffff'ffff'fff0};
constexpr uint64_t kHuge = uint64_t{1} << 32;

std::string Stored(const ReceivedDots& dots) {
  std::string bytes;
  dots.EncodeTo(bytes);
  return bytes;
}

TEST(ReceivedDots, TheBaseFollowsWhatArrivesInOrder) {
  ReceivedDots dots;
  EXPECT_EQ(dots.BaseOf(kA), 0u);
  for (uint64_t number = 1; number <= 5; ++number) EXPECT_TRUE(dots.Add({kA, number}));
  EXPECT_FALSE(dots.Add({kA, 3}));
  EXPECT_EQ(dots.BaseOf(kA), 5u);
  EXPECT_EQ(dots.HighestOf(kA), 5u);
  EXPECT_EQ(dots.missing(), 0u);
  EXPECT_FALSE(dots.Has({kA, 6}));
  EXPECT_FALSE(dots.Has({kB, 1}));
}

TEST(ReceivedDots, GapsAreKnownUntilTheyAreFilled) {
  ReceivedDots dots;
  EXPECT_TRUE(dots.Add({kA, 3}));
  EXPECT_TRUE(dots.Add({kA, 5}));
  EXPECT_FALSE(dots.Add({kA, 5}));
  EXPECT_EQ(dots.BaseOf(kA), 0u);
  EXPECT_EQ(dots.HighestOf(kA), 5u);
  EXPECT_EQ(dots.missing(), 3u);
  EXPECT_TRUE(dots.Has({kA, 3}));
  EXPECT_FALSE(dots.Has({kA, 4}));
  dots.Add({kA, 1});
  dots.Add({kA, 2});
  EXPECT_EQ(dots.BaseOf(kA), 3u);
  dots.RaiseBase(kA, 4);
  EXPECT_EQ(dots.BaseOf(kA), 5u);
  EXPECT_EQ(dots.missing(), 0u);
}

TEST(ReceivedDots, AllOfARangeAreThereOrNot) {
  ReceivedDots dots;
  EXPECT_FALSE(dots.HasAll(kA, 1, 1));
  for (const uint64_t number :
       {uint64_t{1}, uint64_t{2}, uint64_t{4}, uint64_t{5}, kHuge - 1, kHuge, kHuge + 1}) {
    dots.Add({kA, number});
  }
  EXPECT_TRUE(dots.HasAll(kA, 1, 2));
  EXPECT_TRUE(dots.HasAll(kA, 4, 5)) << "a gap before it does not matter";
  EXPECT_TRUE(dots.HasAll(kA, 5, 5));
  EXPECT_TRUE(dots.HasAll(kA, kHuge - 1, kHuge + 1));
  EXPECT_FALSE(dots.HasAll(kA, 2, 4));
  EXPECT_FALSE(dots.HasAll(kA, 3, 3));
  EXPECT_FALSE(dots.HasAll(kA, 5, 6));
  EXPECT_FALSE(dots.HasAll(kA, 5, kHuge));
  EXPECT_FALSE(dots.HasAll(kA, 1, kMaxDotNumber));
  EXPECT_FALSE(dots.HasAll(kB, 1, 1));
}

TEST(ReceivedDots, WhatArrivesInOrderNeedsNoAllocation) {
  ReceivedDots dots;
  dots.Add({kA, 1});
  const size_t before = AllocationCount();
  for (uint64_t number = 2; number <= 10'000; ++number) dots.Add({kA, number});
  EXPECT_EQ(AllocationCount(), before);
}

TEST(ReceivedDots, ARaisedBaseNeverFalls) {
  ReceivedDots dots;
  dots.RaiseBase(kA, 0);
  EXPECT_TRUE(dots.actors().empty());
  dots.RaiseBase(kA, 9);
  dots.RaiseBase(kA, 4);
  EXPECT_EQ(dots.BaseOf(kA), 9u);
}

TEST(ReceivedDots, AGapThatHeldUpMillionsClosesAtOnce) {
  ReceivedDots dots;
  constexpr uint64_t kMany = 300'000;
  for (uint64_t number = 2; number <= kMany; ++number) dots.Add({kA, number});
  EXPECT_EQ(dots.missing(), 1u);
  dots.Add({kA, 1});
  EXPECT_EQ(dots.BaseOf(kA), kMany);
}

TEST(ReceivedDots, OfAClosedActorEverythingCountsAsReceived) {
  ReceivedDots dots;
  dots.Add({kA, 3});
  dots.Add({kB, 1});
  EXPECT_FALSE(dots.IsClosed(kA));
  ReceivedDots closed;
  closed.Close(kA);
  EXPECT_FALSE(dots.Includes(closed));
  dots.Join(closed);
  EXPECT_TRUE(dots.IsClosed(kA));
  EXPECT_FALSE(dots.IsClosed(kB));
  EXPECT_TRUE(dots.Includes(closed));
  EXPECT_TRUE(dots.HasAll(kA, 1, kMaxDotNumber));
  EXPECT_EQ(dots.missing(), 0U);
  EXPECT_FALSE(dots.Add({kA, 9}));
  const std::string stored = Stored(dots);
  std::string_view bytes = stored;
  ReceivedDots read;
  ASSERT_TRUE(ReceivedDots::TakeFrom(bytes, read));
  EXPECT_EQ(read, dots);
}

TEST(ReceivedDots, TheSameOfOneActorMayBeReceivedAmongOthers) {
  ReceivedDots a;
  ReceivedDots b;
  EXPECT_TRUE(a.IsSameOf(kA, b)) << "nothing";
  a.Add({kB, 7});
  a.Add({kA, 2});
  EXPECT_FALSE(a.IsSameOf(kA, b));
  EXPECT_FALSE(b.IsSameOf(kA, a));
  b.Add({kA, 2});
  EXPECT_TRUE(a.IsSameOf(kA, b));
  b.Add({kA, 1});
  EXPECT_FALSE(a.IsSameOf(kA, b)) << "no gap";
}

TEST(ReceivedDots, ActorsComeInOrder) {
  ReceivedDots dots;
  dots.Add({kB, 1});
  dots.Add({kA, 3});
  EXPECT_EQ(dots.actors(), (std::vector{kA, kB}));
}

// Against a plain set, around the bounds of the bitmaps and of Roaring's containers.
TEST(ReceivedDots, TheyAreASetOfNumbers) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const uint64_t origins[] = {0, 65'500, kHuge - 50, 3 * kHuge - 10, kMaxDotNumber - 200};
    const uint64_t origin = origins[random.Below(5)];
    ReceivedDots dots;
    dots.RaiseBase(kA, origin);
    std::set<uint64_t> numbers;  // above the origin
    const auto base = [&] {
      uint64_t last = origin;
      while (numbers.contains(last + 1)) ++last;
      return last;
    };
    for (int step = 0; step < 150; ++step) {
      const uint64_t number = origin + 1 + random.Below(100);
      if (random.Percent(3)) {
        dots.RaiseBase(kA, number);
        for (uint64_t i = origin + 1; i <= number; ++i) numbers.insert(i);
      } else if (random.Percent(5)) {
        ReceivedDots other;
        other.RaiseBase(kA, origin + random.Below(10));
        for (uint64_t i = origin + 1; i <= other.BaseOf(kA); ++i) numbers.insert(i);
        for (int i = 0; i < 5; ++i) {
          const uint64_t one = origin + 1 + random.Below(100);
          other.Add({kA, one});
          numbers.insert(one);
        }
        dots.Join(other);
      } else {
        ASSERT_EQ(dots.Add({kA, number}), numbers.insert(number).second);
      }
      ASSERT_EQ(dots.BaseOf(kA), base());
      const uint64_t highest = numbers.empty() ? origin : *numbers.rbegin();
      ASSERT_EQ(dots.HighestOf(kA), highest);
      ASSERT_EQ(dots.missing(), highest - origin - numbers.size());
    }
    for (uint64_t i = 1; i <= 100; ++i) {
      ASSERT_EQ(dots.Has({kA, origin + i}), numbers.contains(origin + i)) << i;
    }
    const std::string bytes = Stored(dots);
    std::string_view in = bytes;
    ReceivedDots decoded;
    ASSERT_TRUE(ReceivedDots::TakeFrom(in, decoded));
    ASSERT_EQ(decoded, dots);
    ASSERT_EQ(Stored(decoded), bytes);
    ASSERT_EQ(ReceivedDots(dots), dots);
  }
}

ReceivedDots RandomDots(Random& random) {
  ReceivedDots dots;
  for (uint64_t actor = 1; actor <= 3; ++actor) {
    if (random.Percent(50)) dots.RaiseBase(ActorId{actor}, random.Below(8));
    for (uint64_t i = random.Below(6); i > 0; --i) dots.Add({ActorId{actor}, 1 + random.Below(20)});
  }
  return dots;
}

TEST(ReceivedDots, JoinIsCommutativeAssociativeAndIdempotentToTheByte) {
  const auto joined = [](ReceivedDots a, const ReceivedDots& b) {
    a.Join(b);
    return a;
  };
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const ReceivedDots a = RandomDots(random);
    const ReceivedDots b = RandomDots(random);
    const ReceivedDots c = RandomDots(random);
    ASSERT_EQ(Stored(joined(a, b)), Stored(joined(b, a)));
    ASSERT_TRUE(joined(a, b).Includes(b));
    ASSERT_EQ(a.Includes(b), Stored(joined(a, b)) == Stored(a));
    ASSERT_EQ(Stored(joined(joined(a, b), c)), Stored(joined(a, joined(b, c))));
    ASSERT_EQ(Stored(joined(a, a)), Stored(a));
    for (uint64_t number = 1; number <= 21; ++number) {
      const Dot dot{ActorId{2}, number};
      ASSERT_EQ(joined(a, b).Has(dot), a.Has(dot) || b.Has(dot));
    }
  }
}

TEST(ReceivedDots, RunsThatCrossTheBoundsOfABitmapComeBack) {
  ReceivedDots dots;
  for (uint64_t number = kHuge - 3; number < kHuge + 3; ++number) dots.Add({kA, number});
  const std::string bytes = Stored(dots);
  std::string_view in = bytes;
  ReceivedDots decoded;
  ASSERT_TRUE(ReceivedDots::TakeFrom(in, decoded));
  EXPECT_EQ(decoded, dots);
  decoded.RaiseBase(kA, kHuge - 4);
  EXPECT_EQ(decoded.BaseOf(kA), kHuge + 2);
}

TEST(ReceivedDots, EveryPrefixIsRefusedAndEveryFlippedBitDecodesToWhatEncodesAlike) {
  ReceivedDots dots;
  dots.RaiseBase(kA, 300);
  dots.Add({kA, 302});
  dots.Add({kA, 303});
  dots.Add({kB, 5});
  const std::string bytes = Stored(dots);
  ReceivedDots out;
  for (size_t length = 0; length < bytes.size(); ++length) {
    std::string_view in = std::string_view(bytes).substr(0, length);
    EXPECT_FALSE(ReceivedDots::TakeFrom(in, out)) << length;
    EXPECT_EQ(in.size(), length);
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    std::string_view in = flipped;
    if (!ReceivedDots::TakeFrom(in, out)) continue;
    EXPECT_EQ(Stored(out) + std::string(in), flipped) << bit;
  }
}

TEST(ReceivedDots, AFewBytesCannotClaimBillionsOfNumbers) {
  ReceivedDots dots;
  dots.Add({kA, 2});
  std::string bytes = Stored(dots);
  bytes.back() = '\xff';  // the length of the run
  bytes += "\xff\xff\xff\xff\xff\x01";
  std::string_view in = bytes;
  ReceivedDots out;
  EXPECT_FALSE(ReceivedDots::TakeFrom(in, out));
}

}  // namespace
}  // namespace cartwheel::cluster
