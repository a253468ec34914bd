#include "cluster/shown_value.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr ActorId kOne{1};
constexpr ActorId kTwo{2};

Version Written(Dot dot, std::string_view bytes, int64_t at_ms, ExpireAt expire_at = kNoExpiry) {
  return {.dot = dot,
          .value_dot = dot,
          .hlc = Hlc::At(at_ms),
          .type = Type::kString,
          .expire_at = expire_at,
          .bytes = bytes};
}

std::optional<std::string> Shown(const Container& container) {
  std::string text;
  const auto value = ShownValue(container, kNow, text);
  return value ? std::optional<std::string>(value->bytes) : std::nullopt;
}

TEST(ShownValue, OfNothingIsNothing) {
  EXPECT_EQ(Shown({}), std::nullopt);
}

TEST(ShownValue, OfSiblingsIsTheLatest) {
  Container container;
  Put(container, Written({kOne, 1}, "early", kNow - 2));
  container.own_contiguous = false;
  Put(container, Written({kTwo, 1}, "late", kNow - 1));
  EXPECT_EQ(Shown(container), "late");
}

TEST(ShownValue, AnExpiredSiblingDoesNotHideALivingOne) {
  Container container;
  Put(container, Written({kOne, 1}, "lives", kNow - 2));
  container.own_contiguous = false;
  Put(container, Written({kTwo, 1}, "expired", kNow - 1, kNow - 1));
  EXPECT_EQ(Shown(container), "lives");
  EXPECT_EQ(GoneAt(container), kNoExpiry);
}

TEST(ShownValue, WhatWasCountedStandsOnTheWinnersInteger) {
  Container container;
  Increment(container, {kOne, 1}, 5);
  EXPECT_EQ(Shown(container), "5");
  DiscardAll(container);
  EXPECT_EQ(Shown(container), std::nullopt);
  Put(container, Written({kOne, 2}, "40", kNow));
  EXPECT_EQ(Shown(container), "40");
  Increment(container, {kOne, 3}, 2);
  EXPECT_EQ(Shown(container), "42");
}

TEST(ShownValue, ZeroCountedUpAndDownIsAValue) {
  Container container;
  Increment(container, {kOne, 1}, 5);
  Increment(container, {kOne, 2}, -5);
  EXPECT_EQ(Shown(container), "0");
}

TEST(ShownValue, TextHidesWhatWasCountedBesideIt) {
  Container container;
  Put(container, Written({kOne, 1}, "text", kNow));
  Increment(container, {kOne, 2}, 2);
  EXPECT_EQ(Shown(container), "text");
  for (const std::string_view no_integer :
       {"", "007", "+1", "-0", " 1", "1 ", "9223372036854775808"}) {
    container.versions[0].bytes = no_integer;
    EXPECT_EQ(Shown(container), no_integer);
  }
}

TEST(ShownValue, CountsBeyondTheLargestIntegerStopThere) {
  Container container;
  Put(container, Written({kOne, 1}, "9223372036854775807", kNow));
  Increment(container, {kOne, 2}, 1);
  EXPECT_EQ(Shown(container), std::to_string(std::numeric_limits<int64_t>::max()));
  container.versions[0].bytes = "-9223372036854775808";
  Increment(container, {kOne, 3}, -2);
  EXPECT_EQ(Shown(container), std::to_string(std::numeric_limits<int64_t>::min()));
}

TEST(ShownValue, AKeyIsGoneWithItsLastVersionCountedOrNot) {
  Container container;
  Put(container, Written({kOne, 1}, "1", kNow, kNow - 5));
  Increment(container, {kOne, 2}, 1);
  EXPECT_EQ(Shown(container), std::nullopt);
  EXPECT_EQ(GoneAt(container), kNow - 5);
  container.own_contiguous = false;
  Put(container, Written({kTwo, 1}, "2", kNow, kNow + 5));
  EXPECT_EQ(Shown(container), "3");
  EXPECT_EQ(GoneAt(container), kNow + 5);
}

}  // namespace
}  // namespace cartwheel::cluster
