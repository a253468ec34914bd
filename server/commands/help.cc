#include <algorithm>
#include <string>

#include "server/handlers.h"

namespace cartwheel::server {
namespace {

std::string ToUpper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return upper;
}

// Two lines: how it is written, what it does.
void WriteEntry(resp::ReplyWriter& reply, const Command& container, const Command& subcommand) {
  std::string usage = ToUpper(subcommand.name.substr(container.name.size() + 1));
  if (!subcommand.syntax.empty()) usage.append(" ").append(subcommand.syntax);
  reply.SimpleString(usage);
  reply.SimpleString(std::string("    ").append(subcommand.summary));
}

}  // namespace

void ContainerHelp(CommandContext& context) {
  std::string_view name = context.command.name;
  const Command& container = *FindCommand(name.substr(0, name.find('|')));
  std::span<const Command> subcommands = SubcommandsOf(container);
  bool runs_alone = container.handler != nullptr;
  context.reply.Array(1 + 2 * (subcommands.size() + runs_alone));
  context.reply.SimpleString(
      ToUpper(container.name).append(" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
  if (runs_alone) {
    context.reply.SimpleString("(no subcommand)");
    context.reply.SimpleString(std::string("    ").append(container.summary));
  }
  for (const Command& subcommand : subcommands) {
    if (&subcommand != &context.command) WriteEntry(context.reply, container, subcommand);
  }
  WriteEntry(context.reply, container, context.command);  // HELP is the last, as in Redis
}

}  // namespace cartwheel::server
