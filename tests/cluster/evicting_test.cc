// Owners that make room together, over links that work at once.
#include "cluster/evicting.h"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/owned_container.h"
#include "tests/cluster/moving_nodes.h"

namespace cartwheel::cluster {
namespace {

constexpr size_t kKeys = 600;
constexpr int64_t kBytesOfKey = 40;  // at least, with its value

// A decides about all partitions, as the first owner.
class EvictingTest : public MovingNodes {
 protected:
  static constexpr std::array<size_t, 3> kOwners = {kA, kX, kY};

  void SetPolicy(size_t at, EvictionPolicy policy) {
    machines_[at].store->usage().Configure({.tracks = GoesByFrequency(policy)
                                                          ? UsageSketch::Tracks::kFrequency
                                                          : UsageSketch::Tracks::kRecency,
                                            .cells = 1 << 16});
    machines_[at].node->evicting().SetTerms({.policy = policy, .samples = 5});
  }
  void SetPolicy(EvictionPolicy policy) {
    for (const size_t at : kOwners) SetPolicy(at, policy);
  }
  static std::string Name(size_t number) { return "key" + std::to_string(number); }
  void Change(size_t at, const std::string& key, const cluster::Change& change) {
    Machine& machine = machines_[at];
    const auto id = machine.node->BeginWrite({0, key}, {}, now());
    ASSERT_TRUE(id.has_value());
    machine.store->Write({0, key}, change, now().unix_ms);
    machine.node->Written(*id, machine.store->minted(), machine.store->copy(), now());
    Settle();
  }
  void Put(size_t at, const std::string& key, ExpireAt expire_at = kNoExpiry) {
    Change(at, key, Change::Put("a value of some bytes", expire_at));
  }
  // And time for the owners to tell each other what they have received.
  void Fill() {
    for (size_t i = 0; i < kKeys; ++i) Put(kOwners[i % 3], Name(i));
    Run(20 * kSecondUs);
  }
  bool Has(size_t at, const std::string& key) {
    const auto value = machines_[at].store->Read({0, key}, now().unix_ms);
    return value && *value;
  }
  bool HasTrace(size_t at, const std::string& key) {
    return machines_[at].store->RecordBytes({0, key}) > 0;
  }
  std::set<std::string> KeysAt(size_t at) {
    std::set<std::string> keys;
    for (size_t i = 0; i < kKeys; ++i) {
      if (Has(at, Name(i))) keys.insert(Name(i));
    }
    return keys;
  }
  void Need(size_t at, int64_t bytes, bool is_full = false) {
    machines_[at].node->evicting().SetNeed({.bytes = bytes, .is_full = is_full},
                                           now().monotonic_us);
  }
  const Evicting::Totals& TotalsOf(size_t at) { return machines_[at].node->evicting().totals(); }
  uint64_t LeftAt(size_t at) { return machines_[at].node->evicting().left_bytes(); }
  void ExpectAllEqual() {
    EXPECT_EQ(KeysAt(kX), KeysAt(kA));
    EXPECT_EQ(KeysAt(kY), KeysAt(kA));
  }
  // What the key's decider would tell it.
  void Tell(size_t at, const std::string& key, const DotList& dots) {
    const Partition partition = PartitionOfKey(key);
    const Evict evict{.partition = partition,
                      .epoch = RingAt(State::kBefore).EpochOf(partition),
                      .items = {{.ref = {0, key}, .dots = dots}}};
    machines_[at].node->OnMessage(IdOf(kA), evict, now());
    Settle();
  }
  DotList DotsAt(size_t at, const std::string& key) {
    return DotsOfVersions(**machines_[at].store->ReadContainer({0, key}));
  }
};

TEST_F(EvictingTest, WithoutNeedNothingIsSaidOrGoes) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Fill();
  Need(kX, 0);
  Need(kY, -5000, true);
  const size_t before = bytes;
  for (const size_t at : kOwners) {
    EXPECT_EQ(machines_[at].node->evicting().NextDeadline(), INT64_MAX);
  }
  Settle();
  EXPECT_EQ(bytes, before);
  EXPECT_EQ(KeysAt(kA).size(), kKeys);
}

TEST_F(EvictingTest, AllOwnersLetGoOfTheSameOnceOneNeedsRoom) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Fill();
  Need(kX, 100 * kBytesOfKey);
  Run(10 * kSecondUs);
  const size_t left = KeysAt(kA).size();
  EXPECT_LE(left, kKeys - 50);
  EXPECT_GE(left, kKeys - 120) << "not much more than was needed";
  ExpectAllEqual();
  EXPECT_GT(TotalsOf(kX).requests, 0U);
  EXPECT_EQ(TotalsOf(kX).unanswered, 0U);
  EXPECT_EQ(TotalsOf(kA).chosen, kKeys - left);
  EXPECT_EQ(TotalsOf(kA).by_self, kKeys - left);
  EXPECT_EQ(TotalsOf(kX).by_others, kKeys - left);
  EXPECT_EQ(TotalsOf(kY).by_others, kKeys - left);
  EXPECT_EQ(machines_[kX].node->evicting().TakeEvicted().size(), kKeys - left);
  EXPECT_THAT(machines_[kX].node->evicting().TakeEvicted(), testing::IsEmpty());
}

