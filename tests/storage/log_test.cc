// The log on a disk that tears, loses, flips and refuses: what is found again, and what is said.
#include "storage/log.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include "storage/simulated_disk.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Keyspace kData = Keyspace::kData;

// A batch that follows from its number.
LogBatch MakeBatch(int number) {
  LogBatch batch;
  batch.Put(kData, "key" + std::to_string(number),
            std::string(static_cast<size_t>(number % 40), 'v'));
  if (number % 3 == 0) batch.Delete(Keyspace::kExpiry, "gone" + std::to_string(number));
  if (number % 5 == 0) batch.DeleteRange(Keyspace::kMeta, "a", number % 2 == 0 ? "" : "b");
  return batch;
}

std::string PayloadOf(int number) {
  return std::string(*MakeBatch(number).Single());
}

class LogTest : public ::testing::Test {
 protected:
  // Opens the log and reads it back.
  Result<void> TryOpen(LogPosition covered = 0) {
    found_.clear();
    ends_.clear();
    recovery_ = {};
    log_.reset();
    auto log = Log::Open(
        disk_, covered,
        [this](LogPosition end, std::string_view payload) -> Result<void> {
          found_.emplace_back(payload);
          ends_.push_back(end);
          return {};
        },
        recovery_);
    if (!log) return std::unexpected(log.error());
    log_ = *std::move(log);
    return {};
  }
  void Open(LogPosition covered = 0) {
    const auto opened = TryOpen(covered);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
  }
  void Append(int number) { ASSERT_TRUE(log_->Append(MakeBatch(number)).has_value()); }
  void AppendAll(int from, int to) {
    for (int i = from; i < to; ++i) Append(i);
  }
  void Sync() { ASSERT_TRUE(log_->Sync().has_value()); }

  // Whether what was found are the batches [from, to).
  void ExpectFound(int from, int to) {
    ASSERT_THAT(found_, SizeIs(to - from));
    for (int i = from; i < to; ++i) ASSERT_EQ(found_[i - from], PayloadOf(i)) << i;
  }
  std::string LastSegment() { return disk_.List()->back(); }

  SimulatedDisk disk_;
  std::unique_ptr<Log> log_;
  std::vector<std::string> found_;
  std::vector<LogPosition> ends_;
  LogRecovery recovery_;
};

TEST_F(LogTest, ANewLogIsEmptyAndDurable) {
  Open();
  EXPECT_THAT(found_, IsEmpty());
  EXPECT_EQ(log_->end(), kSegmentHeaderBytes);
  EXPECT_EQ(log_->durable(), log_->end());
}

TEST_F(LogTest, BatchesComeBackInOrder) {
  Open();
  AppendAll(0, 50);
  const LogPosition end = log_->end();
  Open();
  ExpectFound(0, 50);
  EXPECT_EQ(ends_.back(), end);
  EXPECT_EQ(log_->end(), end);
  EXPECT_EQ(log_->durable(), end) << "what was read is made durable";
  EXPECT_EQ(recovery_.batches, 50U);
  EXPECT_EQ(recovery_.torn_bytes, 0U);
  AppendAll(50, 60);
  Open();
  ExpectFound(0, 60);
}

