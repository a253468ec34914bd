// LocalStore as one replica of several.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/any_record.h"
#include "cluster/local_store.h"
#include "cluster/owned_container.h"
#include "cluster/store_check.h"
#include "cluster/store_key.h"
#include "storage/faulty_engine.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kMargin = 2 * HybridClock::kMaxOffsetMs;
constexpr KeyRef kKey{0, "key"};
constexpr NodeId kTarget{5};

Ownership Owner() {
  Ownership ownership{.alone = false, .owned = {}};
  ownership.owned.set();
  return ownership;
}

// Two owners and one that owns nothing.
class ReplicaTest : public testing::Test {
 protected:
  struct Node {
    explicit Node(uint64_t seed, const Ownership& ownership)
        : store(*LocalStore::Open(engine, {.actor_seed = seed, .ownership = ownership})) {
      store.MarkComplete(PartitionOfKey());
    }

    storage::FaultyEngine engine{storage::NewMemoryEngine()};
    LocalStore store;
  };
  struct Copy {
    OwnedContainer container;
    DotList dots;
  };

  static bool Put(Node& node, std::string_view bytes, ExpireAt expire_at = kNoExpiry) {
    return node.store.Write(kKey, Change::Put(bytes, expire_at), kNow);
  }
  static bool Delete(Node& node, const Seen* seen = nullptr) {
    return node.store.Write(kKey, Change::Delete(), kNow, seen);
  }
  // Of the last write.
  static Copy CopyOf(Node& node) {
    return {OwnedContainer(**node.store.ReadContainer(kKey)), node.store.minted()};
  }
  static std::expected<bool, Refusal> Apply(Node& node, const Copy& copy, int64_t now_ms = kNow) {
    return node.store.Apply(kKey, copy.container.get(), copy.dots, now_ms);
  }
  static std::string Shown(Node& node, int64_t now_ms = kNow) {
    const auto value = node.store.Read(kKey, now_ms);
    if (!value.has_value()) return "(damaged)";
    return *value ? std::string((*value)->bytes) : "(none)";
  }
  static bool HasRecord(Node& node) {
    std::string store_key;
    EncodeStoreKey(kKey, store_key);
    return node.engine.Get(Keyspace::kData, store_key).has_value();
  }
  static void Damage(Node& node) {
    std::string store_key;
    EncodeStoreKey(kKey, store_key);
    std::string record(*node.engine.Get(Keyspace::kData, store_key));
    record.back() ^= 1;
    node.engine.Put(Keyspace::kData, store_key, record);
  }
  static Partition PartitionOfKey() { return PartitionOf(SlotOf(kKey.key)); }
  static std::vector<std::string> Listed(Node& node) {
    std::vector<std::string> keys = node.store.List(0, 0, kEndPlace, 100, kNow).keys;
    EXPECT_EQ(node.store.RandomKey(0, 7, kNow).has_value(), !keys.empty());
    return keys;
  }
  static bool IsSound(Node& node) {
    EXPECT_TRUE(node.store.Commit().has_value());
    StoreCheck check;
    for (const bool learn : {true, false}) {
      for (size_t i = 0; i < storage::kKeyspaceCount; ++i) {
        const auto keyspace = static_cast<Keyspace>(i);
        const auto cursor = node.engine.NewCursor(keyspace);
        for (cursor->Seek({}); cursor->Valid(); cursor->Next()) {
          if (learn) check.Learn(keyspace, cursor->key(), cursor->value());
          if (!learn) check.Visit(keyspace, cursor->key(), cursor->value());
        }
      }
    }
    check.Compare();
    for (const std::string& line : check.lines()) ADD_FAILURE() << line;
    return check.sound();
  }

  Node a_{1, Owner()};
  Node b_{2, Owner()};
  Node fallback_{3, {.alone = false, .owned = {}}};
};

// ---- deletions

