// Every directory that cannot be opened says in one line which file it is and what to do.
#include "storage/data_directory.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>

#include "storage/lmdb_check.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Keyspace kData = Keyspace::kData;

void WriteFile(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// A closed store with some data in it.
void MakeStore(const std::string& path) {
  const auto engine = OpenOrDie(path);
  for (int i = 0; i < 2000; ++i) engine->Put(kData, std::to_string(i), std::string(100, 'v'));
  engine->Put(kData, "large", std::string(100'000, 'v'));
  ASSERT_TRUE(engine->Commit().has_value());
  ASSERT_TRUE(engine->Flush().has_value());
}

void ExpectRefused(const std::string& path, Error::Kind kind, const std::string& file) {
  const auto opened = OpenDurableEngine(path, FastOptions());
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, kind) << opened.error().message;
  EXPECT_THAT(opened.error().message,
              AllOf(HasSubstr(file), HasSubstr("; "), Not(HasSubstr("\n"))));
}

TEST(DataDirectory, IsCreatedForItsOwnerOnly) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  MakeStore(path);
  struct stat status;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  for (const auto& file : fs::directory_iterator(path)) {
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077, 0U) << file.path();
  }
}

TEST(DataDirectory, AnotherProcessThatHoldsItIsNamed) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  int ready[2];
  int done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  char byte = 0;
  if (child == 0) {
    ::close(done[1]);
    const auto engine = OpenOrDie(path);
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    (void)!::read(done[0], &byte, 1);  // until the parent closes it
    ::_exit(0);
  }
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ExpectRefused(path, Error::Kind::kLocked, "cartwheel.lock");
  const auto opened = OpenDurableEngine(path, FastOptions());
  EXPECT_THAT(opened.error().message, HasSubstr("process " + std::to_string(child)));
  ::close(done[1]);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(OpenDurableEngine(path, FastOptions()).has_value());
  for (const int fd : {ready[0], ready[1], done[0]}) ::close(fd);
}

TEST(DataDirectory, IsNotOpenedTwiceByOneProcess) {
  const TempDirectory directory;
  const auto engine = OpenOrDie(directory / "store");
  ExpectRefused(directory / "store", Error::Kind::kLocked, "cartwheel.lock");
}

TEST(DataDirectory, APathThatIsAFileIsInvalid) {
  const TempDirectory directory;
  WriteFile(directory / "file", "text");
  ExpectRefused(directory / "file", Error::Kind::kInvalid, "/file");
}

TEST(DataDirectory, APathWithoutParentIsInvalid) {
  const TempDirectory directory;
  ExpectRefused(directory / "none/store", Error::Kind::kInvalid, "none/store");
}

TEST(DataDirectory, APathThatMayNotBeWrittenIsRefused) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  MakeStore(path);
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  const int status = RunInChild([&] {
    // The owner could still open the files of a directory that is merely read-only, and root may
    // write everywhere: the directory is closed to all, and root becomes nobody.
    if (::chmod(path.c_str(), 0) != 0) return 77;
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 77;
    const auto opened = OpenDurableEngine(path, FastOptions());
    if (opened || opened.error().kind != Error::Kind::kPermission) return 1;
    return opened.error().message.find(path) == std::string::npos ? 2 : 0;
  });
  ::chmod(path.c_str(), 0700);
  if (status == 77) GTEST_SKIP() << "permissions cannot be taken away here";
  EXPECT_EQ(status, 0);
}

TEST(DataDirectory, ANewerFormatIsRefused) {
  const TempDirectory directory;
  MakeStore(directory / "store");
  WriteFile(directory / "store/cartwheel.format", "cartwheel-format 4\n");
  ExpectRefused(directory / "store", Error::Kind::kNewerFormat, "cartwheel.format");
}

TEST(DataDirectory, AFormatFileThatSaysNothingKnownIsCorrupt) {
  const TempDirectory directory;
  MakeStore(directory / "store");
  for (const std::string_view text : {"", "cartwheel-format", "cartwheel-format x\n", "text\n",
                                      "cartwheel-format 1", "cartwheel-format 0\n"}) {
    WriteFile(directory / "store/cartwheel.format", text);
    ExpectRefused(directory / "store", Error::Kind::kCorrupt, "cartwheel.format");
  }
}

