// What the local store does with versions: who supersedes whom, what is counted, and records of the
// time before there were versions.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/local_store.h"
#include "cluster/record.h"
#include "cluster/store_key.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr KeyRef kKey{0, "key"};

class LocalStoreVersionsTest : public testing::Test {
 protected:
  bool Put(std::string_view bytes, const Seen* seen = nullptr) {
    return store_.Write(kKey, Change::Put(bytes, kNoExpiry), kNow, seen);
  }
  bool Add(int64_t delta) { return store_.Write(kKey, Change::Add(delta), kNow); }
  std::string Shown(int64_t now_ms = kNow) {
    const auto value = store_.Read(kKey, now_ms);
    if (!value.has_value()) return "(damaged)";
    return *value ? std::string((*value)->bytes) : "(none)";
  }
  std::vector<std::string> Siblings() {
    std::vector<std::string> values;
    for (const Version& version : (*store_.ReadContainer(kKey))->versions) {
      values.emplace_back(version.bytes);
    }
    return values;
  }
  Seen SeenHere() { return SeenOf(**store_.ReadContainer(kKey)); }
  // As a store of the first format has it.
  void PutOld(std::string_view bytes, ExpireAt expire_at = kNoExpiry) {
    std::string store_key;
    EncodeStoreKey(kKey, store_key);
    std::string record;
    EncodeRecord(store_key, {Type::kString, bytes, expire_at, kNow - 1000}, record);
    engine_->Put(Keyspace::kData, store_key, record);
  }

  std::unique_ptr<storage::Engine> engine_ = storage::NewMemoryEngine();
  LocalStore store_ = *LocalStore::Open(*engine_, {.actor_seed = 1});
};

TEST_F(LocalStoreVersionsTest, APlainWriteSupersedesAllThatIsHere) {
  Put("one");
  Put("two");
  EXPECT_THAT(Siblings(), ElementsAre("two"));
}

TEST_F(LocalStoreVersionsTest, AWriteThatHasSeenNothingSupersedesNothing) {
  const Seen nothing;
  Put("one", &nothing);
  Put("two", &nothing);
  EXPECT_THAT(Siblings(), UnorderedElementsAre("one", "two"));
  EXPECT_EQ(Shown(), "two") << "the latest";
  EXPECT_EQ(store_.counts(0).keys, 1);
}

TEST_F(LocalStoreVersionsTest, AWriteSupersedesWhatItHasSeenAndNoMore) {
  const Seen nothing;
  Put("one", &nothing);
  const Seen one = SeenHere();
  Put("two", &nothing);
  Put("merged", &one);
  EXPECT_THAT(Siblings(), UnorderedElementsAre("two", "merged"));
}

TEST_F(LocalStoreVersionsTest, ADeletionLeavesWhatItHasNotSeen) {
  const Seen nothing;
  Put("one", &nothing);
  const Seen one = SeenHere();
  Put("two", &nothing);
  EXPECT_TRUE(store_.Write(kKey, Change::Delete(), kNow, &one));
  EXPECT_THAT(Siblings(), ElementsAre("two"));
  const Seen both = SeenHere();
  EXPECT_TRUE(store_.Write(kKey, Change::Delete(), kNow, &both));
  EXPECT_EQ(Shown(), "(none)");
  EXPECT_EQ(store_.counts(0).keys, 0) << "nobody else has to see the deletion";
  std::string store_key;
  EncodeStoreKey(kKey, store_key);
  EXPECT_EQ(engine_->Get(Keyspace::kData, store_key), std::nullopt);
}

TEST_F(LocalStoreVersionsTest, IncrementsStandOnTheValueTheyFind) {
  Add(5);
  EXPECT_EQ(Shown(), "5");
  Put("40");
  Add(2);
  Add(-4);
  EXPECT_EQ(Shown(), "38");
  EXPECT_THAT(Siblings(), ElementsAre("40"));
  store_.Write(kKey, Change::Delete(), kNow);
  EXPECT_EQ(Shown(), "(none)");
  Add(1);
  EXPECT_EQ(Shown(), "1");
}