TEST_F(ReplicaTest, ADeletionLeavesTheContextWhichNobodySees) {
  Put(a_, "value");
  EXPECT_THAT(a_.store.minted(), testing::SizeIs(1));
  EXPECT_TRUE(Delete(a_));
  EXPECT_THAT(a_.store.minted(), testing::SizeIs(1));
  EXPECT_TRUE(HasRecord(a_));
  EXPECT_EQ(Shown(a_), "(none)");
  EXPECT_THAT(Listed(a_), IsEmpty());
  EXPECT_EQ(a_.store.counts(0), Counts{});
  EXPECT_TRUE(IsSound(a_));
  Put(a_, "again");
  EXPECT_THAT(Listed(a_), ElementsAre("key"));
  EXPECT_EQ(a_.store.counts(0).keys, 1);
  EXPECT_TRUE(IsSound(a_));
}

TEST_F(ReplicaTest, AStoreOfContextsAloneIsOpenedAgain) {
  Put(a_, "value");
  Delete(a_);
  ASSERT_TRUE(a_.store.Commit().has_value());
  auto again = LocalStore::Open(a_.engine, {.actor_seed = 9, .ownership = Owner()});
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->counts(0), Counts{});
}

TEST_F(ReplicaTest, DeletingWhatIsDeletedIsNoWrite) {
  EXPECT_FALSE(Delete(a_));
  EXPECT_FALSE(HasRecord(a_));
  Put(a_, "value");
  Delete(a_);
  EXPECT_FALSE(Delete(a_));
  EXPECT_THAT(a_.store.minted(), IsEmpty());
}

TEST_F(ReplicaTest, DeletingWhatOnlyTheWriterHasSeenIsOne) {
  Put(b_, "value");
  const Copy copy = CopyOf(b_);
  const Seen seen = SeenOf(copy.container.get());
  EXPECT_FALSE(Delete(a_, &seen)) << "nothing was shown here";
  EXPECT_THAT(a_.store.minted(), testing::SizeIs(1));
  EXPECT_EQ(Apply(a_, copy), false);
  EXPECT_EQ(Shown(a_), "(none)");
}

TEST_F(ReplicaTest, ADamagedRecordThatIsDeletedLeavesTheDeletion) {
  Put(a_, "value");
  Damage(a_);
  EXPECT_TRUE(Delete(a_));
  EXPECT_THAT(a_.store.minted(), testing::SizeIs(1));
  EXPECT_EQ(Shown(a_), "(none)");
  EXPECT_TRUE(IsSound(a_));
}

TEST_F(ReplicaTest, WhenItIsAloneAgainDeletionsLeaveNothing) {
  Put(a_, "value");
  Delete(a_);
  a_.store.SetOwnership({});
  Delete(a_);
  EXPECT_FALSE(HasRecord(a_));
  EXPECT_EQ(a_.store.counts(0), Counts{});
}

// ---- copies

TEST_F(ReplicaTest, ACopyIsTakenInOnce) {
  Put(a_, "value");
  const Copy copy = CopyOf(a_);
  const Dot dot = copy.dots[0];
  EXPECT_EQ(Apply(b_, copy), true);
  ASSERT_TRUE(b_.store.Commit().has_value());
  EXPECT_EQ(Shown(b_), "value");
  EXPECT_EQ(b_.store.counts(0).keys, 1);
  EXPECT_TRUE(b_.store.HasReceived(PartitionOfKey(), dot));
  EXPECT_EQ(Apply(b_, copy), false);
  EXPECT_TRUE(IsSound(b_));
}

// Otherwise the copy that does bring it would look like one that was removed here.
TEST_F(ReplicaTest, AWriteThatACopyDoesNotKnowHasNotComeWithIt) {
  a_.store.Write(kKey, Change::Add(8), kNow);
  const Copy copy = CopyOf(a_);
  EXPECT_EQ(Apply(b_, {.container = {}, .dots = copy.dots}), false);
  ASSERT_TRUE(b_.store.Commit().has_value());
  EXPECT_FALSE(b_.store.HasReceived(PartitionOfKey(), copy.dots[0]));
  EXPECT_EQ(Apply(b_, copy), true);
  EXPECT_EQ(Shown(b_), "8");
}

