// Owners that compare what they hold, over links that work at once. Whatever they lack got lost
// behind the backs of copies and hints.
#include "cluster/anti_entropy.h"

#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/owned_container.h"
#include "tests/cluster/moving_nodes.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

constexpr size_t kKeys = 300;

class AntiEntropyTest : public MovingNodes {
 protected:
  void Fill(size_t keys = kKeys) {
    for (size_t i = 0; i < keys; ++i) Write(kA, i, "v" + std::to_string(i));
  }
  std::string StoreKey(size_t number) {
    std::string store_key;
    const std::string key = Key(number);
    EncodeStoreKey({0, key}, store_key);
    return store_key;
  }
  // Without anybody's knowledge.
  void Lose(size_t at, size_t number) {
    machines_[at].engine->Delete(storage::Keyspace::kData, StoreKey(number));
  }
  void Damage(size_t at, size_t number) {
    machines_[at].engine->Put(storage::Keyspace::kData, StoreKey(number), "damaged");
  }
  struct Entry {
    storage::Keyspace keyspace;
    std::string key;
    std::string value;
  };
  using Disk = std::vector<Entry>;
  Disk Backup(size_t at) {
    Disk disk;
    for (size_t i = 0; i < storage::kKeyspaceCount; ++i) {
      const auto keyspace = static_cast<storage::Keyspace>(i);
      const auto cursor = machines_[at].engine->NewCursor(keyspace);
      for (cursor->Seek({}); cursor->Valid(); cursor->Next()) {
        disk.push_back({keyspace, std::string(cursor->key()), std::string(cursor->value())});
      }
    }
    return disk;
  }
  // Puts back what it was then, and starts; the operator has said so.
  void RollBack(size_t at, const Disk& disk) {
    Stop(at);
    storage::Engine& engine = *machines_[at].engine;
    for (const Entry& entry : Backup(at)) engine.Delete(entry.keyspace, entry.key);
    for (const Entry& entry : disk) engine.Put(entry.keyspace, entry.key, entry.value);
    ASSERT_TRUE(engine.Commit());
    may_have_lost_writes = true;
    Start(at, State::kBefore);
    may_have_lost_writes = false;
  }
  // With the options that are set by now.
  void RestartAll() {
    for (const size_t at : {kA, kX, kY}) {
      Stop(at);
      Start(at, State::kBefore);
    }
  }
  bool IsComplete(size_t at) { return machines_[at].store->IsComplete(Moving()); }
  // Written, and stored nowhere else: the others are away, and what they are owed is forgotten.
  void WriteAtOneAlone(size_t at, size_t number, const std::string& value) {
    for (const size_t other : {kA, kB, kX, kY}) {
      if (other != at) Cut(at, other);
    }
    BeginWrite(at, number, value, {.n = 3, .r = 1, .w = 1});
    Run(kSecondUs);  // until somebody owes the others a hint
    for (Machine& machine : machines_) machine.store->hints().Clear();
    for (const size_t other : {kA, kB, kX, kY}) {
      if (other != at) Mend(at, other);
    }
  }
  void CompareAll() {
    for (const size_t at : {kA, kX, kY})
      machines_[at].node->anti_entropy().CompareNow(Moving(), now().monotonic_us);
    Run(20 * kSecondUs);
  }
  const AntiEntropy::Totals& TotalsOf(size_t at) {
    return machines_[at].node->anti_entropy().totals();
  }
  uint64_t Sum(uint64_t AntiEntropy::Totals::* field) {
    return TotalsOf(kA).*field + TotalsOf(kX).*field + TotalsOf(kY).*field;
  }
  std::string ShownAt(size_t at, size_t number) {
    const std::string key = Key(number);
    const auto container = machines_[at].store->ReadContainer({0, key});
    if (!container) return "damaged";
    std::string shown;
    for (const Version& version : (*container)->versions) {
      shown += std::to_string(static_cast<uint64_t>(version.dot.actor)) + "-" +
               std::to_string(version.dot.number) + " ";
    }
    return shown;
  }
  void ExpectEqual(size_t keys = kKeys) {
    for (size_t i = 0; i < keys; ++i) {
      ASSERT_EQ(ShownAt(kX, i), ShownAt(kA, i)) << i;
      ASSERT_EQ(ShownAt(kY, i), ShownAt(kA, i)) << i;
    }
  }
};

