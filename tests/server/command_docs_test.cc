#include "server/command_docs.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/command.h"

namespace cartwheel::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> TableLines() {
  std::vector<std::string> lines;
  std::string page = CommandsMarkdown();
  for (size_t begin = 0; begin < page.size();) {
    size_t end = page.find('\n', begin);
    std::string line = page.substr(begin, end - begin);
    if (line.starts_with("| ")) lines.push_back(line);
    begin = end + 1;
  }
  return lines;
}

// "client|id" as CLIENT ID.
std::string DisplayName(std::string_view name) {
  std::string display(name);
  for (char& c : display) {
    c = c == '|' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return display;
}

size_t CountLinesOf(const std::vector<std::string>& lines, std::string_view name) {
  std::string start = "| " + DisplayName(name) + " | ";
  return static_cast<size_t>(
      std::ranges::count_if(lines, [&](const auto& line) { return line.starts_with(start); }));
}

TEST(CommandDocs, EveryCommandHasOneLine) {
  std::vector<std::string> lines = TableLines();
  for (const Command& row : CommandTable()) {
    bool runs = row.parse != nullptr || row.handler != nullptr;
    EXPECT_EQ(CountLinesOf(lines, row.name), runs ? 1U : 0U) << row.name;
  }
  for (const MissingCommand& missing : MissingCommands()) {
    EXPECT_EQ(CountLinesOf(lines, missing.name), 1U) << missing.name;
  }
}

TEST(CommandDocs, EveryLineHasFiveCells) {
  for (const std::string& line : TableLines()) {
    size_t bars = 0;
    for (size_t i = 0; i < line.size(); ++i) {
      bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    }
    EXPECT_EQ(bars, 6U) << line;
    EXPECT_TRUE(line.ends_with(" |")) << line;
  }
}

TEST(CommandDocs, SaysHowACommandIsSupported) {
  std::string page = CommandsMarkdown();
  EXPECT_THAT(page, HasSubstr("| GET | yes | 1.0.0 | `key` |  |\n"));
  EXPECT_THAT(page,
              HasSubstr("| EXPIRE | yes | 1.0.0 | `key seconds [NX \\| XX \\| GT \\| LT]` |"));
  EXPECT_THAT(page, HasSubstr("| OBJECT IDLETIME | different | 2.2.3 | `key` | Seconds"));
  EXPECT_THAT(page, HasSubstr("| HGET | no |  |  | hashes come later"));
  EXPECT_THAT(page, Not(HasSubstr("\n| CLIENT |"))) << "a container alone is no command";
}

}  // namespace
}  // namespace cartwheel::server
