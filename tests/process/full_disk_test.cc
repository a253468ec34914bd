// A full disk, in two ways: a small file system (needs the right to mount) and a limit of the file
// size (needs nothing). Writes are refused and say why, reads go on, and room makes it whole again.
#include <chrono>
#include <csignal>
#include <fstream>
#include <sys/mount.h>
#include <sys/resource.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kValue(100 << 10, 'v');

// Writes numbered keys until one is refused. Returns how many were acknowledged.
int Fill(Client& client, int first) {
  for (int i = first; i < first + 1000; ++i) {
    const std::string reply = client.Call({"SET", "key" + std::to_string(i), kValue});
    if (reply == "OK") continue;
    EXPECT_THAT(reply, StartsWith("-MISCONF "));
    EXPECT_THAT(reply, HasSubstr("/data/"));
    return i;
  }
  ADD_FAILURE() << "the disk never filled";
  return first;
}

// The last page that the log has takes some more than the disk. Returns how many keys it took.
int FillLastPage(Client& client) {
  int small = 0;
  while (client.Call({"SET", "s" + std::to_string(small), "v"}) == "OK") ++small;
  return small;
}

void ExpectExactly(Client& client, int keys) {
  EXPECT_EQ(client.Call({"DBSIZE"}), std::to_string(keys));
  for (int i = 0; i < keys; ++i) ASSERT_EQ(client.Call({"GET", "key" + std::to_string(i)}), kValue);
}

// `make_room` runs once the disk is full and the server still up.
void CheckFullDisk(ServerProcess& server, const std::function<void()>& make_room) {
  Client client(server.port());
  const int kept = Fill(client, 0);
  ASSERT_GT(kept, 5);
  // Again and again: reads and PING are served, writes are refused.
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.Call({"PING"}), "PONG");
    EXPECT_THAT(client.Call({"SET", "other", kValue}), StartsWith("-MISCONF "));
    ExpectExactly(client, kept);
  }
  EXPECT_EQ(InfoField(client, "persistence", "aof_last_write_status"), "err");
  EXPECT_THAT(server.log(), HasSubstr("clients get MISCONF"));
  make_room();
  const std::string last = "key" + std::to_string(kept);
  EXPECT_EQ(client.Call({"SET", last, kValue}), "OK");
  EXPECT_EQ(InfoField(client, "persistence", "aof_last_write_status"), "ok");
  server.Kill();
  server.Start();
  Client after(server.port());
  ExpectExactly(after, kept + 1);
}

class SmallFileSystem {
 public:
  SmallFileSystem() {
    mounted_ = mount("none", directory_.path().c_str(), "tmpfs", 0, "size=4m") == 0;
  }
  ~SmallFileSystem() {
    if (mounted_) umount2(directory_.path().c_str(), MNT_DETACH);
  }
  SmallFileSystem(const SmallFileSystem&) = delete;
  SmallFileSystem& operator=(const SmallFileSystem&) = delete;

  bool mounted() const { return mounted_; }
  std::string data() const { return directory_ / "data"; }
  // Another file takes what is left.
  void FillUp() {
    const std::string chunk(4096, 'x');
    std::ofstream file(directory_ / "filler", std::ios::binary);
    while (file << chunk << std::flush) {
    }
  }
  void Grow() {
    EXPECT_EQ(mount("none", directory_.path().c_str(), "tmpfs", MS_REMOUNT, "size=16m"), 0);
  }

 private:
  TemporaryDirectory directory_;
  bool mounted_ = false;
};

TEST(FullDisk, OfASmallFileSystem) {
  SmallFileSystem disk;
  if (!disk.mounted()) GTEST_SKIP() << "may not mount a file system";
  ServerProcess server({}, disk.data());
  CheckFullDisk(server, [&] { disk.Grow(); });
}

TEST(FullDisk, OfASmallFileSystemStillStarts) {
  SmallFileSystem disk;
  if (!disk.mounted()) GTEST_SKIP() << "may not mount a file system";
  ServerProcess server({}, disk.data());
  Client before(server.port());
  const int kept = Fill(before, 0);
  EXPECT_EQ(server.Stop(SIGTERM), 0);
  server.Start();
  Client after(server.port());
  ExpectExactly(after, kept);
  EXPECT_THAT(after.Call({"SET", "other", kValue}), StartsWith("-MISCONF "));
  // Deleting makes room by itself, as soon as it is flushed.
  EXPECT_EQ(after.Call({"FLUSHALL"}), "OK");
  EXPECT_TRUE(Eventually([&] { return after.Call({"SET", "other", kValue}) == "OK"; }));
}

