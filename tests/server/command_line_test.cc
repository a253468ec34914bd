// ParseCommandLine, which command_line.cc implements.
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config.h"

namespace cartwheel::server {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

using Action = CommandLine::Action;

CommandLine Parse(std::vector<std::string> args) {
  auto line = ParseCommandLine(args);
  EXPECT_TRUE(line.has_value()) << line.error();
  return line.value_or(CommandLine{});
}

std::string Error(std::vector<std::string> args) {
  const auto line = ParseCommandLine(args);
  return line ? "" : line.error();
}

class CommandLineFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "command_line_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = directory_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  std::filesystem::path directory_;
};

TEST(CommandLine, NothingGivesTheDefaults) {
  const CommandLine line = Parse({});
  EXPECT_EQ(line.action, Action::kServe);
  EXPECT_EQ(line.config.port, 6379);
  EXPECT_THAT(line.config.bind, ElementsAre("127.0.0.1", "-::1"));
  EXPECT_EQ(line.config.config_file, "");
}

TEST(CommandLine, OptionsTakeTheWordsUpToTheNextOption) {
  const Config config = Parse({"--port", "7000", "--bind", "10.0.0.1", "-::1", "--save", "",
                               "--requirepass", "two words"})
                            .config;
  EXPECT_EQ(config.port, 7000);
  EXPECT_THAT(config.bind, ElementsAre("10.0.0.1", "-::1"));
  EXPECT_EQ(config.save, "");
  EXPECT_EQ(config.requirepass, "two words");
  EXPECT_EQ(Parse({"--slowlog-log-slower-than", "-1"}).config.slowlog_log_slower_than, -1);
}

TEST(CommandLine, SaveAloneIsSaveEmpty) {
  EXPECT_TRUE(Parse({"--save", "--port", "1"}).config.memory_only());
}

TEST(CommandLine, ErrorsNameTheWord) {
  EXPECT_EQ(Error({"--prot", "1"}), "command line: --prot: unknown option; did you mean 'port'?");
  EXPECT_EQ(Error({"--port"}), "command line: --port: wrong number of arguments");
  EXPECT_EQ(Error({"--port", "1", "2"}), "command line: --port: wrong number of arguments");
  EXPECT_EQ(Error({"--port=1"}), "command line: --port=1: unknown option; write 'port value'");
  EXPECT_EQ(Error({"-p", "1"}), "command line: unexpected word -p");
  EXPECT_EQ(Error({"--check-config", "a", "b"}), "command line: unexpected word b");
  EXPECT_EQ(Error({"conf", "--check-data", "a", "b"}), "command line: unexpected word b");
  EXPECT_THAT(Error({"--replicaof", "10.0.0.1", "6379"}),
              StartsWith("command line: --replicaof: "));
}

TEST(CommandLine, HelpAndVersionNeedNothingElse) {
  EXPECT_EQ(Parse({"-h"}).action, Action::kHelp);
  EXPECT_EQ(Parse({"--help"}).action, Action::kHelp);
  EXPECT_EQ(Parse({"-v"}).action, Action::kVersion);
  EXPECT_EQ(Parse({"--version"}).action, Action::kVersion);
  EXPECT_EQ(Parse({"--nosuch", "1", "--help"}).action, Action::kHelp);
  EXPECT_EQ(Parse({"--requirepass", "-h"}).config.requirepass, "-h");
}

TEST_F(CommandLineFiles, TheFirstWordIsTheFileAndOptionsOverrideIt) {
  const std::string path = Write("a.conf", "port 1\ntimeout 2\nhz 10\n");
  const CommandLine line = Parse({path, "--port", "3"});
  EXPECT_EQ(line.config.port, 3);
  EXPECT_EQ(line.config.timeout, 2);
  EXPECT_EQ(line.config.config_file, path);
  EXPECT_THAT(line.ignored, ElementsAre("hz"));
}

TEST_F(CommandLineFiles, ARelativeFileBecomesAbsolute) {
  const std::string path = Write("b.conf", "port 1\n");
  const std::string relative = std::filesystem::relative(path).string();
  ASSERT_FALSE(relative.starts_with('/'));
  EXPECT_EQ(std::filesystem::canonical(Parse({relative}).config.config_file),
            std::filesystem::canonical(path));
  EXPECT_THAT(Parse({relative}).config.config_file, StartsWith("/"));
}

TEST_F(CommandLineFiles, AnOptionTakesBackARefusalOfTheFile) {
  const std::string path = Write("c.conf", "port 1\ndaemonize yes\n");
  EXPECT_EQ(Error({path, "--supervised", "systemd", "--daemonize", "no"}), "");
  EXPECT_THAT(Error({path}), StartsWith(path + ":2: daemonize: "));
}

TEST_F(CommandLineFiles, CheckConfigReadsTheFile) {
  const std::string good = Write("good.conf", "port 1\n");
  const std::string bad = Write("bad.conf", "\nport x\n");
  EXPECT_EQ(Parse({"--check-config", good}).action, Action::kCheckConfig);
  EXPECT_EQ(Parse({"--check-data", "some where"}).action, Action::kCheckData);
  EXPECT_EQ(Parse({"--check-data", "some where"}).data_to_check, "some where");
  EXPECT_EQ(Parse({bad, "--check-data", "d"}).data_to_check, "d");
  EXPECT_EQ(Parse({"--check-data"}).data_to_check, "./data");
  EXPECT_EQ(Parse({"--dir", "/d", "--check-data"}).data_to_check, "/d");
  EXPECT_EQ(Parse({good, "--check-config", "--port", "2"}).config.port, 2);
  EXPECT_EQ(Error({"--check-config", bad}),
            bad + ":2: port: argument couldn't be parsed into an integer");
}

TEST_F(CommandLineFiles, UnreadableFilesAreErrors) {
  const std::string missing = (directory_ / "missing.conf").string();
  EXPECT_EQ(Error({missing}),
            "can't open config file '" + missing + "': No such file or directory");
  EXPECT_THAT(Error({directory_.string()}), EndsWith("Is a directory"));
  EXPECT_THAT(Error({Write("huge.conf", std::string((1 << 20) + 1, '\n'))}),
              HasSubstr("larger than 1 MiB"));
}

TEST_F(CommandLineFiles, ADashReadsStandardInputAfterTheFile) {
  const std::string file = Write("f.conf", "port 1\ntimeout 1\n");
  const std::string input = Write("stdin", "timeout 2\nmaxclients 2\n");
  ASSERT_NE(std::freopen(input.c_str(), "r", stdin), nullptr);
  const Config config = Parse({file, "--maxclients", "3", "-"}).config;
  EXPECT_EQ(config.port, 1);
  EXPECT_EQ(config.timeout, 2);
  EXPECT_EQ(config.maxclients, 3);
  ASSERT_NE(std::freopen(Write("bad", "port x\n").c_str(), "r", stdin), nullptr);
  EXPECT_THAT(Error({"-"}), StartsWith("standard input:1: port: "));
}

}  // namespace
}  // namespace cartwheel::server