TEST_F(EvictingTest, ThreeThatNeedRoomAtOnceDoNotMakeItThrice) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Fill();
  for (const size_t at : kOwners) Need(at, 100 * kBytesOfKey);
  Run(10 * kSecondUs);
  EXPECT_GE(KeysAt(kA).size(), kKeys - 160);
  EXPECT_LE(KeysAt(kA).size(), kKeys - 50);
  ExpectAllEqual();
}

TEST_F(EvictingTest, WhatEveryOwnerHasReceivedGoesWithoutATrace) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Fill();
  Need(kX, 50 * kBytesOfKey);
  Run(100'000);
  size_t gone = 0;
  for (size_t i = 0; i < kKeys; ++i) {
    if (Has(kX, Name(i))) continue;
    ++gone;
    EXPECT_FALSE(HasTrace(kX, Name(i)));
    EXPECT_FALSE(HasTrace(kA, Name(i)));
  }
  EXPECT_GT(gone, 0U);
}

TEST_F(EvictingTest, WhatAnOwnerMayNotHaveReceivedLeavesItsContext) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Put(kA, "key");
  Tell(kX, "key", DotsAt(kA, "key"));
  EXPECT_FALSE(Has(kX, "key"));
  EXPECT_TRUE(HasTrace(kX, "key"));
  EXPECT_GT(LeftAt(kX), 0U);
  Run(20 * kSecondUs);
  EXPECT_FALSE(HasTrace(kX, "key")) << "once they all have";
  EXPECT_EQ(LeftAt(kX), 0U);
}

TEST_F(EvictingTest, ContextsGoSoonerWhereRoomIsNeeded) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  for (size_t i = 0; i < kKeys; ++i) Put(kOwners[i % 3], Name(i));
  Need(kX, 300 * kBytesOfKey);
  Run(200'000);
  EXPECT_GT(LeftAt(kX), 0U) << "they do not know of each other what they have received";
  Run(kSecondUs);
  Need(kX, 0);
  Run(kSecondUs);  // walking over all takes five
  size_t gone = 0;
  for (size_t i = 0; i < kKeys; ++i) {
    for (const size_t at : kOwners) {
      if (Has(at, Name(i))) continue;
      ++gone;
      EXPECT_FALSE(HasTrace(at, Name(i))) << at;
    }
  }
  EXPECT_GT(gone, 3U * 50);
  for (const size_t at : kOwners) EXPECT_EQ(LeftAt(at), 0U);
}

