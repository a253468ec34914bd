#include "server/persistence_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

Now At(int64_t seconds) {
  return {.unix_us = seconds * 1'000'000, .monotonic_us = seconds * 1'000'000};
}

TEST(PersistenceWatch, SaysNothingWhileNothingChanges) {
  PersistenceWatch watch;
  storage::Persistence state;
  state.log_bytes = 5;
  for (int second = 0; second < 5; ++second) {
    EXPECT_THAT(watch.Observe(state, false, At(second)), IsEmpty());
  }
  EXPECT_EQ(watch.log_bytes_after_flush(), 5U);
  EXPECT_EQ(watch.flush_runs_for_s(At(5)), -1);
}

TEST(PersistenceWatch, TellsOfEveryFlush) {
  PersistenceWatch watch;
  storage::Persistence state;
  state.log_bytes = 900;
  state.flush_running = true;
  EXPECT_THAT(watch.Observe(state, false, At(10)), IsEmpty());
  EXPECT_EQ(watch.flush_runs_for_s(At(13)), 3);
  state.flush_running = false;
  state.log_bytes = 32;
  state.flushes = 1;
  state.last_flush_entries = 1'234'567;
  state.last_flush_us = 3'240'000;
  const auto lines = watch.Observe(state, false, At(14));
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].text, "flushed 1,234,567 changed keys to the data file in 3.2 s");
  EXPECT_FALSE(lines[0].warning);
  EXPECT_EQ(watch.flush_runs_for_s(At(14)), -1);
  EXPECT_EQ(watch.log_bytes_after_flush(), 32U);
  EXPECT_THAT(watch.Observe(state, false, At(15)), IsEmpty());
}

TEST(PersistenceWatch, TellsOfAFlushThatFailsOnceForEachError) {
  PersistenceWatch watch;
  storage::Persistence state;
  state.last_flush_error = "data.mdb: no room";
  auto lines = watch.Observe(state, false, At(1));
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_TRUE(lines[0].warning);
  EXPECT_THAT(lines[0].text, HasSubstr("data.mdb: no room"));
  EXPECT_THAT(watch.Observe(state, false, At(2)), IsEmpty());
  state.last_flush_error = "data.mdb: something else";
  EXPECT_THAT(watch.Observe(state, false, At(3)), SizeIs(1));
  state.last_flush_error.clear();
  lines = watch.Observe(state, false, At(4));
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_FALSE(lines[0].warning);
  EXPECT_THAT(watch.Observe(state, false, At(5)), IsEmpty());
}

TEST(PersistenceWatch, TellsOfASyncThatFails) {
  PersistenceWatch watch;
  storage::Persistence state;
  state.sync_errors = 1;
  const auto lines = watch.Observe(state, false, At(1));
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_TRUE(lines[0].warning);
  EXPECT_THAT(lines[0].text, HasSubstr("cannot be forced to the disk"));
  EXPECT_THAT(watch.Observe(state, false, At(2)), IsEmpty());
}

TEST(PersistenceWatch, TellsWhenWritesWaitOnceATimeAndNotTooOften) {
  PersistenceWatch watch;
  storage::Persistence state;
  state.unsynced_bytes = 1024;
  state.dirty_bytes = 5 << 20;
  auto lines = watch.Observe(state, true, At(1));
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_TRUE(lines[0].warning);
  EXPECT_EQ(lines[0].text,
            "clients that write wait for the disk: 5.00M of changes are not yet in the data file, "
            "1.00K of the log not yet forced to the disk");
  EXPECT_THAT(watch.Observe(state, true, At(20)), IsEmpty());  // the same episode
  for (int second = 2; second < 8; second += 2) {              // others, too soon
    EXPECT_THAT(watch.Observe(state, false, At(second)), IsEmpty());
    EXPECT_THAT(watch.Observe(state, true, At(second + 1)), IsEmpty());
  }
  watch.Observe(state, false, At(11));
  lines = watch.Observe(state, true, At(12));
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(lines[0].text, HasSubstr("(4 times since this was last said)"));
}

TEST(DescribeReplay, IsEmptyAfterACleanStartFromTheDataFile) {
  EXPECT_THAT(DescribeReplay({}), IsEmpty());
}

TEST(DescribeReplay, NamesFiguresTornBytesAndDamage) {
  storage::Persistence state;
  state.replay_us = 812'000;
  state.replayed_batches = 1234;
  state.replayed_bytes = 56 << 20;
  state.torn_bytes = 4096;
  state.damaged_bytes = 512;
  state.damage = {"log-0: 512 bytes at 32"};
  const auto lines = DescribeReplay(state);
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_EQ(lines[0].text, "replayed 1,234 batches, 56.00M, in 0.8 s");
  EXPECT_EQ(lines[1].text,
            "cut off 4,096 bytes that a crash left unfinished at the end of the log; they were "
            "never forced to the disk");
  EXPECT_FALSE(lines[1].warning);
  EXPECT_THAT(lines[2].text, StartsWith("THE LOG IS DAMAGED: 512 bytes"));
  EXPECT_TRUE(lines[2].warning);
  EXPECT_EQ(lines[3].text, "damaged: log-0: 512 bytes at 32");
}

}  // namespace
}  // namespace cartwheel::server
