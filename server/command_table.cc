#include <algorithm>
#include <array>

#include "server/command.h"
#include "server/rows/bitmap_rows.h"
#include "server/rows/cluster_rows.h"
#include "server/rows/connection_rows.h"
#include "server/rows/dyn_rows.h"
#include "server/rows/generic_rows.h"
#include "server/rows/observe_rows.h"
#include "server/rows/pubsub_rows.h"
#include "server/rows/scripting_rows.h"
#include "server/rows/server_rows.h"
#include "server/rows/string_rows.h"
#include "server/rows/transactions_rows.h"

namespace cartwheel::server {
namespace {

template <size_t... kSizes>
constexpr auto Concatenate(const Command (&... groups)[kSizes]) {
  std::array<Command, (kSizes + ...)> rows;
  auto end = rows.begin();
  ((end = std::copy(std::begin(groups), std::end(groups), end)), ...);
  return rows;
}

constexpr auto kRows =
    Concatenate(kStringRows, kBitmapRows, kGenericRows, kTransactionRows, kPubSubRows,
                kConnectionRows, kClusterRows, kScriptingRows, kServerRows, kObserveRows, kDynRows);

constexpr bool IsSubcommandOf(std::string_view name, std::string_view container) {
  return name.size() > container.size() && name.starts_with(container) &&
         name[container.size()] == '|';
}

constexpr bool IsSubcommand(std::string_view name) {
  return name.contains('|');
}

// For each row the number of rows behind it that are its subcommands.
constexpr auto kSubcommandCounts = [] {
  std::array<uint8_t, kRows.size()> counts{};
  for (size_t i = 0; i < kRows.size(); ++i) {
    size_t next = i + 1;
    while (next < kRows.size() && IsSubcommandOf(kRows[next].name, kRows[i].name)) ++next;
    counts[i] = static_cast<uint8_t>(next - i - 1);
  }
  return counts;
}();

constexpr char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// `lower` is in lower case already.
constexpr bool EqualsLower(std::string_view lower, std::string_view text) {
  if (lower.size() != text.size()) return false;
  for (size_t i = 0; i < lower.size(); ++i) {
    if (lower[i] != Lower(text[i])) return false;
  }
  return true;
}

constexpr size_t kLongestName =
    std::ranges::max(kRows, {}, [](const Command& row) { return row.name.size(); }).name.size();

// FNV-1a over the lower-case name.
constexpr uint32_t Hash(std::string_view name) {
  uint32_t hash = 2166136261U;
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(Lower(c))) * 16777619U;
  return hash ^ (hash >> 15);
}

// Open addressing with linear probing over the commands that are no subcommands; a slot holds a
// row's index plus one, 0 when it is free. Four times as many slots as names: nearly every probe is
// the first.
constexpr size_t kSlots = 512;
constexpr auto kIndex = [] {
  std::array<uint16_t, kSlots> slots{};
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (IsSubcommand(kRows[i].name)) continue;
    size_t slot = Hash(kRows[i].name) % kSlots;
    while (slots[slot] != 0) slot = (slot + 1) % kSlots;
    slots[slot] = static_cast<uint16_t>(i + 1);
  }
  return slots;
}();

}  // namespace

std::span<const Command> CommandTable() {
  return kRows;
}

const Command* FindCommand(std::string_view name) {
  if (name.size() > kLongestName) return nullptr;
  for (size_t slot = Hash(name) % kSlots; kIndex[slot] != 0; slot = (slot + 1) % kSlots) {
    const Command& row = kRows[kIndex[slot] - 1];
    if (EqualsLower(row.name, name)) return &row;
  }
  return nullptr;
}

const Command* FindSubcommand(const Command& container, std::string_view name) {
  for (const Command& row : SubcommandsOf(container)) {
    if (EqualsLower(row.name.substr(container.name.size() + 1), name)) return &row;
  }
  return nullptr;
}

bool IsContainer(const Command& command) {
  return kSubcommandCounts[IndexOf(command)] != 0;
}

std::span<const Command> SubcommandsOf(const Command& command) {
  return {&command + 1, kSubcommandCounts[IndexOf(command)]};
}

size_t IndexOf(const Command& command) {
  return static_cast<size_t>(&command - kRows.data());
}

// As Redis derives them: server.c, setImplicitACLCategories.
uint32_t AclCategoriesOf(const Command& command) {
  uint32_t acl = command.acl;
  if (command.flags & kWrite) acl |= kAclWrite;
  if ((command.flags & kReadOnly) && !(acl & kAclScripting)) acl |= kAclRead;
  if (command.flags & kAdmin) acl |= kAclAdmin | kAclDangerous;
  if (command.flags & kPubSub) acl |= kAclPubSub;
  if (command.flags & kBlocking) acl |= kAclBlocking;
  return acl | (command.flags & kFast ? kAclFast : kAclSlow);
}

bool ArityMatches(const Command& command, size_t arg_count) {
  if (command.arity >= 0) return arg_count == static_cast<size_t>(command.arity);
  return arg_count >= static_cast<size_t>(-command.arity);
}

void KeyIndexesOf(const Command& command, size_t arg_count, std::vector<size_t>& indexes) {
  indexes.clear();
  const KeyPositions& keys = command.keys;
  if (keys.first == 0 || (keys.flags & kKeyNotKey)) return;
  auto count = static_cast<int64_t>(arg_count);
  int64_t last = keys.last < 0 ? count + keys.last : keys.last;
  if (last >= count) return;
  for (int64_t i = keys.first; i <= last; i += keys.step) {
    indexes.push_back(static_cast<size_t>(i));
  }
}

}  // namespace cartwheel::server
