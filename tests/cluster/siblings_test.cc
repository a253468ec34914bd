#include "cluster/siblings.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/context_token.h"
#include "tests/cluster/random_containers.h"

namespace cartwheel::cluster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr ActorId kOne{1};
constexpr ActorId kTwo{2};
constexpr ActorId kWriter{0xffff};  // no actor of RandomContainers

// By an actor of its own each, so that none has seen another.
void PutBeside(Container& container, Dot dot, std::string_view bytes, int64_t at_ms,
               ExpireAt expire_at = kNoExpiry, Dot value_dot = {}) {
  container.own_contiguous = false;
  Put(container, {.dot = dot,
                  .value_dot = value_dot == Dot{} ? dot : value_dot,
                  .hlc = Hlc::At(at_ms),
                  .type = Type::kString,
                  .expire_at = expire_at,
                  .bytes = bytes});
}

std::vector<std::string> Values(const Container& container) {
  std::string text;
  std::vector<std::string> values;
  for (const Version& sibling : SiblingsOf(container, kNow, text)) {
    values.emplace_back(sibling.bytes);
  }
  return values;
}

TEST(Siblings, TheShownOneIsFirstThenTheLater) {
  Container container;
  PutBeside(container, {kOne, 1}, "early", kNow - 3);
  PutBeside(container, {kOne, 2}, "late", kNow - 1);
  PutBeside(container, {kTwo, 1}, "between", kNow - 2);
  PutBeside(container, {kTwo, 2}, "between too", kNow - 2);
  EXPECT_THAT(Values(container), ElementsAre("late", "between too", "between", "early"));
}

TEST(Siblings, ExpiredOnesAreLeftOut) {
  Container container;
  PutBeside(container, {kOne, 1}, "gone", kNow, kNow - 1);
  PutBeside(container, {kTwo, 1}, "lives", kNow - 9, kNow);
  EXPECT_THAT(Values(container), ElementsAre("lives"));
  EXPECT_EQ(StoredIn(container).values, 2) << "until it is reaped it takes room";
  Container expired;
  PutBeside(expired, {kOne, 1}, "gone", kNow, kNow - 1);
  Increment(expired, {kTwo, 1}, 5);
  EXPECT_THAT(Values(expired), IsEmpty()) << "an increment belongs to the value that it found";
}

TEST(Siblings, OneValueWithTwoExpiriesIsOneThatLastsLongest) {
  for (const ExpireAt longer : {ExpireAt{kNow + 9}, kNoExpiry}) {
    Container container;
    PutBeside(container, {kOne, 1}, "first", kNow);
    container.versions.clear();
    PutBeside(container, {kOne, 2}, "first", kNow, kNow + 5, {kOne, 1});
    PutBeside(container, {kTwo, 1}, "first", kNow, longer, {kOne, 1});
    std::string text;
    const auto siblings = SiblingsOf(container, kNow, text);
    ASSERT_EQ(siblings.size(), 1U);
    EXPECT_EQ(siblings[0].expire_at, longer);
    EXPECT_EQ(StoredIn(container).values, 1U);
  }
}

TEST(Siblings, WhatWasCountedStandsOnTheFirst) {
  Container container;
  Increment(container, {kOne, 1}, 2);
  EXPECT_THAT(Values(container), ElementsAre("2"));
  PutBeside(container, {kOne, 2}, "7", kNow - 1);
  PutBeside(container, {kTwo, 1}, "40", kNow);
  EXPECT_THAT(Values(container), ElementsAre("42", "7"));
  PutBeside(container, {kTwo, 2}, "no number", kNow + 1);
  EXPECT_THAT(Values(container), ElementsAre("no number", "40", "7"));
}

TEST(Siblings, HeadsAreTheSameWithoutBytes) {
  Container container;
  PutBeside(container, {kOne, 1}, "four", kNow - 1);
  PutBeside(container, {kTwo, 1}, "five5", kNow);
  std::vector<SiblingHead> heads = {{}};  // must be overwritten
  ListHeads(container, kNow, heads);
  EXPECT_THAT(heads, ElementsAre(SiblingHead{{kTwo, 1}, Hlc::At(kNow), 5},
                                 SiblingHead{{kOne, 1}, Hlc::At(kNow - 1), 4}));
}

