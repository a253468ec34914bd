// The durable engine on a machine that fails: for each fault what a commit says and what is there
// after a restart.
//
// The canary, durable_engine_fault_test_canary, acknowledges commits under `always` without their
// sync: the power-loss test must fail.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "durable_machine.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Call = SimulatedDisk::Call;

constexpr Keyspace kData = Keyspace::kData;

Settings With(Durability durability) {
  Settings settings;
  settings.durability = durability;
  return settings;
}

TEST(DurableEngineFault, AShortWriteDropsTheBatchAndALaterOneSucceeds) {
  for (uint64_t written = 0; written < 80; written += 5) {
    DurableMachine machine;
    ASSERT_TRUE(machine.Set("a", "1").has_value());
    machine.disk().Fail(Call::kWrite, {.kind = Error::Kind::kNoSpace, .written = written});
    const auto failed = machine.Set("a", std::string(60, '2'));
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().kind, Error::Kind::kNoSpace);
    EXPECT_EQ(machine.Get("a"), "1");
    machine.Restart();
    EXPECT_EQ(machine.Get("a"), "1");
    ASSERT_TRUE(machine.Set("b", "3").has_value());
    machine.Restart();
    EXPECT_EQ(machine.Get("a"), "1");
    EXPECT_EQ(machine.Get("b"), "3");
  }
}

TEST(DurableEngineFault, AFullDiskFailsWritesUntilThereIsRoom) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.disk().SetCapacity(200);
  const auto failed = machine.Set("b", std::string(500, 'v'));
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, Error::Kind::kNoSpace);
  EXPECT_EQ(machine.Get("a"), "1");
  EXPECT_EQ(machine.Get("b"), "(nil)");
  machine.disk().SetCapacity(1 << 20);
  EXPECT_TRUE(machine.Set("b", "2").has_value());
  machine.Restart();
  EXPECT_EQ(machine.Get("a"), "1");
  EXPECT_EQ(machine.Get("b"), "2");
}

uint64_t BytesOn(const SimulatedDisk& disk) {
  uint64_t sum = 0;
  const std::vector<std::string> names = *disk.List();
  for (const std::string& name : names) sum += disk.Contents(name).size();
  return sum;
}

bool HasReserve(const SimulatedDisk& disk) {
  return std::ranges::count(*disk.List(), Reserve::kName) == 1;
}

Result<void> Delete(DurableMachine& machine, const std::string& key) {
  machine.engine().Delete(Keyspace::kData, key);
  machine.engine().Delete(Keyspace::kExpiry, key);
  machine.engine().Put(Keyspace::kMeta, "counts", "as many");
  return machine.engine().Commit();
}

TEST(DurableEngineFault, OnADiskFullToTheLastByteDeletionsGoOnAndMakeRoom) {
  for (const bool knows : {false, true}) {
    DurableMachine machine({}, Reserve::kBytes);
    ASSERT_TRUE(machine.Set("a", "1").has_value());
    ASSERT_TRUE(machine.Set("b", std::string(5000, 'v')).has_value());
    EXPECT_TRUE(HasReserve(machine.disk()));
    machine.disk().SetCapacity(BytesOn(machine.disk()));
    if (knows) {
      EXPECT_FALSE(machine.Set("c", "3").has_value());
      EXPECT_TRUE(HasReserve(machine.disk())) << "it is not for writes";
    }
    ASSERT_TRUE(Delete(machine, "a").has_value());
    EXPECT_FALSE(HasReserve(machine.disk()));
    EXPECT_EQ(machine.Get("a"), "(nil)");
    const auto refused = machine.Set("c", "3");
    ASSERT_FALSE(refused.has_value()) << "though there is room for it now";
    EXPECT_EQ(refused.error().kind, Error::Kind::kNoSpace);
    EXPECT_THAT(refused.error().message, HasSubstr("only deletions are taken"));
    machine.RunFlush();
    EXPECT_TRUE(HasReserve(machine.disk())) << "the log's room is back";
    EXPECT_TRUE(machine.Set("c", "3").has_value());
    machine.Restart();
    EXPECT_EQ(machine.Get("a"), "(nil)");
    EXPECT_EQ(machine.Get("b"), std::string(5000, 'v'));
    EXPECT_EQ(machine.Get("c"), "3");
  }
}