TEST_F(EvictingTest, WhatContextsTakeCountsAsGoneUnlessThereIsNoRoomAtAll) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  for (size_t i = 0; i < kKeys; ++i) Put(kOwners[i % 3], Name(i));
  Cut(kA, kY);  // so that they stay
  Need(kX, 100 * kBytesOfKey);
  Run(kSecondUs);
  ASSERT_GT(LeftAt(kX), 1'000U);
  const size_t left = KeysAt(kX).size();
  Need(kX, 1'000);
  Run(kSecondUs);
  EXPECT_EQ(KeysAt(kX).size(), left);
  Need(kX, 1'000, true);
  Run(kSecondUs);
  EXPECT_LT(KeysAt(kX).size(), left);
}

TEST_F(EvictingTest, AVersionOnItsWayIsGoneBeforeItComes) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Put(kA, "known");
  for (const std::string key : {"new", "known"}) {
    Cut(kA, kX);
    Put(kA, key);
    const DotList dots = DotsAt(kA, key);
    const OwnedContainer copy(**machines_[kA].store->ReadContainer({0, key}));
    Mend(kA, kX);
    Tell(kX, key, dots);
    EXPECT_TRUE(HasTrace(kX, key));
    EXPECT_TRUE(machines_[kX].store->Apply({0, key}, copy.get(), dots, now().unix_ms).has_value());
    EXPECT_FALSE(Has(kX, key)) << key;
  }
  EXPECT_EQ(TotalsOf(kX).by_others, 0U);
}

TEST_F(EvictingTest, ANewerVersionStays) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Put(kA, "key");
  const DotList before = DotsAt(kA, "key");
  Put(kX, "key");
  Tell(kX, "key", before);
  EXPECT_TRUE(Has(kX, "key"));
  EXPECT_EQ(TotalsOf(kX).passed_over, 1U);
  Tell(kX, "key", DotsAt(kX, "key"));
  EXPECT_FALSE(Has(kX, "key"));
  EXPECT_EQ(TotalsOf(kX).by_others, 1U);
}

TEST_F(EvictingTest, AnIncrementThatHasComeSinceStays) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Change(kA, "count", Change::Add(3));
  const auto& entries = (*machines_[kX].store->ReadContainer({0, "count"}))->counter.entries();
  const DotList before = {entries[0].last()};
  Change(kA, "count", Change::Add(4));
  Tell(kX, "count", before);
  EXPECT_EQ((*machines_[kX].store->Read({0, "count"}, now().unix_ms))->bytes, "7");
  const auto& later = (*machines_[kX].store->ReadContainer({0, "count"}))->counter.entries();
  Tell(kX, "count", {later[0].last()});
  EXPECT_FALSE(Has(kX, "count"));
}

TEST_F(EvictingTest, ACopyOfWhatWentBringsNothingBack) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Put(kA, "key");
  Change(kA, "count", Change::Add(3));
  Run(20 * kSecondUs);
  for (const std::string key : {"key", "count"}) {
    const OwnedContainer copy(**machines_[kA].store->ReadContainer({0, key}));
    DotList dots = DotsOfVersions(copy.get());
    for (const auto& entry : copy.get().counter.entries()) dots.push_back(entry.last());
    Tell(kX, key, dots);
    ASSERT_FALSE(HasTrace(kX, key));
    EXPECT_TRUE(machines_[kX].store->Apply({0, key}, copy.get(), dots, now().unix_ms).has_value());
    EXPECT_FALSE(Has(kX, key)) << key;
  }
}

TEST_F(EvictingTest, ReadsAtOneNodeKeepAKeyEverywhere) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Fill();
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < 20; ++i) machines_[kY].node->evicting().NoteUse({0, Name(i)}, now());
    Run(2 * kSecondUs);
  }
  EXPECT_EQ(TotalsOf(kY).uses_told, 60U);
  for (int round = 0; round < 10; ++round) {
    Need(kX, 30 * kBytesOfKey);
    Run(2 * kSecondUs);
  }
  EXPECT_LE(KeysAt(kA).size(), kKeys * 3 / 4);
  size_t kept = 0;
  for (size_t i = 0; i < 20; ++i) kept += Has(kA, Name(i)) ? 1 : 0;
  EXPECT_GE(kept, 18U) << "of few keys in each partition";
  ExpectAllEqual();
}

