// The contract of engine.h, sentence by sentence, for every engine.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/faulty_engine.h"
#include "storage/key_order.h"
#include "storage/memory_engine.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr Keyspace kData = Keyspace::kData;

enum class Kind { kMemory, kDurable, kDurableReopened, kDurableFlushed, kFaulty };

class EngineSuite : public ::testing::TestWithParam<Kind> {
 protected:
  EngineSuite() { Open(); }

  // The re-opened kind closes and opens the store after each commit that no snapshot hinders; the
  // flushed one has nothing but clean records then.
  void Commit() {
    ASSERT_TRUE(engine_->Commit().has_value());
    if (GetParam() == Kind::kDurableReopened && !snapshot_taken_) {
      engine_.reset();
      Open();
    }
    if (GetParam() == Kind::kDurableFlushed) {
      ASSERT_TRUE(engine_->Flush().has_value());
      engine_->Tick(0, 0);
    }
  }
  std::unique_ptr<Reader> Snapshot() {
    snapshot_taken_ = true;
    return engine_->NewSnapshot();
  }
  std::optional<std::string> Get(std::string_view key) {
    const auto value = engine_->Get(kData, key);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  void PutAll(std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) engine_->Put(kData, key, key);
  }
  std::string Keys() { return KeysOf(*engine_); }
  static std::string KeysOf(Reader& reader) {
    std::string keys;
    for (const auto& [key, value] : ScanFrom(reader, kData)) keys += key + " ";
    return keys;
  }
  Contents All() { return ScanFrom(*engine_, kData); }

  Engine& engine() { return *engine_; }

 private:
  void Open() {
    switch (GetParam()) {
      case Kind::kMemory: engine_ = NewMemoryEngine(); break;
      case Kind::kFaulty: engine_ = std::make_unique<FaultyEngine>(NewMemoryEngine()); break;
      default: engine_ = OpenOrDie(directory_ / "store");
    }
  }

  TempDirectory directory_;
  std::unique_ptr<Engine> engine_;
  bool snapshot_taken_ = false;
};

TEST_P(EngineSuite, AnEmptyStoreFindsNothing) {
  EXPECT_EQ(Get("a"), std::nullopt);
  EXPECT_THAT(All(), IsEmpty());
  EXPECT_TRUE(engine().Commit().has_value());
}

TEST_P(EngineSuite, ReadsSeeTheUncommittedBatch) {
  PutAll({"a", "b", "c"});
  engine().Delete(kData, "b");
  EXPECT_EQ(Get("a"), "a");
  EXPECT_EQ(Get("b"), std::nullopt);
  EXPECT_EQ(Keys(), "a c ");
}

TEST_P(EngineSuite, ACommittedBatchIsKept) {
  PutAll({"a", "b", "c"});
  Commit();
  EXPECT_EQ(Get("b"), "b");
  EXPECT_EQ(Keys(), "a b c ");
}

TEST_P(EngineSuite, TheBatchGoesOverWhatIsCommitted) {
  PutAll({"a", "b", "c", "d"});
  Commit();
  engine().Put(kData, "b", "new");
  engine().Put(kData, "bb", "between");
  engine().Delete(kData, "c");
  EXPECT_THAT(All(),
              ElementsAre(Pair("a", "a"), Pair("b", "new"), Pair("bb", "between"), Pair("d", "d")));
  Commit();
  EXPECT_THAT(All(),
              ElementsAre(Pair("a", "a"), Pair("b", "new"), Pair("bb", "between"), Pair("d", "d")));
}

TEST_P(EngineSuite, TheLastWriteToAKeyOfABatchWins) {
  engine().Put(kData, "a", "1");
  engine().Put(kData, "a", "2");
  engine().Put(kData, "b", "1");
  engine().Delete(kData, "b");
  engine().Delete(kData, "c");
  engine().Put(kData, "c", "3");
  Commit();
  EXPECT_THAT(All(), ElementsAre(Pair("a", "2"), Pair("c", "3")));
}

TEST_P(EngineSuite, DeletingWhatIsNotThereIsNoError) {
  engine().Delete(kData, "a");
  Commit();
  EXPECT_EQ(Get("a"), std::nullopt);
  EXPECT_THAT(All(), IsEmpty());
}

