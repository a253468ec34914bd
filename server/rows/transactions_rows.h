// Rows of the command table: commands on transactions.
#pragma once

#include "server/handlers.h"
#include "server/rows/row_helpers.h"

namespace cartwheel::server {

inline constexpr Command kTransactionRows[] = {
    {.name = "discard",
     .arity = 1,
     .flags = kNoScript | kLoading | kStale | kFast | kAllowBusy,
     .acl = kAclTransaction,
     .handler = Discard,
     .group = "transactions",
     .since = "2.0.0",
     .complexity = "O(N), N being the number of queued commands",
     .summary = "Drops the queued commands and ends the transaction."},
    {.name = "exec",
     .arity = 1,
     .flags = kNoScript | kLoading | kStale | kSkipSlowLog,
     .acl = kAclTransaction,
     .handler = Exec,
     .group = "transactions",
     .since = "1.2.0",
     .complexity = "The sum of the queued commands",
     .summary = "Runs the queued commands."},
    {.name = "multi",
     .arity = 1,
     .flags = kNoScript | kLoading | kStale | kFast | kAllowBusy,
     .acl = kAclTransaction,
     .handler = Multi,
     .group = "transactions",
     .since = "1.2.0",
     .summary = "Starts a transaction: commands are queued until EXEC."},
    {.name = "unwatch",
     .arity = 1,
     .flags = kNoScript | kLoading | kStale | kFast | kAllowBusy,
     .acl = kAclTransaction,
     .handler = Unwatch,
     .group = "transactions",
     .since = "2.2.0",
     .summary = "Forgets the watched keys."},
    {.name = "watch",
     .arity = -2,
     .flags = kNoScript | kLoading | kStale | kFast | kAllowBusy,
     .acl = kAclTransaction,
     .keys = AllKeys(kKeyRo),
     .handler = Watch,
     .group = "transactions",
     .since = "2.2.0",
     .complexity = "O(1) for each key",
     .syntax = "key [key ...]",
     .summary = "Lets EXEC run only if the keys stay unchanged until then."},
};

}  // namespace cartwheel::server