TEST_F(ReplicaTest, ACopyThatFailedToCommitIsNotReceived) {
  Put(a_, "value");
  const Copy copy = CopyOf(a_);
  ASSERT_TRUE(Apply(b_, copy).has_value());
  b_.engine.FailCommits(storage::Error::Kind::kNoSpace);
  ASSERT_FALSE(b_.store.Commit().has_value());
  EXPECT_FALSE(b_.store.HasReceived(PartitionOfKey(), copy.dots[0]));
  EXPECT_EQ(Apply(b_, copy), true);
}

TEST_F(ReplicaTest, ADeletionThatIsForgottenIsNotUndoneByALateCopy) {
  Put(a_, "value");
  const Copy late = CopyOf(a_);
  ASSERT_TRUE(Apply(b_, late).has_value());
  Delete(a_);
  const Copy deletion = CopyOf(a_);
  EXPECT_EQ(Apply(b_, deletion), true);
  EXPECT_EQ(b_.store.counts(0), Counts{});
  ASSERT_TRUE(b_.store.Commit().has_value());
  Floor floor;
  floor.Set(deletion.dots[0].actor, 2);
  std::string after;
  EXPECT_EQ(b_.store.Forget(PartitionOfKey(), floor, 100, after).forgotten, 1);
  EXPECT_FALSE(HasRecord(b_));
  EXPECT_EQ(Apply(b_, late), false);
  EXPECT_EQ(Shown(b_), "(none)");
}

TEST_F(ReplicaTest, ACopyBeyondTheClocksOffsetIsRefusedAndChangesNothing) {
  a_.store.Write(kKey, Change::Put("value", kNoExpiry), kNow + HybridClock::kMaxOffsetMs + 1);
  const Copy copy = CopyOf(a_);
  EXPECT_EQ(Apply(b_, copy), std::unexpected(Refusal::kClockAhead));
  EXPECT_FALSE(HasRecord(b_));
  EXPECT_EQ(Apply(b_, copy, kNow + 1), true);
  Put(b_, "later");
  EXPECT_EQ(Apply(a_, CopyOf(b_), kNow + 1), true);
  EXPECT_EQ(Shown(a_), "later") << "its clock has come along";
}

TEST_F(ReplicaTest, ADamagedRecordTakesNoCopy) {
  Put(a_, "value");
  const Copy copy = CopyOf(a_);
  ASSERT_TRUE(Apply(b_, copy).has_value());
  Damage(b_);
  EXPECT_EQ(Apply(b_, copy), std::unexpected(Refusal::kFailed));
  EXPECT_EQ(Shown(b_), "(damaged)");
}

TEST_F(ReplicaTest, CountsOfBothAddUp) {
  a_.store.Write(kKey, Change::Add(5), kNow);
  b_.store.Write(kKey, Change::Add(7), kNow);
  EXPECT_EQ(Apply(b_, CopyOf(a_)), true);
  EXPECT_EQ(Shown(b_), "12");
  EXPECT_EQ(Apply(b_, CopyOf(a_)), false);
}

// ---- incarnations

TEST_F(ReplicaTest, AnActorIsMadeWhenItIsAskedFor) {
  const ActorId actor = a_.store.ActorOf(PartitionOfKey());
  EXPECT_NE(actor, ActorId{});
  Put(a_, "value");
  EXPECT_EQ(a_.store.minted()[0], (Dot{actor, 1}));
}

