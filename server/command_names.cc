#include "server/command_names.h"

#include <algorithm>

#include "server/command.h"

namespace cartwheel::server {
namespace {

// kMayReplicate is missing: Redis keeps it to itself.
constexpr NamedBit kCommandFlags[] = {
    {kWrite, "write"},
    {kReadOnly, "readonly"},
    {kDenyOom, "denyoom"},
    {kAdmin, "admin"},
    {kPubSub, "pubsub"},
    {kNoScript, "noscript"},
    {kBlocking, "blocking"},
    {kLoading, "loading"},
    {kStale, "stale"},
    {kSkipMonitor, "skip_monitor"},
    {kSkipSlowLog, "skip_slowlog"},
    {kFast, "fast"},
    {kNoAuthNeeded, "no_auth"},
    {kNoAsyncLoading, "no_async_loading"},
    {kNoMulti, "no_multi"},
    {kMovableKeys, "movablekeys"},
    {kAllowBusy, "allow_busy"},
};

constexpr NamedBit kAclCategories[] = {
    {kAclKeyspace, "@keyspace"},
    {kAclRead, "@read"},
    {kAclWrite, "@write"},
    {kAclString, "@string"},
    {kAclBitmap, "@bitmap"},
    {kAclPubSub, "@pubsub"},
    {kAclAdmin, "@admin"},
    {kAclFast, "@fast"},
    {kAclSlow, "@slow"},
    {kAclBlocking, "@blocking"},
    {kAclDangerous, "@dangerous"},
    {kAclConnection, "@connection"},
    {kAclTransaction, "@transaction"},
    {kAclScripting, "@scripting"},
};

constexpr NamedBit kKeyFlags[] = {
    {kKeyRw, "RW"},          {kKeyRo, "RO"},
    {kKeyOw, "OW"},          {kKeyRm, "RM"},
    {kKeyAccess, "access"},  {kKeyUpdate, "update"},
    {kKeyInsert, "insert"},  {kKeyDelete, "delete"},
    {kKeyNotKey, "not_key"}, {kKeyVariable, "variable_flags"},
};

}  // namespace

std::span<const NamedBit> CommandFlagNames() {
  return kCommandFlags;
}
std::span<const NamedBit> AclCategoryNames() {
  return kAclCategories;
}
std::span<const NamedBit> KeyFlagNames() {
  return kKeyFlags;
}

void WriteNames(resp::ReplyWriter& reply, std::span<const NamedBit> names, uint32_t bits) {
  auto is_set = [bits](const NamedBit& named) { return (bits & named.bit) != 0; };
  reply.Set(static_cast<size_t>(std::ranges::count_if(names, is_set)));
  for (const NamedBit& named : names) {
    if (is_set(named)) reply.SimpleString(named.name);
  }
}

}  // namespace cartwheel::server
