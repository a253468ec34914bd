// How a server starts, what it says then, and every way in which it refuses to.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/version.h"
#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr uid_t kNobody = 65534;

// One line on standard error, nothing else, exit code 1.
void ExpectRefusal(const FailedStart& start, const std::vector<std::string>& words) {
  EXPECT_EQ(start.exit_code, 1);
  EXPECT_EQ(std::count(start.errors.begin(), start.errors.end(), '\n'), 1) << start.errors;
  EXPECT_THAT(start.errors, StartsWith("cartwheel-server: "));
  for (const std::string& word : words) EXPECT_THAT(start.errors, HasSubstr(word));
}

FailedStart StartOn(const std::string& data, std::optional<uid_t> user = std::nullopt) {
  return RunToEnd({"--port", std::to_string(FreePort()), "--dir", data}, user);
}

TEST(Start, SaysVersionPidPortDirectoryAndHowToConnect) {
  ServerProcess server;
  const std::string port = std::to_string(server.port());
  EXPECT_THAT(server.log(), HasSubstr("Cartwheel " + std::string(server::kVersion)));
  EXPECT_THAT(server.log(), HasSubstr("pid " + std::to_string(server.run().pid())));
  EXPECT_THAT(server.log(), HasSubstr("port " + port));
  EXPECT_THAT(server.log(), HasSubstr("data in " + server.data() + " (durable), 0 keys"));
  EXPECT_THAT(server.log(), HasSubstr("ready: redis-cli -p " + port));
  EXPECT_EQ(server.run().errors(), "");
}

TEST(Start, NamesTheHostWhereRedisCliWouldNotLook) {
  ServerProcess server({"--bind", "127.0.0.2"});
  EXPECT_THAT(server.log(),
              HasSubstr("ready: redis-cli -h 127.0.0.2 -p " + std::to_string(server.port())));
}

TEST(Start, SaysWhichOptionsOfRedisHaveNoEffect) {
  ServerProcess server({"--rdbcompression", "yes"});
  EXPECT_THAT(server.log(), HasSubstr("without an effect here: rdbcompression"));
}

