#include "cluster/hints.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/faulty_engine.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr NodeId kA{1};
constexpr NodeId kB{0x0100000000000000};
constexpr ActorId kActor{77};
constexpr int64_t kMinute = 60'000;

class HintsTest : public testing::Test {
 protected:
  void Add(NodeId target, std::string_view store_key, uint64_t number, int64_t now_ms = kMinute) {
    hints_.Add(target, store_key, std::vector<Dot>{{kActor, number}}, now_ms);
  }
  Hint Only(NodeId target) {
    const auto hints = hints_.Next(target, {}, 100);
    EXPECT_EQ(hints.size(), 1);
    return hints.empty() ? Hint{} : hints[0];
  }
  std::vector<std::string> KeysOf(NodeId target, std::string_view after = {}, size_t max = 100) {
    std::vector<std::string> keys;
    for (const Hint& hint : hints_.Next(target, after, max)) keys.push_back(hint.store_key);
    return keys;
  }
  bool Commit() {
    const bool committed = engine_.Commit().has_value();
    hints_.Settle(committed);
    return committed;
  }
  uint64_t Waiting(NodeId target) {
    const auto waiting = hints_.waiting();
    const auto found = waiting.find(target);
    return found == waiting.end() ? 0 : found->second.hints;
  }

  storage::FaultyEngine engine_{storage::NewMemoryEngine()};
  Hints hints_{engine_};
};

TEST_F(HintsTest, AreListedByTargetInTheOrderOfTheStore) {
  for (const char* key : {"c", "a", "b"}) Add(kA, key, 1);
  Add(kB, "d", 1);
  EXPECT_THAT(KeysOf(kA), ElementsAre("a", "b", "c"));
  EXPECT_THAT(KeysOf(kA, "a", 1), ElementsAre("b"));
  EXPECT_THAT(KeysOf(kA, "bb"), ElementsAre("c"));
  EXPECT_THAT(KeysOf(kB), ElementsAre("d"));
  EXPECT_THAT(KeysOf(NodeId{5}), IsEmpty());
}

TEST_F(HintsTest, GatherTheDotsOfWritesAndKeepTheFirstTime) {
  Add(kA, "key", 1, 1000);
  Add(kA, "key", 2, 2000);
  Add(kA, "key", 1, 3000);
  const Hint hint = Only(kA);
  EXPECT_THAT(hint.dots, ElementsAre(Dot{kActor, 1}, Dot{kActor, 2}));
  EXPECT_EQ(hint.since_ms, 1000);
  EXPECT_EQ(Waiting(kA), 1);
}

TEST_F(HintsTest, DropTheOldestDotsOverTheLimit) {
  for (uint64_t number = 1; number <= Hints::kMaxDots + 3; ++number) Add(kA, "key", number);
  const Hint hint = Only(kA);
  EXPECT_EQ(hint.dots.size(), Hints::kMaxDots);
  EXPECT_EQ(hint.dots.front(), (Dot{kActor, 4}));
}

TEST_F(HintsTest, WhatIsDeliveredIsGone) {
  Add(kA, "key", 1);
  Add(kB, "key", 1);
  EXPECT_TRUE(hints_.IsOwed("key"));
  EXPECT_TRUE(hints_.Done(Only(kA)));
  EXPECT_THAT(KeysOf(kA), IsEmpty());
  EXPECT_TRUE(hints_.IsOwed("key"));
  EXPECT_TRUE(hints_.Done(Only(kB)));
  EXPECT_FALSE(hints_.IsOwed("key"));
  EXPECT_THAT(hints_.waiting(), IsEmpty());
}

TEST_F(HintsTest, WhatCameDuringADeliveryIsStillOwed) {
  Add(kA, "key", 1);
  const Hint delivered = Only(kA);
  Add(kA, "key", 2);
  EXPECT_FALSE(hints_.Done(delivered));
  EXPECT_THAT(Only(kA).dots, ElementsAre(Dot{kActor, 2}));
  EXPECT_FALSE(hints_.Done(delivered)) << "the same acknowledgement once more";
  EXPECT_TRUE(hints_.Done(Only(kA)));
}

