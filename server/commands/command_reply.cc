#include "server/commands/command_reply.h"

#include <algorithm>
#include <vector>

#include "server/command_names.h"
#include "server/syntax_docs.h"

namespace cartwheel::server {
namespace {

std::vector<std::string_view> SplitWords(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    size_t length = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return words;
}

// Keys from argument `first` on; `last` counts from `first` unless it is negative.
void WriteKeySpec(resp::ReplyWriter& reply, uint32_t flags, int first, int last, int step) {
  reply.Map(3);
  reply.Bulk("flags");
  WriteNames(reply, KeyFlagNames(), flags);
  reply.Bulk("begin_search");
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("index");
  reply.Bulk("spec");
  reply.Map(1);
  reply.Bulk("index");
  reply.Integer(first);
  reply.Bulk("find_keys");
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("range");
  reply.Bulk("spec");
  reply.Map(3);
  reply.Bulk("lastkey");
  reply.Integer(last);
  reply.Bulk("keystep");
  reply.Integer(step);
  reply.Bulk("limit");
  reply.Integer(0);
}

void WriteKeySpecs(resp::ReplyWriter& reply, const KeyPositions& keys) {
  auto relative = [&keys](int first) { return keys.last < 0 ? keys.last : keys.last - first; };
  if (keys.first == 0) {
    reply.Set(0);
  } else if (keys.flags_of_rest == 0) {
    reply.Set(1);
    WriteKeySpec(reply, keys.flags, keys.first, relative(keys.first), keys.step);
  } else {
    int second = keys.first + keys.step;
    reply.Set(2);
    WriteKeySpec(reply, keys.flags, keys.first, 0, keys.step);
    WriteKeySpec(reply, keys.flags_of_rest, second, relative(second), keys.step);
  }
}

void WriteArguments(resp::ReplyWriter& reply, const std::vector<ArgumentDoc>& arguments);

void WriteArgument(resp::ReplyWriter& reply, const ArgumentDoc& argument) {
  size_t flags = size_t{argument.optional} + argument.multiple + argument.multiple_token;
  bool is_key = argument.key_spec_index >= 0;
  reply.Map(size_t{2} + is_key + !argument.token.empty() + (flags != 0) +
            !argument.arguments.empty());
  reply.Bulk("name");
  reply.Bulk(argument.name);
  reply.Bulk("type");
  reply.Bulk(argument.type);
  if (is_key) {
    reply.Bulk("key_spec_index");
    reply.Integer(argument.key_spec_index);
  }
  if (!argument.token.empty()) {
    reply.Bulk("token");
    reply.Bulk(argument.token);
  }
  if (flags != 0) {
    reply.Bulk("flags");
    reply.Set(flags);
    if (argument.optional) reply.SimpleString("optional");
    if (argument.multiple) reply.SimpleString("multiple");
    if (argument.multiple_token) reply.SimpleString("multiple_token");
  }
  if (!argument.arguments.empty()) {
    reply.Bulk("arguments");
    WriteArguments(reply, argument.arguments);
  }
}

void WriteArguments(resp::ReplyWriter& reply, const std::vector<ArgumentDoc>& arguments) {
  reply.Array(arguments.size());
  for (const ArgumentDoc& argument : arguments) WriteArgument(reply, argument);
}

void WriteField(resp::ReplyWriter& reply, std::string_view name, std::string_view value) {
  reply.Bulk(name);
  reply.Bulk(value);
}

}  // namespace

bool IsSubcommand(const Command& command) {
  return command.name.contains('|');
}

const Command* FindByFullName(std::string_view name) {
  size_t bar = name.find('|');
  const Command* command = FindCommand(name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return FindSubcommand(*command, name.substr(bar + 1));
}

size_t CountTopLevelCommands() {
  return CommandTable().size() -
         static_cast<size_t>(std::ranges::count_if(CommandTable(), IsSubcommand));
}

void WriteCommandInfo(resp::ReplyWriter& reply, const Command& command) {
  reply.Array(10);
  reply.Bulk(command.name);
  reply.Integer(command.arity);
  WriteNames(reply, CommandFlagNames(), command.flags);
  reply.Integer(command.keys.first);
  reply.Integer(command.keys.last);
  reply.Integer(command.keys.step);
  WriteNames(reply, AclCategoryNames(), AclCategoriesOf(command));
  std::vector<std::string_view> tips = SplitWords(command.tips);
  reply.Set(tips.size());
  for (std::string_view tip : tips) reply.Bulk(tip);
  WriteKeySpecs(reply, command.keys);
  std::span<const Command> subcommands = SubcommandsOf(command);
  // Redis's own inconsistency in RESP3: no subcommands are an empty set, any are an array.
  subcommands.empty() ? reply.Set(0) : reply.Array(subcommands.size());
  for (const Command& subcommand : subcommands) WriteCommandInfo(reply, subcommand);
}

void WriteCommandDocs(resp::ReplyWriter& reply, const Command& command) {
  size_t deprecation_fields = command.deprecated_since.empty() ? 0 : 3;
  std::vector<ArgumentDoc> arguments = ArgumentsOf(command);
  std::span<const Command> subcommands = SubcommandsOf(command);
  reply.Map(4 + deprecation_fields + !arguments.empty() + !subcommands.empty());
  WriteField(reply, "summary", command.summary);
  WriteField(reply, "since", command.since);
  WriteField(reply, "group", command.group);
  WriteField(reply, "complexity", command.complexity);
  if (deprecation_fields != 0) {
    reply.Bulk("doc_flags");
    reply.Set(1);
    reply.SimpleString("deprecated");
    WriteField(reply, "deprecated_since", command.deprecated_since);
    WriteField(reply, "replaced_by", command.replaced_by);
  }
  if (!arguments.empty()) {
    reply.Bulk("arguments");
    WriteArguments(reply, arguments);
  }
  if (!subcommands.empty()) {
    reply.Bulk("subcommands");
    reply.Map(subcommands.size());
    for (const Command& subcommand : subcommands) {
      reply.Bulk(subcommand.name);
      WriteCommandDocs(reply, subcommand);
    }
  }
}

}  // namespace cartwheel::server