TEST_F(ReplicaTest, ACopyThatKnowsMoreOfItThanItDidItselfMakesItAnotherIncarnation) {
  Put(a_, "one");
  Put(a_, "two");
  const ActorId before = a_.store.ActorOf(PartitionOfKey());
  const Copy copy = CopyOf(a_);
  ASSERT_TRUE(Apply(b_, copy).has_value());
  Node back{1, Owner()};  // in time: it gave one number only
  Put(back, "one");
  ASSERT_EQ(back.store.ActorOf(PartitionOfKey()), before);
  EXPECT_TRUE(back.store.IsComplete(PartitionOfKey()));
  EXPECT_EQ(Apply(back, copy), true);
  EXPECT_NE(back.store.ActorOf(PartitionOfKey()), before);
  EXPECT_FALSE(back.store.IsComplete(PartitionOfKey()));
  EXPECT_EQ(Shown(back), "two");
  ASSERT_TRUE(back.store.Commit().has_value());
  EXPECT_TRUE(back.store.HasReceived(PartitionOfKey(), {before, 2}));
  back.store.MarkComplete(PartitionOfKey());
  EXPECT_TRUE(back.store.IsComplete(PartitionOfKey()));
}

TEST_F(ReplicaTest, SoDoesAClientsContext) {
  Put(a_, "one");
  Put(a_, "two");
  const Seen seen = SeenOf(CopyOf(a_).container.get());
  Node back{1, Owner()};
  Put(back, "one");
  const ActorId before = back.store.ActorOf(PartitionOfKey());
  back.store.Write(kKey, Change::Put("three", kNoExpiry), kNow, &seen);
  EXPECT_NE(back.store.minted()[0].actor, before);
  EXPECT_EQ(Shown(back), "three");
  EXPECT_FALSE(back.store.IsComplete(PartitionOfKey()));
}

TEST_F(ReplicaTest, WhoIsAloneIsCompleteAtOnce) {
  Node alone{1, {}};
  auto opened = LocalStore::Open(alone.engine, {.actor_seed = 2, .may_have_lost_writes = true});
  EXPECT_TRUE(opened->IsComplete(0));
  opened->SetOwnership(Owner());
  EXPECT_TRUE(opened->IsComplete(0));
  Node one_of_many{1, Owner()};
  opened = LocalStore::Open(one_of_many.engine,
                            {.actor_seed = 2, .may_have_lost_writes = true, .ownership = Owner()});
  EXPECT_FALSE(opened->IsComplete(0)) << "though it never wrote";
  opened->SetOwnership({});
  opened->SetOwnership(Owner());
  EXPECT_TRUE(opened->IsComplete(0));
}

// ---- what expires

TEST_F(ReplicaTest, AnExpiredVersionGoesWithoutAWriteWhenAllClocksAgree) {
  Put(a_, "value", kNow + 10);
  EXPECT_EQ(a_.store.NextExpiry(), kNow + 11 + kMargin);
  EXPECT_THAT(a_.store.Reap(kNow + 10 + kMargin, 100), IsEmpty());
  EXPECT_THAT(a_.store.Reap(kNow + 11 + kMargin, 100), testing::SizeIs(1));
  EXPECT_TRUE(HasRecord(a_));
  EXPECT_TRUE((*a_.store.ReadContainer(kKey))->IsDeleted());
  EXPECT_EQ(a_.store.counts(0), Counts{});
  EXPECT_EQ(a_.store.NextExpiry(), std::nullopt);
  EXPECT_TRUE(IsSound(a_));
}

TEST_F(ReplicaTest, AnExpiryGivenInTimeOutlivesAReapingThatDidNotKnowOfIt) {
  a_.store.Write(kKey, Change::Add(5), kNow);
  a_.store.Write(kKey, Change::Expire(kNow + 10), kNow);
  ASSERT_TRUE(Apply(b_, CopyOf(a_)).has_value());
  a_.store.Write(kKey, Change::Expire(kNoExpiry), kNow + 5);
  const Copy longer = CopyOf(a_);
  EXPECT_THAT(b_.store.Reap(kNow + 5000, 100), IsEmpty());
  EXPECT_EQ(Shown(b_, kNow + 5000), "(none)");
  EXPECT_EQ(b_.store.NextExpiry(), std::nullopt) << "it is not looked at again and again";
  EXPECT_EQ(Apply(b_, longer, kNow + 5000), true);
  EXPECT_EQ(Shown(b_, kNow + 5000), "5");
  EXPECT_TRUE(IsSound(b_));
}