// The data file takes all space that there is, and it is not enough.
TEST(DurableEngineFault, AFlushThatFailsLeavesDeletionsTheirRoom) {
  DurableMachine machine({}, Reserve::kBytes);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(machine.Set("key" + std::to_string(i), std::string(100, 'v')).has_value());
  }
  machine.disk().SetCapacity(BytesOn(machine.disk()));
  for (int i = 0; i < 1000; ++i) {
    machine.base().FailFlushes(Error::Kind::kNoSpace, 1);
    ASSERT_TRUE(Delete(machine, "key" + std::to_string(i)).has_value()) << i;
    machine.disk().SetCapacity(BytesOn(machine.disk()));
    machine.RunFlush();
    if (i % 100 == 99) {
      machine.Restart();
      machine.disk().SetCapacity(BytesOn(machine.disk()));
    }
    machine.Tick(500);
  }
  EXPECT_FALSE(machine.Set("other", "1").has_value());
  machine.base().FailFlushes(Error::Kind::kNoSpace, 0);
  machine.disk().SetCapacity(2 * Reserve::kBytes);
  machine.Tick(1000);
  machine.RunFlush();
  machine.Tick(1000);
  EXPECT_TRUE(machine.Set("other", "1").has_value());
  machine.Restart();
  EXPECT_EQ(machine.Get("key0"), "(nil)");
  EXPECT_EQ(machine.Get("other"), "1");
}

TEST(DurableEngineFault, AFullDiskWithoutReserveTakesDeletionsOnlyAsFarAsTheyFit) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.disk().SetCapacity(BytesOn(machine.disk()));
  EXPECT_FALSE(Delete(machine, "a").has_value());
  EXPECT_EQ(machine.Get("a"), "1");
}

TEST(DurableEngineFault, WithoutRoomForTheReserveAStoreStartsAndTakesDeletions) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.set_reserve_bytes(Reserve::kBytes);
  machine.disk().SetCapacity(BytesOn(machine.disk()) + 5000);
  machine.Restart();
  EXPECT_FALSE(machine.Set("b", "2").has_value());
  EXPECT_TRUE(Delete(machine, "a").has_value());
  machine.disk().SetCapacity(2 * Reserve::kBytes);
  machine.Tick(1000);
  machine.RunFlush();
  const auto set = machine.Set("b", "2");
  EXPECT_TRUE(set.has_value()) << set.error().message;
  machine.Restart();
  EXPECT_EQ(machine.Get("a"), "(nil)");
  EXPECT_EQ(machine.Get("b"), "2");
}

// A reserve that cannot be made for another reason is no reason to refuse writes.
TEST(DurableEngineFault, AReserveThatTheDiskRefusesIsDoneWithout) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.set_reserve_bytes(Reserve::kBytes);
  machine.Kill();
  machine.disk().Fail(Call::kCreate, {.kind = Error::Kind::kPermission});
  machine.Start();
  EXPECT_TRUE(machine.Set("a", "2").has_value());
  EXPECT_FALSE(HasReserve(machine.disk()));
}

TEST(DurableEngineFault, AWriteErrorIsFinalAndReadsGoOn) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.disk().Fail(Call::kWrite, {.kind = Error::Kind::kIo, .written = 10});
  const auto failed = machine.Set("a", "2");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, Error::Kind::kIo);
  EXPECT_FALSE(machine.Set("b", "3").has_value()) << "though the disk would work again";
  EXPECT_EQ(machine.Get("a"), "1");
  EXPECT_TRUE(machine.engine().Commit().has_value()) << "of nothing";
  machine.Restart();
  EXPECT_EQ(machine.Get("a"), "1");
  EXPECT_TRUE(machine.Set("b", "3").has_value());
}

TEST(DurableEngineFault, ASyncErrorUnderAlwaysFailsTheCommitForGood) {
  DurableMachine machine(With(Durability::kAlways));
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.disk().Fail(Call::kSync, {});
  const auto failed = machine.Set("b", "2");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, Error::Kind::kIo);
  EXPECT_EQ(machine.Get("b"), "(nil)");
  EXPECT_FALSE(machine.Set("c", "3").has_value());
  EXPECT_EQ(machine.state().sync_errors, 1U);
  machine.Restart();
  EXPECT_EQ(machine.Get("a"), "1");
  EXPECT_EQ(machine.Get("c"), "(nil)");
}

TEST(DurableEngineFault, ASyncErrorInTheBackgroundFailsTheNextCommits) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.Tick();
  machine.disk().Fail(Call::kSync, {});
  machine.RunSync();
  EXPECT_EQ(machine.state().sync_errors, 1U);
  const auto failed = machine.Set("b", "2");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, Error::Kind::kIo);
  EXPECT_THAT(failed.error().message, HasSubstr("sync"));
  EXPECT_EQ(machine.Get("a"), "1");
  machine.Restart();
  EXPECT_EQ(machine.Get("a"), "1");
}

