// A store over several runs of its process: when it goes on as the same writer, and when writes may
// have been lost in between.
#include <string>

#include <gtest/gtest.h>

#include "cluster/local_store.h"
#include "storage/faulty_engine.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr KeyRef kKey{0, "key"};

Partition PartitionOfKey() {
  return PartitionOf(SlotOf(kKey.key));
}

Ownership Owner() {
  Ownership ownership{.alone = false, .owned = {}};
  ownership.owned.set();
  return ownership;
}

class LocalStoreRunsTest : public testing::Test {
 protected:
  LocalStore Open(const std::string& boot_id, bool always_durable = false) {
    return *LocalStore::Open(engine_, {.actor_seed = ++seed_,
                                       .boot_id = boot_id,
                                       .always_durable = always_durable,
                                       .ownership = Owner()});
  }
  static Dot Write(LocalStore& store) {
    store.Write(kKey, Change::Put("value", kNoExpiry), kNow);
    EXPECT_TRUE(store.Commit().has_value());
    return store.minted()[0];
  }

  storage::FaultyEngine engine_{storage::NewMemoryEngine()};
  uint64_t seed_ = 100;
};

TEST_F(LocalStoreRunsTest, AKilledProcessGoesOnAsTheSameActor) {
  auto store = Open("boot");
  store.MarkComplete(PartitionOfKey());
  const Dot first = Write(store);
  auto again = Open("boot");
  EXPECT_EQ(Write(again), (Dot{first.actor, 2}));
  EXPECT_TRUE(again.IsComplete(PartitionOfKey()));
}

TEST_F(LocalStoreRunsTest, AnEmptyStoreOfAMemberMayHaveLostEverything) {
  auto store = Open("boot");
  EXPECT_FALSE(store.IsComplete(PartitionOfKey()));
  Write(store);
  EXPECT_FALSE(Open("boot").IsComplete(PartitionOfKey())) << "and it knows that from then on";
  auto alone = *LocalStore::Open(engine_, {.actor_seed = 7, .boot_id = "boot"});
  EXPECT_TRUE(alone.IsComplete(PartitionOfKey()));
}

TEST_F(LocalStoreRunsTest, AfterAPowerLossItIsAnotherAndStaysTheSameFromThenOn) {
  auto store = Open("boot");
  const Dot first = Write(store);
  auto after = Open("another boot");
  EXPECT_FALSE(after.IsComplete(PartitionOfKey()));
  const ActorId actor = after.ActorOf(PartitionOfKey());
  EXPECT_NE(actor, first.actor);
  ASSERT_TRUE(after.Commit().has_value());  // and writes nothing, and is killed
  auto again = Open("another boot");
  EXPECT_FALSE(again.IsComplete(PartitionOfKey()));
  EXPECT_EQ(Write(again), (Dot{actor, 1}));
}

TEST_F(LocalStoreRunsTest, ACrashBeforeTheFirstCommitLeavesTheLossToBeFoundAgain) {
  auto store = Open("boot");
  const Dot first = Write(store);
  ActorId second{};
  {
    auto after = Open("another boot");
    second = after.ActorOf(PartitionOfKey());
    engine_.FailCommits(storage::Error::Kind::kNoSpace);
    EXPECT_FALSE(after.Commit().has_value());
  }
  auto again = Open("another boot");
  const Dot dot = Write(again);
  EXPECT_NE(dot.actor, first.actor);
  EXPECT_NE(dot.actor, second);
  EXPECT_FALSE(again.IsComplete(PartitionOfKey()));
}

TEST_F(LocalStoreRunsTest, AnEndInOrderLosesNothing) {
  auto store = Open("boot");
  const Dot first = Write(store);
  ASSERT_TRUE(store.MarkEnd().has_value());
  auto again = Open("another boot");
  EXPECT_EQ(Write(again), (Dot{first.actor, 2}));
  auto broken_off = Open("a third");
  EXPECT_NE(Write(broken_off).actor, first.actor);
}

TEST_F(LocalStoreRunsTest, WhoGoesOnAfterTheEndBeginsAnotherRun) {
  auto store = Open("boot");
  const Dot first = Write(store);
  ASSERT_TRUE(store.MarkEnd().has_value());
  Write(store);
  auto again = Open("another boot");
  EXPECT_NE(Write(again).actor, first.actor);
}

TEST_F(LocalStoreRunsTest, ARunThatWasDurableAllThroughLosesNothing) {
  auto store = Open("boot", true);
  const Dot first = Write(store);
  auto again = Open("another boot", true);
  EXPECT_EQ(Write(again).actor, first.actor);
  again.SetAlwaysDurable(false);
  Write(again);
  auto third = Open("a third boot", true);
  EXPECT_NE(Write(third).actor, first.actor);
}

}  // namespace
}  // namespace cartwheel::cluster
