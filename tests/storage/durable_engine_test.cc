// What only the durable engine promises: kill -9, growth, a full disk, snapshots that let go.
#include "storage/durable_engine.h"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sched.h>
#include <signal.h>
#include <string>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "durable_machine.h"
#include "storage/log_format.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

constexpr Keyspace kData = Keyspace::kData;

DurableOptions SmallMap() {
  DurableOptions options = FastOptions();
  options.lmdb.initial_map_bytes = 1 << 20;
  return options;
}

// A flush, and a second one when the first found the map too small.
Result<void> Flush(Engine& engine) {
  auto flushed = engine.Flush();
  return flushed ? flushed : engine.Flush();
}

TEST(DurableEngine, EveryAcknowledgedCommitOutlivesKillNine) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  const int status = RunInChild([&] {
    const auto engine = OpenOrDie(path, DurableOptions());
    for (int i = 0; i < 20; ++i) {
      engine->Put(kData, "key" + std::to_string(i), "value" + std::to_string(i));
      if (!engine->Commit()) return 1;
    }
    engine->Put(kData, "uncommitted", "value");
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_EQ(status, -SIGKILL);
  const auto engine = OpenOrDie(path);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(engine->Get(kData, "key" + std::to_string(i)), "value" + std::to_string(i));
  }
  EXPECT_EQ(engine->Get(kData, "uncommitted"), std::nullopt);
}