TEST_P(EngineSuite, KeyspacesAreIndependent) {
  engine().Put(Keyspace::kData, "a", "data");
  engine().Put(Keyspace::kExpiry, "a", "expiry");
  engine().Put(Keyspace::kMeta, "a", "meta");
  Commit();
  engine().DeleteRange(Keyspace::kExpiry, "", "");
  Commit();
  EXPECT_EQ(engine().Get(Keyspace::kData, "a"), "data");
  EXPECT_EQ(engine().Get(Keyspace::kExpiry, "a"), std::nullopt);
  EXPECT_EQ(engine().Get(Keyspace::kMeta, "a"), "meta");
}

TEST_P(EngineSuite, ABatchSpansAllKeyspaces) {
  engine().Put(Keyspace::kData, "a", "1");
  engine().Put(Keyspace::kMeta, "b", "2");
  Commit();
  EXPECT_EQ(engine().Get(Keyspace::kData, "a"), "1");
  EXPECT_EQ(engine().Get(Keyspace::kMeta, "b"), "2");
}

TEST_P(EngineSuite, AnyBytesAreAKeyAndAValue) {
  const std::string zero("\0", 1);
  const std::string high("\xff\xff\0\r\n", 5);
  engine().Put(kData, zero, high);
  engine().Put(kData, high, "");
  Commit();
  EXPECT_EQ(Get(zero), high);
  EXPECT_EQ(Get(high), "");
  EXPECT_THAT(All(), ElementsAre(Pair(zero, high), Pair(high, "")));
}

TEST_P(EngineSuite, CursorsGoInAscendingByteOrder) {
  PutAll({"b", "\x80", "a", "ab", "B", "\x7f"});
  Commit();
  EXPECT_EQ(Keys(), "B a ab b \x7f \x80 ");
}

TEST_P(EngineSuite, SeekGoesToTheFirstKeyNotBelow) {
  PutAll({"b", "d"});
  Commit();
  PutAll({"f"});
  const auto cursor = engine().NewCursor(kData);
  EXPECT_FALSE(cursor->Valid());
  for (const auto& [from, found] :
       {std::pair("", "b"), std::pair("b", "b"), std::pair("c", "d"), std::pair("e", "f")}) {
    cursor->Seek(from);
    ASSERT_TRUE(cursor->Valid()) << from;
    EXPECT_EQ(cursor->key(), found);
  }
  cursor->Seek("g");
  EXPECT_FALSE(cursor->Valid());
  cursor->Seek("a");
  EXPECT_TRUE(cursor->Valid());
}

TEST_P(EngineSuite, DeleteRangeTakesItsBeginAndLeavesItsEnd) {
  PutAll({"a", "b", "c", "d"});
  Commit();
  engine().DeleteRange(kData, "b", "d");
  EXPECT_EQ(Keys(), "a d ");
  EXPECT_EQ(Get("b"), std::nullopt);
  EXPECT_EQ(Get("d"), "d");
  Commit();
  EXPECT_EQ(Keys(), "a d ");
}

TEST_P(EngineSuite, AnEmptyEndMeansToTheEndOfTheKeyspace) {
  PutAll({"a", "b", "c"});
  Commit();
  engine().DeleteRange(kData, "b", "");
  EXPECT_EQ(Keys(), "a ");
  Commit();
  EXPECT_EQ(Keys(), "a ");
}

TEST_P(EngineSuite, ARangeThatEndsBeforeItBeginsDeletesNothing) {
  PutAll({"a", "b"});
  engine().DeleteRange(kData, "b", "a");
  engine().DeleteRange(kData, "a", "a");
  Commit();
  EXPECT_EQ(Keys(), "a b ");
}

TEST_P(EngineSuite, TheWholeKeyspaceIsDeletedAtOnce) {
  for (int i = 0; i < 1000; ++i) engine().Put(kData, "key" + std::to_string(i), "value");
  Commit();
  PutAll({"before"});
  engine().DeleteRange(kData, "", "");
  PutAll({"after"});
  EXPECT_EQ(Keys(), "after ");
  Commit();
  EXPECT_EQ(Keys(), "after ");
}

