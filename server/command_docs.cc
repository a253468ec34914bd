#include "server/command_docs.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "server/command.h"

namespace cartwheel::server {
namespace {

constexpr std::string_view kIntroduction =
    "# Commands\n"
    "\n"
    "<!-- Generated from the command table (server/rows/): do not edit. -->\n"
    "\n"
    "Replies, errors and edge cases are those of Redis 7.0. *Different* commands work; the note "
    "says what\n"
    "differs. A command that is missing is answered with Redis's error for an unknown command. "
    "The third\n"
    "column is the Redis version that brought the command, empty for commands of our own. A time "
    "after the\n"
    "year 10889 is refused like one that Redis cannot represent; "
    "`redis-compat/comparison/differences.py` lists\n"
    "the smallest differences.\n";

struct Group {
  std::string_view name;  // as COMMAND DOCS
  std::string_view title;
};

constexpr Group kGroups[] = {
    {"string", "Strings"},
    {"bitmap", "Bitmaps"},
    {"generic", "Keys"},
    {"dynamo", "Siblings, contexts and quorums"},
    {"transactions", "Transactions"},
    {"pubsub", "Publish/subscribe"},
    {"connection", "Connections"},
    {"server", "Server"},
    {"scripting", "Scripts and functions"},
    {"cluster", "Cluster"},
    {"hash", "Hashes"},
    {"list", "Lists"},
    {"set", "Sets"},
    {"sorted-set", "Sorted sets"},
    {"stream", "Streams"},
    {"geo", "Geospatial indexes"},
    {"hyperloglog", "HyperLogLog"},
};

// One line of a table.
struct Line {
  std::string_view name;
  std::string text;
};

// "client|id" as CLIENT ID.
std::string DisplayName(std::string_view name) {
  std::string display(name);
  std::ranges::transform(display, display.begin(), [](char c) {
    if (c == '|') return ' ';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return display;
}

// As code inside a table, where a bar would end the cell.
std::string SyntaxCell(std::string_view syntax) {
  if (syntax.empty()) return {};
  std::string cell = "`";
  for (char c : syntax) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell + '`';
}

Line LineOf(const Command& command) {
  std::string_view support = command.support == Command::Support::kYes ? "yes" : "different";
  return {command.name,
          fmt::format("| {} | {} | {} | {} | {} |\n", DisplayName(command.name), support,
                      command.since, SyntaxCell(command.syntax), command.note)};
}

Line LineOf(const MissingCommand& command) {
  return {command.name,
          fmt::format("| {} | no |  |  | {} |\n", DisplayName(command.name), command.reason)};
}

std::vector<Line> LinesOf(const Group& group) {
  std::vector<Line> lines;
  for (const Command& command : CommandTable()) {
    // A container does nothing by itself: its subcommands have lines.
    bool only_contains = command.parse == nullptr && command.handler == nullptr;
    if (command.group != group.name || only_contains) continue;
    lines.push_back(LineOf(command));
  }
  for (const MissingCommand& command : MissingCommands()) {
    if (command.group == group.name) lines.push_back(LineOf(command));
  }
  std::ranges::sort(lines, {}, &Line::name);
  return lines;
}

}  // namespace

std::string CommandsMarkdown() {
  std::string page(kIntroduction);
  for (const Group& group : kGroups) {
    fmt::format_to(
        std::back_inserter(page),
        "\n## {}\n\n| command | support | since | syntax | note |\n|---|---|---|---|---|\n",
        group.title);
    for (const Line& line : LinesOf(group)) page += line.text;
  }
  return page;
}

}  // namespace cartwheel::server