TEST(Start, HelpVersionAndCheckConfigEndAtOnce) {
  const FailedStart help = RunToEnd({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.output, AllOf(HasSubstr("Usage: cartwheel-server"), HasSubstr("--maxclients")));
  const FailedStart version = RunToEnd({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.output, HasSubstr(std::string(server::kVersion)));
  const FailedStart check = RunToEnd({"--check-config", "--port", "7000"});
  EXPECT_EQ(check.exit_code, 0);
  EXPECT_EQ(check.output, "the configuration is good\n");
}

TEST(Start, CheckDataNeedsADirectoryThatNobodyUses) {
  ServerProcess server;
  Client client(server.port());
  client.Call({"SET", "key", "value"});
  const FailedStart busy = RunToEnd({"--check-data", server.data()});
  EXPECT_EQ(busy.exit_code, 2);
  EXPECT_THAT(busy.errors, HasSubstr("in use by process " + std::to_string(server.run().pid())));
  server.Kill();
  const FailedStart check = RunToEnd({"--check-data", server.data()});
  EXPECT_EQ(check.exit_code, 0);
  EXPECT_THAT(check.output, AllOf(HasSubstr("1 keys (db0 1)"), HasSubstr("\nSOUND")));
  EXPECT_EQ(RunToEnd({"--dir", server.data(), "--check-data"}).exit_code, 0);
}

TEST(Start, SaysWhatItFoundInTheLog) {
  ServerProcess server;
  Client(server.port()).Call({"SET", "key", "value"});
  server.Kill();
  server.Start();
  EXPECT_THAT(server.log(), testing::ContainsRegex("replayed [12] batches"));
  EXPECT_EQ(Client(server.port()).Call({"GET", "key"}), "value");
}

TEST(Start, ABadOptionIsNamed) {
  ExpectRefusal(RunToEnd({"--maxclients", "many"}), {"--maxclients", "integer"});
  ExpectRefusal(RunToEnd({"--no-such-option", "1"}), {"no-such-option"});
  ExpectRefusal(RunToEnd({"--check-config", "--port", "70000"}), {"--port", "between 0 and 65535"});
  ExpectRefusal(RunToEnd({"missing.conf"}), {"missing.conf", "No such file"});
}

TEST(Start, ABadLineOfTheFileIsNamedWithItsNumber) {
  const TemporaryDirectory directory;
  WriteWhole(directory / "bad.conf", "port 7000\n# fine\ntimeout soon\n");
  ExpectRefusal(RunToEnd({directory / "bad.conf"}), {"bad.conf:3", "timeout"});
}

TEST(Start, TheCommandLineOverridesTheFile) {
  const TemporaryDirectory directory;
  WriteWhole(directory / "server.conf", "port 1\ntimeout 77\nmaxclients 44\n");
  ServerProcess server({directory / "server.conf", "--timeout", "88"});
  Client client(server.port());
  EXPECT_EQ(client.Call({"CONFIG", "GET", "timeout"}), "[timeout, 88]");
  EXPECT_EQ(client.Call({"CONFIG", "GET", "maxclients"}), "[maxclients, 44]");
}

TEST(Start, ASecondServerOnTheSameDirectorySaysWhoHoldsIt) {
  ServerProcess server;
  ExpectRefusal(StartOn(server.data()), {server.data(), std::to_string(server.run().pid())});
  EXPECT_EQ(Client(server.port()).Call({"PING"}), "PONG");
}

TEST(Start, APortInUseIsNamed) {
  ServerProcess server;
  const TemporaryDirectory directory;
  const std::string port = std::to_string(server.port());
  ExpectRefusal(RunToEnd({"--port", port, "--dir", directory / "data"}),
                {"127.0.0.1:" + port, "address already in use", "--port"});
}

TEST(Start, AnAddressOfAnotherMachineIsRefusedUnlessItMayBeMissing) {
  const TemporaryDirectory directory;
  ExpectRefusal(RunToEnd({"--port", std::to_string(FreePort()), "--dir", directory / "data",
                          "--bind", "192.0.2.1"}),
                {"192.0.2.1", "not available"});
  ServerProcess server({"--bind", "-192.0.2.1", "127.0.0.1", "-2001:db8::1"});
  EXPECT_EQ(Client(server.port()).Call({"PING"}), "PONG");
}

TEST(Start, ToListenNowhereIsRefused) {
  const TemporaryDirectory directory;
  ExpectRefusal(RunToEnd({"--port", "0", "--dir", directory / "data"}),
                {"nothing to listen on", "unixsocket"});
}

TEST(Start, ANameInsteadOfAnAddressIsRefused) {
  const TemporaryDirectory directory;
  ExpectRefusal(RunToEnd({"--dir", directory / "data", "--bind", "localhost"}),
                {"localhost", "IP addresses"});
}

TEST(Start, AFileInPlaceOfTheDirectoryIsRefused) {
  const TemporaryDirectory directory;
  WriteWhole(directory / "data", "a file");
  ExpectRefusal(StartOn(directory / "data"), {directory / "data", "not a directory"});
  EXPECT_EQ(ReadWhole(directory / "data"), "a file");
}

TEST(Start, ADirectoryWithoutAParentIsRefused) {
  const TemporaryDirectory directory;
  ExpectRefusal(StartOn(directory / "no/such/data"), {directory / "no/such/data", "No such file"});
}

TEST(Start, ANewerFormatIsRefused) {
  ServerProcess server;
  EXPECT_EQ(server.Stop(SIGTERM), 0);
  WriteWhole(server.data() + "/cartwheel.format", "cartwheel-format 9\n");
  ExpectRefusal(StartOn(server.data()), {"cartwheel.format", "9", "newer version"});
}

TEST(Start, DamageIsRefusedAndLeftAsItIs) {
  ServerProcess server;
  EXPECT_EQ(Client(server.port()).Call({"SET", "key", "value"}), "OK");
  EXPECT_EQ(server.Stop(SIGTERM), 0);
  const std::string file = server.data() + "/data.mdb";
  const std::string damaged = std::string(8192, 'x') + ReadWhole(file).substr(8192);
  WriteWhole(file, damaged);
  ExpectRefusal(StartOn(server.data()), {file, "damaged", "backup"});
  EXPECT_EQ(ReadWhole(file), damaged);
  WriteWhole(file, "");
  ExpectRefusal(StartOn(server.data()), {file});
  std::filesystem::remove(file);
  ExpectRefusal(StartOn(server.data()), {file, "missing"});
}

TEST(Start, ADirectoryThatMayNotBeReadIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to run the server as somebody else";
  ServerProcess server;
  EXPECT_EQ(server.Stop(SIGTERM), 0);
  namespace fs = std::filesystem;
  fs::permissions(server.scratch(""), fs::perms::all);
  ExpectRefusal(StartOn(server.data(), kNobody), {server.data(), "ermission denied"});
}

TEST(Start, ALogFileThatCannotBeWrittenIsRefused) {
  const TemporaryDirectory directory;
  ExpectRefusal(
      RunToEnd({"--dir", directory / "data", "--logfile", directory / "no/such/file.log"}),
      {directory / "no/such/file.log", "No such file"});
}

TEST(Start, LogAndPidFilesAreWritten) {
  const TemporaryDirectory directory;
  const std::string port = std::to_string(FreePort());
  const std::string log = directory / "server.log";
  ServerRun run({"--port", port, "--dir", directory / "data", "--logfile", log, "--pidfile",
                 directory / "server.pid"},
                directory.path());
  ASSERT_TRUE(Eventually([&] { return ReadWhole(log).find("ready: ") != std::string::npos; }));
  EXPECT_EQ(ReadWhole(directory / "server.pid"), std::to_string(run.pid()) + "\n");
  run.Signal(SIGTERM);
  EXPECT_EQ(run.Wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(directory / "server.pid"));
  EXPECT_EQ(run.output(), "");
  EXPECT_THAT(ReadWhole(log), HasSubstr("bye"));
}

TEST(Start, MoreClientsThanOpenFilesAreCutDownWithAWarning) {
  ServerProcess server({"--maxclients", "2000000000"});
  EXPECT_THAT(server.log(), HasSubstr("# the limit of open files leaves room for "));
  EXPECT_THAT(Client(server.port()).Call({"CONFIG", "GET", "maxclients"}),
              Not(HasSubstr("2000000000")));
}

}  // namespace
}  // namespace cartwheel
