// What happens between turns: when a flush comes, and that neither failures nor snapshots keep it
// from coming or from giving back what it covered.
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "durable_machine.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using Call = SimulatedDisk::Call;

constexpr Keyspace kData = Keyspace::kData;

std::string KeyOf(int number) {
  return "key" + std::to_string(number);
}

// Each snapshot closes what is dirty so far; it is dirty all the same.
TEST(DurableEngineUpkeep, AFlushComesThoughSnapshotsKeepCuttingWhatIsDirty) {
  Settings settings;
  settings.memory_bytes = 100'000;
  DurableMachine machine(settings);
  for (int i = 0; !machine.state().flush_running; ++i) {
    ASSERT_FALSE(machine.engine().WritesMustWait()) << "and no flush in sight";
    ASSERT_TRUE(machine.Set(KeyOf(i), std::string(1000, 'v')).has_value());
    machine.engine().NewSnapshot();
  }
  machine.RunFlush();
  EXPECT_LT(machine.state().dirty_bytes, 10'000U);
}

// What packing writes is worth it only there.
TEST(DurableEngineUpkeep, FlushesPackAStoreThatIsShortOfSpace) {
  Settings settings;
  settings.storage_bytes = 100'000;
  DurableMachine machine(settings);
  machine.set_helpers_at_once(true);
  machine.Restart();
  ASSERT_TRUE(machine.Set("a", std::string(70'000, 'v')).has_value());
  ASSERT_TRUE(machine.engine().Flush().has_value());
  ASSERT_TRUE(machine.engine().Flush().has_value());
  EXPECT_EQ(machine.base().packs(), 0U);
  ASSERT_TRUE(machine.Set("b", std::string(10'000, 'v')).has_value());
  ASSERT_TRUE(machine.engine().Flush().has_value());
  EXPECT_EQ(machine.base().packs(), 1U);
}

TEST(DurableEngineUpkeep, ARemovalThatFailedHalfwayGoesOnWithTheNextFlush) {
  DurableMachine machine;
  machine.set_helpers_at_once(true);
  machine.Restart();
  for (const uint64_t removed_before_it_fails : {0U, 1U}) {
    ASSERT_TRUE(machine.Set("a", "1").has_value());
    machine.disk().Fail(Call::kRemove, {.after = removed_before_it_fails});
    ASSERT_TRUE(machine.engine().Flush().has_value());
    EXPECT_THAT(machine.state().last_flush_error, Not(IsEmpty()));
  }
  ASSERT_TRUE(machine.Set("a", "2").has_value());
  ASSERT_TRUE(machine.engine().Flush().has_value());
  EXPECT_THAT(machine.state().last_flush_error, IsEmpty());
  EXPECT_THAT(*machine.disk().List(), SizeIs(1));
  machine.Restart();
  EXPECT_EQ(machine.Get("a"), "2");
}

TEST(DurableEngineUpkeep, ADirectoryThatFailedToSyncDoesNotKeepSegmentsForEver) {
  DurableMachine machine;
  machine.set_helpers_at_once(true);
  machine.Restart();
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.disk().Fail(Call::kSyncDirectory, {.after = 1});
  ASSERT_TRUE(machine.engine().Flush().has_value());
  EXPECT_THAT(machine.state().last_flush_error, Not(IsEmpty()));
  ASSERT_TRUE(machine.Set("a", "2").has_value());
  ASSERT_TRUE(machine.engine().Flush().has_value());
  EXPECT_THAT(machine.state().last_flush_error, IsEmpty());
  EXPECT_THAT(*machine.disk().List(), SizeIs(1));
}

// The log forgets segments only when no sync is at work on them.
TEST(DurableEngineUpkeep, FlushesDuringOneLongSyncSucceed) {
  DurableMachine machine;
  ASSERT_TRUE(machine.Set("a", "1").has_value());
  machine.Tick();
  for (int i = 2; i < 5; ++i) {
    ASSERT_TRUE(machine.state().sync_running);
    machine.engine().StartFlush();
    machine.Tick();
    ASSERT_TRUE(machine.state().flush_running);
    machine.RunFlush();
    EXPECT_THAT(machine.state().last_flush_error, IsEmpty());
    ASSERT_TRUE(machine.Set("a", std::to_string(i)).has_value());
  }
  machine.RunSync();
  EXPECT_LT(machine.state().log_bytes, 200U);
  machine.Restart();
  EXPECT_EQ(machine.Get("a"), "4");
}

// As large as a caller likes, and gone before the commit.
TEST(DurableEngineUpkeep, DeletionsByLargeKeysOutliveARestart) {
  const std::string large(200'000, 'k');
  DurableMachine machine;
  ASSERT_TRUE(machine.Set(large, "1").has_value());
  ASSERT_TRUE(machine.Set(large + "a", "2").has_value());
  ASSERT_TRUE(machine.Set("kk", "3").has_value());
  {
    std::string key = large;
    machine.engine().Delete(kData, key);
    key.assign(key.size(), 'x');
    std::string end = std::string(100'000, 'k');
    machine.engine().DeleteRange(kData, "kk", end);
    end.assign(end.size(), 'x');
  }
  ASSERT_TRUE(machine.engine().Commit().has_value());
  const Contents before = ScanFrom(machine.engine(), kData);
  machine.Restart();
  EXPECT_TRUE(ScanFrom(machine.engine(), kData) == before);
  EXPECT_EQ(machine.Get(large), "(nil)");
  EXPECT_EQ(machine.Get(large + "a"), "2");
  EXPECT_EQ(machine.Get("kk"), "(nil)");
}

}  // namespace
}  // namespace cartwheel::storage