TEST_F(ReplicaTest, WhatExpiredBehindTheReapersBackGoesAtOnce) {
  a_.store.Write(kKey, Change::Add(1), kNow);
  a_.store.Write(kKey, Change::Expire(kNow + 500), kNow);
  a_.store.Reap(kNow + 9000, 100);
  a_.store.Write({0, "late"}, Change::Put("value", kNow + 100), kNow + 9000);
  EXPECT_EQ(a_.store.counts(0).keys, 1);
  a_.store.Write({0, "in time"}, Change::Put("value", kNow + 300), kNow + 200);
  EXPECT_EQ(a_.store.counts(0).keys, 2) << "the clock went back";
  EXPECT_EQ(a_.store.NextExpiry(), kNow + 301 + kMargin);
  EXPECT_THAT(a_.store.Reap(kNow + 9000, 100), testing::SizeIs(1));
}

TEST_F(ReplicaTest, AReapingThatWasNotCommittedIsDoneAgain) {
  Put(a_, "value", kNow + 10);
  ASSERT_TRUE(a_.store.Commit().has_value());
  EXPECT_THAT(a_.store.Reap(kNow + 9000, 100), testing::SizeIs(1));
  a_.engine.FailCommits(storage::Error::Kind::kNoSpace);
  ASSERT_FALSE(a_.store.Commit().has_value());
  EXPECT_THAT(a_.store.Reap(kNow + 9000, 100), testing::SizeIs(1));
}

// ---- room

TEST_F(ReplicaTest, EvictionLeavesTheContext) {
  Put(a_, "value", kNow + 10);
  EXPECT_THAT(a_.store.EvictNextToExpire(1, 100, kNow), testing::SizeIs(1));
  EXPECT_TRUE(HasRecord(a_));
  EXPECT_EQ(a_.store.counts(0), Counts{});
  a_.store.Write(kKey, Change::Add(3), kNow);
  std::string hand;
  EXPECT_THAT(a_.store.EvictFrom(hand, 1 << 20, 100, kNow), testing::SizeIs(1));
  EXPECT_EQ(Shown(a_), "(none)");
  EXPECT_THAT(a_.store.EvictFrom(hand, 1 << 20, 100, kNow), IsEmpty()) << "nothing is left";
  EXPECT_TRUE(IsSound(a_));
}

TEST_F(ReplicaTest, WhatIsKeptForOthersIsNotEvicted) {
  Put(fallback_, "value", kNow + 10);
  std::string hand;
  EXPECT_THAT(fallback_.store.EvictFrom(hand, 1 << 20, 100, kNow), IsEmpty());
  EXPECT_THAT(fallback_.store.EvictNextToExpire(1 << 20, 100, kNow), IsEmpty());
  EXPECT_EQ(Shown(fallback_), "value");
}

// ---- hints

TEST_F(ReplicaTest, AFallbackAnswersAndForgetsWhatItHasHandedOn) {
  Put(fallback_, "value", kNow + 10'000);
  const DotList dots = fallback_.store.minted();
  EXPECT_TRUE(fallback_.store.AddHint(kTarget, kKey, dots, kNow));
  EXPECT_TRUE(fallback_.store.AddHint(NodeId{6}, kKey, dots, kNow));
  EXPECT_EQ(Shown(fallback_), "value");
  fallback_.store.HintDelivered(fallback_.store.hints().Next(kTarget, {}, 1)[0]);
  EXPECT_TRUE(HasRecord(fallback_)) << "somebody else is owed it";
  const Hint last = fallback_.store.hints().Next(NodeId{6}, {}, 1)[0];
  Put(fallback_, "newer", kNow + 10'000);
  fallback_.store.AddHint(NodeId{6}, kKey, fallback_.store.minted(), kNow);
  fallback_.store.HintDelivered(last);
  EXPECT_TRUE(HasRecord(fallback_)) << "it changed meanwhile";
  fallback_.store.HintDelivered(fallback_.store.hints().Next(NodeId{6}, {}, 1)[0]);
  EXPECT_FALSE(HasRecord(fallback_));
  EXPECT_EQ(fallback_.store.counts(0), Counts{});
  EXPECT_FALSE(fallback_.store.AddHint(kTarget, kKey, dots, kNow)) << "there is nothing to hand on";
  EXPECT_TRUE(IsSound(fallback_));
}

TEST_F(ReplicaTest, AFallbackTakesTheSameCopyAgainAfterItHandedItOn) {
  Put(a_, "value");
  const Copy copy = CopyOf(a_);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Apply(fallback_, copy), true);
    fallback_.store.AddHint(kTarget, kKey, copy.dots, kNow);
    ASSERT_TRUE(fallback_.store.Commit().has_value());
    EXPECT_FALSE(fallback_.store.HasReceived(PartitionOfKey(), copy.dots[0]));
    fallback_.store.HintDelivered(fallback_.store.hints().Next(kTarget, {}, 1)[0]);
    EXPECT_FALSE(HasRecord(fallback_));
  }
}

