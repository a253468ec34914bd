// The table's own order, its look-ups, and every fact in it held against Redis's.
#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/command.h"
#include "server/command_names.h"

namespace cartwheel::server {
namespace {

// Commands of later versions that clients of today send: redis_7_commands.txt cannot know them.
const std::set<std::string_view> kNewerThanRedis70 = {"client|no-touch", "client|setinfo",
                                                      "cluster|myshardid"};

// Redis has none of them.
bool IsOurOwn(const Command& row) {
  return row.group == "dynamo" || (row.group == "cluster" && row.since.empty());
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return upper;
}

std::string Joined(std::span<const NamedBit> names, uint32_t bits, size_t skip = 0) {
  std::string joined;
  for (const NamedBit& named : names) {
    if (!(bits & named.bit)) continue;
    if (!joined.empty()) joined += ',';
    joined += named.name.substr(skip);
  }
  return joined.empty() ? "-" : joined;
}

std::string KeySpecs(const KeyPositions& keys) {
  if (keys.first == 0) return "-";
  std::string specs = Joined(KeyFlagNames(), keys.flags);
  if (keys.flags_of_rest != 0) specs += ";" + Joined(KeyFlagNames(), keys.flags_of_rest);
  return specs;
}

std::string Tips(std::string_view tips) {
  if (tips.empty()) return "-";
  std::string joined(tips);
  std::ranges::replace(joined, ' ', ',');
  return joined;
}

// A row as a line of redis_7_commands.txt.
std::string LineOf(const Command& row) {
  std::string line(row.name);
  for (const std::string& field :
       {std::string(row.group), std::string(row.since), std::to_string(row.arity),
        Joined(CommandFlagNames(), row.flags), std::to_string(row.keys.first),
        std::to_string(row.keys.last), std::to_string(row.keys.step),
        Joined(AclCategoryNames(), AclCategoriesOf(row), 1), KeySpecs(row.keys), Tips(row.tips)}) {
    line += ' ' + field;
  }
  return line;
}

// The lines of redis_7_commands.txt by command.
const std::map<std::string, std::string>& RedisCommands() {
  static const auto* commands = [] {
    auto* lines = new std::map<std::string, std::string>;
    std::ifstream file(CARTWHEEL_TESTS_DIR "/server/redis_7_commands.txt");
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with('#')) (*lines)[line.substr(0, line.find(' '))] = line;
    }
    return lines;
  }();
  return *commands;
}

std::vector<size_t> KeyIndexes(std::string_view name, size_t arg_count,
                               std::string_view subcommand = {}) {
  const Command* command = FindCommand(name);
  if (!subcommand.empty()) command = FindSubcommand(*command, subcommand);
  std::vector<size_t> indexes = {99};  // must be cleared
  KeyIndexesOf(*command, arg_count, indexes);
  return indexes;
}

using Indexes = std::vector<size_t>;

TEST(CommandTable, NamesAreUniqueAndInLowerCase) {
  std::set<std::string_view> names;
  for (const Command& row : CommandTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_|-."), row.name.npos)
        << row.name;
  }
}

TEST(CommandTable, EveryRowHasExactlyOneWayToRun) {
  for (const Command& row : CommandTable()) {
    if (row.name == "command") continue;  // a container that also runs alone
    EXPECT_EQ((row.parse != nullptr) + (row.handler != nullptr) + IsContainer(row), 1) << row.name;
  }
  EXPECT_NE(FindCommand("command")->handler, nullptr);
  EXPECT_TRUE(IsContainer(*FindCommand("command")));
}

TEST(CommandTable, OnlyCommandsOnKeysHaveParsers) {
  for (const Command& row : CommandTable()) {
    if (row.parse != nullptr) {
      EXPECT_GT(row.keys.first, 0) << row.name;
    }
  }
}

TEST(CommandTable, EveryRowSaysWhatItIs) {
  for (const Command& row : CommandTable()) {
    EXPECT_FALSE(row.summary.empty()) << row.name;
    EXPECT_FALSE(row.complexity.empty()) << row.name;
    EXPECT_EQ(row.deprecated_since.empty(), row.replaced_by.empty()) << row.name;
    if (row.support == Command::Support::kDifferent) {
      EXPECT_FALSE(row.note.empty()) << row.name;
    }
  }
}

TEST(CommandTable, ContainersStandDirectlyBeforeTheirSubcommands) {
  std::span<const Command> table = CommandTable();
  for (size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(IndexOf(table[i]), i);
    size_t bar = table[i].name.find('|');
    if (bar == std::string_view::npos) continue;
    const Command* container = FindCommand(table[i].name.substr(0, bar));
    ASSERT_NE(container, nullptr) << table[i].name;
    std::span<const Command> subcommands = SubcommandsOf(*container);
    EXPECT_GE(&table[i], subcommands.data()) << table[i].name;
    EXPECT_LT(&table[i], subcommands.data() + subcommands.size()) << table[i].name;
  }
}

TEST(CommandTable, EveryContainerHasHelp) {
  for (const Command& row : CommandTable()) {
    if (IsContainer(row)) {
      EXPECT_NE(FindSubcommand(row, "help"), nullptr) << row.name;
    }
  }
}

TEST(CommandTable, FindsEveryCommandInAnyCase) {
  for (const Command& row : CommandTable()) {
    size_t bar = row.name.find('|');
    std::string name(row.name.substr(0, bar));
    std::string mixed = name;
    mixed[0] = Upper(name)[0];
    for (const std::string& spelling : {name, Upper(name), mixed}) {
      const Command* found = FindCommand(spelling);
      ASSERT_NE(found, nullptr) << spelling;
      EXPECT_EQ(found->name, name);
      if (bar == std::string_view::npos) continue;
      std::string_view subcommand = row.name.substr(bar + 1);
      EXPECT_EQ(FindSubcommand(*found, subcommand), &row);
      EXPECT_EQ(FindSubcommand(*found, Upper(subcommand)), &row);
    }
  }
}