TEST_F(LogTest, OperationsComeBackAsTheyWere) {
  Open();
  LogBatch batch;
  const std::string large(100'000, 'v');
  batch.Put(Keyspace::kMeta, "k", "");
  batch.Put(kData, std::string(300, 'k'), large);
  batch.Delete(Keyspace::kExpiry, "gone");
  batch.DeleteRange(kData, "", "");
  ASSERT_TRUE(log_->Append(batch).has_value());
  Open();
  ASSERT_THAT(found_, SizeIs(1));
  std::string_view rest = found_[0];
  auto operation = TakeOperation(rest);
  ASSERT_TRUE(operation.has_value());
  EXPECT_EQ(operation->kind, LogOperation::Kind::kPut);
  EXPECT_EQ(operation->keyspace, Keyspace::kMeta);
  EXPECT_EQ(operation->key, "k");
  EXPECT_EQ(operation->value, "");
  operation = TakeOperation(rest);
  ASSERT_TRUE(operation.has_value());
  EXPECT_EQ(operation->key, std::string(300, 'k'));
  EXPECT_EQ(operation->value, large);
  operation = TakeOperation(rest);
  ASSERT_TRUE(operation.has_value());
  EXPECT_EQ(operation->kind, LogOperation::Kind::kDelete);
  EXPECT_EQ(operation->keyspace, Keyspace::kExpiry);
  EXPECT_EQ(operation->key, "gone");
  operation = TakeOperation(rest);
  ASSERT_TRUE(operation.has_value());
  EXPECT_EQ(operation->kind, LogOperation::Kind::kDeleteRange);
  EXPECT_EQ(operation->key, "");
  EXPECT_EQ(operation->value, "");
  EXPECT_EQ(rest, "");
  EXPECT_FALSE(TakeOperation(rest).has_value());
}

TEST_F(LogTest, AnEmptyBatchWritesNothing) {
  Open();
  const uint64_t writes = disk_.calls(SimulatedDisk::Call::kWrite);
  ASSERT_TRUE(log_->Append(LogBatch()).has_value());
  EXPECT_EQ(disk_.calls(SimulatedDisk::Call::kWrite), writes);
}

TEST_F(LogTest, ABatchIsOneWrite) {
  Open();
  const uint64_t writes = disk_.calls(SimulatedDisk::Call::kWrite);
  LogBatch batch;
  const std::string large(70'000, 'v');
  for (int i = 0; i < 20; ++i) batch.Put(kData, "k" + std::to_string(i), large);
  ASSERT_TRUE(log_->Append(batch).has_value());
  EXPECT_EQ(disk_.calls(SimulatedDisk::Call::kWrite), writes + 1);
}

// More than one record holds: 64 MiB each.
LogBatch HugeBatch() {
  static const std::string value(30 << 20, 'v');
  LogBatch batch;
  for (int i = 0; i < 7; ++i) batch.Put(kData, "huge" + std::to_string(i), value);
  return batch;
}

TEST_F(LogTest, AHugeBatchComesBackWhole) {
  Open();
  Append(0);
  ASSERT_TRUE(log_->Append(HugeBatch()).has_value());
  Append(1);
  Open();
  ASSERT_THAT(found_, SizeIs(3));
  EXPECT_EQ(found_[2], PayloadOf(1));
  std::string_view rest = found_[1];
  for (int i = 0; i < 7; ++i) {
    const auto operation = TakeOperation(rest);
    ASSERT_TRUE(operation.has_value());
    EXPECT_EQ(operation->key, "huge" + std::to_string(i));
    EXPECT_EQ(operation->value.size(), 30U << 20);
  }
  EXPECT_EQ(rest, "");
}

TEST_F(LogTest, AHugeBatchThatMissesARecordIsNotThere) {
  Open();
  Append(0);
  const LogPosition before = log_->end();
  ASSERT_TRUE(log_->Append(HugeBatch()).has_value());
  std::string bytes = disk_.Contents(LastSegment());
  disk_.SetContents(LastSegment(), bytes.substr(0, bytes.size() - 1));
  Open();
  ExpectFound(0, 1);
  EXPECT_EQ(log_->end(), before);
}

TEST_F(LogTest, CoveredBatchesAreNotReadAgain) {
  Open();
  AppendAll(0, 10);
  const LogPosition covered = log_->end();
  AppendAll(10, 20);
  Open(covered);
  ExpectFound(10, 20);
}

TEST_F(LogTest, CoveredSegmentsGo) {
  Open();
  AppendAll(0, 10);
  ASSERT_TRUE(log_->Roll().has_value());
  ASSERT_TRUE(log_->Roll().has_value()) << "of an empty segment: does nothing";
  AppendAll(10, 20);
  const LogPosition covered = log_->end();
  ASSERT_TRUE(log_->Roll().has_value());
  AppendAll(20, 30);
  EXPECT_THAT(*disk_.List(), SizeIs(3));
  const std::vector<std::string> names = log_->Covered(covered);
  EXPECT_THAT(names, SizeIs(2));
  EXPECT_THAT(log_->Covered(covered - 1), SizeIs(1));
  Open();
  ExpectFound(0, 30);
  for (const std::string& name : names) ASSERT_TRUE(disk_.Remove(name).has_value());
  const uint64_t bytes = log_->bytes();
  log_->Forget(covered);
  EXPECT_LT(log_->bytes(), bytes);
  Open(covered);
  ExpectFound(20, 30);
  EXPECT_EQ(recovery_.damaged_bytes, 0U);
}

TEST_F(LogTest, ATailTornAnywhereEndsTheLogBeforeTheTornBatch) {
  Open();
  AppendAll(0, 5);
  const uint64_t sound = disk_.Contents(LastSegment()).size();
  Append(5);
  const std::string bytes = disk_.Contents(LastSegment());
  for (size_t size = sound; size < bytes.size(); ++size) {
    disk_.SetContents(LastSegment(), bytes.substr(0, size));
    Open();
    ExpectFound(0, 5);
    EXPECT_LE(recovery_.torn_bytes, size - sound);
    EXPECT_GE(recovery_.torn_bytes + 8, size - sound) << "but for zeros at the end";
    EXPECT_EQ(recovery_.damaged_bytes, 0U);
    Append(6);
    Open();
    ASSERT_THAT(found_, SizeIs(6));
    EXPECT_EQ(found_.back(), PayloadOf(6));
  }
}

TEST_F(LogTest, ASegmentWithATornHeaderIsBegunAnew) {
  Open();
  AppendAll(0, 5);
  ASSERT_TRUE(log_->Roll().has_value());
  const std::string name = LastSegment();
  const std::string bytes = disk_.Contents(name);
  for (size_t size = 0; size < bytes.size(); ++size) {
    disk_.SetContents(name, bytes.substr(0, size));
    Open();
    ExpectFound(0, 5);
    Append(5);
    Open();
    ExpectFound(0, 6);
  }
}

TEST_F(LogTest, ZerosBehindTheEndAreNothing) {
  Open();
  AppendAll(0, 5);
  disk_.SetContents(LastSegment(), disk_.Contents(LastSegment()) + std::string(5000, '\0'));
  Open();
  ExpectFound(0, 5);
  EXPECT_EQ(recovery_.torn_bytes, 0U);
  AppendAll(5, 7);
  Open();
  ExpectFound(0, 7);
}

// Everything was durable once: one batch is lost with each flipped bit, and it is said.
TEST_F(LogTest, ABitFlippedAnywhereLosesOneBatchAndIsReported) {
  Open();
  AppendAll(0, 6);
  ASSERT_TRUE(log_->Roll().has_value());
  AppendAll(6, 12);
  Sync();
  Append(12);
  const std::vector<std::string> names = *disk_.List();
  const LogPosition last_durable = log_->durable();
  for (const std::string& name : names) {
    const LogPosition begin = *ParseSegmentName(name);
    const std::string sound = disk_.Contents(name);
    for (size_t at = kSegmentHeaderBytes; at < sound.size() && begin + at < last_durable; ++at) {
      disk_.FlipBit(name, at, static_cast<int>(at % 8));
      Open();
      ASSERT_THAT(found_, SizeIs(12)) << name << " byte " << at;
      ASSERT_THAT(recovery_.damage, SizeIs(1)) << name << " byte " << at;
      EXPECT_THAT(recovery_.damage[0], HasSubstr(name));
      EXPECT_GT(recovery_.damaged_bytes, 0U);
      EXPECT_EQ(found_.back(), PayloadOf(12));
      int missing = 0;
      for (int i = 0; i < 13; ++i) {
        missing += std::ranges::count(found_, PayloadOf(i)) == 1 ? 0 : 1;
      }
      EXPECT_EQ(missing, 1);
      disk_.SetContents(name, sound);
    }
  }
}

TEST_F(LogTest, AFlippedBitInASegmentsHeaderLosesNothing) {
  Open();
  AppendAll(0, 6);
  for (size_t at = 0; at < kSegmentHeaderBytes; ++at) {
    const std::string sound = disk_.Contents(LastSegment());
    disk_.FlipBit(LastSegment(), at, 1);
    Open();
    ExpectFound(0, 6);
    disk_.SetContents(LastSegment(), sound);
  }
}

// Bytes that nobody was promised end the log, whatever is behind them.
TEST_F(LogTest, ABitFlippedBeforeAnySyncEndsTheLogThere) {
  Open();
  AppendAll(0, 10);
  const std::string name = LastSegment();
  const std::string sound = disk_.Contents(name);
  for (size_t at = kSegmentHeaderBytes; at < sound.size(); ++at) {
    disk_.FlipBit(name, at, 3);
    Open();
    ASSERT_LT(found_.size(), 10U);
    ExpectFound(0, static_cast<int>(found_.size()));
    EXPECT_EQ(recovery_.damaged_bytes, 0U);
    EXPECT_GT(recovery_.torn_bytes, 0U);
    disk_.SetContents(name, sound);
  }
}

TEST_F(LogTest, AMissingSegmentIsDamage) {
  Open();
  for (int i = 0; i < 30; ++i) {
    Append(i);
    if (i % 10 == 9) {
      ASSERT_TRUE(log_->Roll().has_value());
    }
    Sync();
  }
  Append(30);
  const std::vector<std::string> names = *disk_.List();
  ASSERT_TRUE(disk_.Remove(names[1]).has_value());
  Open();
  ASSERT_THAT(found_, SizeIs(21));
  EXPECT_EQ(found_[9], PayloadOf(9));
  EXPECT_EQ(found_[10], PayloadOf(20));
  EXPECT_THAT(recovery_.damage, SizeIs(1));
}

TEST_F(LogTest, ANewerFormatIsRefused) {
  Open();
  Append(0);
  const std::string name = LastSegment();
  std::string bytes = disk_.Contents(name);
  bytes[8] = static_cast<char>(kLogFormat + 1);
  const uint64_t checksum = XXH3_64bits_withSeed(bytes.data(), 24, kLogFormat + 1);
  std::memcpy(bytes.data() + 24, &checksum, sizeof(checksum));
  disk_.SetContents(name, bytes);
  const auto opened = TryOpen();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Error::Kind::kNewerFormat);
  EXPECT_THAT(opened.error().message, HasSubstr(name));
}

TEST_F(LogTest, OtherFilesAreLeftAlone) {
  disk_.SetContents("data.mdb", "x");
  disk_.SetContents("log-not-a-number", "x");
  disk_.SetContents("log-00", "x");
  Open();
  Append(0);
  Open();
  ExpectFound(0, 1);
  EXPECT_EQ(disk_.Contents("log-00"), "x");
}

// A file's former life, behind the end.
TEST_F(LogTest, RecordsOfAnotherPlaceAreNotTakenForRecords) {
  Open();
  AppendAll(0, 8);
  const std::string bytes = disk_.Contents(LastSegment());
  const size_t half = ends_.empty() ? bytes.size() / 2 : 0;
  disk_.SetContents(LastSegment(), bytes + bytes.substr(kSegmentHeaderBytes) + bytes.substr(half));
  Open();
  ExpectFound(0, 8);
}

TEST_F(LogTest, AFailedAppendLeavesTheLogAsItWas) {
  for (const Error::Kind kind : {Error::Kind::kNoSpace, Error::Kind::kIo}) {
    for (uint64_t written = 0; written < 120; written += 7) {
      disk_.SetContents(SegmentName(0), "");
      Open();
      AppendAll(0, 3);
      disk_.Fail(SimulatedDisk::Call::kWrite, {.kind = kind, .written = written});
      const auto appended = log_->Append(MakeBatch(35));
      ASSERT_FALSE(appended.has_value());
      EXPECT_EQ(appended.error().kind, kind);
      disk_.Crash();
      Open();
      ExpectFound(0, 3);
    }
  }
}

TEST_F(LogTest, AnAppendAfterAFailedOneTakesItsPlace) {
  Open();
  Append(0);
  disk_.Fail(SimulatedDisk::Call::kWrite, {.kind = Error::Kind::kNoSpace, .written = 50});
  disk_.Fail(SimulatedDisk::Call::kTruncate, {.kind = Error::Kind::kIo});
  ASSERT_FALSE(log_->Append(MakeBatch(39)).has_value());
  Append(1);
  Open();
  ExpectFound(0, 2);
}

TEST_F(LogTest, AFullDiskIsToldFromABrokenOne) {
  Open();
  Append(0);
  disk_.SetCapacity(disk_.Contents(LastSegment()).size() + 20);
  disk_.Fail(SimulatedDisk::Call::kWrite, {.kind = Error::Kind::kIo, .written = 20});
  const auto appended = log_->Append(MakeBatch(1));
  ASSERT_FALSE(appended.has_value());
  EXPECT_EQ(appended.error().kind, Error::Kind::kNoSpace) << "though the system said EIO";
  disk_.SetCapacity(1 << 30);
  Append(1);
  Open();
  ExpectFound(0, 2);
}

TEST_F(LogTest, ARollThatFailsChangesNothing) {
  Open();
  Append(0);
  disk_.Fail(SimulatedDisk::Call::kCreate, {.kind = Error::Kind::kNoSpace});
  EXPECT_FALSE(log_->Roll().has_value());
  disk_.Fail(SimulatedDisk::Call::kWrite, {.kind = Error::Kind::kNoSpace, .written = 5});
  EXPECT_FALSE(log_->Roll().has_value());
  Append(1);
  ASSERT_TRUE(log_->Roll().has_value());
  Append(2);
  Open();
  ExpectFound(0, 3);
}

// The name of the segment that could not be begun stays, in the middle of what is written next.
TEST_F(LogTest, ASegmentThatCouldNotBeBegunHidesNothing) {
  for (const uint64_t written : {0, 5, 32}) {
    disk_.SetContents(SegmentName(0), "");
    Open();
    AppendAll(0, 3);
    disk_.Fail(SimulatedDisk::Call::kWrite, {.kind = Error::Kind::kNoSpace, .written = written});
    disk_.Fail(SimulatedDisk::Call::kRemove, {});
    EXPECT_FALSE(log_->Roll().has_value());
    ASSERT_THAT(*disk_.List(), SizeIs(2));
    AppendAll(3, 6);
    Sync();
    disk_.LosePower(written);
    Open();
    ExpectFound(0, 6);
    EXPECT_THAT(*disk_.List(), SizeIs(1));
    AppendAll(6, 8);
    Open();
    ExpectFound(0, 8);
  }
}

// A flush stored changes, then a power loss took the log's file back to before them.
TEST_F(LogTest, ALogThatIsShorterThanWhatIsCoveredBeginsAnewBehindIt) {
  Open();
  AppendAll(0, 4);
  const LogPosition covered = log_->end() + (1ULL << 40);
  Open(covered);
  ExpectFound(0, 0);
  EXPECT_LT(disk_.Contents(SegmentName(0)).size(), 1000U) << "no hole of a terabyte";
  AppendAll(4, 6);
  Open(covered);
  ExpectFound(4, 6);
  EXPECT_THAT(log_->Covered(covered), SizeIs(1));
}

TEST_F(LogTest, APositionThatNoLogReachesIsCorrupt) {
  Open();
  Append(0);
  const auto opened = TryOpen(~0ULL);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Error::Kind::kCorrupt);
  Open();
  ExpectFound(0, 1);
}