TEST(DataDirectory, ForeignDataIsNotTouched) {
  const TempDirectory directory;
  ASSERT_TRUE(fs::create_directory(directory / "store"));
  WriteFile(directory / "store/data.mdb", "somebody else's");
  ExpectRefused(directory / "store", Error::Kind::kCorrupt, "data.mdb");
  EXPECT_EQ(ReadFile(directory / "store/data.mdb"), "somebody else's");
}

TEST(DataDirectory, AMissingDataFileIsNotTakenForANewStore) {
  const TempDirectory directory;
  MakeStore(directory / "store");
  fs::remove(directory / "store/data.mdb");
  ExpectRefused(directory / "store", Error::Kind::kCorrupt, "data.mdb");
  EXPECT_FALSE(fs::exists(directory / "store/data.mdb"));
}

TEST(DataDirectory, AnInterruptedCreationIsBegunAgain) {
  const TempDirectory directory;
  ASSERT_TRUE(fs::create_directory(directory / "store"));
  WriteFile(directory / "store/cartwheel.creating", "");
  WriteFile(directory / "store/data.mdb", "half a page");
  EXPECT_TRUE(ScanFrom(*OpenOrDie(directory / "store"), kData).empty());
  EXPECT_TRUE(fs::exists(directory / "store/cartwheel.format"));
  EXPECT_FALSE(fs::exists(directory / "store/cartwheel.creating"));
}

TEST(DataDirectory, ALogWithoutItsStoreIsNotTouched) {
  const TempDirectory directory;
  MakeStore(directory / "store");
  fs::remove(directory / "store/data.mdb");
  fs::remove(directory / "store/cartwheel.format");
  ExpectRefused(directory / "store", Error::Kind::kCorrupt, "/log-");
  WriteFile(directory / "store/cartwheel.creating", "");
  ExpectRefused(directory / "store", Error::Kind::kCorrupt, "/log-");
}

// A directory as the version before the log left it, or the one before hints.
void MakeStoreOfFormat(int format, const std::string& path) {
  ASSERT_TRUE(fs::create_directory(path));
  WriteFile(path + "/cartwheel.format", "cartwheel-format " + std::to_string(format) + "\n");
  MDB_env* env = nullptr;
  ASSERT_EQ(mdb_env_create(&env), 0);
  ASSERT_EQ(mdb_env_set_maxdbs(env, 4), 0);
  ASSERT_EQ(mdb_env_open(env, path.c_str(), MDB_NOTLS, 0600), 0);
  MDB_txn* txn = nullptr;
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
  for (const char* name : {"data", "expiry", "meta"}) {
    MDB_dbi dbi = 0;
    ASSERT_EQ(mdb_dbi_open(txn, name, MDB_CREATE, &dbi), 0);
    MDB_val key{3, const_cast<char*>("key")};
    MDB_val value{5, const_cast<char*>("value")};
    ASSERT_EQ(mdb_put(txn, dbi, &key, &value, 0), 0);
  }
  if (format == 2) {
    MDB_dbi dbi = 0;
    ASSERT_EQ(mdb_dbi_open(txn, "log", MDB_CREATE, &dbi), 0);
  }
  ASSERT_EQ(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

class OldFormat : public testing::TestWithParam<int> {};

TEST_P(OldFormat, IsSealedAnewAndGoesOn) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  MakeStoreOfFormat(GetParam(), path);
  EXPECT_TRUE(CheckBase(path + "/data.mdb")->damage.empty());
  {
    const auto engine = OpenOrDie(path);
    EXPECT_EQ(ReadFile(path + "/cartwheel.format"), "cartwheel-format 3\n");
    EXPECT_EQ(engine->Get(kData, "key"), "value");
    EXPECT_EQ(engine->Get(Keyspace::kExpiry, "key"), "value");
    engine->Put(kData, "later", "value");
    engine->Put(Keyspace::kHints, "hint", "value");
    ASSERT_TRUE(engine->Commit().has_value());
    ASSERT_TRUE(engine->Flush().has_value());
    EXPECT_EQ(engine->Get(Keyspace::kMeta, "key"), "value");
  }
  const auto engine = OpenOrDie(path);
  EXPECT_EQ(ScanFrom(*engine, kData).size(), 2U);
  EXPECT_EQ(engine->Get(Keyspace::kHints, "hint"), "value");
}

INSTANTIATE_TEST_SUITE_P(Formats, OldFormat, testing::Values(1, 2));

TEST(DataDirectory, AStoreOfItsFormatThatLacksAKeyspaceIsCorrupt) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  MakeStoreOfFormat(2, path);
  WriteFile(path + "/cartwheel.format", "cartwheel-format 3\n");
  ExpectRefused(path, Error::Kind::kCorrupt, "data.mdb");
}

