#include "server/log.h"

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

using testing::HasSubstr;

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "log_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    config_.logfile = (directory_ / "server.log").string();
    ASSERT_TRUE(OpenLog(config_).has_value());
  }

  void TearDown() override {
    EXPECT_TRUE(OpenLog(Config{}).has_value());  // other tests log to standard output
    std::filesystem::remove_all(directory_);
  }

  std::string Written() const {
    std::stringstream text;
    text << std::ifstream(config_.logfile).rdbuf();
    return text.str();
  }

  // What the four levels leave, as the marks of the lines.
  std::string MarksOfAllLevels() {
    std::filesystem::remove(config_.logfile);
    LogDebug("m");
    LogVerbose("m");
    LogNotice("m");
    LogWarning("m");
    std::ifstream file(config_.logfile);
    std::string marks;
    for (std::string line; std::getline(file, line);) marks += line.at(line.size() - 3);
    return marks;
  }

  std::filesystem::path directory_;
  Config config_;
};

TEST_F(LogTest, ALineHasTimeMarkAndMessage) {
  LogNotice("ready {} %s");
  EXPECT_TRUE(std::regex_match(
      Written(), std::regex(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \* ready \{\} %s\n)")))
      << Written();
}

TEST_F(LogTest, LevelsFollowTheConfigurationAndChangeAtRunTime) {
  EXPECT_EQ(MarksOfAllLevels(), "*#");
  SetLogLevel(LogLevel::kDebug);
  EXPECT_EQ(MarksOfAllLevels(), ".-*#");
  SetLogLevel(LogLevel::kVerbose);
  EXPECT_EQ(MarksOfAllLevels(), "-*#");
  SetLogLevel(LogLevel::kWarning);
  EXPECT_EQ(MarksOfAllLevels(), "#");
}

TEST_F(LogTest, AMessageCannotForgeALine) {
  LogWarning(std::string_view("name\r\n2026 * forged\0", 20));
  EXPECT_THAT(Written(), HasSubstr("# name\\x0d\\x0a2026 * forged\\x00\n"));
}

TEST_F(LogTest, TheFileMayBeRotatedAtAnyTime) {
  LogNotice("one");
  std::filesystem::rename(config_.logfile, directory_ / "server.log.1");
  LogNotice("two");
  EXPECT_THAT(Written(), HasSubstr("* two\n"));
  EXPECT_THAT(Written(), testing::Not(HasSubstr("one")));
}

TEST_F(LogTest, AFileThatCannotBeWrittenIsAnError) {
  Config config;
  config.logfile = (directory_ / "missing" / "x.log").string();
  const auto opened = OpenLog(config);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error(),
            "can't open log file '" + config.logfile + "': No such file or directory");
  LogNotice("still to the old file");
  EXPECT_THAT(Written(), HasSubstr("still to the old file"));
}

TEST_F(LogTest, ALostDirectoryLosesLinesOnly) {
  std::filesystem::remove_all(directory_);
  LogNotice("nowhere");
  EXPECT_EQ(Written(), "");
}

}  // namespace
}  // namespace cartwheel::server