// Names at the end of the numbers, where sums would come round to the beginning again.
TEST_F(LogTest, AFileOfAnImpossiblePositionIsNoneOfTheLogs) {
  disk_.SetContents("log-ffffffffffffffe0", std::string(100, 'x'));
  Open();
  AppendAll(0, 3);
  Open();
  ExpectFound(0, 3);
  EXPECT_EQ(recovery_.torn_bytes, 0U);
  EXPECT_EQ(disk_.Contents("log-ffffffffffffffe0").size(), 100U);
}

// Only the last batch says that all before it was durable: each damaged place asks for it.
TEST_F(LogTest, ManyDamagedPlacesAreReadAsOftenAsOne) {
  Open();
  std::vector<uint64_t> places;
  for (int i = 0; i < 3000; ++i) {
    places.push_back(log_->end() + 40);
    AppendAll(2 * i, 2 * i + 2);
  }
  Sync();
  Append(6000);
  std::string bytes = disk_.Contents(LastSegment());
  for (const uint64_t place : places) bytes[place] ^= 1;
  disk_.SetContents(LastSegment(), bytes);
  const uint64_t before = disk_.calls(SimulatedDisk::Call::kRead);
  Open();
  EXPECT_THAT(found_, SizeIs(3001));
  EXPECT_LT(disk_.calls(SimulatedDisk::Call::kRead) - before, 100U);
}