// Wherever its steps are cut off: the log's tree is there, the new format file is half written or
// whole.
TEST(DataDirectory, AnInterruptedUpgradeIsDoneAgain) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  MakeStoreOfFormat(1, path);
  (void)OpenOrDie(path);
  for (const std::string_view text : {"", "cartwheel-fo", "cartwheel-format 3\n"}) {
    WriteFile(path + "/cartwheel.format", "cartwheel-format 1\n");
    WriteFile(path + "/cartwheel.upgrading", text);
    EXPECT_EQ(OpenOrDie(path)->Get(kData, "key"), "value");
    EXPECT_EQ(ReadFile(path + "/cartwheel.format"), "cartwheel-format 3\n");
    EXPECT_FALSE(fs::exists(path + "/cartwheel.upgrading"));
  }
}

TEST(DataDirectory, ACheckHoldsTheDirectoryAndChangesNothing) {
  const TempDirectory directory;
  const std::string path = directory / "store";
  EXPECT_EQ(DataDirectory::OpenForCheck(path).error().kind, Error::Kind::kInvalid);
  EXPECT_FALSE(fs::exists(path));
  MakeStore(path);
  const std::string lock = ReadFile(path + "/cartwheel.lock");
  WriteFile(path + "/cartwheel.lock", "1\n");
  {
    const auto held = DataDirectory::OpenForCheck(path);
    ASSERT_TRUE(held.has_value()) << held.error().message;
    EXPECT_EQ(ReadFile(path + "/cartwheel.lock"), "1\n");
    ExpectRefused(path, Error::Kind::kLocked, "cartwheel.lock");
  }
  const auto engine = OpenOrDie(path);
  EXPECT_EQ(DataDirectory::OpenForCheck(path).error().kind, Error::Kind::kLocked);
  EXPECT_EQ(ReadFile(path + "/cartwheel.lock"), lock);
}

TEST(DataDirectory, GarbageForADataFileIsCorrupt) {
  const TempDirectory directory;
  MakeStore(directory / "store");
  const std::string file = directory / "store/data.mdb";
  Random random(7);
  std::string garbage(100'000, '\0');
  for (char& byte : garbage) byte = static_cast<char>(random.Next());
  const std::string sound = ReadFile(file);
  for (const std::string& text :
       {std::string(), std::string("x"), garbage, garbage.substr(0, 4096) + sound.substr(4096),
        sound.substr(0, 4096) + garbage.substr(0, 4096) + sound.substr(8192)}) {
    WriteFile(file, text);
    ExpectRefused(directory / "store", Error::Kind::kCorrupt, "data.mdb");
  }
}

// Wherever it is cut: either it is refused, or nothing in use was lost and all of it reads.
TEST(DataDirectory, ADataFileThatWasCutOffIsCorrupt) {
  const TempDirectory directory;
  MakeStore(directory / "store");
  const std::string file = directory / "store/data.mdb";
  const std::string sound = ReadFile(file);
  const Contents contents = ScanFrom(*OpenOrDie(directory / "store"), kData);
  int refused = 0;
  for (size_t size = 0; size < sound.size(); size += 4096 + 100) {
    WriteFile(file, std::string_view(sound).substr(0, size));
    const auto opened = OpenDurableEngine(directory / "store", FastOptions());
    if (opened) {
      EXPECT_EQ(ScanFrom(**opened, kData), contents) << "cut at " << size;
      continue;
    }
    ++refused;
    EXPECT_EQ(opened.error().kind, Error::Kind::kCorrupt) << opened.error().message;
    EXPECT_EQ(fs::file_size(file), size) << "the file is left as it was found";
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace cartwheel::storage
