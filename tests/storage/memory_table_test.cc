// The memory table on a model of the base store, beside a model of what was committed and of the
// open turn.
#include "storage/memory_table.h"

#include <array>
#include <map>
#include <memory>
#include <ranges>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "layer_testing.h"
#include "storage/flush_plan.h"
#include "storage/layer_cursor.h"

namespace cartwheel::storage {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using State = std::array<Records, kKeyspaceCount>;

constexpr Keyspace kData = Keyspace::kData;

void Erase(Records& records, const std::string& begin, const std::string& end) {
  std::erase_if(records, [&](const auto& record) { return InRange(record.first, begin, end); });
}

// The table with all that the engine does to it.
class Machine {
 public:
  Machine(uint64_t seed, uint64_t limit, std::vector<std::string> keys)
      : random_(seed), keys_(std::move(keys)) {
    table_.SetLimit(limit);
  }
  ~Machine() {
    for (Snapshot& snapshot : snapshots_) Drop(snapshot);
  }

  void Step() {
    const uint64_t dice = random_.Below(100);
    if (dice < 35) return Write();
    if (dice < 38) return DeleteRange();
    if (dice < 65) return Read();
    if (dice < 75) return EndTurn();
    if (dice < 79) return table_.Seal(++position_);
    if (dice < 82) return Flush();
    if (dice < 84) return TakeSnapshot();
    if (dice < 86 && !snapshots_.empty()) {
      const uint64_t at = random_.Below(snapshots_.size());
      Drop(snapshots_[at]);
      snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    if (dice < 95 && !table_.turn_open()) table_.Reclaim(1 + random_.Below(60));
    if (dice >= 95) CompareSnapshot();
  }

  // Whatever was open is undone, and everything else flushed and given up.
  void Settle() {
    Undo();
    for (Snapshot& snapshot : snapshots_) Drop(snapshot);
    snapshots_.clear();
    table_.Seal(++position_);
    while (!table_.Unflushed().empty()) Flush();
    while (table_.Reclaim(100)) {
    }
    EXPECT_EQ(table_.dirty_bytes(), 0U);
    EXPECT_EQ(table_.dirty_keys(), 0U);
    EXPECT_EQ(table_.changes(), 0U);
    EXPECT_TRUE(base_ == committed_);
    for (int i = 0; i < 300; ++i) Read();
  }
  MemoryTable& table() { return table_; }

 private:
  struct Snapshot {
    std::vector<Generation*> generations;
    State base;
    State expected;
  };

  Keyspace RandomKeyspace() { return static_cast<Keyspace>(random_.Below(kKeyspaceCount)); }
  const std::string& RandomKey() { return keys_[random_.Below(keys_.size())]; }
  static Records& Of(State& state, Keyspace keyspace) {
    return state[static_cast<size_t>(keyspace)];
  }

  void Write() {
    const Keyspace keyspace = RandomKeyspace();
    const std::string& key = RandomKey();
    if (random_.Below(4) == 0) {
      table_.Delete(keyspace, key);
      Of(turn_, keyspace).erase(key);
    } else {
      const std::string value(random_.Below(300), static_cast<char>('a' + random_.Below(26)));
      ASSERT_EQ(table_.Put(keyspace, key, value), value);
      Of(turn_, keyspace)[key] = value;
    }
  }
  void DeleteRange() {
    const Keyspace keyspace = RandomKeyspace();
    const std::string begin = random_.Below(6) == 0 ? "" : RandomKey();
    const std::string end = random_.Below(6) == 0 ? "" : RandomKey();
    table_.DeleteRange(keyspace, begin, end);
    Erase(Of(turn_, keyspace), begin, end);
  }
  void EndTurn() {
    if (random_.Below(4) == 0) return Undo();
    table_.Accept();
    committed_ = turn_;
  }
  void Undo() {
    table_.Undo();
    turn_ = committed_;
  }

  void Read() {
    const Keyspace keyspace = RandomKeyspace();
    const std::string& key = RandomKey();
    const uint64_t hash = HashIndex::HashOf(key);
    const MemoryTable::Found found = table_.Find(keyspace, key, hash);
    std::optional<std::string> value;
    if (found.state == MemoryTable::State::kValue) value = found.value;
    if (found.state == MemoryTable::State::kUnknown) {
      const auto record = Of(base_, keyspace).find(key);
      if (record != Of(base_, keyspace).end()) {
        value = record->second;
        table_.Cache(keyspace, key, hash, *value);
      }
    }
    const auto expected = Of(turn_, keyspace).find(key);
    ASSERT_EQ(value.has_value(), expected != Of(turn_, keyspace).end()) << key.substr(0, 20);
    if (value) {
      ASSERT_EQ(*value, expected->second);
    }
  }

  // Some of the oldest. At times the base takes a part only, and the table does not hear of it.
  void Flush() {
    std::vector<Generation*> generations = table_.Unflushed();
    if (generations.empty()) return;
    generations.resize(1 + random_.Below(generations.size()));
    const FlushPlan plan = MakeFlushPlan(generations);
    const bool whole = random_.Below(4) != 0;
    for (size_t i = 0; i < kKeyspaceCount; ++i) {
      for (const auto& [begin, range] : plan.changes[i].ranges.ranges()) {
        Erase(base_[i], begin, range.end);
      }
      for (const Entry* entry : plan.changes[i].entries) {
        if (!whole && random_.Below(30) == 0) return;  // out of space
        if (entry->is_tombstone()) {
          base_[i].erase(std::string(entry->key()));
        } else {
          base_[i][std::string(entry->key())] = entry->value();
        }
      }
    }
    table_.Flushed(generations);
  }

  void TakeSnapshot() {
    table_.Seal(++position_);
    Snapshot& snapshot = snapshots_.emplace_back(table_.Unflushed(), base_, committed_);
    for (Generation* generation : snapshot.generations) table_.Pin(*generation);
    Compare(snapshot);
  }
  void Drop(Snapshot& snapshot) {
    for (Generation* generation : snapshot.generations) table_.Unpin(*generation);
  }
  void CompareSnapshot() {
    if (!snapshots_.empty()) Compare(snapshots_[random_.Below(snapshots_.size())]);
  }
  static void Compare(const Snapshot& snapshot) {
    for (size_t i = 0; i < kKeyspaceCount; ++i) {
      std::unique_ptr<Cursor> cursor = std::make_unique<MapCursor>(snapshot.base[i]);
      for (const Generation* generation : snapshot.generations) {
        cursor = std::make_unique<LayerCursor>(generation->layers[i], std::move(cursor));
      }
      ASSERT_TRUE(ScanFrom(*cursor) == From(snapshot.expected[i], "")) << "keyspace " << i;
    }
  }

  Random random_;
  const std::vector<std::string> keys_;
  MemoryTable table_;
  State base_;
  State committed_;
  State turn_;
  LogPosition position_ = 0;
  std::vector<Snapshot> snapshots_;
};

TEST(MemoryTable, AgreesWithTheModelWhateverComesBetween) {
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::vector<std::string> keys = FewKeys();
    // More keys let the index split; a limit of next to nothing evicts all the time.
    for (int i = 0; seed % 2 == 0 && i < 400; ++i) keys.push_back("key" + std::to_string(i));
    constexpr std::array<uint64_t, 3> kLimits = {0, 1, 30'000};
    Machine machine(seed, kLimits[seed % kLimits.size()], std::move(keys));
    for (int step = 0; step < 6000 && !testing::Test::HasFatalFailure(); ++step) machine.Step();
    if (testing::Test::HasFatalFailure()) return;
    machine.Settle();
    if (testing::Test::HasFatalFailure()) return;
  }
}

class MemoryTableTest : public ::testing::Test {
 protected:
  static std::string KeyOf(int number) { return "key" + std::to_string(number); }
  void Put(const std::string& key, std::string_view value = "value") {
    table_.Put(kData, key, value);
    table_.Accept();
  }
  MemoryTable::State StateOf(const std::string& key) {
    return table_.Find(kData, key, HashIndex::HashOf(key)).state;
  }
  void Flush() {
    table_.Seal(++position_);
    table_.Flushed(table_.Unflushed());
  }
  void ReclaimAll() {
    while (table_.Reclaim(1000)) {
    }
  }
  int CountKnown(int keys) {
    int known = 0;
    for (int i = 0; i < keys; ++i) known += StateOf(KeyOf(i)) == State::kValue ? 1 : 0;
    return known;
  }