TEST(FullDisk, ToTheLastByteStillTakesDeletionsAndTheyMakeRoom) {
  SmallFileSystem disk;
  if (!disk.mounted()) GTEST_SKIP() << "may not mount a file system";
  ServerProcess server({}, disk.data());
  Client client(server.port());
  const int kept = Fill(client, 0);
  disk.FillUp();
  const int small = FillLastPage(client);
  EXPECT_THAT(client.Call({"SET", "small", "value"}), StartsWith("-MISCONF "));
  for (int i = 1; i < kept; ++i) ASSERT_EQ(client.Call({"DEL", "key" + std::to_string(i)}), "1");
  EXPECT_TRUE(Eventually([&] { return client.Call({"SET", "small", "value"}) == "OK"; }));
  EXPECT_EQ(client.Call({"SET", "other", kValue}), "OK");
  server.Kill();
  server.Start();
  Client after(server.port());
  EXPECT_EQ(after.Call({"DBSIZE"}), std::to_string(3 + small));
  EXPECT_EQ(after.Call({"GET", "key0"}), kValue);
  EXPECT_EQ(after.Call({"GET", "small"}), "value");
  EXPECT_EQ(after.Call({"GET", "other"}), kValue);
}

// The flush behind each deletion finds no room; the deletions do.
TEST(FullDisk, DeletionsGoOnWhileTheirFlushesFail) {
  SmallFileSystem disk;
  if (!disk.mounted()) GTEST_SKIP() << "may not mount a file system";
  ServerProcess server({}, disk.data());
  Client client(server.port());
  const int kept = Fill(client, 0);
  ASSERT_GT(kept, 8);
  disk.FillUp();
  const int small = FillLastPage(client);
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(client.Call({"DEL", "key" + std::to_string(i)}), "1");
    EXPECT_TRUE(
        Eventually([&] { return !InfoField(client, "persistence", "last_flush_error").empty(); }));
  }
  EXPECT_THAT(client.Call({"SET", "small", "value"}), HasSubstr("only deletions are taken"));
  server.Kill();
  server.Start();
  Client after(server.port());
  EXPECT_EQ(after.Call({"DBSIZE"}), std::to_string(kept - 4 + small));
  EXPECT_EQ(after.Call({"DEL", "key4"}), "1") << "after a restart as well";
  disk.Grow();
  EXPECT_TRUE(Eventually([&] { return after.Call({"SET", "small", "value"}) == "OK"; },
                         std::chrono::minutes(1)));
}

TEST(FullDisk, OfALimitOfTheFileSize) {
  ServerProcess server;
  rlimit before{};
  ASSERT_EQ(prlimit(server.run().pid(), RLIMIT_FSIZE, nullptr, &before), 0);
  const rlimit small{.rlim_cur = 3 << 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(prlimit(server.run().pid(), RLIMIT_FSIZE, &small, nullptr), 0);
  CheckFullDisk(server, [&] { prlimit(server.run().pid(), RLIMIT_FSIZE, &before, nullptr); });
}

TEST(FullDisk, APipelineIsAcknowledgedOnlyAsFarAsItIsKept) {
  ServerProcess server;
  const rlimit small{.rlim_cur = 3 << 20, .rlim_max = RLIM_INFINITY};
  ASSERT_EQ(prlimit(server.run().pid(), RLIMIT_FSIZE, &small, nullptr), 0);
  std::vector<bool> acknowledged;
  Client client(server.port());
  for (int i = 0; i < 300; ++i) {
    client.Append({"SET", "key" + std::to_string(i), std::string(20 << 10, 'v')});
  }
  for (int i = 0; i < 300; ++i) acknowledged.push_back(client.Read() == "OK");
  server.Kill();
  server.Start();
  Client after(server.port());
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(after.Call({"EXISTS", "key" + std::to_string(i)}), acknowledged[i] ? "1" : "0") << i;
  }
}

}  // namespace
}  // namespace cartwheel
