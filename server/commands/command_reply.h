// How the replies of COMMAND are built from the command table.
#pragma once

#include <string_view>

#include "resp/reply_writer.h"
#include "server/command.h"

namespace cartwheel::server {

bool IsSubcommand(const Command& command);

// "client|id" or "get", in any case; nullptr when there is none.
const Command* FindByFullName(std::string_view name);

size_t CountTopLevelCommands();

// One element of COMMAND INFO: ten fields, the last of them its subcommands in the same form.
void WriteCommandInfo(resp::ReplyWriter& reply, const Command& command);

// The value of one command in COMMAND DOCS.
void WriteCommandDocs(resp::ReplyWriter& reply, const Command& command);

}  // namespace cartwheel::server