TEST(DurableEngineFault, AFlushErrorStopsWritesAndLosesNothing) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.base().FailFlushes(Error::Kind::kIo);
  machine.engine().StartFlush();
  machine.Tick();
  machine.RunFlush();
  EXPECT_THAT(machine.state().last_flush_error, HasSubstr("told to fail"));
  EXPECT_FALSE(machine.Set("b", "2").has_value());
  EXPECT_EQ(machine.Get("a"), "1");
  machine.Restart();
  EXPECT_EQ(machine.Get("a"), "1");
  EXPECT_TRUE(machine.engine().Flush().has_value());
  EXPECT_EQ(machine.Get("a"), "1");
}

TEST(DurableEngineFault, AFlushWithoutSpaceIsTriedAgain) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.base().FailFlushes(Error::Kind::kNoSpace);
  machine.engine().StartFlush();
  machine.Tick();
  machine.RunFlush();
  EXPECT_THAT(machine.state().last_flush_error, Not(IsEmpty()));
  EXPECT_EQ(machine.state().failed_flushes, 1U);
  EXPECT_TRUE(machine.Set("b", "2").has_value()) << "the log takes it";
  EXPECT_FALSE(machine.state().flush_running) << "not at once";
  machine.Tick(1000);
  EXPECT_TRUE(machine.state().flush_running);
  machine.RunFlush();
  EXPECT_THAT(machine.state().last_flush_error, IsEmpty());
  EXPECT_EQ(machine.state().flushes, 1U);
  EXPECT_EQ(machine.state().failed_flushes, 0U);
  EXPECT_EQ(machine.Get("a"), "1");
}

TEST(DurableEngineFault, WithoutSpaceForFlushesMemoryStaysBounded) {
  Settings settings;
  settings.memory_bytes = 100'000;
  DurableMachine machine(settings);
  machine.base().FailFlushes(Error::Kind::kNoSpace, 1000);
  Result<void> written;
  int stored = 0;
  for (; stored < 1000 && written; ++stored) {
    written = machine.Set("key" + std::to_string(stored), std::string(1000, 'v'));
    machine.RunFlush();
  }
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, Error::Kind::kNoSpace);
  EXPECT_LT(machine.state().dirty_bytes, 60'000U);
  EXPECT_FALSE(machine.engine().WritesMustWait()) << "that would be for ever";
  machine.base().FailFlushes(Error::Kind::kNoSpace, 0);
  machine.Tick(1000);
  machine.RunFlush();
  EXPECT_TRUE(machine.Set("later", "1").has_value());
  machine.Restart();
  for (int i = 0; i + 1 < stored; ++i) {
    ASSERT_EQ(machine.Get("key" + std::to_string(i)), std::string(1000, 'v'));
  }
}

TEST(DurableEngineFault, WritesWaitWhileAFlushFallsBehind) {
  Settings settings;
  settings.memory_bytes = 100'000;
  DurableMachine machine(settings);
  for (int i = 0; !machine.engine().WritesMustWait(); ++i) {
    ASSERT_LT(i, 100);
    ASSERT_TRUE(machine.Set("key" + std::to_string(i), std::string(1000, 'v')).has_value());
  }
  EXPECT_EQ(machine.state().delayed_writes, 1U);
  EXPECT_TRUE(machine.Set("one more", "1").has_value()) << "nothing is refused";
  machine.RunFlush();
  EXPECT_FALSE(machine.engine().WritesMustWait());
}

TEST(DurableEngineFault, WritesWaitForASlowSync) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.Tick();
  ASSERT_TRUE(machine.state().sync_running);
  machine.Tick(1900);
  EXPECT_FALSE(machine.engine().WritesMustWait());
  machine.Tick(200);
  EXPECT_TRUE(machine.engine().WritesMustWait());
  machine.RunSync();
  EXPECT_FALSE(machine.engine().WritesMustWait());
}

TEST(DurableEngineFault, EverySecondSyncsOnceASecond) {
  DurableMachine machine;
  machine.set_helpers_at_once(true);
  machine.Restart();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(machine.Set("a", std::to_string(i)).has_value());
    machine.Tick(100);
  }
  EXPECT_EQ(machine.state().syncs, 5U);
  machine.Tick(2000);
  machine.Tick(2000);
  EXPECT_EQ(machine.state().syncs, 6U) << "nothing was written since";
  EXPECT_EQ(machine.state().unsynced_bytes, 0U);
}