  using State = MemoryTable::State;
  MemoryTable table_;
  LogPosition position_ = 0;
};

TEST_F(MemoryTableTest, TurnsThatAreUndoneLeaveNothing) {
  Put("a");
  const uint64_t bytes = table_.bytes();
  for (int turn = 0; turn < 100; ++turn) {
    for (int i = 0; i < 50; ++i) table_.Put(kData, KeyOf(i), "value");
    table_.Put(kData, "a", "another");
    table_.DeleteRange(kData, "", "");
    table_.Undo();
  }
  EXPECT_THAT(table_.active().layer(kData).entries(), SizeIs(1));
  EXPECT_TRUE(table_.active().layer(kData).ranges().empty());
  EXPECT_EQ(table_.dirty_keys(), 1U);
  EXPECT_EQ(table_.changes(), 1U);
  // What the index has grown by stays, and is bounded by the largest turn.
  EXPECT_LE(table_.bytes(), bytes + 8192);
  EXPECT_EQ(StateOf("a"), State::kValue);
}

TEST_F(MemoryTableTest, SealsInMidTurnLeaveTheTurnOnce) {
  Put("a");
  for (int i = 0; i < 50; ++i) table_.Put(kData, KeyOf(i), "value");
  for (int seal = 0; seal < 10; ++seal) table_.Seal(++position_);
  ASSERT_THAT(table_.Unflushed(), SizeIs(1)) << "the turn is none of what was accepted";
  EXPECT_EQ(table_.Unflushed()[0]->end, 1U);
  EXPECT_THAT(table_.Unflushed()[0]->layer(kData).entries(), SizeIs(1));
  EXPECT_THAT(table_.active().layer(kData).entries(), SizeIs(50));
  table_.Accept();
  EXPECT_EQ(table_.dirty_keys(), 51U);
  EXPECT_EQ(table_.changes(), 51U);
}

TEST_F(MemoryTableTest, ALargeTurnIsTakenBackWithoutDelay) {
  for (int i = 0; i < 60'000; ++i) Put(KeyOf(i));
  for (int i = 60'000; i < 120'000; ++i) table_.Put(kData, KeyOf(i), "value");
  table_.Undo();
  EXPECT_EQ(CountKnown(120'000), 60'000);
}

TEST_F(MemoryTableTest, AFlushMakesEntriesCleanAndDropsDeletions) {
  Put("a");
  table_.Put(Keyspace::kExpiry, "b", "");
  table_.Put(Keyspace::kMeta, "c", "");
  table_.Delete(kData, "gone");
  table_.Accept();
  EXPECT_EQ(StateOf("gone"), State::kDeleted);
  Flush();
  EXPECT_EQ(StateOf("gone"), State::kDeleted) << "until it is given up";
  ReclaimAll();
  EXPECT_EQ(StateOf("a"), State::kValue);
  EXPECT_EQ(StateOf("gone"), State::kUnknown);
  for (const Keyspace keyspace : {Keyspace::kExpiry, Keyspace::kMeta}) {
    for (const std::string key : {"b", "c"}) {
      EXPECT_EQ(table_.Find(keyspace, key, HashIndex::HashOf(key)).state, State::kUnknown)
          << "only records are kept, since only they are evicted";
    }
  }
}

TEST_F(MemoryTableTest, WhatManyDeletedKeysTookIsGivenBack) {
  const uint64_t empty = table_.bytes();
  for (int i = 0; i < 100'000; ++i) Put(KeyOf(i));
  for (int i = 0; i < 100'000; ++i) table_.Delete(kData, KeyOf(i));
  table_.Accept();
  Flush();
  ReclaimAll();
  EXPECT_LT(table_.bytes(), empty + (512 << 10)) << "the index has become small as well";
}

TEST_F(MemoryTableTest, ADeletedRangeIsKnownUntilTheBaseHasIt) {
  for (int i = 0; i < 1000; ++i) Put(KeyOf(i));
  Flush();
  ReclaimAll();
  const uint64_t full = table_.bytes();
  table_.DeleteRange(kData, "", "");
  EXPECT_EQ(StateOf(KeyOf(3)), State::kDeleted);
  EXPECT_EQ(StateOf("never there"), State::kDeleted);
  table_.Undo();
  EXPECT_EQ(StateOf(KeyOf(3)), State::kValue);
  EXPECT_EQ(StateOf("never there"), State::kUnknown);
  table_.DeleteRange(kData, "", "");
  table_.Accept();
  ReclaimAll();
  EXPECT_LE(table_.bytes(), full - 1000 * Entry::MemoryOf(4, 5)) << "swept before the flush";
  EXPECT_EQ(StateOf(KeyOf(3)), State::kDeleted);
  Put(KeyOf(3));
  Flush();
  ReclaimAll();
  EXPECT_EQ(StateOf(KeyOf(3)), State::kValue);
  EXPECT_EQ(StateOf("never there"), State::kUnknown);
}

TEST_F(MemoryTableTest, MemoryIsBoundedByEvictionOfWhatIsClean) {
  constexpr uint64_t kLimit = 400'000;
  table_.SetLimit(kLimit);
  for (int i = 0; i < 3000; ++i) Put(KeyOf(i), std::string(300, 'v'));
  ReclaimAll();
  EXPECT_EQ(CountKnown(3000), 3000) << "what is dirty is kept all the same";
  Flush();
  ReclaimAll();
  EXPECT_LE(table_.bytes(), kLimit);
  EXPECT_GT(CountKnown(3000), 500);
  // Nor does what is read grow beyond it by more than its share.
  for (int i = 0; i < 3000; ++i) {
    const std::string key = KeyOf(i);
    if (StateOf(key) == State::kUnknown) {
      table_.Cache(kData, key, HashIndex::HashOf(key), std::string(300, 'v'));
    }
  }
  EXPECT_GT(table_.bytes(), kLimit);
  EXPECT_LE(table_.bytes(), kLimit + kLimit / 16 + 1000);
}

TEST_F(MemoryTableTest, TheClockPassesOverWhatIsReadAgainAndAgain) {
  table_.SetLimit(400'000);
  constexpr int kHot = 100;
  const std::string value(300, 'v');
  for (int i = 0; i < kHot; ++i) {
    table_.Cache(kData, KeyOf(i), HashIndex::HashOf(KeyOf(i)), value);
  }
  for (int i = kHot; i < 5000; ++i) {
    CountKnown(kHot);
    const std::string key = KeyOf(i);
    table_.Cache(kData, key, HashIndex::HashOf(key), value);
    table_.Reclaim(64);
  }
  EXPECT_EQ(CountKnown(kHot), kHot);
}

TEST_F(MemoryTableTest, LargeValuesAreNotCached) {
  const std::string large((64 << 10) + 1, 'v');
  table_.Cache(kData, "a", HashIndex::HashOf("a"), large);
  EXPECT_EQ(StateOf("a"), State::kUnknown);
}

TEST_F(MemoryTableTest, AGenerationThatASnapshotReadsIsKept) {
  Put("a");
  table_.Seal(++position_);
  Generation& generation = *table_.Unflushed().front();
  table_.Pin(generation);
  table_.Flushed({&generation});
  Put("a", "newer");
  Flush();
  ReclaimAll();
  EXPECT_EQ(generation.layer(kData).Find("a")->value(), "value");
  EXPECT_THAT(table_.Unflushed(), IsEmpty());
  table_.Unpin(generation);
  EXPECT_TRUE(table_.Reclaim(1000)) << "now it goes";
  ReclaimAll();
  EXPECT_EQ(StateOf("a"), State::kValue);
}

}  // namespace
}  // namespace cartwheel::storage