// A damaged batch of two records, of which either was lost, and what counts as what.
TEST_F(LogTest, ReadAndDamagedBytesAreAllBytes) {
  Open();
  Append(0);
  const uint64_t begin = log_->end();
  ASSERT_TRUE(log_->Append(HugeBatch()).has_value());
  const uint64_t end = log_->end();
  Sync();
  Append(1);
  const LogPosition all = log_->end() - kSegmentHeaderBytes;
  for (const uint64_t place : {begin + 100, end - 100}) {
    disk_.FlipBit(LastSegment(), place, 0);
    Open();
    ExpectFound(0, 2);
    EXPECT_EQ(recovery_.damaged_bytes, end - begin) << "the batch is lost as a whole";
    EXPECT_EQ(recovery_.bytes + recovery_.damaged_bytes, all);
    disk_.FlipBit(LastSegment(), place, 0);
  }
}

TEST_F(LogTest, AFailedSyncMakesNothingDurable) {
  Open();
  const LogPosition durable = log_->durable();
  Append(0);
  disk_.Fail(SimulatedDisk::Call::kSync, {});
  EXPECT_FALSE(log_->Sync().has_value());
  EXPECT_EQ(log_->durable(), durable);
}

TEST_F(LogTest, AReadThatFailsFailsTheOpening) {
  Open();
  AppendAll(0, 5);
  disk_.Fail(SimulatedDisk::Call::kRead, {.after = 1});
  const auto opened = TryOpen();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Error::Kind::kIo);
  Open();
  ExpectFound(0, 5);
}