TEST_P(EngineSuite, ARangeDeletesOnlyWhatWasWrittenBeforeIt) {
  PutAll({"a", "b", "c", "d"});
  Commit();
  PutAll({"b1"});
  engine().DeleteRange(kData, "b", "d");
  PutAll({"c"});
  EXPECT_EQ(Keys(), "a c d ");
  Commit();
  EXPECT_EQ(Keys(), "a c d ");
}

TEST_P(EngineSuite, RangesThatOverlapOrTouchDeleteTheirUnion) {
  PutAll({"a", "b", "c", "d", "e", "f", "g"});
  Commit();
  engine().DeleteRange(kData, "b", "c");
  engine().DeleteRange(kData, "e", "f");
  engine().DeleteRange(kData, "c", "d");
  engine().DeleteRange(kData, "b", "bb");
  EXPECT_EQ(Keys(), "a d f g ");
  engine().DeleteRange(kData, "cc", "ee");
  EXPECT_EQ(Keys(), "a f g ");
  Commit();
  EXPECT_EQ(Keys(), "a f g ");
}

TEST_P(EngineSuite, SnapshotsSeeTheLastCommit) {
  PutAll({"a", "b"});
  Commit();
  engine().Put(kData, "a", "uncommitted");
  engine().Delete(kData, "b");
  PutAll({"c"});
  const auto snapshot = Snapshot();
  EXPECT_EQ(snapshot->Get(kData, "a"), "a");
  EXPECT_EQ(snapshot->Get(kData, "c"), std::nullopt);
  EXPECT_EQ(KeysOf(*snapshot), "a b ");
}

TEST_P(EngineSuite, LaterCommitsDoNotMoveASnapshot) {
  PutAll({"a", "b"});
  Commit();
  const auto snapshot = Snapshot();
  const auto view = *snapshot->Get(kData, "a");
  for (int i = 0; i < 100; ++i) {
    engine().Put(kData, "a", std::to_string(i));
    engine().DeleteRange(kData, "b", "");
    Commit();
    engine().Put(kData, "c" + std::to_string(i), "c");
    Commit();
  }
  EXPECT_EQ(view, "a");  // a snapshot's value holds while the snapshot lives
  EXPECT_EQ(KeysOf(*snapshot), "a b ");
  EXPECT_EQ(Get("a"), "99");
}

TEST_P(EngineSuite, SnapshotsOfDifferentCommitsAreIndependent) {
  engine().Put(kData, "a", "1");
  Commit();
  auto first = Snapshot();
  engine().Put(kData, "a", "2");
  Commit();
  auto second = Snapshot();
  engine().Delete(kData, "a");
  Commit();
  auto third = Snapshot();
  EXPECT_EQ(first->Get(kData, "a"), "1");
  second.reset();
  EXPECT_EQ(first->Get(kData, "a"), "1");
  EXPECT_EQ(third->Get(kData, "a"), std::nullopt);
  first.reset();
  engine().Put(kData, "a", "4");
  Commit();
  EXPECT_EQ(third->Get(kData, "a"), std::nullopt);
  EXPECT_EQ(Get("a"), "4");
}

TEST_P(EngineSuite, ASnapshotsCursorStandsThroughWrites) {
  PutAll({"a", "b", "c"});
  Commit();
  const auto snapshot = Snapshot();
  const auto cursor = snapshot->NewCursor(kData);
  cursor->Seek("a");
  engine().DeleteRange(kData, "", "");
  Commit();
  PutAll({"b", "bb"});
  Commit();
  EXPECT_EQ(cursor->key(), "a");
  cursor->Next();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "b");
  cursor->Next();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "c");
  cursor->Next();
  EXPECT_FALSE(cursor->Valid());
}

TEST_P(EngineSuite, SnapshotsComeAndGoWithoutLimit) {
  PutAll({"a"});
  Commit();
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(Snapshot()->Get(kData, "a"), "a");
  EXPECT_TRUE(engine().Commit().has_value());
}

TEST_P(EngineSuite, LongKeysAreKeptApart) {
  const std::string prefix(1000, 'x');
  for (int i = 0; i < 300; ++i) engine().Put(kData, prefix + std::to_string(i), std::to_string(i));
  Commit();
  for (int i = 0; i < 300; i += 2) engine().Delete(kData, prefix + std::to_string(i));
  Commit();
  for (int i = 0; i < 300; ++i) {
    const auto expected = i % 2 == 0 ? std::nullopt : std::optional(std::to_string(i));
    EXPECT_EQ(Get(prefix + std::to_string(i)), expected);
  }
  EXPECT_EQ(All().size(), 150U);
}

