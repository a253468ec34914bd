// Rows of the command table: commands on scripts and functions.
#pragma once

#include "server/handlers.h"
#include "server/rows/row_helpers.h"

namespace cartwheel::server {

inline constexpr Command kScriptingRows[] = {
    ContainerRow("function", "scripting", "7.0.0", "Functions that are kept in the server."),
    {.name = "function|flush",
     .arity = -2,
     .flags = kWrite | kNoScript,
     .acl = kAclScripting,
     .handler = AnswerOk,
     .group = "scripting",
     .since = "7.0.0",
     .syntax = "[ASYNC | SYNC]",
     .summary = "Deletes all functions.",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .support = Command::Support::kDifferent,
     .note = "Answers OK: there are no functions yet."},
    HelpRow("function|help", "scripting", "7.0.0", kAclScripting),
    ContainerRow("script", "scripting", "2.6.0", "Scripts that are kept in the server."),
    {.name = "script|flush",
     .arity = -2,
     .flags = kNoScript,
     .acl = kAclScripting,
     .handler = AnswerOk,
     .group = "scripting",
     .since = "2.6.0",
     .syntax = "[ASYNC | SYNC]",
     .summary = "Forgets all scripts.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .support = Command::Support::kDifferent,
     .note = "Answers OK: there are no scripts yet."},
    HelpRow("script|help", "scripting", "5.0.0", kAclScripting),
};

}  // namespace cartwheel::server
