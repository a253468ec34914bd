// Random histories on the memory engine and on the durable one, which must agree on everything that
// can be seen: gets, scans, snapshots, the state after re-opening. And snapshots, taken in the
// middle of a turn or between two, must show the last commit.
//
// The durable engine stands on LMDB, or on a machine whose helpers finish when a later step says
// so, and whose disk and base store are short of space at times: turns fail, flushes stop halfway.
//
// The canary, differential_test_canary: the wrapper below forgets some deletions on one side, and
// the test must fail, at the first seed.
#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "durable_machine.h"
#include "storage/key_order.h"
#include "storage/memory_engine.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

// What the durable engine stands on.
class Ground {
 public:
  virtual ~Ground() = default;
  virtual Engine& engine() = 0;
  virtual void Reopen() = 0;
  // Time passes, between two turns.
  virtual void Tick() = 0;
  // Something that the engine did not ask for, at any time.
  virtual void Disturb(Random& /*random*/) {}
  // Whether the next commit is made to fail.
  virtual bool FailCommit() { return false; }
};

Settings SettingsWith(uint64_t memory_bytes) {
  Settings settings;
  settings.memory_bytes = memory_bytes;
  settings.checkpoint_log_bytes = 64 << 10;
  return settings;
}

class LmdbGround : public Ground {
 public:
  explicit LmdbGround(uint64_t memory_bytes) : memory_bytes_(memory_bytes) { Reopen(); }
  Engine& engine() override { return *engine_; }
  void Reopen() override {
    engine_.reset();
    DurableOptions options = FastOptions();
    const Durability durability = options.settings.durability;
    options.lmdb.initial_map_bytes = 1 << 26;
    options.settings = SettingsWith(memory_bytes_);
    options.settings.durability = durability;
    engine_ = OpenOrDie(directory_ / "store", options);
  }
  void Tick() override { engine_->Tick(0, ++now_ms_); }

 private:
  const uint64_t memory_bytes_;
  int64_t now_ms_ = 0;
  TempDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

class MachineGround : public Ground {
 public:
  // Without a limit of memory no turn is refused because flushes fail.
  explicit MachineGround(uint64_t memory_bytes)
      : flushes_fail_(memory_bytes == 0), machine_(SettingsWith(memory_bytes)) {}
  Engine& engine() override { return machine_.engine(); }
  void Reopen() override { machine_.Restart(); }
  void Tick() override { machine_.Tick(1000); }
  void Disturb(Random& random) override {
    switch (random.Below(4)) {
      case 0: return machine_.FinishSync();
      case 1:
      case 2: return machine_.FinishFlush();
      default:
        if (!flushes_fail_) return;
        machine_.base().FailFlushes(MemoryBaseStore::FlushFault{
            .kind = Error::Kind::kNoSpace,
            .count = static_cast<uint32_t>(random.Below(3)),
            .applied = random.Below(60),
            .growing_helps = random.Below(2) == 0,
        });
    }
  }
  bool FailCommit() override {
    machine_.disk().Fail(SimulatedDisk::Call::kWrite,
                         {.kind = Error::Kind::kNoSpace, .written = 20});
    return true;
  }

 private:
  const bool flushes_fail_;
  DurableMachine machine_;
};

class Twins {
 public:
  Twins(uint64_t seed, std::unique_ptr<Ground> ground)
      : random_(seed), keys_(FewKeys()), ground_(std::move(ground)) {}

  void Step() {
    if (random_.Below(8) == 0) ground_->Disturb(random_);
    const uint64_t dice = random_.Below(100);
    if (dice < 45) return Put();
    if (dice < 60) return Delete();
    if (dice < 66) return DeleteRange();
    if (dice < 80) return Compare(*memory_, durable());
    if (dice < 83) return TakeSnapshot();
    if (dice < 86) return DropSnapshot();
    if (dice < 90) return CompareSnapshots();
    if (dice == 90) return FailCommit();
    if (dice == 91) return Flush();
    Commit();
    if (dice == 92) durable().StartFlush();
    if (dice == 93) ground_->Tick();
    if (dice == 94) Flush();
    if (dice == 99) Reopen();
  }

  void CompareEverything() {
    CompareScans(*memory_, durable(), "");
    CompareSnapshots();
  }
  int snapshots_in_mid_turn() const { return snapshots_in_mid_turn_; }

 private:
  struct SnapshotPair {
    std::unique_ptr<Reader> memory;
    std::unique_ptr<Reader> durable;
  };
  using Everything = std::array<Contents, kKeyspaceCount>;

  Engine& durable() { return ground_->engine(); }

  Keyspace RandomKeyspace() { return static_cast<Keyspace>(random_.Below(kKeyspaceCount)); }
  const std::string& RandomKey() { return keys_[random_.Below(keys_.size())]; }

  void Put() {
    const Keyspace keyspace = RandomKeyspace();
    const std::string& key = RandomKey();
    constexpr std::array<size_t, 6> kSizes = {0, 1, 20, 1000, 2100, 9000};
    const std::string value(kSizes[random_.Below(kSizes.size())],
                            static_cast<char>('a' + random_.Below(26)));
    in_mid_turn_ = true;
    memory_->Put(keyspace, key, value);
    durable().Put(keyspace, key, value);
  }

  void Delete() {
    const Keyspace keyspace = RandomKeyspace();
    const std::string& key = RandomKey();
    in_mid_turn_ = true;
    durable().Delete(keyspace, key);
#ifdef CARTWHEEL_CANARY
    if (++deletions_ % 20 == 0) return;
#endif
    memory_->Delete(keyspace, key);
  }