TEST_F(ReplicaTest, AnOwnerKeepsItsRecordWhenAllHintsAreDelivered) {
  Put(a_, "value");
  a_.store.AddHint(kTarget, kKey, a_.store.minted(), kNow);
  a_.store.HintDelivered(a_.store.hints().Next(kTarget, {}, 1)[0]);
  EXPECT_EQ(Shown(a_), "value");
}

TEST_F(ReplicaTest, FlushAllTakesTheHintsOfWhatItDeleted) {
  Put(a_, "value");
  a_.store.AddHint(kTarget, kKey, a_.store.minted(), kNow);
  a_.store.FlushAll();
  EXPECT_THAT(a_.store.hints().waiting(), IsEmpty());
  EXPECT_THAT(a_.store.hints().Next(kTarget, {}, 1), IsEmpty());
}

// ---- forgetting

TEST_F(ReplicaTest, OnlyDeletionsWithinTheFloorOfThePartitionAreForgotten) {
  for (int i = 0; i < 30; ++i) {
    const std::string key = "{key}" + std::to_string(i);
    a_.store.Write({0, key}, Change::Put("value", kNoExpiry), kNow);
    if (i % 3 != 0) a_.store.Write({0, key}, Change::Delete(), kNow);
  }
  a_.store.Write({0, "elsewhere"}, Change::Put("value", kNoExpiry), kNow);
  a_.store.Write({0, "elsewhere"}, Change::Delete(), kNow);
  const Partition partition = PartitionOfKey();
  ASSERT_NE(PartitionOf(SlotOf("elsewhere")), partition);
  ASSERT_TRUE(a_.store.Commit().has_value());
  Floor floor;
  floor.Set(a_.store.ActorOf(partition), 25);
  size_t forgotten = 0;
  size_t calls = 0;
  std::string after;
  do {
    forgotten += a_.store.Forget(partition, floor, 7, after).forgotten;
    ++calls;
  } while (!after.empty());
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(forgotten, 10) << "those whose deletion is among the first 25 writes";
  EXPECT_EQ(a_.store.counts(0).keys, 10);
  EXPECT_TRUE(IsSound(a_));
}

TEST_F(ReplicaTest, WhoRebuildsForgetsNothing) {
  Put(a_, "value");
  Delete(a_);
  ASSERT_TRUE(a_.store.Commit().has_value());
  Floor floor;
  floor.Set(a_.store.ActorOf(PartitionOfKey()), 2);
  auto back = *LocalStore::Open(
      a_.engine, {.actor_seed = 9, .may_have_lost_writes = true, .ownership = Owner()});
  std::string after;
  EXPECT_EQ(back.Forget(PartitionOfKey(), floor, 100, after).forgotten, 0);
  back.MarkComplete(PartitionOfKey());
  EXPECT_EQ(back.Forget(PartitionOfKey(), floor, 100, after).forgotten, 1);
}

}  // namespace
}  // namespace cartwheel::cluster