TEST_P(EngineSuite, LongKeysStandInOneOrderBetweenTheirNeighbours) {
  const std::string prefix(kOrderedPrefixBytes, 'm');
  PutAll({prefix, prefix + "z", prefix + "a", prefix + "q", "mm", "n"});
  Commit();
  PutAll({prefix + "b"});
  const Contents all = All();
  ASSERT_EQ(all.size(), 7U);
  EXPECT_EQ(all[0].first, "mm");
  EXPECT_EQ(all[1].first, prefix);
  EXPECT_EQ(all[6].first, "n");
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    EXPECT_TRUE(KeyOrder()(all[i].first, all[i + 1].first));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(ScanFrom(engine(), kData, all[i].first), Contents(all.begin() + i, all.end()));
  }
}

TEST_P(EngineSuite, LongKeysWithEqualHashesAreKeptApart) {
  const auto [one, other] = CollidingKeys();
  engine().Put(kData, one, "one");
  engine().Put(kData, other, "other");
  Commit();
  EXPECT_EQ(Get(one), "one");
  EXPECT_EQ(Get(other), "other");
  EXPECT_EQ(All().size(), 2U);
  EXPECT_THAT(ScanFrom(engine(), kData, std::max(one, other)),
              ElementsAre(Pair(std::max(one, other), ::testing::_)));
  engine().Delete(kData, one);
  Commit();
  EXPECT_EQ(Get(one), std::nullopt);
  EXPECT_EQ(Get(other), "other");
  engine().Put(kData, one, "again");
  Commit();
  engine().DeleteRange(kData, std::max(one, other), "");
  Commit();
  EXPECT_THAT(All(), ElementsAre(Pair(std::min(one, other), ::testing::_)));
}

TEST_P(EngineSuite, KeysAndValuesMayBeLarge) {
  const std::string key(5 << 20, 'k');
  const std::string value(20 << 20, 'v');
  engine().Put(kData, key, value);
  engine().Put(kData, "k", value);
  Commit();
  EXPECT_EQ(Get(key), value);
  EXPECT_EQ(Get("k"), value);
  engine().DeleteRange(kData, "", "");
  Commit();
  EXPECT_THAT(All(), IsEmpty());
}

TEST_P(EngineSuite, PrefetchingChangesNothing) {
  PutAll({"a", "b"});
  Commit();
  engine().Put(kData, "b", "new");
  const std::string_view keys[] = {"b", "absent", "a", "b"};
  engine().Prefetch(kData, keys);
  engine().Prefetch(kData, {});
  EXPECT_EQ(Get("a"), "a");
  EXPECT_EQ(Get("b"), "new");
  EXPECT_EQ(Get("absent"), std::nullopt);
}

TEST_P(EngineSuite, UsageGrowsWithWhatIsStored) {
  const Usage before = engine().usage();
  for (int i = 0; i < 1000; ++i) engine().Put(kData, std::to_string(i), std::string(1000, 'v'));
  EXPECT_GE(engine().usage().bytes_in_memory, before.bytes_in_memory);
  Commit();
  const Usage after = engine().usage();
  EXPECT_GE(after.bytes_in_memory + after.bytes_on_disk,
            before.bytes_in_memory + before.bytes_on_disk + 1000 * 1000);
}

INSTANTIATE_TEST_SUITE_P(All, EngineSuite,
                         ::testing::Values(Kind::kMemory, Kind::kDurable, Kind::kDurableReopened,
                                           Kind::kDurableFlushed, Kind::kFaulty),
                         [](const auto& kind) {
                           switch (kind.param) {
                             case Kind::kMemory: return "Memory";
                             case Kind::kDurable: return "Durable";
                             case Kind::kDurableReopened: return "DurableReopened";
                             case Kind::kFaulty: return "Faulty";
                             default: return "DurableFlushed";
                           }
                         });

}  // namespace
}  // namespace cartwheel::storage