TEST(DurableEngineFault, ATornTailIsCutOffAndToldOf) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  ASSERT_TRUE(machine.Set("b", "2").has_value());
  const std::string name = machine.disk().List()->back();
  machine.Kill();
  const std::string bytes = machine.disk().Contents(name);
  machine.disk().SetContents(name, bytes.substr(0, bytes.size() - 1));
  machine.Start();
  EXPECT_EQ(machine.Get("a"), "1");
  EXPECT_EQ(machine.Get("b"), "(nil)");
  EXPECT_GT(machine.state().torn_bytes, 0U);
  EXPECT_EQ(machine.state().damaged_bytes, 0U);
  EXPECT_TRUE(machine.Set("b", "3").has_value());
  machine.Restart();
  EXPECT_EQ(machine.Get("b"), "3");
  EXPECT_EQ(machine.state().torn_bytes, 0U);
}

TEST(DurableEngineFault, ADamagedBatchIsToldOfAndTheRestIsThere) {
  DurableMachine machine(With(Durability::kAlways));
  for (const std::string key : {"a", "b", "c"}) {
    ASSERT_TRUE(machine.Set(key, "value of " + key).has_value());
  }
  const std::string name = machine.disk().List()->back();
  const size_t at = machine.disk().Contents(name).find("value of b");
  machine.Kill();
  machine.disk().FlipBit(name, at, 2);
  machine.Start();
  EXPECT_EQ(machine.Get("a"), "value of a");
  EXPECT_EQ(machine.Get("b"), "(nil)");
  EXPECT_EQ(machine.Get("c"), "value of c");
  EXPECT_GT(machine.state().damaged_bytes, 0U);
  ASSERT_THAT(machine.state().damage, SizeIs(1));
  EXPECT_THAT(machine.state().damage[0], HasSubstr(name));
}

TEST(DurableEngineFault, ASegmentThatCannotBeRemovedIsRemovedByTheNextFlush) {
  DurableMachine machine;
  machine.set_helpers_at_once(true);
  machine.Restart();
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.disk().Fail(Call::kRemove, {});
  EXPECT_TRUE(machine.engine().Flush().has_value()) << "the base has it";
  EXPECT_THAT(machine.state().last_flush_error, Not(IsEmpty()));
  EXPECT_THAT(*machine.disk().List(), SizeIs(2));
  ASSERT_TRUE(machine.Set("a", "2").has_value());
  EXPECT_TRUE(machine.engine().Flush().has_value());
  EXPECT_THAT(*machine.disk().List(), SizeIs(1));
  machine.Restart();
  EXPECT_EQ(machine.Get("a"), "2");
}