TEST(DurableEngine, TheMapGrowsWithTheData) {
  const TempDirectory directory;
  {
    const auto engine = OpenOrDie(directory / "store", SmallMap());
    for (int i = 0; i < 50; ++i) {
      engine->Put(kData, std::to_string(i), std::string(200'000, 'v'));
      ASSERT_TRUE(engine->Commit().has_value());
      ASSERT_TRUE(Flush(*engine).has_value());
    }
    EXPECT_GT(engine->usage().bytes_on_disk, 10'000'000U);
  }
  const auto engine = OpenOrDie(directory / "store", SmallMap());
  EXPECT_EQ(ScanFrom(*engine, kData).size(), 50U);
}

TEST(DurableEngine, AMapThatASnapshotKeepsFromGrowingDelaysTheFlushOnly) {
  const TempDirectory directory;
  const auto engine = OpenOrDie(directory / "store", SmallMap());
  engine->Put(kData, "a", "1");
  ASSERT_TRUE(engine->Commit().has_value());
  ASSERT_TRUE(engine->Flush().has_value());
  auto snapshot = engine->NewSnapshot();
  const auto view = snapshot->Get(kData, "a");
  engine->Put(kData, "big", std::string(2 << 20, 'v'));
  ASSERT_TRUE(engine->Commit().has_value());
  const auto flushed = engine->Flush();
  ASSERT_FALSE(flushed.has_value());
  EXPECT_EQ(flushed.error().kind, Error::Kind::kNoSpace);
  EXPECT_EQ(view, "1");
  EXPECT_TRUE(engine->Get(kData, "big").has_value());
  snapshot.reset();
  EXPECT_TRUE(Flush(*engine).has_value());
  EXPECT_EQ(engine->persistence().dirty_keys, 0U);
}

// A hundred times the same key would take a hundred versions if a turn's reads, or a snapshot that
// is gone, kept the old ones.
TEST(DurableEngine, PagesThatNobodyReadsAreUsedAgain) {
  const TempDirectory directory;
  const auto engine = OpenOrDie(directory / "store");
  for (int i = 0; i < 100; ++i) {
    engine->Put(kData, "key", std::string(100'000, static_cast<char>('a' + i % 26)));
    ASSERT_TRUE(engine->Commit().has_value());
    ASSERT_TRUE(engine->Get(kData, "key").has_value());
    ASSERT_TRUE(engine->Flush().has_value());
    ASSERT_TRUE(engine->NewSnapshot()->Get(kData, "key").has_value());
  }
  EXPECT_LT(engine->usage().bytes_on_disk, 1'000'000U);
}

TEST(DurableEngine, SnapshotsBeyondTheLimitFailTheTurnAndReadNothing) {
  const TempDirectory directory;
  const auto engine = OpenOrDie(directory / "store");
  engine->Put(kData, "a", "1");
  ASSERT_TRUE(engine->Commit().has_value());
  std::vector<std::unique_ptr<Reader>> snapshots;
  for (int i = 0; i < 1100; ++i) snapshots.push_back(engine->NewSnapshot());
  const auto committed = engine->Commit();
  ASSERT_FALSE(committed.has_value());
  EXPECT_EQ(committed.error().kind, Error::Kind::kNoSpace);
  EXPECT_EQ(snapshots.front()->Get(kData, "a"), "1");
  EXPECT_EQ(snapshots.back()->Get(kData, "a"), std::nullopt);
  EXPECT_FALSE(engine->Commit().has_value());
  snapshots.clear();
  EXPECT_EQ(engine->NewSnapshot()->Get(kData, "a"), "1");
  EXPECT_TRUE(engine->Commit().has_value());
}

// Exit codes of the children below.
constexpr int kPassed = 0;
constexpr int kCannotLimit = 77;

// Fills a store until a commit fails, then checks what the contract says about a full disk;
// `make_room` gives space back. Returns the line that failed.
int FillUp(const std::string& path, const std::function<void()>& make_room) {
  auto engine = OpenOrDie(path, DurableOptions());
  int stored = 0;
  Result<void> committed;
  for (; stored < 1000; ++stored) {
    engine->Put(kData, std::to_string(stored), std::string(50'000, 'v'));
    engine->Put(Keyspace::kMeta, "count", std::to_string(stored));
    committed = engine->Commit();
    if (!committed) break;
  }
  if (committed) return __LINE__;
  if (committed.error().kind != Error::Kind::kNoSpace) return __LINE__;
  if (stored == 0 || engine->Get(kData, std::to_string(stored))) return __LINE__;
  if (engine->Get(Keyspace::kMeta, "count") != std::to_string(stored - 1)) return __LINE__;
  make_room();
  engine->Put(kData, "later", "value");
  if (!engine->Commit()) return __LINE__;
  engine.reset();
  engine = OpenOrDie(path, DurableOptions());
  if (ScanFrom(*engine, kData).size() != static_cast<size_t>(stored) + 1) return __LINE__;
  return engine->Get(kData, "later") == "value" ? kPassed : __LINE__;
}

TEST(DurableEngine, AFullDiskDropsTheBatchAndALaterOneSucceeds) {
  const TempDirectory directory;
  const int status = RunInChild([&] {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      return kCannotLimit;
    }
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=4m") != 0) return kCannotLimit;
    const std::string ballast = directory / "ballast";
    std::ofstream(ballast) << std::string(1 << 20, 'x');
    return FillUp(directory / "store", [&] { std::filesystem::remove(ballast); });
  });
  if (status == kCannotLimit) GTEST_SKIP() << "mounting a small tmpfs is not allowed here";
  EXPECT_EQ(status, kPassed) << "failed at this line of FillUp";
}

TEST(DurableEngine, AFileSizeLimitIsAFullDisk) {
  const TempDirectory directory;
  const int status = RunInChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{2'000'000, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return kCannotLimit;
    return FillUp(directory / "store", [] {
      const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &none);
    });
  });
  if (status == kCannotLimit) GTEST_SKIP() << "file-size limits cannot be set here";
  EXPECT_EQ(status, kPassed) << "failed at this line of FillUp";
}

TEST(DurableEngine, ViewsOfATurnOutliveLaterReads) {
  const TempDirectory directory;
  DurableOptions options = FastOptions();
  options.settings.memory_bytes = 16 << 10;
  const auto engine = OpenOrDie(directory / "store", options);
  for (int i = 0; i < 1000; ++i) engine->Put(kData, std::to_string(i), std::to_string(i));
  ASSERT_TRUE(engine->Commit().has_value());
  for (int turn = 0; turn < 5; ++turn) {
    std::vector<std::string_view> views;
    for (int i = 0; i < 1000; ++i) views.push_back(*engine->Get(kData, std::to_string(i)));
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(views[i], std::to_string(i));
    ASSERT_TRUE(engine->Commit().has_value());
  }
}

TEST(DurableEngine, ACleanRecordFollowsCommitsAndSnapshotsDoNot) {
  const TempDirectory directory;
  const auto engine = OpenOrDie(directory / "store");
  engine->Put(kData, "a", "1");
  ASSERT_TRUE(engine->Commit().has_value());
  ASSERT_TRUE(engine->Flush().has_value());
  engine->Tick(0, 0);
  const auto snapshot = engine->NewSnapshot();
  ASSERT_EQ(engine->Get(kData, "a"), "1");
  ASSERT_EQ(engine->Get(Keyspace::kMeta, "a"), std::nullopt) << "another key";
  EXPECT_GT(engine->usage().bytes_in_memory, 0U);

  engine->Put(kData, "a", "22");
  EXPECT_EQ(engine->Get(kData, "a"), "22");
  ASSERT_TRUE(engine->Commit().has_value());
  EXPECT_EQ(engine->Get(kData, "a"), "22");
  EXPECT_EQ(snapshot->Get(kData, "a"), "1");

  engine->Delete(kData, "a");
  ASSERT_TRUE(engine->Commit().has_value());
  EXPECT_EQ(engine->Get(kData, "a"), std::nullopt);
  EXPECT_EQ(snapshot->Get(kData, "a"), "1");

  engine->Put(kData, "a", "4");
  ASSERT_TRUE(engine->Commit().has_value());
  ASSERT_TRUE(engine->Flush().has_value());
  engine->Tick(0, 0);
  ASSERT_EQ(engine->Get(kData, "a"), "4");
  engine->DeleteRange(kData, "a", "b");
  ASSERT_TRUE(engine->Commit().has_value());
  EXPECT_EQ(engine->Get(kData, "a"), std::nullopt);
  EXPECT_EQ(snapshot->Get(kData, "a"), "1");
}

// The descriptors through which this process has `path` open.
std::vector<int> DescriptorsOf(const std::string& path) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (std::filesystem::read_symlink(entry.path(), ignored) == path) {
      found.push_back(std::stoi(entry.path().filename()));
    }
  }
  return found;
}

TEST(DurableEngine, AFailedDiskIsFinalAndReadsGoOn) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  const auto engine = OpenOrDie(path);
  engine->Put(kData, "a", "1");
  ASSERT_TRUE(engine->Commit().has_value());

  // Every write to the log fails while a descriptor that is only for reading stands for it.
  const std::vector<int> data_files = DescriptorsOf(path + "/" + SegmentName(0));
  ASSERT_FALSE(data_files.empty());
  const int broken = ::open("/dev/null", O_RDONLY);
  std::vector<int> saved;
  for (const int fd : data_files) {
    saved.push_back(::dup(fd));
    ASSERT_EQ(::dup2(broken, fd), fd);
  }
  engine->Put(kData, "a", "2");
  const auto failed = engine->Commit();
  for (size_t i = 0; i < saved.size(); ++i) {
    ASSERT_EQ(::dup2(saved[i], data_files[i]), data_files[i]);
    ::close(saved[i]);
  }
  ::close(broken);

  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, Error::Kind::kIo) << failed.error().message;
  EXPECT_EQ(engine->Get(kData, "a"), "1");
  engine->Put(kData, "b", "2");
  EXPECT_FALSE(engine->Commit().has_value()) << "though the disk would work again";
  EXPECT_TRUE(engine->Commit().has_value()) << "of nothing: reads go on";
  EXPECT_EQ(engine->Get(kData, "b"), std::nullopt);
}

TEST(DurableEngine, LetsGoOfMappedPagesInTheMidstOfATurnThatReadsALot) {
  DurableMachine machine({.memory_bytes = 8 << 20});
  for (int i = 0; i < 1000; ++i) machine.engine().Get(kData, "absent" + std::to_string(i));
  // 64 KiB each: 8 MiB may be mapped for an instant, all 64 MiB never.
  EXPECT_GE(machine.base().releases(), 8U);
}

}  // namespace
}  // namespace cartwheel::storage
