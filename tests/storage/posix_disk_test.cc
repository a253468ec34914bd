#include "storage/posix_disk.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class PosixDiskTest : public ::testing::Test {
 protected:
  std::unique_ptr<File> Create(const std::string& name) { return *disk_->Create(name); }
  static Result<void> Write(File& file, uint64_t offset, std::string_view bytes) {
    return file.Write(offset, {&bytes, 1});
  }
  static std::string ReadAll(const File& file) {
    std::string bytes(*file.Size(), '\0');
    EXPECT_EQ(*file.Read(0, bytes), bytes.size());
    return bytes;
  }

  TempDirectory directory_;
  std::unique_ptr<Disk> disk_ = NewPosixDisk(directory_.path());
};

TEST_F(PosixDiskTest, AFileKeepsWhatIsWrittenWhereItIsWritten) {
  const auto file = Create("a");
  EXPECT_EQ(*file->Size(), 0U);
  ASSERT_TRUE(Write(*file, 5, "world").has_value());
  ASSERT_TRUE(Write(*file, 0, "hello").has_value());
  EXPECT_TRUE(file->Sync().has_value());
  EXPECT_EQ(ReadAll(**disk_->Open("a")), "helloworld");
  ASSERT_TRUE(file->Truncate(7).has_value());
  EXPECT_EQ(ReadAll(*file), "hellowo");
  ASSERT_TRUE(file->Truncate(9).has_value());
  EXPECT_EQ(ReadAll(*file), std::string("hellowo\0\0", 9));
  std::array<char, 10> bytes;
  EXPECT_EQ(*file->Read(6, bytes), 3U) << "fewer at the end of the file";
  EXPECT_EQ(*file->Read(100, bytes), 0U);
  EXPECT_EQ(file->name(), directory_ / "a");
}

// More pieces than the system takes at once, empty ones among them.
TEST_F(PosixDiskTest, PiecesOfAnyNumberAndSizeStandOneBehindAnother) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    std::vector<std::string> pieces(random.Below(300));
    for (std::string& piece : pieces) {
      piece.assign(random.Below(3) == 0 ? 0 : random.Below(3000),
                   static_cast<char>(random.Below(256)));
    }
    std::string whole = "head";
    for (const std::string& piece : pieces) whole += piece;
    const auto file = Create("a");
    ASSERT_TRUE(Write(*file, 0, "head").has_value());
    const std::vector<std::string_view> views(pieces.begin(), pieces.end());
    ASSERT_TRUE(file->Write(4, views).has_value());
    ASSERT_TRUE(ReadAll(*file) == whole);
  }
}

TEST_F(PosixDiskTest, FilesComeAndGo) {
  Create("b");
  ASSERT_TRUE(Write(*Create("a"), 0, "x").has_value());
  const auto names = disk_->List();
  ASSERT_TRUE(names.has_value());
  EXPECT_THAT(*names, IsSupersetOf({"a", "b"}));
  EXPECT_TRUE(std::ranges::is_sorted(*names));
  EXPECT_EQ(*Create("a")->Size(), 0U) << "Create empties it";
  EXPECT_TRUE(disk_->Remove("a").has_value());
  EXPECT_FALSE(disk_->Open("a").has_value());
  EXPECT_TRUE(disk_->Remove("a").has_value()) << "it is gone, which is all that is asked";
  EXPECT_TRUE(disk_->SyncDirectory().has_value());
}

TEST_F(PosixDiskTest, FilesAreTheirOwnersAlone) {
  Create("a");
  struct stat status;
  ASSERT_EQ(::stat((directory_ / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(PosixDiskTest, ErrorsNameThePath) {
  const auto opened = disk_->Open("missing");
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, Error::Kind::kInvalid);
  EXPECT_THAT(opened.error().message, HasSubstr(directory_ / "missing"));
  const auto nowhere = NewPosixDisk(directory_ / "nowhere");
  EXPECT_FALSE(nowhere->List().has_value());
  EXPECT_FALSE(nowhere->Create("a").has_value());
  EXPECT_FALSE(nowhere->SyncDirectory().has_value());
  ASSERT_EQ(::mkdir((directory_ / "folder").c_str(), 0700), 0);
  EXPECT_FALSE(disk_->Open("folder").has_value());
  EXPECT_FALSE(disk_->Remove("folder").has_value());
}

// A limit on the size of files is a full disk that every machine has.
TEST_F(PosixDiskTest, AWriteCutShortByAFullDiskSaysSo) {
  const int status = RunInChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 100'000, .rlim_max = 100'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 77;
    const auto file = Create("a");
    const std::string bytes(60'000, 'x');
    const std::array<std::string_view, 2> pieces = {bytes, bytes};
    const auto written = file->Write(0, pieces);
    if (written || written.error().kind != Error::Kind::kNoSpace) return 1;
    if (!disk_->IsFull(60'000, 60'000)) return 2;
    if (disk_->IsFull(0, 60'000)) return 3;
    return Write(*file, 0, "head") ? 0 : 4;
  });
  if (status == 77) GTEST_SKIP() << "file-size limits cannot be set here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace cartwheel::storage