// The zeros are not worth an error, but the same sync may lose what was appended.
TEST_F(LogTest, AFullDiskMayRefuseTheZerosButNotTheirSync) {
  Open();
  const Result<LogSync> room = log_->BeginRoom();
  ASSERT_TRUE(room.has_value());
  disk_.Fail(SimulatedDisk::Call::kWrite, {.kind = Error::Kind::kNoSpace});
  EXPECT_EQ(room->Run().error().kind, Error::Kind::kNoSpace);
  disk_.Fail(SimulatedDisk::Call::kSync, {.kind = Error::Kind::kNoSpace});
  EXPECT_EQ(room->Run().error().kind, Error::Kind::kIo);
}

TEST_F(LogTest, RoomIsNoneOfTheLogsBytes) {
  Open();
  Append(0);
  ASSERT_TRUE(log_->WantsRoom());
  const Result<LogSync> begun = log_->BeginRoom();
  ASSERT_TRUE(begun.has_value());
  const LogSync& room = *begun;
  EXPECT_FALSE(log_->WantsRoom()) << "one at a time";
  EXPECT_TRUE(log_->FitsBeforeRoom(MakeBatch(1)));
  LogBatch large;
  const std::string value(2 << 20, 'v');
  large.Put(kData, "large", value);
  EXPECT_FALSE(log_->FitsBeforeRoom(large));
  Append(1);
  ASSERT_TRUE(room.Run().has_value());
  log_->Synced(room, true);
  EXPECT_TRUE(log_->FitsBeforeRoom(large));
  EXPECT_GT(disk_.Contents(LastSegment()).size(), 4U << 20);
  Append(2);
  Open();
  ExpectFound(0, 3);
  EXPECT_EQ(recovery_.torn_bytes, 0U);
  EXPECT_LT(disk_.Contents(LastSegment()).size(), 1000U) << "cut off";
}