TEST_F(EvictingTest, OfAPolicyForWhatExpiresTheRestStays) {
  SetPolicy(EvictionPolicy::kVolatileLru);
  Fill();
  for (size_t i = 0; i < 10; ++i) Put(kA, "soon" + std::to_string(i), now().unix_ms + 3'600'000);
  Run(20 * kSecondUs);
  Need(kX, 1'000'000);
  Run(20 * kSecondUs);
  EXPECT_EQ(KeysAt(kA).size(), kKeys);
  for (size_t i = 0; i < 10; ++i) EXPECT_FALSE(Has(kX, "soon" + std::to_string(i))) << i;
}

TEST_F(EvictingTest, WhenTheFirstOwnerIsGoneTheNextDecides) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Fill();
  Cut(kA, kX);
  Cut(kA, kY);
  Need(kY, 60 * kBytesOfKey);
  Run(5 * kSecondUs);
  EXPECT_EQ(KeysAt(kA).size(), kKeys);
  EXPECT_LT(KeysAt(kX).size(), kKeys - 20);
  EXPECT_EQ(KeysAt(kX), KeysAt(kY));
  EXPECT_GT(TotalsOf(kX).chosen, 0U);
}

TEST_F(EvictingTest, WhoStaysFullThoughItAsksChoosesForItself) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Fill();
  SetPolicy(kA, EvictionPolicy::kNoEviction);  // does not answer
  Need(kX, 60 * kBytesOfKey, true);
  Run(1'500'000);
  EXPECT_EQ(KeysAt(kX).size(), kKeys);
  Run(5 * kSecondUs);
  EXPECT_LT(KeysAt(kX).size(), kKeys - 20);
  EXPECT_GT(TotalsOf(kX).alone, 0U);
  EXPECT_GT(TotalsOf(kX).unanswered, 0U);
  EXPECT_FALSE(machines_[kX].node->evicting().is_stuck());
  EXPECT_EQ(KeysAt(kA).size(), kKeys);
  EXPECT_EQ(KeysAt(kY).size(), kKeys);
}

TEST_F(EvictingTest, WhoIsFullOfWhatMayNotGoSaysSo) {
  SetPolicy(EvictionPolicy::kVolatileTtl);
  Fill();
  Need(kX, 60 * kBytesOfKey, true);
  Run(5 * kSecondUs);
  EXPECT_TRUE(machines_[kX].node->evicting().is_stuck());
  Need(kX, 0);
  EXPECT_FALSE(machines_[kX].node->evicting().is_stuck());
}

TEST_F(EvictingTest, NothingIsDecidedUnderAnotherEpochOrByWhoIsNoOwner) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Put(kA, "key");
  const Partition partition = PartitionOfKey("key");
  const uint64_t epoch = RingAt(State::kBefore).EpochOf(partition);
  const std::string key = "key";
  Evict evict{.partition = partition,
              .epoch = epoch + 1,
              .items = {{.ref = {0, key}, .dots = DotsAt(kA, "key")}}};
  machines_[kX].node->OnMessage(IdOf(kA), evict, now());
  evict.epoch = epoch;
  machines_[kX].node->OnMessage(IdOf(kB), evict, now());
  EXPECT_TRUE(Has(kX, "key"));
  EvictRequest request{.id = RequestId{1}, .partition = partition, .epoch = epoch, .bytes = 100};
  machines_[kA].node->OnMessage(IdOf(kB), request, now());
  request.epoch = epoch + 1;
  machines_[kA].node->OnMessage(IdOf(kX), request, now());
  EXPECT_TRUE(Has(kA, "key"));
  EXPECT_EQ(TotalsOf(kA).served, 0U);
}

TEST_F(EvictingTest, AFailedCommitLetsNobodyElseLetGo) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Fill();
  Need(kA, 300 * kBytesOfKey);
  machines_[kA].engine->FailCommits(storage::Error::Kind::kNoSpace);
  Run(20'000);  // one turn
  EXPECT_GT(TotalsOf(kA).chosen, 0U);
  EXPECT_EQ(KeysAt(kX).size(), kKeys);
  EXPECT_EQ(KeysAt(kA).size(), kKeys);
}

}  // namespace
}  // namespace cartwheel::cluster
