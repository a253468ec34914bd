// The durable engine on a machine that fails: for each fault what a commit says and what is there
// after a restart.
#include <algorithm>
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

TEST(DurableEngineFault, ACommitThatIsToBeSyncedIsThatAndNoLaterOne) {
  DurableMachine machine(With(Durability::kNo));
  machine.engine().SyncNextCommit();
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  EXPECT_EQ(machine.state().unsynced_bytes, 0U);
  ASSERT_TRUE(machine.Set("b", "2").has_value());
  EXPECT_GT(machine.state().unsynced_bytes, 0U);
  machine.engine().SyncNextCommit();
  ASSERT_TRUE(machine.engine().Commit().has_value());
  EXPECT_EQ(machine.state().unsynced_bytes, 0U) << "also where there is nothing new";
  machine.engine().SyncNextCommit();
  machine.disk().Fail(Call::kSync, {});
  EXPECT_FALSE(machine.Set("c", "3").has_value());
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

TEST(DurableEngineFault, AFlushComesWhenWritesHaveAllButCeased) {
  Settings settings;
  settings.memory_bytes = 0;
  DurableMachine machine(settings);
  machine.Tick();
  const auto write = [&](int key, size_t bytes) {
    ASSERT_TRUE(machine.Set("key" + std::to_string(key), std::string(bytes, 'v')).has_value());
  };
  for (int i = 0; i < 80; ++i) write(i, 64 << 10);
  machine.Tick(1'000);
  for (int second = 0; second < 20; ++second) {
    write(second, 10 << 10);
    machine.Tick(1'000);
    EXPECT_FALSE(machine.state().flush_running) << second;
  }
  for (int second = 0; second < 20 && !machine.state().flush_running; ++second) {
    write(second, 100);
    machine.Tick(1'000);
  }
  EXPECT_TRUE(machine.state().flush_running);
  machine.RunFlush();
  write(0, 1 << 20);
  machine.Tick(1'000);
  machine.Tick(60'000);
  EXPECT_FALSE(machine.state().flush_running) << "so little can wait";
}

TEST(DurableEngineFault, WithoutAnIntervalNoFlushComesByItself) {
  Settings settings;
  settings.memory_bytes = 0;
  settings.checkpoint_interval_ms = 0;
  DurableMachine machine(settings);
  machine.Tick();
  for (int i = 0; i < 80; ++i) {
    ASSERT_TRUE(machine.Set(std::to_string(i), std::string(64 << 10, 'v')).has_value());
  }
  machine.Tick(1'000);
  machine.Tick(2'000'000);
  EXPECT_FALSE(machine.state().flush_running);
}

}  // namespace
}  // namespace cartwheel::storage