// Syncs, rolls and room at random; then the plug. Whatever was synced is found, and nothing that
// does not follow on it.
TEST_F(LogTest, APowerLossLeavesAPrefixWithEverythingSynced) {
  int torn = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::vector<std::string> names = *disk_.List();
    for (const std::string& name : names) ASSERT_TRUE(disk_.Remove(name).has_value());
    ASSERT_TRUE(disk_.SyncDirectory().has_value());
    Open();
    int next = 0;
    int synced = 0;
    for (int life = 0; life < 3; ++life) {
      for (int step = 0; step < 60; ++step) {
        const uint64_t dice = random.Below(20);
        if (dice == 0) {
          ASSERT_TRUE(log_->Roll().has_value());
        } else if (dice == 1) {
          Sync();
          synced = next;
        } else {
          Append(next++);
        }
      }
      disk_.LosePower(random.Next());
      Open();
      ASSERT_GE(static_cast<int>(found_.size()), synced);
      ASSERT_LE(static_cast<int>(found_.size()), next);
      ExpectFound(0, static_cast<int>(found_.size()));
      ASSERT_THAT(recovery_.damage, IsEmpty());
      torn += static_cast<int>(found_.size()) < next ? 1 : 0;
      next = synced = static_cast<int>(found_.size());
    }
  }
  EXPECT_GT(torn, 50) << "or the plug was never pulled in time";
}

}  // namespace
}  // namespace cartwheel::storage