TEST_F(HintsTest, AWriteWithoutNewDotsIsStillOwed) {
  Add(kA, "key", 1);
  const Hint delivered = Only(kA);
  Add(kA, "key", 1);
  EXPECT_FALSE(hints_.Done(delivered));
}

TEST_F(HintsTest, ALateAcknowledgementDoesNotTakeTheHintThatFollowed) {
  Add(kA, "key", 1);
  const Hint first = Only(kA);
  EXPECT_TRUE(hints_.Done(first));
  Add(kA, "key", 2);
  EXPECT_FALSE(hints_.Done(first));
  EXPECT_THAT(Only(kA).dots, ElementsAre(Dot{kActor, 2}));
}

TEST_F(HintsTest, AreCountedAgainAtTheStart) {
  Add(kA, "one", 1, 5 * kMinute + 1);
  Add(kA, "two", 1, 7 * kMinute);
  Add(kB, "one", 1, 9 * kMinute);
  const auto before = hints_.waiting();
  EXPECT_EQ(before.at(kA), (Hints::Waiting{2, 5 * kMinute}));
  const uint64_t revision = hints_.Next(kB, {}, 1)[0].revision;
  Hints again(engine_);
  EXPECT_EQ(again.waiting(), before);
  again.Add(kB, "one", {}, 0);
  EXPECT_GT(again.Next(kB, {}, 1)[0].revision, revision);
}

TEST_F(HintsTest, TheOldestIsTheOldestThatIsLeft) {
  Add(kA, "one", 1, 5 * kMinute);
  Add(kA, "two", 1, 7 * kMinute);
  EXPECT_TRUE(hints_.Done(hints_.Next(kA, {}, 1)[0]));
  EXPECT_EQ(hints_.waiting().at(kA), (Hints::Waiting{1, 7 * kMinute}));
}

TEST_F(HintsTest, AFailedCommitTakesBackWhatWasCounted) {
  Add(kA, "one", 1);
  ASSERT_TRUE(Commit());
  const auto before = hints_.waiting();
  Add(kB, "two", 1);
  EXPECT_TRUE(hints_.Done(Only(kA)));
  engine_.FailCommits(storage::Error::Kind::kNoSpace);
  ASSERT_FALSE(Commit());
  EXPECT_EQ(hints_.waiting(), before);
  EXPECT_THAT(KeysOf(kA), ElementsAre("one"));
  for (int round = 0; round < 2; ++round) {
    Add(kB, "two", 1);
    hints_.Clear();
    Add(kB, "three", 1);
    hints_.Clear();
    Add(kA, "four", 1);
    EXPECT_EQ(Waiting(kA), 1);
    if (round == 0) {
      engine_.FailCommits(storage::Error::Kind::kNoSpace);
      ASSERT_FALSE(Commit());
      EXPECT_EQ(hints_.waiting(), before);
    }
  }
  ASSERT_TRUE(Commit());
  EXPECT_THAT(KeysOf(kA), ElementsAre("four"));
  EXPECT_EQ(Waiting(kB), 0);
}

TEST_F(HintsTest, OneThatIsDamagedIsOwedWithoutItsDots) {
  Add(kA, "key", 1);
  std::string key;
  std::string value;
  {
    const auto cursor = engine_.NewCursor(Keyspace::kHints);
    cursor->Seek({});
    key = cursor->key();
    value = cursor->value();
  }
  for (size_t i = 0; i < value.size(); ++i) {
    std::string damaged = value;
    damaged[i] ^= 1;
    EXPECT_EQ(DecodeHint(key, damaged), std::nullopt);
    EXPECT_EQ(DecodeHint(key, value.substr(0, i)), std::nullopt);
  }
  value[3] ^= 1;
  engine_.Put(Keyspace::kHints, key, value);
  const Hint hint = Only(kA);
  EXPECT_EQ(hint.store_key, "key");
  EXPECT_THAT(hint.dots, IsEmpty());
  EXPECT_TRUE(hints_.Done(hint));
  EXPECT_THAT(hints_.waiting(), IsEmpty());
}

}  // namespace
}  // namespace cartwheel::cluster
