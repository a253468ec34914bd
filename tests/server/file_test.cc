#include "server/file.h"

#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    std::string pattern = (fs::temp_directory_path() / "file_test.XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~FileTest() override { fs::remove_all(directory_); }

  std::string Path(std::string_view name) const { return (directory_ / name).string(); }
  size_t FilesLeft() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }

  fs::path directory_;
};

TEST_F(FileTest, ReadsWhatItWrote) {
  const std::string text = std::string(10'000, 'x') + '\0' + "\nend";
  ASSERT_TRUE(ReplaceFile(Path("a"), text));
  EXPECT_EQ(ReadFile(Path("a")), text);
  ASSERT_TRUE(ReplaceFile(Path("a"), "short"));
  EXPECT_EQ(ReadFile(Path("a")), "short");
  EXPECT_EQ(FilesLeft(), 1U);
}

TEST_F(FileTest, KeepsPermissions) {
  ASSERT_TRUE(ReplaceFile(Path("a"), "old"));
  ASSERT_EQ(chmod(Path("a").c_str(), 0600), 0);
  ASSERT_TRUE(ReplaceFile(Path("a"), "new"));
  EXPECT_EQ(fs::status(Path("a")).permissions(), fs::perms(0600));
}

TEST_F(FileTest, MissingFilesAndDirectoriesAreErrors) {
  EXPECT_EQ(ReadFile(Path("none")).error(), "No such file or directory");
  EXPECT_EQ(ReplaceFile(Path("none/a"), "text").error(), "No such file or directory");
}

TEST_F(FileTest, AFailureLeavesTheOldFileAndNothingElse) {
  fs::create_directory(Path("a"));
  EXPECT_FALSE(ReplaceFile(Path("a"), "text"));
  EXPECT_TRUE(fs::is_directory(Path("a")));
  EXPECT_EQ(FilesLeft(), 1U);
}

}  // namespace
}  // namespace cartwheel::server
