// Bytes that a disk gives back otherwise than written, as clients and operators see it: what can
// be read is served, what cannot is named, and --check-data finds both.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string NewestSegment(const std::string& data) {
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    const std::string path = entry.path().string();
    if (entry.path().filename().string().starts_with("log-")) newest = std::max(newest, path);
  }
  return newest;
}

// Flips a bit of every copy of `text` in the file: its only byte that differs is the last.
void FlipIn(const std::string& path, const std::string& text) {
  std::string bytes = ReadWhole(path);
  size_t found = 0;
  for (size_t at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1)) {
    bytes[at + text.size() - 1] = static_cast<char>(bytes[at + text.size() - 1] ^ 1);
    ++found;
  }
  ASSERT_GT(found, 0U) << path << " has no " << text;
  WriteWhole(path, bytes);
}

void SetAll(Client& client, int from, int to) {
  for (int i = from; i < to; ++i) {
    ASSERT_EQ(client.Call({"SET", "key" + std::to_string(i), "value of " + std::to_string(i)}),
              "OK");
  }
}

void ExpectAll(Client& client, int from, int to) {
  for (int i = from; i < to; ++i) {
    EXPECT_EQ(client.Call({"GET", "key" + std::to_string(i)}), "value of " + std::to_string(i));
  }
}

TEST(Damage, ATornTailIsCutOffAndToldOf) {
  ServerProcess server;
  Client before(server.port());
  SetAll(before, 0, 10);
  server.Kill();
  const std::string segment = NewestSegment(server.data());
  std::filesystem::resize_file(segment, std::filesystem::file_size(segment) - 5);
  server.Start();
  EXPECT_THAT(server.log(), AllOf(HasSubstr("cut off "), HasSubstr("at the end of the log")));
  Client after(server.port());
  ExpectAll(after, 0, 9);
  EXPECT_EQ(after.Call({"GET", "key9"}), "(nil)");
  EXPECT_EQ(after.Call({"DBSIZE"}), "9");
  EXPECT_GT(std::stoi(InfoField(after, "persistence", "log_torn_bytes")), 0);
  EXPECT_EQ(InfoField(after, "persistence", "log_damaged_bytes"), "0");
  SetAll(after, 9, 12);
  server.Kill();
  server.Start();
  Client again(server.port());
  ExpectAll(again, 0, 12);
  EXPECT_EQ(InfoField(again, "persistence", "log_torn_bytes"), "0");
  EXPECT_THAT(server.log(), Not(HasSubstr("cut off ")));
}

TEST(Damage, AFlippedBitInTheLogLosesOneTurnAndIsToldOf) {
  ServerProcess server({"--appendfsync", "always"});
  Client before(server.port());
  SetAll(before, 0, 10);
  server.Kill();
  const std::string segment = NewestSegment(server.data());
  FlipIn(segment, "value of 4");
  const FailedStart check = RunToEnd({"--check-data", server.data()});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_THAT(check.output, AllOf(HasSubstr(segment), HasSubstr("DAMAGED")));
  server.Start();
  EXPECT_THAT(server.log(), AllOf(HasSubstr("THE LOG IS DAMAGED"), HasSubstr(segment)));
  Client after(server.port());
  ExpectAll(after, 0, 4);
  EXPECT_EQ(after.Call({"GET", "key4"}), "(nil)");
  ExpectAll(after, 5, 10);
  EXPECT_GT(std::stoi(InfoField(after, "persistence", "log_damaged_bytes")), 0);
  EXPECT_EQ(InfoField(after, "persistence", "log_torn_bytes"), "0");
  EXPECT_EQ(after.Call({"SET", "key4", "value of 4"}), "OK");
  ExpectAll(after, 0, 10);
}

TEST(Damage, AFlippedBitInARecordIsAnErrorThatNamesItAndOtherKeysGoOn) {
  ServerProcess server;
  Client before(server.port());
  SetAll(before, 0, 10);
  ASSERT_EQ(before.Call({"SAVE"}), "OK");
  server.Kill();
  FlipIn(server.data() + "/data.mdb", "value of 4");
  const FailedStart check = RunToEnd({"--check-data", server.data()});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_THAT(check.output, AllOf(HasSubstr("key4"), HasSubstr("checksum"), HasSubstr("DAMAGED")));
  server.Start();
  Client after(server.port());
  ExpectAll(after, 0, 4);
  ExpectAll(after, 5, 10);
  const std::string reply = after.Call({"GET", "key4"});
  EXPECT_THAT(reply, AllOf(StartsWith("-"), HasSubstr("damaged"), HasSubstr("key4")));
  EXPECT_THAT(after.Call({"APPEND", "key4", "x"}), StartsWith("-"));
  EXPECT_EQ(after.Call({"SET", "key3", "value of 3"}), "OK") << "the turn of others is good";
  EXPECT_EQ(after.Call({"SET", "key4", "value of 4"}), "OK");
  ExpectAll(after, 0, 10);
  ASSERT_EQ(after.Call({"SAVE"}), "OK");
  server.Kill();
  EXPECT_EQ(RunToEnd({"--check-data", server.data()}).exit_code, 0);
}

TEST(Damage, ACheckFindsItInBothFilesAtOnce) {
  ServerProcess server({"--appendfsync", "always"});
  Client client(server.port());
  SetAll(client, 0, 10);
  ASSERT_EQ(client.Call({"SAVE"}), "OK");
  SetAll(client, 10, 20);
  server.Kill();
  const std::string segment = NewestSegment(server.data());
  FlipIn(server.data() + "/data.mdb", "value of 4");
  FlipIn(segment, "value of 14");
  const FailedStart check = RunToEnd({"--check-data", server.data()});
  EXPECT_EQ(check.exit_code, 1);
  EXPECT_THAT(check.output, AllOf(HasSubstr("key4"), HasSubstr(segment), HasSubstr("DAMAGED")));
  server.Start();
  Client after(server.port());
  ExpectAll(after, 0, 4);
  ExpectAll(after, 5, 14);
  ExpectAll(after, 15, 20);
}

}  // namespace
}  // namespace cartwheel