TEST(CommandTable, FindsNothingElse) {
  using std::string_view_literals::operator""sv;
  for (std::string_view name : {""sv, "ge"sv, "gett"sv, "get\0"sv, "client|id"sv, "\xe7\xe5\xf4"sv,
                                "a-name-longer-than-any-command"sv}) {
    EXPECT_EQ(FindCommand(name), nullptr) << name;
  }
  const Command& client = *FindCommand("client");
  for (std::string_view name : {""sv, "i"sv, "idx"sv, "client|id"sv, "nosuch"sv}) {
    EXPECT_EQ(FindSubcommand(client, name), nullptr) << name;
  }
  EXPECT_EQ(FindSubcommand(*FindCommand("get"), "help"), nullptr);
}

TEST(CommandTable, ArityIsExactOrAtLeast) {
  const Command& get = *FindCommand("get");
  EXPECT_FALSE(ArityMatches(get, 1));
  EXPECT_TRUE(ArityMatches(get, 2));
  EXPECT_FALSE(ArityMatches(get, 3));
  const Command& set = *FindCommand("set");
  EXPECT_FALSE(ArityMatches(set, 2));
  EXPECT_TRUE(ArityMatches(set, 3));
  EXPECT_TRUE(ArityMatches(set, 1000));
}

TEST(CommandTable, FindsKeysByTheirPositions) {
  EXPECT_EQ(KeyIndexes("get", 2), Indexes({1}));
  EXPECT_EQ(KeyIndexes("mget", 4), Indexes({1, 2, 3}));
  EXPECT_EQ(KeyIndexes("mset", 5), Indexes({1, 3}));
  EXPECT_EQ(KeyIndexes("mset", 4), Indexes({1, 3})) << "as Redis, whose handler refuses it then";
  EXPECT_EQ(KeyIndexes("rename", 3), Indexes({1, 2}));
  EXPECT_EQ(KeyIndexes("bitop", 5), Indexes({2, 3, 4}));
  EXPECT_EQ(KeyIndexes("object", 3, "encoding"), Indexes({2}));
  EXPECT_EQ(KeyIndexes("ping", 2), Indexes());
}

TEST(CommandTable, FindsNoKeysAmongTooFewArguments) {
  EXPECT_EQ(KeyIndexes("get", 1), Indexes());
  EXPECT_EQ(KeyIndexes("rename", 2), Indexes());
  EXPECT_EQ(KeyIndexes("mget", 1), Indexes());
  EXPECT_EQ(KeyIndexes("bitop", 2), Indexes());
  EXPECT_EQ(KeyIndexes("mget", 0), Indexes());
}

TEST(CommandTable, ShardChannelsAreNoKeys) {
  EXPECT_EQ(KeyIndexes("ssubscribe", 3), Indexes());
}

TEST(CommandTable, EveryRowSaysWhatRedisSays) {
  ASSERT_GT(RedisCommands().size(), 300U);
  size_t compared = 0;
  size_t our_own = 0;
  for (const Command& row : CommandTable()) {
    if (IsOurOwn(row)) {
      EXPECT_TRUE(row.name.starts_with("dyn.") || row.group == "cluster") << row.name;
      EXPECT_TRUE(row.since.empty()) << row.name;
      EXPECT_FALSE(RedisCommands().contains(std::string(row.name))) << row.name;
      ++our_own;
      continue;
    }
    if (kNewerThanRedis70.contains(row.name)) continue;
    auto found = RedisCommands().find(std::string(row.name));
    ASSERT_NE(found, RedisCommands().end()) << row.name;
    EXPECT_EQ(LineOf(row), found->second);
    ++compared;
  }
  EXPECT_EQ(compared + kNewerThanRedis70.size() + our_own, CommandTable().size());
}

TEST(CommandTable, EveryCommandOfRedisIsSupportedOrMissing) {
  std::set<std::string_view> known;
  for (const Command& row : CommandTable()) known.insert(row.name);
  for (const MissingCommand& missing : MissingCommands()) {
    EXPECT_TRUE(known.insert(missing.name).second) << missing.name << " is both or twice";
    EXPECT_FALSE(missing.reason.empty()) << missing.name;
    auto found = RedisCommands().find(std::string(missing.name));
    ASSERT_NE(found, RedisCommands().end()) << missing.name;
    std::string start = std::string(missing.name) + ' ' + std::string(missing.group) + ' ';
    EXPECT_TRUE(found->second.starts_with(start)) << found->second;
  }
  for (const auto& [name, line] : RedisCommands()) {
    if (known.contains(name)) continue;
    // A missing container speaks for its subcommands, and CLUSTER is a single row.
    std::string container = name.substr(0, name.find('|'));
    EXPECT_NE(container, name) << "neither supported nor missing";
    EXPECT_TRUE(known.contains(container)) << name;
    const Command* row = FindCommand(container);
    if (row != nullptr) {
      EXPECT_FALSE(IsContainer(*row)) << name;
    }
  }
}

TEST(CommandTable, CategoriesThatFlagsImplyAreNotRepeated) {
  for (const Command& row : CommandTable()) {
    Command bare = row;
    bare.acl = 0;
    EXPECT_EQ(row.acl & AclCategoriesOf(bare), 0U) << row.name;
  }
}

}  // namespace
}  // namespace cartwheel::server
