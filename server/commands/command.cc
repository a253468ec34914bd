#include <algorithm>
#include <vector>

#include "server/command_names.h"
#include "server/commands/command_reply.h"
#include "server/errors.h"
#include "server/handlers.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

void WriteAll(resp::ReplyWriter& reply) {
  reply.Array(CountTopLevelCommands());
  for (const Command& command : CommandTable()) {
    if (!IsSubcommand(command)) WriteCommandInfo(reply, command);
  }
}

// The names of the commands, subcommands too, for which `matches(command)`.
template <typename Predicate>
void WriteNamesWhere(resp::ReplyWriter& reply, Predicate matches) {
  reply.Array(static_cast<size_t>(std::ranges::count_if(CommandTable(), matches)));
  for (const Command& command : CommandTable()) {
    if (matches(command)) reply.Bulk(command.name);
  }
}

// The bit of a category named without its '@', 0 when there is none.
uint32_t AclCategoryByName(std::string_view name) {
  for (const NamedBit& category : AclCategoryNames()) {
    if (EqualsIgnoreCase(category.name.substr(1), name)) return category.bit;
  }
  return 0;
}

// With more than one word a container stands for its subcommand.
const Command* FindByArgs(Args args) {
  const Command* command = FindCommand(args[0]);
  if (command == nullptr || args.size() == 1 || !IsContainer(*command)) return command;
  return FindSubcommand(*command, args[1]);
}

// SET overwrites blindly unless it has GET: setGetKeys of Redis.
uint32_t KeyFlagsOfSet(Args args) {
  for (size_t i = 3; i < args.size(); ++i) {
    if (EqualsIgnoreCase(args[i], "get")) return kKeyRw | kKeyAccess | kKeyUpdate;
  }
  return kKeyOw | kKeyUpdate;
}

// BITFIELD only reads if all its operations are well-formed GETs: bitfieldGetKeys of Redis.
uint32_t KeyFlagsOfBitField(Args args) {
  for (size_t i = 2; i < args.size(); ++i) {
    size_t left = args.size() - i - 1;
    if (EqualsIgnoreCase(args[i], "get") && left >= 2) {
      i += 2;
    } else if (EqualsIgnoreCase(args[i], "overflow") && left >= 1) {
      i += 1;
    } else {
      return kKeyRw | kKeyAccess | kKeyUpdate;
    }
  }
  return kKeyRo | kKeyAccess;
}

// What the command does with its n-th key.
uint32_t KeyFlagsAt(const Command& command, Args args, size_t n) {
  if (command.keys.flags & kKeyVariable) {
    return command.name == "set" ? KeyFlagsOfSet(args) : KeyFlagsOfBitField(args);
  }
  return n > 0 && command.keys.flags_of_rest != 0 ? command.keys.flags_of_rest : command.keys.flags;
}

void WriteKeys(CommandContext& context, bool with_flags) {
  resp::ReplyWriter& reply = context.reply;
  Args args = context.args.subspan(2);
  const Command* command = FindByArgs(args);
  if (command == nullptr) return reply.Error("ERR Invalid command specified");
  if (command->keys.first == 0 || (command->keys.flags & kKeyNotKey)) {
    return reply.Error("ERR The command has no key arguments");
  }
  if (!ArityMatches(*command, args.size())) {
    return reply.Error("ERR Invalid number of arguments specified for command");
  }
  std::vector<size_t> indexes;
  KeyIndexesOf(*command, args.size(), indexes);
  reply.Array(indexes.size());
  for (size_t n = 0; n < indexes.size(); ++n) {
    if (with_flags) reply.Array(2);
    reply.Bulk(args[indexes[n]]);
    if (with_flags) WriteNames(reply, KeyFlagNames(), KeyFlagsAt(*command, args, n));
  }
}

}  // namespace

void CommandAll(CommandContext& context) {
  WriteAll(context.reply);
}

void CommandCount(CommandContext& context) {
  context.reply.Integer(static_cast<int64_t>(CountTopLevelCommands()));
}

void CommandInfo(CommandContext& context) {
  Args names = context.args.subspan(2);
  if (names.empty()) return WriteAll(context.reply);
  context.reply.Array(names.size());
  for (std::string_view name : names) {
    const Command* command = FindByFullName(name);
    command == nullptr ? context.reply.Null() : WriteCommandInfo(context.reply, *command);
  }
}

void CommandDocs(CommandContext& context) {
  Args names = context.args.subspan(2);
  std::vector<const Command*> commands;
  for (std::string_view name : names) {
    if (const Command* command = FindByFullName(name)) commands.push_back(command);
  }
  if (names.empty()) {
    for (const Command& command : CommandTable()) {
      if (!IsSubcommand(command)) commands.push_back(&command);
    }
  }
  context.reply.Map(commands.size());
  for (const Command* command : commands) {
    context.reply.Bulk(command->name);
    WriteCommandDocs(context.reply, *command);
  }
}

void CommandList(CommandContext& context) {
  resp::ReplyWriter& reply = context.reply;
  Args args = context.args.subspan(2);
  if (args.empty()) return WriteNamesWhere(reply, [](const Command&) { return true; });
  if (args.size() != 3 || !EqualsIgnoreCase(args[0], "filterby")) return reply.Error(kSyntaxError);

  if (EqualsIgnoreCase(args[1], "module")) {
    reply.Array(0);  // there are no modules
  } else if (EqualsIgnoreCase(args[1], "aclcat")) {
    uint32_t category = AclCategoryByName(args[2]);
    WriteNamesWhere(reply, [category](const Command& command) {
      return (AclCategoriesOf(command) & category) != 0;
    });
  } else if (EqualsIgnoreCase(args[1], "pattern")) {
    std::string pattern = ToLower(args[2]);
    WriteNamesWhere(
        reply, [&pattern](const Command& command) { return GlobMatch(pattern, command.name); });
  } else {
    reply.Error(kSyntaxError);
  }
}

void CommandGetKeys(CommandContext& context) {
  WriteKeys(context, false);
}

void CommandGetKeysAndFlags(CommandContext& context) {
  WriteKeys(context, true);
}

}  // namespace cartwheel::server