TEST(Siblings, AWriteAddsOneToWhatItsWriterHasNotSeen) {
  Container container;
  PutBeside(container, {kOne, 1}, "a", kNow);
  const Seen first = SeenOf(container);
  PutBeside(container, {kTwo, 1}, "bb", kNow);
  EXPECT_EQ(StoredAfterWrite(container, {}, 10).values, 3U);
  EXPECT_EQ(StoredAfterWrite(container, {}, 10).bytes, 13U);
  EXPECT_EQ(StoredAfterWrite(container, first, 10).values, 2U);
  EXPECT_EQ(StoredAfterWrite(container, first, 10).bytes, 12U);
  EXPECT_EQ(StoredAfterWrite(container, SeenOf(container), 10).values, 1U);
}

// What a client of any history is told to have seen.
struct Written {
  Container after;
  Seen before;
  Dot dot;
};

Written RandomWrite(Random& random, const RandomContainers& containers) {
  Written written{.after = containers.Pick(random),
                  .before = random.Percent(20) ? Seen{} : SeenOf(containers.Pick(random)),
                  .dot = {kWriter, 1}};
  Discard(written.after, written.before);
  written.after.own_contiguous = false;
  Put(written.after, {.dot = written.dot, .value_dot = written.dot, .hlc = {}, .bytes = "new"});
  return written;
}

TEST(SeenAfterWrite, CoversNothingLiveButTheWriteItself) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const RandomContainers containers(seed, 30);
    const Written written = RandomWrite(random, containers);
    const Seen seen = SeenAfterWrite(written.after, written.before, written.dot);
    Container rest = written.after;
    Discard(rest, seen);
    Container expected = written.after;
    expected.versions.erase(expected.versions.begin() +
                            (expected.Find(written.dot) - expected.versions.data()));
    EXPECT_EQ(rest.versions, expected.versions) << seed;
    EXPECT_EQ(rest.counter.Sum(), expected.counter.Sum()) << seed;
    EXPECT_EQ(rest.counter.IsLive(), expected.counter.IsLive()) << seed;
  }
}

TEST(SeenAfterWrite, IncludesWhatWasSeenBeforeAndTheWrite) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const RandomContainers containers(seed, 30);
    const Written written = RandomWrite(random, containers);
    const Seen seen = SeenAfterWrite(written.after, written.before, written.dot);
    EXPECT_TRUE(seen.context.Includes(written.before.context)) << seed;
    EXPECT_TRUE(seen.context.Covers(written.dot)) << seed;
    EXPECT_TRUE(written.after.context.Includes(seen.context)) << seed << ": nothing is made up";
    Seen both = seen;
    both.Join(written.before);
    EXPECT_EQ(both, seen) << seed;
  }
}

TEST(SeenAfterWrite, HasAToken) {
  const std::array<uint8_t, 16> secret = {1};
  const TokenKey token_key{.cluster_id = 42, .secret = secret};
  const KeyRef ref{3, "a key"};
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const RandomContainers containers(seed, 30);
    const Written written = RandomWrite(random, containers);
    const Seen seen = SeenAfterWrite(written.after, written.before, written.dot);
    EXPECT_EQ(ReadContextToken(token_key, ref, MakeContextToken(token_key, ref, seen)), seen)
        << seed;
  }
}

// Two clients that never read: each knows of its own last write only.
TEST(SeenAfterWrite, DoesNotGrowWithTheNumberOfWrites) {
  Container container;
  Seen seen[2];
  size_t most = 0;
  for (uint64_t number = 1; number <= 1000; ++number) {
    Seen& writer = seen[number % 2];
    Discard(container, writer);
    const Dot dot{kOne, number};
    Put(container, {.dot = dot, .value_dot = dot, .hlc = Hlc::At(kNow), .bytes = "v"});
    writer = SeenAfterWrite(container, writer, dot);
    most = std::max(most, writer.context.intervals().size());
    EXPECT_LE(container.versions.size(), 2U);
  }
  EXPECT_LE(most, 3U);
}

}  // namespace
}  // namespace cartwheel::cluster
