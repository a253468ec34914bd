// One row a command: the single source for arity, flags, key positions, ACL categories, COMMAND
// replies and the compatibility page.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/operation.h"

namespace cartwheel::server {

struct CommandContext;

// A command about connections, the server or the whole keyspace. It writes exactly one reply, or
// none when it says so (SUBSCRIBE writes one for each channel).
using CommandHandler = void (*)(CommandContext& context);

enum CommandFlag : uint32_t {
  kWrite = 1U << 0,
  kReadOnly = 1U << 1,
  kDenyOom = 1U << 2,
  kAdmin = 1U << 3,
  kPubSub = 1U << 4,
  kNoScript = 1U << 5,
  kBlocking = 1U << 6,
  kLoading = 1U << 7,
  kStale = 1U << 8,
  kSkipMonitor = 1U << 9,
  kSkipSlowLog = 1U << 10,
  kFast = 1U << 11,
  kNoAuthNeeded = 1U << 12,
  kMayReplicate = 1U << 13,
  kNoMulti = 1U << 14,
  kMovableKeys = 1U << 15,
  kAllowBusy = 1U << 16,
  kNoAsyncLoading = 1U << 17,
};

enum AclCategory : uint32_t {
  kAclKeyspace = 1U << 0,
  kAclRead = 1U << 1,
  kAclWrite = 1U << 2,
  kAclString = 1U << 3,
  kAclBitmap = 1U << 4,
  kAclPubSub = 1U << 5,
  kAclAdmin = 1U << 6,
  kAclFast = 1U << 7,
  kAclSlow = 1U << 8,
  kAclBlocking = 1U << 9,
  kAclDangerous = 1U << 10,
  kAclConnection = 1U << 11,
  kAclTransaction = 1U << 12,
  kAclScripting = 1U << 13,
};

enum KeyFlag : uint32_t {
  kKeyRo = 1U << 0,
  kKeyRw = 1U << 1,
  kKeyOw = 1U << 2,
  kKeyRm = 1U << 3,
  kKeyAccess = 1U << 4,
  kKeyUpdate = 1U << 5,
  kKeyInsert = 1U << 6,
  kKeyDelete = 1U << 7,
  kKeyVariable = 1U << 8,
  kKeyNotKey = 1U << 9,  // a shard channel: routed like a key, but no key
};

// Where the keys stand: argument `first` to `last` (negative: from the end) in steps of `step`; no
// keys: all 0.
struct KeyPositions {
  int first = 0;
  int last = 0;
  int step = 0;
  uint32_t flags = 0;  // KeyFlag
  uint32_t flags_of_rest =
      0;  // of the keys after the first where they differ (RENAME, COPY, BITOP); 0: the same
};

struct Command {
  enum class Support : uint8_t { kYes, kDifferent };

  std::string_view name;  // lower case; a subcommand is "client|id"
  int arity;              // with the name; negative: at least; a subcommand counts both words
  uint32_t flags = 0;     // CommandFlag
  uint32_t acl = 0;       // AclCategory beyond those that follow from the flags
  KeyPositions keys = {};
  OperationParser parse = nullptr;   // either this, for commands on keys,
  CommandHandler handler = nullptr;  // or this; neither for a container, which has subcommands
                                     // only. COMMAND alone is a container with a handler, for the
                                     // call without a subcommand.
  std::string_view group;            // "string", "generic", ...: as COMMAND DOCS
  std::string_view since = {};       // Redis version; empty: our own
  std::string_view complexity = "O(1)";
  std::string_view syntax = {};  // the arguments: "key value [NX | XX] [GET] [EX seconds | ...]"
  std::string_view summary;      // our own words
  std::string_view tips = {};    // space separated, as Redis's: "request_policy:multi_shard ..."
  std::string_view deprecated_since = {};  // Redis version; empty: not deprecated
  std::string_view replaced_by = {};
  Support support = Support::kYes;
  std::string_view note = {};  // what is different, for docs/commands.md
};

// Every command, containers directly before their subcommands.
std::span<const Command> CommandTable();

// Finds a command by name in any case, nullptr when there is none. `name` holds no '|'.
const Command* FindCommand(std::string_view name);
// Finds "client", "id".
const Command* FindSubcommand(const Command& container, std::string_view name);

bool IsContainer(const Command& command);                        // has subcommands
std::span<const Command> SubcommandsOf(const Command& command);  // empty when it has none
size_t IndexOf(const Command& command);  // its row, for counters kept per command

// The flags' implied categories included, as Redis derives them.
uint32_t AclCategoriesOf(const Command& command);

bool ArityMatches(const Command& command, size_t arg_count);

// Positions in args of the keys, first to last. For a subcommand args[0] is still the container's
// name. Empty when the arguments are too few; shard channels (kKeyNotKey) are no keys.
void KeyIndexesOf(const Command& command, size_t arg_count, std::vector<size_t>& indexes);

// Commands of Redis 7.0 that Cartwheel does not have, for docs/commands.md.
struct MissingCommand {
  std::string_view name;
  std::string_view group;
  std::string_view reason;
};
std::span<const MissingCommand> MissingCommands();

}  // namespace cartwheel::server