TEST(DurableEngineFault, AFlushComesWithTheLogsGrowthAndWithTime) {
  Settings settings;
  settings.checkpoint_log_bytes = 10'000;
  settings.checkpoint_interval_ms = 60'000;
  DurableMachine machine(settings);
  ASSERT_TRUE(machine.Set("a", std::string(5000, 'v')).has_value());
  EXPECT_FALSE(machine.state().flush_running);
  ASSERT_TRUE(machine.Set("a", std::string(6000, 'v')).has_value());
  EXPECT_TRUE(machine.state().flush_running);
  machine.RunFlush();
  EXPECT_EQ(machine.state().last_flush_entries, 1U);
  EXPECT_LT(machine.state().log_bytes, 1000U);
  machine.Tick(100'000);
  EXPECT_FALSE(machine.state().flush_running) << "of nothing";
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.Tick(59'000);
  EXPECT_FALSE(machine.state().flush_running);
  machine.Tick(1'000);
  EXPECT_TRUE(machine.state().flush_running);
}

// One history under one setting: random batches, ticks and helpers, then a crash or the plug. What
// is found must be the state after one of the commits: after the last synced one or a later one.
class History {
 public:
  History(uint64_t seed, Durability durability)
      : random_(seed), durability_(durability), machine_(MakeSettings(durability)) {}

  void Run() {
    for (int life = 0; life < 4 && !testing::Test::HasFatalFailure(); ++life) {
      for (int step = 0; step < 80; ++step) Step();
      const bool power = random_.Below(3) != 0;
      if (power) {
        machine_.LosePower(random_.Next());
      } else {
        machine_.Restart();
        durable_ = states_.size() - 1;  // a crash of the process loses nothing
      }
      if (!testing::Test::HasFatalFailure()) Verify();
    }
  }
  int lost() const { return lost_; }

 private:
  using State = std::map<std::string, std::string>;

  static Settings MakeSettings(Durability durability) {
    Settings settings = With(durability);
    settings.memory_bytes = 60'000;
    settings.checkpoint_log_bytes = 4'000;
#ifdef CARTWHEEL_CANARY
    if (durability == Durability::kAlways) settings.durability = Durability::kNo;
#endif
    return settings;
  }

  void Step() {
    const uint64_t dice = random_.Below(16);
    if (dice == 0) machine_.Tick(static_cast<int64_t>(random_.Below(1500)));
    if (dice == 1) machine_.RunSync();
    if (dice == 2) machine_.RunFlush();
    if (dice == 3) machine_.engine().StartFlush();
    if (dice > 3) Commit();
    NoteSyncs();
  }

  // A sync covers the commits before its beginning, once it has ended.
  void NoteSyncs() {
    const Persistence state = machine_.state();
    if (state.syncs != syncs_) durable_ = std::max(durable_, begun_sync_);
    if (state.sync_running && (!syncing_ || state.syncs != syncs_))
      begun_sync_ = states_.size() - 1;
    syncing_ = state.sync_running;
    syncs_ = state.syncs;
  }

  void Commit() {
    State state = states_.back();
    for (uint64_t i = random_.Below(4) + 1; i > 0; --i) {
      const std::string key = "k" + std::to_string(random_.Below(30));
      if (random_.Below(4) == 0) {
        state.erase(key);
        machine_.engine().Delete(kData, key);
      } else {
        std::string value(random_.Below(200), 'v');
        value += std::to_string(random_.Next());
        state[key] = value;
        machine_.engine().Put(kData, key, value);
      }
    }
    if (random_.Below(20) == 0) {
      state.clear();
      machine_.engine().DeleteRange(kData, "", "");
    }
    // Empty batches are no commits.
    ASSERT_TRUE(machine_.engine().Commit().has_value());
    states_.push_back(std::move(state));
    if (durability_ == Durability::kAlways) durable_ = states_.size() - 1;
  }

  void Verify() {
    State found;
    for (auto& [key, value] : ScanFrom(machine_.engine(), kData)) found[key] = value;
    size_t match = states_.size();
    while (match > durable_ && states_[match - 1] != found) --match;
    ASSERT_TRUE(states_[match == 0 ? 0 : match - 1] == found && match > durable_)
        << "not a state after commit " << durable_ << " or a later one of " << states_.size() - 1;
    for (const auto& [key, value] : found) ASSERT_EQ(machine_.Get(key), value);
    lost_ += match < states_.size() ? 1 : 0;
    states_.resize(match);
    durable_ = match - 1;
    begun_sync_ = 0;
    syncing_ = false;
    syncs_ = 0;
  }

  Random random_;
  const Durability durability_;
  DurableMachine machine_;
  std::vector<State> states_ = {{}};  // after each commit
  size_t durable_ = 0;                // the last commit that must not be lost
  size_t begun_sync_ = 0;             // the last commit that the latest sync covers
  bool syncing_ = false;
  uint64_t syncs_ = 0;
  int lost_ = 0;
};

// Half a batch would be a record without what it needs beside it.
TEST(DurableEngineFault, APowerLossBetweenTwoTransactionsOfAFlushTearsNoBatch) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    DurableMachine machine(With(Durability::kEverySecond));
    machine.Tick();
    for (const char* key : {"a", "b", "c"}) machine.engine().Put(kData, key, "1");
    ASSERT_TRUE(machine.engine().Commit().has_value());
    machine.engine().StartFlush();
    machine.Tick();
    machine.base().FailFlushes({.kind = Error::Kind::kIo, .applied = 1});
    machine.FinishFlush();
    machine.LosePower(seed);
    const std::string a = machine.Get("a");
    EXPECT_EQ(machine.Get("b"), a) << "seed " << seed;
    EXPECT_EQ(machine.Get("c"), a) << "seed " << seed;
  }
}

class PowerLoss : public ::testing::TestWithParam<Durability> {};

TEST_P(PowerLoss, LeavesAStateThatWasCommittedAndNothingSyncedIsMissing) {
  int lost = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed, GetParam());
    history.Run();
    if (testing::Test::HasFatalFailure()) return;
    lost += history.lost();
  }
  if (GetParam() == Durability::kAlways) {
    EXPECT_EQ(lost, 0);
  } else {
    EXPECT_GT(lost, 5) << "or the plug was never pulled in time";
  }
}

INSTANTIATE_TEST_SUITE_P(All, PowerLoss,
                         ::testing::Values(Durability::kAlways, Durability::kEverySecond,
                                           Durability::kNo),
                         [](const auto& durability) {
                           switch (durability.param) {
                             case Durability::kAlways: return "Always";
                             case Durability::kEverySecond: return "EverySecond";
                             default: return "No";
                           }
                         });

}  // namespace
}  // namespace cartwheel::storage