TEST_F(AntiEntropyTest, OwnersThatAreEqualSaySo) {
  Fill();
  CompareAll();
  // Any two of them, and each began with both others, as all were asked to.
  EXPECT_GE(Sum(&AntiEntropy::Totals::compared), 3U);
  EXPECT_EQ(Sum(&AntiEntropy::Totals::differed), 0U);
  EXPECT_EQ(Sum(&AntiEntropy::Totals::changed), 0U);
  EXPECT_EQ(Sum(&AntiEntropy::Totals::bytes), 0U) << "roots alone";
  EXPECT_EQ(machines_[kA].node->anti_entropy().asked_for(), 0U);
}

TEST_F(AntiEntropyTest, RootsOfManyPartitionsTakeOneQuestion) {
  Fill();
  Run(10 * kSecondUs);
  size_t before = bytes;
  Run(5 * kSecondUs);
  const size_t otherwise = bytes - before;
  before = bytes;
  machines_[kA].node->anti_entropy().CompareNow({}, now().monotonic_us);
  Run(5 * kSecondUs);
  EXPECT_EQ(machines_[kA].node->anti_entropy().asked_for(), 0U);
  EXPECT_EQ(TotalsOf(kA).compared, 2U * kPartitions);
  const size_t compared = bytes - before - otherwise;
  EXPECT_GT(compared, 2U * kPartitions * sizeof(uint64_t));
  EXPECT_LT(compared, 2U * kPartitions * 32) << "bytes, of which sixteen are partition and root";
}

TEST_F(AntiEntropyTest, WhatIsSoonDueGoesAlong) {
  anti_entropy.first_after_us = kSecondUs;
  RestartAll();
  Run(10 * kSecondUs);
  // In ten seconds of an hour three partitions are due.
  EXPECT_GT(Sum(&AntiEntropy::Totals::compared), 3U * 64);
  EXPECT_LT(Sum(&AntiEntropy::Totals::compared), 3U * 64 * 8);
}

TEST_F(AntiEntropyTest, WhoDoesNotKnowTheQuestionIsAskedSingly) {
  passes_over = [](const Message& message) { return std::holds_alternative<SameRoots>(message); };
  Fill();
  Lose(kX, 3);
  CompareAll();
  ExpectEqual();
  EXPECT_EQ(ValueAt(kX, 3), "v3");
  EXPECT_GE(Sum(&AntiEntropy::Totals::compared), 3U);
}

TEST_F(AntiEntropyTest, WhatADiskLostSilentlyIsRestored) {
  Fill();
  for (size_t i = 0; i < 40; ++i) Lose(kX, i * 3);
  CompareAll();
  ExpectEqual();
  EXPECT_EQ(ValueAt(kX, 3), "v3");
  EXPECT_EQ(TotalsOf(kX).restored, 40U);
  EXPECT_EQ(TotalsOf(kA).restored + TotalsOf(kY).restored, 0U);
}

// The read's repair finds it received and gone, as if it had been removed.
TEST_F(AntiEntropyTest, AReadInBetweenTakesNothingAway) {
  anti_entropy.every_us = 1'000'000 * kSecondUs;
  RestartAll();
  Run(3 * kSecondUs);  // until they are complete
  Fill(20);
  Lose(kX, 7);
  for (const size_t at : {kA, kX, kY, kX, kA}) {
    const auto id = BeginRead(at, 7);
    Run(kSecondUs / 10);
    EXPECT_EQ(OutcomeOfRead(at, id), ReadOutcome::Kind::kAnswered);
  }
  EXPECT_EQ(ValueAt(kA, 7), "v7");
  EXPECT_EQ(ValueAt(kY, 7), "v7");
  Run(20 * kSecondUs);  // what is in doubt is compared soon
  EXPECT_EQ(ValueAt(kX, 7), "v7");
  EXPECT_EQ(TotalsOf(kX).restored, 1U);
}

