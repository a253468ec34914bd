#include "storage/log_window.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "storage/simulated_disk.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

std::string RandomBytes(uint64_t size) {
  Random random(size);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

std::unique_ptr<File> FileOf(SimulatedDisk& disk, const std::string& bytes) {
  disk.SetContents("file", bytes);
  return *disk.Open("file");
}

TEST(LogWindow, ShowsTheFilesBytesWhereverItIsLookedAt) {
  constexpr uint64_t kSize = 5 << 20;
  SimulatedDisk disk;
  const std::string bytes = RandomBytes(kSize);
  const auto file = FileOf(disk, bytes);
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Random random(seed);
    LogWindow window(*file, kSize);
    uint64_t offset = 0;
    for (int i = 0; i < 300; ++i) {
      // Forth for the most part, as a log is read, and by counts of all magnitudes.
      offset = random.Below(10) == 0 ? random.Below(kSize) : (offset + random.Below(5000)) % kSize;
      const uint64_t count = std::min(random.Next() >> (42 + random.Below(20)), kSize - offset);
      const auto got = window.From(offset, count);
      ASSERT_TRUE(got.has_value());
      ASSERT_GE(got->size(), count);
      ASSERT_LE(offset + got->size(), kSize);
      ASSERT_TRUE(*got == std::string_view(bytes).substr(offset, got->size()));
    }
  }
}

TEST(LogWindow, ReadsManyRecordsWithOneCall) {
  SimulatedDisk disk;
  const auto file = FileOf(disk, RandomBytes(1 << 20));
  LogWindow window(*file, 1 << 20);
  for (uint64_t offset = 0; offset < 1 << 20; offset += 32) {
    ASSERT_TRUE(window.From(offset, 32).has_value());
  }
  EXPECT_EQ(disk.calls(SimulatedDisk::Call::kRead), 1U);
}

TEST(LogWindow, AFileThatGotShorterGoesOnInZeros) {
  SimulatedDisk disk;
  const auto file = FileOf(disk, "abcdef");
  LogWindow window(*file, 6);
  ASSERT_TRUE(file->Truncate(2).has_value());
  EXPECT_EQ(*window.From(0, 6), std::string_view("ab\0\0\0\0", 6));
}

TEST(LogWindow, AReadThatFailsIsReportedAndLeavesNothingBehind) {
  SimulatedDisk disk;
  const auto file = FileOf(disk, std::string(2 << 20, 'a'));
  LogWindow window(*file, 2 << 20);
  ASSERT_TRUE(window.From(0, 10).has_value());
  disk.Fail(SimulatedDisk::Call::kRead, {});
  EXPECT_FALSE(window.From((1 << 20) + 5, 10).has_value());
  const auto again = window.From((1 << 20) + 5, 10);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->substr(0, 10), "aaaaaaaaaa");
}

}  // namespace
}  // namespace cartwheel::storage