TEST_F(LocalStoreVersionsTest, ACounterThatExpiredBeginsAnew) {
  Add(5);
  store_.Write(kKey, Change::Expire(kNow + 10), kNow);
  Add(1);
  EXPECT_EQ(Shown(kNow + 10), "6");
  EXPECT_EQ(Shown(kNow + 11), "(none)");
  EXPECT_EQ(store_.counts(0).expires, 1);
  store_.Write(kKey, Change::Add(7), kNow + 11);
  EXPECT_EQ(Shown(kNow + 11), "7");
  EXPECT_EQ(store_.counts(0).expires, 0);
}

TEST_F(LocalStoreVersionsTest, CountersReadInOneTurnStandTogether) {
  store_.Write({0, "a"}, Change::Add(111), kNow);
  store_.Write({0, "b"}, Change::Add(222), kNow);
  const auto a = store_.Read({0, "a"}, kNow);
  const auto b = store_.Read({0, "b"}, kNow);
  EXPECT_EQ((*a)->bytes, "111");
  EXPECT_EQ((*b)->bytes, "222");
}

TEST_F(LocalStoreVersionsTest, ANewExpiryKeepsTheValuesNameAndTime) {
  Put("one");
  const Version before = (*store_.ReadContainer(kKey))->versions[0];
  const Dot value_dot = before.value_dot;
  const Hlc hlc = before.hlc;
  store_.Write(kKey, Change::Expire(kNow + 10), kNow + 5);
  const Version& after = (*store_.ReadContainer(kKey))->versions[0];
  EXPECT_EQ(after.value_dot, value_dot);
  EXPECT_EQ(after.hlc, hlc);
  EXPECT_GT(after.dot.number, value_dot.number);
}

TEST_F(LocalStoreVersionsTest, RecordsOfTheTimeBeforeVersionsAreReadAndWrittenOver) {
  PutOld("old");
  EXPECT_EQ(Shown(), "old");
  EXPECT_EQ((*store_.Read(kKey, kNow))->written_at_ms, kNow - 1000);
  Put("new");
  EXPECT_THAT(Siblings(), ElementsAre("new"));
  EXPECT_EQ(Shown(), "new");
}

TEST_F(LocalStoreVersionsTest, AnOldRecordGetsItsDotWithTheFirstWriteThatKeepsIt) {
  PutOld("7");
  Add(3);
  EXPECT_EQ(Shown(), "10");
  EXPECT_NE((*store_.ReadContainer(kKey))->versions[0].dot, Dot{});
  PutOld("old");
  store_.Write(kKey, Change::Expire(kNow + 10), kNow);
  EXPECT_EQ(Shown(), "old");
  EXPECT_EQ(Shown(kNow + 11), "(none)");
  PutOld("kept");
  const Seen nothing;
  Put("beside", &nothing);
  EXPECT_THAT(Siblings(), UnorderedElementsAre("kept", "beside"));
}

TEST_F(LocalStoreVersionsTest, AfterLostWritesNewDotsHaveAnotherActor) {
  Put("one");
  const ActorId before = (*store_.ReadContainer(kKey))->versions[0].dot.actor;
  ASSERT_TRUE(store_.Commit().has_value());
  auto reopened = LocalStore::Open(*engine_, {.actor_seed = 2, .may_have_lost_writes = true});
  ASSERT_TRUE(reopened.has_value());
  reopened->Write(kKey, Change::Put("two", kNoExpiry), kNow);
  const Container& container = **reopened->ReadContainer(kKey);
  EXPECT_NE(container.versions[0].dot.actor, before);
  EXPECT_TRUE(container.context.Covers({before, 1}));
}

}  // namespace
}  // namespace cartwheel::cluster
