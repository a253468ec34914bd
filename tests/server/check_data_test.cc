// --check-data over real directories, which each test damages in its own way.
#include "server/check_data.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/local_store.h"
#include "storage/durable_engine.h"
#include "tests/storage/storage_testing.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kNow = 1'700'000'000'000;

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class CheckDataTest : public testing::Test {
 protected:
  using Writes = std::function<void(cluster::LocalStore&)>;

  // One commit of `writes` in a new or old store, flushed to the data file or left in the log.
  void Commit(bool flush, const Writes& writes) {
    auto engine = *storage::OpenDurableEngine(data_, {});
    auto store = *cluster::LocalStore::Open(*engine, {});
    writes(store);
    ASSERT_TRUE(store.Commit().has_value());
    if (!flush) return;
    ASSERT_TRUE(engine->Flush().has_value());
  }
  static void Put(cluster::LocalStore& store, const std::string& key, const std::string& value) {
    store.Write({0, key}, cluster::Change::Put(value, cluster::kNoExpiry), kNow);
  }
  // A store with 100 keys in the data file and 20 in the log, some of them the same.
  void MakeStore() {
    Commit(true, [](cluster::LocalStore& store) {
      for (int i = 0; i < 100; ++i) Put(store, "key" + std::to_string(i), "flushed value");
      store.Write({3, "expires"}, cluster::Change::Put("value", kNow + 1000), kNow);
    });
    Commit(false, [](cluster::LocalStore& store) {
      for (int i = 90; i < 110; ++i) Put(store, "key" + std::to_string(i), "logged value");
      store.Write({0, "key0"}, cluster::Change::Delete(), kNow);
    });
  }
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(data_)) {
      files[entry.path().filename()] = ReadAll(entry.path());
    }
    return files;
  }
  // The file whose name begins so, and that holds the bytes.
  std::string FileWith(std::string_view name, std::string_view bytes) const {
    for (const auto& [file, content] : Files()) {
      if (file.starts_with(name) && content.contains(bytes)) return data_ + "/" + file;
    }
    ADD_FAILURE() << "no file has " << bytes;
    return "";
  }
  static void Overwrite(const std::string& path, std::string_view bytes, std::string_view with) {
    std::string content = ReadAll(path);
    content.replace(content.find(bytes), bytes.size(), with);
    std::ofstream(path, std::ios::binary) << content;
  }

  storage::TempDirectory directory_;
  const std::string data_ = directory_ / "data";
};

TEST_F(CheckDataTest, FindsASoundStoreSoundAndChangesNothing) {
  MakeStore();
  const auto before = Files();
  const DataReport report = CheckData(data_);
  EXPECT_EQ(report.exit_code, 0) << report.text;
  EXPECT_THAT(report.text, HasSubstr("records    110 keys (db0 109, db3 1), 1 that expire\n"));
  EXPECT_THAT(report.text, HasSubstr("1 batches"));
  EXPECT_THAT(report.text, HasSubstr("\nSOUND"));
  EXPECT_EQ(Files(), before);
}

TEST_F(CheckDataTest, AnEmptyStoreIsSound) {
  Commit(false, [](cluster::LocalStore&) {});
  EXPECT_EQ(CheckData(data_).exit_code, 0) << CheckData(data_).text;
}

TEST_F(CheckDataTest, NamesADamagedRecordOfTheDataFile) {
  MakeStore();
  Overwrite(FileWith("data.mdb", "key50\x21"), "key50", "key5x");
  const DataReport report = CheckData(data_);
  EXPECT_EQ(report.exit_code, 1) << report.text;
  EXPECT_THAT(report.text, HasSubstr("key5x"));
  EXPECT_THAT(report.text, HasSubstr("\nDAMAGED"));
  EXPECT_THAT(report.text, HasSubstr("What to do"));
}

