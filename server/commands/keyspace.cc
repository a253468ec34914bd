// Commands on the whole keyspace: SCAN, KEYS, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL.
#include <charconv>
#include <optional>
#include <string>

#include "server/errors.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

constexpr size_t kDefaultScanCount = 10;
// KEYS walks the database in pages of this size.
constexpr size_t kKeysPage = 4096;

struct ScanOptions {
  std::string_view pattern = "*";
  size_t count = kDefaultScanCount;
  bool type_excludes_all = false;  // TYPE names a type that no key has
};

// False after writing the error reply.
bool ParseScanOptions(CommandContext& context, ScanOptions& options) {
  const Args args = context.args;
  for (size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) {
      context.reply.Error(kSyntaxError);
      return false;
    }
    const std::string_view value = args[i + 1];
    if (EqualsIgnoreCase(args[i], "match")) {
      options.pattern = value;
    } else if (EqualsIgnoreCase(args[i], "type")) {
      options.type_excludes_all = !EqualsIgnoreCase(value, "string");
    } else if (EqualsIgnoreCase(args[i], "count")) {
      const auto count = ParseInteger(value);
      if (!count || *count < 1) {
        context.reply.Error(count ? kSyntaxError : kNotInteger);
        return false;
      }
      options.count = static_cast<size_t>(*count);
    } else {
      context.reply.Error(kSyntaxError);
      return false;
    }
  }
  return true;
}

// As C's strtoul, so that whatever Redis takes for a cursor is one here too: "" is 0, a sign may
// stand before the digits, "-1" is the largest number, and a NUL ends it.
std::optional<uint64_t> ParseCursor(std::string_view text) {
  text = text.substr(0, text.find('\0'));
  if (text.empty()) return 0;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  uint64_t cursor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cursor);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return negative ? 0 - cursor : cursor;
}

bool Matches(std::string_view pattern, std::string_view key) {
  return pattern == "*" || GlobMatch(pattern, key);
}

// ASYNC and SYNC are both accepted and mean the same: a flush is one range deletion. False after an
// error reply.
bool CheckFlushMode(CommandContext& context) {
  const Args args = context.args;
  const bool valid = args.size() == 1 || (args.size() == 2 && (EqualsIgnoreCase(args[1], "async") ||
                                                               EqualsIgnoreCase(args[1], "sync")));
  if (!valid) context.reply.Error(kSyntaxError);
  return valid;
}

// Before a flush, of one database or of all: watched keys that are there change, absent ones do
// not.
void TouchPresent(CommandContext& context, std::optional<cluster::Database> database) {
  context.server.watches().TouchIf([&](const cluster::KeyRef& ref) {
    if (database && ref.database != *database) return false;
    const auto value = context.server.store().Read(ref, context.now.unix_ms());
    return !value || value->has_value();
  });
}

// Only this node would be flushed, and the others would bring the keys back.
bool RefuseInCluster(CommandContext& context) {
  if (context.server.gateway() == nullptr) return false;
  context.reply.Error("ERR a cluster cannot be flushed yet; delete the keys");
  return true;
}

}  // namespace

void DbSize(CommandContext& context) {
  context.reply.Integer(
      static_cast<int64_t>(context.server.store().counts(context.session.database).keys));
}

void FlushAll(CommandContext& context) {
  if (!CheckFlushMode(context) || RefuseInCluster(context)) return;
  TouchPresent(context, std::nullopt);
  context.server.store().FlushAll();
  context.server.executor().NoteChange();
  context.reply.Ok();
}

void FlushDb(CommandContext& context) {
  if (!CheckFlushMode(context) || RefuseInCluster(context)) return;
  TouchPresent(context, context.session.database);
  context.server.store().Flush(context.session.database);
  context.server.executor().NoteChange();
  context.reply.Ok();
}

void Keys(CommandContext& context) {
  const std::string_view pattern = context.args[1];
  std::vector<std::string> found;
  uint64_t cursor = 0;
  do {
    cluster::ScanPage page = context.server.store().Scan(context.session.database, cursor,
                                                         kKeysPage, context.now.unix_ms());
    for (std::string& key : page.keys) {
      if (Matches(pattern, key)) found.push_back(std::move(key));
    }
    cursor = page.next_cursor;
  } while (cursor != 0);
  context.reply.Array(found.size());
  for (const std::string& key : found) context.reply.Bulk(key);
}

void Scan(CommandContext& context) {
  const auto cursor = ParseCursor(context.args[1]);
  if (!cursor) {
    context.reply.Error("ERR invalid cursor");
    return;
  }
  ScanOptions options;
  if (!ParseScanOptions(context, options)) return;
  cluster::ScanPage page = context.server.store().Scan(context.session.database, *cursor,
                                                       options.count, context.now.unix_ms());
  if (options.type_excludes_all) page.keys.clear();
  std::erase_if(page.keys, [&](const std::string& key) { return !Matches(options.pattern, key); });
  context.reply.Array(2);
  context.reply.Bulk(std::to_string(page.next_cursor));
  context.reply.Array(page.keys.size());
  for (const std::string& key : page.keys) context.reply.Bulk(key);
}

void RandomKey(CommandContext& context) {
  const auto key = context.server.store().RandomKey(
      context.session.database, context.server.NextRandom(), context.now.unix_ms());
  key ? context.reply.Bulk(*key) : context.reply.Null();
}

}  // namespace cartwheel::server
