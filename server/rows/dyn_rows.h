// Rows of the command table: commands of our own, about siblings, contexts and quorums.
#pragma once

#include "server/handlers.h"
#include "server/rows/row_helpers.h"

namespace cartwheel::server {

inline constexpr Command kDynRows[] = {
    ContainerRow("dyn.conflicts", "dynamo", "",
                 "Values that plain commands hid or superseded while they were concurrent."),
    {.name = "dyn.conflicts|get",
     .arity = -2,
     .flags = kAdmin | kLoading | kStale,
     .handler = DynConflictsGet,
     .group = "dynamo",
     .complexity = "O(N), N being the number of entries returned",
     .syntax = "[count]",
     .summary = "Returns the newest entries of the log of conflicts.",
     .note = "10 entries unless a count is given; -1 for all."},
    HelpRow("dyn.conflicts|help", "dynamo", "", 0),
    {.name = "dyn.conflicts|len",
     .arity = 2,
     .flags = kAdmin | kLoading | kStale,
     .handler = DynConflictsLen,
     .group = "dynamo",
     .summary = "Returns the number of entries in the log of conflicts."},
    {.name = "dyn.conflicts|reset",
     .arity = 2,
     .flags = kAdmin | kLoading | kStale,
     .handler = DynConflictsReset,
     .group = "dynamo",
     .complexity = "O(N), N being the number of entries",
     .summary = "Drops all entries of the log of conflicts."},
    {.name = "dyn.del",
     .arity = 4,
     .flags = kWrite,
     .acl = kAclKeyspace,
     .keys = OneKey(kKeyRw | kKeyDelete),
     .handler = DynDel,
     .group = "dynamo",
     .complexity = "O(N), N being the number of siblings",
     .syntax = "key CONTEXT context",
     .summary = "Deletes the siblings that a context has seen.",
     .note = "1 when one of them was there, else 0. Siblings that the context has not seen stay."},
    {.name = "dyn.get",
     .arity = 2,
     .flags = kReadOnly | kFast,
     .acl = kAclString,
     .keys = OneKey(kKeyRo | kKeyAccess),
     .handler = DynGet,
     .group = "dynamo",
     .complexity = "O(N), N being the number of siblings",
     .syntax = "key",
     .summary = "Returns all siblings of a key and the context of who has seen them.",
     .note =
         "RESP3: a map of `context` and `siblings`, each a map of `value`, `hlc` (Unix "
         "milliseconds and a counter within them) and `ttl` (milliseconds, -1 for none). RESP2: "
         "the context, then an array of the values. The sibling that GET shows is the first. A "
         "key that is not there has a context too, for its first write."},
    {.name = "dyn.keyinfo",
     .arity = 2,
     .flags = kReadOnly,
     .acl = kAclKeyspace,
     .keys = OneKey(kKeyRo),
     .handler = DynKeyInfo,
     .group = "dynamo",
     .complexity = "O(N), N being the number of siblings",
     .syntax = "key",
     .summary = "Returns where a key is stored and all that is known of its versions."},
    {.name = "dyn.quorum",
     .arity = -1,
     .flags = kNoScript | kLoading | kStale | kFast,
     .acl = kAclConnection,
     .handler = DynQuorum,
     .group = "dynamo",
     .complexity = "O(1), or the command's",
     .syntax = "[RESET | R replicas] [W replicas] [PR owners] [PW owners] [DW replicas] [command "
               "[argument ...]]",
     .summary = "Sets how many replicas requests wait for, shows it, or runs one command with it.",
     .note = "With a command: for that one alone. Without: for the connection, until RESET. Alone: "
             "shows the levels. DW waits for disks, whatever appendfsync says. A node by itself is "
             "every key's only owner, so nothing else waits."},
    {.name = "dyn.set",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kAclString,
     .keys = OneKey(kKeyRw | kKeyUpdate),
     .handler = DynSet,
     .group = "dynamo",
     .complexity = "O(N), N being the number of siblings",
     .syntax =
         "key value [CONTEXT context] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
         "PXAT unix-time-milliseconds | KEEPTTL]",
     .summary = "Writes a value in the place of the siblings that a context has seen.",
     .note = "Returns OK and the context of who has seen this write too. Without a context it "
             "supersedes nothing and adds a sibling. `-BADCTX`: the context is of another key or "
             "cluster, or damaged. `-SIBLINGSLIMIT`: the key has 64 siblings, and the context does "
             "not reduce them."},
};

}  // namespace cartwheel::server