  void DeleteRange() {
    const Keyspace keyspace = RandomKeyspace();
    const std::string begin = random_.Below(8) == 0 ? "" : RandomKey();
    const std::string end = random_.Below(8) == 0 ? "" : RandomKey();
    memory_->DeleteRange(keyspace, begin, end);
    durable().DeleteRange(keyspace, begin, end);
  }

  void Commit() {
    ASSERT_TRUE(memory_->Commit().has_value());
    ASSERT_TRUE(durable().Commit().has_value());
    committed_ = ScanAll(*memory_);
    in_mid_turn_ = false;
  }

  // The memory engine cannot fail: one that never saw the turn takes its place.
  void FailCommit() {
    if (!in_mid_turn_ || !ground_->FailCommit()) return;
    ASSERT_FALSE(durable().Commit().has_value());
    retired_.push_back(std::exchange(memory_, NewMemoryEngine()));
    for (size_t i = 0; i < kKeyspaceCount; ++i) {
      for (const auto& [key, value] : committed_[i]) {
        memory_->Put(static_cast<Keyspace>(i), key, value);
      }
    }
    ASSERT_TRUE(memory_->Commit().has_value());
    in_mid_turn_ = false;
    CompareEverything();
  }

  // What fails for want of space is tried again later.
  void Flush() {
    const auto flushed = durable().Flush();
    ASSERT_TRUE(flushed.has_value() || flushed.error().kind == Error::Kind::kNoSpace);
  }

  void Reopen() {
    snapshots_.clear();
    retired_.clear();
    ground_->Reopen();
  }

  void TakeSnapshot() {
    snapshots_.push_back({memory_->NewSnapshot(), durable().NewSnapshot()});
    ASSERT_TRUE(ScanAll(*snapshots_.back().memory) == committed_);
    ASSERT_TRUE(ScanAll(*snapshots_.back().durable) == committed_) << "not the last commit";
    snapshots_in_mid_turn_ += in_mid_turn_ ? 1 : 0;
  }

  void DropSnapshot() {
    if (snapshots_.empty()) return;
    snapshots_.erase(snapshots_.begin() +
                     static_cast<std::ptrdiff_t>(random_.Below(snapshots_.size())));
  }

  void Compare(Reader& memory, Reader& durable) {
    const Keyspace keyspace = RandomKeyspace();
    const std::string& key = RandomKey();
    ASSERT_EQ(memory.Get(keyspace, key), durable.Get(keyspace, key)) << "key of " << key.size();
    CompareScans(memory, durable, RandomKey());
  }

  void CompareSnapshots() {
    for (const SnapshotPair& pair : snapshots_) {
      Compare(*pair.memory, *pair.durable);
      CompareScans(*pair.memory, *pair.durable, "");
    }
  }

  static Everything ScanAll(Reader& reader) {
    Everything all;
    for (size_t i = 0; i < kKeyspaceCount; ++i) {
      all[i] = ScanFrom(reader, static_cast<Keyspace>(i));
    }
    return all;
  }

  static void CompareScans(Reader& memory, Reader& durable, std::string_view from) {
    for (size_t i = 0; i < kKeyspaceCount; ++i) {
      const auto keyspace = static_cast<Keyspace>(i);
      const Contents scanned = ScanFrom(memory, keyspace, from);
      ASSERT_TRUE(scanned == ScanFrom(durable, keyspace, from)) << "scans differ in keyspace " << i;
      for (size_t j = 0; j < scanned.size(); ++j) {
        ASSERT_FALSE(KeyOrder()(scanned[j].first, from));
        ASSERT_TRUE(j == 0 || KeyOrder()(scanned[j - 1].first, scanned[j].first));
      }
    }
  }

  Random random_;
  const std::vector<std::string> keys_;
  std::unique_ptr<Ground> ground_;
  std::vector<std::unique_ptr<Engine>> retired_;  // memory engines that snapshots still read
  std::unique_ptr<Engine> memory_ = NewMemoryEngine();
  Everything committed_;
  bool in_mid_turn_ = false;
  int snapshots_in_mid_turn_ = 0;
  std::vector<SnapshotPair> snapshots_;  // go before their engines
#ifdef CARTWHEEL_CANARY
  int deletions_ = 0;
#endif
};

template <typename GroundType>
void RunHistories(uint64_t seeds) {
  int snapshots_in_mid_turn = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    std::cout << "seed " << seed << std::endl;
    SCOPED_TRACE("seed " + std::to_string(seed));
    // The second keeps next to nothing, and evicts all the time.
    constexpr std::array<uint64_t, 4> kMemoryBytes = {0, 4 << 10, 64 << 10, 1 << 30};
    Twins twins(seed, std::make_unique<GroundType>(kMemoryBytes[seed % kMemoryBytes.size()]));
    for (int step = 0; step < 3000 && !testing::Test::HasFatalFailure(); ++step) twins.Step();
    if (testing::Test::HasFatalFailure()) return;
    twins.CompareEverything();
    snapshots_in_mid_turn += twins.snapshots_in_mid_turn();
  }
  EXPECT_GT(snapshots_in_mid_turn, 100) << "or the histories have become tame";
}

TEST(Differential, EnginesAgreeOnRandomHistories) {
  RunHistories<LmdbGround>(8);
}

TEST(Differential, EnginesAgreeWhenHelpersFinishLateAndSpaceIsShort) {
  RunHistories<MachineGround>(16);
}

}  // namespace
}  // namespace cartwheel::storage