TEST_F(CheckDataTest, SaysWhereTheLogIsDamaged) {
  MakeStore();
  // Only what a later record calls durable is damage and no torn tail.
  Commit(false, [](cluster::LocalStore& store) { Put(store, "later", "value"); });
  const std::string segment = FileWith("log-", "logged value");
  Overwrite(segment, "logged value", "logged xalue");
  const DataReport report = CheckData(data_);
  EXPECT_EQ(report.exit_code, 1) << report.text;
  EXPECT_THAT(report.text, HasSubstr(std::filesystem::path(segment).filename().string()));
  EXPECT_THAT(report.text, HasSubstr("damaged"));
}

TEST_F(CheckDataTest, ATornTailIsSound) {
  MakeStore();
  std::ofstream(FileWith("log-", "logged value"), std::ios::app) << "half a rec";
  const DataReport report = CheckData(data_);
  EXPECT_EQ(report.exit_code, 0) << report.text;
  EXPECT_THAT(report.text, HasSubstr("left unfinished by a crash"));
}

TEST_F(CheckDataTest, SeesPagesThatAreGone) {
  MakeStore();
  const auto size = std::filesystem::file_size(data_ + "/data.mdb");
  std::filesystem::resize_file(data_ + "/data.mdb", size / 2);
  const DataReport report = CheckData(data_);
  EXPECT_EQ(report.exit_code, 1) << report.text;
  EXPECT_THAT(report.text, HasSubstr("data.mdb: cut off at " + std::to_string(size / 2)));
  EXPECT_THAT(report.text, Not(HasSubstr("no damage")));
}

TEST_F(CheckDataTest, RefusesADirectoryInUse) {
  MakeStore();
  const auto engine = *storage::OpenDurableEngine(data_, {});
  const DataReport report = CheckData(data_);
  EXPECT_EQ(report.exit_code, 2);
  EXPECT_THAT(report.text, HasSubstr("in use by process"));
}

TEST_F(CheckDataTest, RefusesWhatIsNoStore) {
  const std::string file = directory_ / "file";
  std::ofstream(file) << "no store";
  for (const auto& [path, reason] : std::map<std::string, std::string>{
           {directory_.path(), directory_.path() + ": holds no store"},
           {directory_ / "missing", "missing: there is no such directory"},
           {file, "file: not a directory"}}) {
    const DataReport report = CheckData(path);
    EXPECT_EQ(report.exit_code, 2) << path;
    EXPECT_THAT(report.text, HasSubstr(reason));
  }
  EXPECT_FALSE(std::filesystem::exists(directory_ / "missing"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "cartwheel.lock"));
}

TEST_F(CheckDataTest, AStoreWithoutItsFormatFileIsDamaged) {
  MakeStore();
  std::filesystem::remove(data_ + "/cartwheel.format");
  const DataReport with_data = CheckData(data_);
  EXPECT_EQ(with_data.exit_code, 1);
  EXPECT_THAT(with_data.text, HasSubstr("cartwheel.format: missing beside a data.mdb"));
  std::filesystem::remove(data_ + "/data.mdb");
  const DataReport log_only = CheckData(data_);
  EXPECT_EQ(log_only.exit_code, 1);
  EXPECT_THAT(log_only.text, HasSubstr("the log of a store whose other files are missing"));
}

TEST_F(CheckDataTest, AStoreWhoseMakingWasInterruptedHoldsNothing) {
  std::filesystem::create_directory(data_);
  std::ofstream(data_ + "/cartwheel.creating") << "cartwheel-format 2\n";
  std::ofstream(data_ + "/data.mdb") << "half a page";
  const DataReport report = CheckData(data_);
  EXPECT_EQ(report.exit_code, 2);
  EXPECT_THAT(report.text, HasSubstr("making was interrupted"));
}

TEST_F(CheckDataTest, ACopyWithoutTheLockFileCanBeChecked) {
  MakeStore();
  std::filesystem::remove(data_ + "/cartwheel.lock");
  EXPECT_EQ(CheckData(data_).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(data_ + "/cartwheel.lock"));
}

}  // namespace
}  // namespace cartwheel::server