TEST_F(AntiEntropyTest, AScrubShowsWhatADiskLostBehindATree) {
  Fill();
  CompareAll();  // so that trees are there
  for (size_t i = 0; i < 10; ++i) Lose(kX, i);
  Damage(kX, 11);
  CompareAll();
  EXPECT_EQ(Sum(&AntiEntropy::Totals::restored), 0U) << "no tree has seen it";
  AntiEntropy& scrubbed = machines_[kX].node->anti_entropy();
  scrubbed.SetScrubEvery(2 * kSecondUs * kPartitions / 1'000, now().monotonic_us);
  Run(3 * kSecondUs);
  EXPECT_GT(scrubbed.totals().scrubbed, 0U);
  scrubbed.SetScrubEvery(0, now().monotonic_us);
  CompareAll();
  ExpectEqual();
  EXPECT_EQ(ValueAt(kX, 3), "v3");
  EXPECT_EQ(ValueAt(kX, 11), "v11");
  EXPECT_EQ(TotalsOf(kX).restored, 11U);
}

TEST_F(AntiEntropyTest, WhatIsEvictedAtOneOwnerGoesAtAll) {
  anti_entropy.eviction_policy = EvictionPolicy::kAllKeysLru;
  RestartAll();
  Run(3 * kSecondUs);  // until they are complete
  Fill(20);
  Lose(kX, 3);
  Lose(kA, 4);
  CompareAll();
  for (const size_t at : {kA, kX, kY}) {
    EXPECT_EQ(ValueAt(at, 3), "(none)") << at;
    EXPECT_EQ(ValueAt(at, 4), "(none)") << at;
    EXPECT_EQ(ValueAt(at, 5), "v5") << at;
  }
  EXPECT_EQ(Sum(&AntiEntropy::Totals::restored), 0U);
  Run(20 * kSecondUs);
  EXPECT_FALSE(HasRecord(kX, 3)) << "not even a trace";
}

TEST_F(AntiEntropyTest, WhatThePolicyLeavesIsRestoredAsWithoutOne) {
  anti_entropy.eviction_policy = EvictionPolicy::kVolatileLru;
  RestartAll();
  Run(3 * kSecondUs);
  Fill(20);
  Lose(kX, 3);
  CompareAll();
  for (const size_t at : {kA, kX, kY}) EXPECT_EQ(ValueAt(at, 3), "v3") << at;
}

// Its disk has what was removed, and forgotten by all, since the backup.
TEST_F(AntiEntropyTest, WhoRebuildsIsToldWhatWasRemoved) {
  Fill(20);
  Run(10 * kSecondUs);
  const Disk before = Backup(kX);
  Write(kA, 4, "");
  Write(kX, 5, "newer");
  Write(kA, 5, "");
  Run(30 * kSecondUs);
  ASSERT_FALSE(HasRecord(kA, 4)) << "forgotten";
  ASSERT_FALSE(HasRecord(kY, 5));
  WriteAtOneAlone(kA, 6, "of A");
  RollBack(kX, before);
  EXPECT_EQ(ValueAt(kX, 4), "v4");
  EXPECT_FALSE(IsComplete(kX));
  for (int i = 0; i < 1'000 && !IsComplete(kX); ++i) Run(20'000);
  ASSERT_TRUE(IsComplete(kX));
  EXPECT_EQ(ValueAt(kX, 4), "(none)");
  EXPECT_EQ(ValueAt(kX, 5), "(none)");
  EXPECT_EQ(ValueAt(kX, 6), "of A");
  for (size_t i = 7; i < 20; ++i) EXPECT_EQ(ValueAt(kX, i), "v" + std::to_string(i));
  CompareAll();
  for (const size_t at : {kA, kX, kY}) {
    EXPECT_EQ(ValueAt(at, 4), "(none)") << at;
    EXPECT_EQ(ValueAt(at, 5), "(none)") << at;
  }
  EXPECT_EQ(Sum(&AntiEntropy::Totals::restored), 0U);
  Run(30 * kSecondUs);
  EXPECT_FALSE(HasRecord(kX, 4)) << "and forgotten again";
}

TEST_F(AntiEntropyTest, WhoLostAllHasNothingToBeToldOf) {
  Fill(20);
  Run(10 * kSecondUs);
  RollBack(kX, {});
  for (int i = 0; i < 1'000 && !IsComplete(kX); ++i) Run(20'000);
  ASSERT_TRUE(IsComplete(kX));
  EXPECT_EQ(Sum(&AntiEntropy::Totals::compared), 0U);
  ExpectEqual(20);
}

// Nobody would ever send the one before the last again, and the floor would stay below it.
TEST_F(AntiEntropyTest, WhatAComparisonHasSeenCountsAsReceived) {
  Fill(20);
  WriteAtOneAlone(kA, 1, "once");
  WriteAtOneAlone(kA, 1, "twice");
  WriteAtOneAlone(kA, 2, "");
  Run(10 * kSecondUs);
  const auto received = [&](size_t at) { return machines_[at].store->VnodeOf(Moving()).received; };
  EXPECT_FALSE(received(kX).Includes(received(kA)));
  CompareAll();
  CompareAll();
  for (const size_t at : {kX, kY}) EXPECT_TRUE(received(at).Includes(received(kA))) << at;
  for (const size_t at : {kA, kX, kY}) EXPECT_EQ(received(at).missing(), 0U) << at;
  Run(30 * kSecondUs);
  for (const size_t at : {kA, kX, kY}) EXPECT_FALSE(HasRecord(at, 2)) << at;
}

TEST_F(AntiEntropyTest, DamagedRecordsAreReplaced) {
  Fill();
  for (size_t i = 0; i < 5; ++i) Damage(kY, i);
  CompareAll();
  ExpectEqual();
  EXPECT_EQ(ValueAt(kY, 4), "v4");
}

TEST_F(AntiEntropyTest, WhatGoesMissingBehindATreeIsFoundAfterARestart) {
  Fill();
  CompareAll();
  Lose(kX, 7);
  Run(kSecondUs);
  Stop(kX);
  Start(kX, State::kBefore);
  Run(kSecondUs);
  CompareAll();
  EXPECT_EQ(ValueAt(kX, 7), "v7");
}

TEST_F(AntiEntropyTest, WritesThatOneAloneHasComeToAll) {
  Fill();
  WriteAtOneAlone(kA, 1, "of A");
  WriteAtOneAlone(kX, 2, "of X");
  WriteAtOneAlone(kY, 2, "of Y");
  WriteAtOneAlone(kY, kKeys, "new at Y");
  EXPECT_NE(ShownAt(kX, 2), ShownAt(kY, 2));
  CompareAll();
  CompareAll();
  ExpectEqual(kKeys + 1);
  EXPECT_EQ(ValueAt(kY, 1), "of A");
  EXPECT_EQ(ValueAt(kA, kKeys), "new at Y");
  const std::string key = Key(2);
  EXPECT_EQ((*machines_[kA].store->ReadContainer({0, key}))->versions.size(), 2U)
      << "neither writer had seen the other's";
}

TEST_F(AntiEntropyTest, ADeletionThatOneMissedIsNotUndone) {
  Fill();
  WriteAtOneAlone(kA, 5, "");
  EXPECT_EQ(ValueAt(kX, 5), "v5");
  CompareAll();
  for (const size_t at : {kA, kX, kY}) EXPECT_EQ(ValueAt(at, 5), "(none)") << at;
  EXPECT_EQ(Sum(&AntiEntropy::Totals::restored), 0U);
}

TEST_F(AntiEntropyTest, MoreLeavesThanOneQuestionTakesAreGoneThrough) {
  anti_entropy.leaves_at_once = 8;
  anti_entropy.keys_at_once = 3;
  RestartAll();
  Run(2 * kSecondUs);
  Fill(1'000);
  for (size_t i = 0; i < 200; ++i) Lose(kX, i * 5);
  CompareAll();
  ExpectEqual(1'000);
  EXPECT_EQ(TotalsOf(kX).restored, 200U);
}

TEST_F(AntiEntropyTest, WhateverInterruptsItTheNextOneEndsIt) {
  Fill(50);
  size_t interrupted = 0;
  for (size_t at_message = 0; at_message < 26; ++at_message) {
    for (size_t i = 0; i < 10; ++i) Lose(kX, i);
    WriteAtOneAlone(kY, 20, "of round " + std::to_string(at_message));
    for (const size_t at : {kA, kX, kY}) {  // their trees have not seen what went
      machines_[at].store->DropTree(Moving());
      for (size_t limit = kKeys; !machines_[at].store->BuildTree(Moving(), limit);) limit = kKeys;
    }
    const uint64_t failed = Sum(&AntiEntropy::Totals::failed);
    for (const size_t at : {kA, kX})
      machines_[at].node->anti_entropy().CompareNow(Moving(), now().monotonic_us);
    messages_ = 0;
    cuts_at_message = at_message;
    Run(2 * kSecondUs);
    cuts_at_message.reset();
    for (const auto& [a, b] : {std::pair(kA, kX), std::pair(kA, kY), std::pair(kX, kY)}) {
      Mend(a, b);
    }
    interrupted += Sum(&AntiEntropy::Totals::failed) > failed ? 1 : 0;
    Run(15 * kSecondUs);
    CompareAll();
    ExpectEqual(50);
    EXPECT_EQ(ValueAt(kX, 3), "v3") << at_message;
  }
  EXPECT_GE(interrupted, 6U) << "or the links broke while nothing was compared";
}

TEST_F(AntiEntropyTest, WritesOnTheirWayAreNoDifference) {
  anti_entropy.every_us = kSecondUs;
  anti_entropy.first_after_us = 0;
  RestartAll();
  Fill();
  Random random(3);
  for (int i = 0; i < 500; ++i) {
    BeginWrite(random.Below(2) == 0 ? kA : kX, random.Below(kKeys), std::to_string(i));
    Turn(kA);  // copies leave, and arrive only after the next comparisons' questions
    Run(20'000);
  }
  EXPECT_GT(Sum(&AntiEntropy::Totals::compared), 5U);
  EXPECT_EQ(Sum(&AntiEntropy::Totals::changed), 0U);
  ExpectEqual();
}

TEST_F(AntiEntropyTest, ItComesByItselfFromTimeToTime) {
  anti_entropy.every_us = 30 * kSecondUs;
  anti_entropy.first_after_us = 5 * kSecondUs;
  RestartAll();
  Fill();
  EXPECT_FALSE(machines_[kA].node->anti_entropy().OldestAgreement(now().monotonic_us));
  WriteAtOneAlone(kX, 9, "of X");
  Lose(kX, 10);
  Run(100 * kSecondUs);
  EXPECT_EQ(ValueAt(kA, 9), "of X");
  EXPECT_EQ(ValueAt(kX, 10), "v10");
  EXPECT_EQ(TotalsOf(kX).restored, 1U);
  const auto oldest_us = machines_[kA].node->anti_entropy().OldestAgreement(now().monotonic_us);
  ASSERT_TRUE(oldest_us);
  EXPECT_LT(*oldest_us, 70 * kSecondUs);
}

// Who had it to send was killed before it said so to anybody.
TEST_F(AntiEntropyTest, AWriteThatIsMissedForLongIsLookedFor) {
  anti_entropy.every_us = 1'000'000 * kSecondUs;
  RestartAll();
  Run(3 * kSecondUs);
  Fill(20);
  Run(30 * kSecondUs);
  EXPECT_EQ(Sum(&AntiEntropy::Totals::compared), 0U) << "nothing was missed";
  WriteAtOneAlone(kY, 4, "of Y");
  Run(40 * kSecondUs);
  EXPECT_EQ(ValueAt(kA, 4), "of Y");
  EXPECT_EQ(ValueAt(kX, 4), "of Y");
}

TEST_F(AntiEntropyTest, NothingIsForgottenWhileRecordsAreCompared) {
  Fill(10);
  CompareAll();
  WriteAtOneAlone(kA, 1, "of A");
  machines_[kA].node->anti_entropy().CompareNow(Moving(), now().monotonic_us);
  // Until it waits to look again.
  for (int i = 0; i < 20; ++i) Run(20'000);
  ASSERT_GT(machines_[kA].node->anti_entropy().under_way(), 0U);
  Write(kA, 2, "");
  Floor all;
  for (const size_t at : {kA, kX, kY}) all.Set(machines_[at].store->ActorOf(Moving()), 1'000'000);
  size_t forgetful = 0;
  for (const size_t at : {kA, kX, kY}) {
    std::string after;
    forgetful += machines_[at].store->Forget(Moving(), all, 100, after).forgotten;
  }
  EXPECT_EQ(forgetful, 1U) << "who takes no part";
  Run(10 * kSecondUs);
  std::string after;
  EXPECT_GT(machines_[kA].store->Forget(Moving(), all, 100, after).forgotten +
                (HasRecord(kA, 2) ? 0U : 1U),
            0U)
      << "afterwards it is";
}

TEST_F(AntiEntropyTest, WhatMovesIsNotCompared) {
  Fill();
  SetRing(State::kPrepare);
  Lose(kX, 1);
  machines_[kX].node->anti_entropy().CompareNow(Moving(), now().monotonic_us);
  Run(3 * kSecondUs);
  EXPECT_EQ(TotalsOf(kX).compared, 0U);
  EXPECT_EQ(machines_[kX].node->anti_entropy().under_way(), 0U);
}

TEST_F(AntiEntropyTest, RootsAreOfWhatIsOwned) {
  Fill();
  EXPECT_THAT(machines_[kB].node->anti_entropy().totals(), AntiEntropy::Totals{});
  CompareAll();
  const MerkleTree* const a = machines_[kA].store->TreeOf(Moving());
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->Root(), machines_[kY].store->TreeOf(Moving())->Root());
  EXPECT_NE(a->Root(), 0U);
  EXPECT_EQ(machines_[kB].store->TreeOf(Moving()), nullptr);
}

}  // namespace
}  // namespace cartwheel::cluster
