#include "server/keyspace_request.h"

#include <charconv>
#include <optional>

#include "server/errors.h"
#include "server/handlers.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

using Kind = KeyspaceRequest::Kind;

std::optional<Kind> KindOf(const Command& command) {
  if (command.handler == Scan) return Kind::kScan;
  if (command.handler == Keys) return Kind::kKeys;
  if (command.handler == RandomKey) return Kind::kRandomKey;
  if (command.handler == DbSize) return Kind::kDbSize;
  if (command.handler == FlushDb) return Kind::kFlushDb;
  if (command.handler == FlushAll) return Kind::kFlushAll;
  return std::nullopt;
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

// The error reply, or empty.
std::string_view ParseScan(Args args, KeyspaceRequest& request) {
  const auto cursor = ParseCursor(args[1]);
  if (!cursor) return "ERR invalid cursor";
  request.cursor = *cursor;
  for (size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return kSyntaxError;
    const std::string_view value = args[i + 1];
    if (EqualsIgnoreCase(args[i], "match")) {
      request.pattern = value;
    } else if (EqualsIgnoreCase(args[i], "type")) {
      request.excludes_all = !EqualsIgnoreCase(value, "string");
    } else if (EqualsIgnoreCase(args[i], "count")) {
      const auto count = ParseInteger(value);
      if (!count) return kNotInteger;
      if (*count < 1) return kSyntaxError;
      request.count = static_cast<size_t>(*count);
    } else {
      return kSyntaxError;
    }
  }
  return {};
}

// ASYNC and SYNC are both accepted and mean the same.
std::string_view ParseFlush(Args args) {
  const bool valid = args.size() == 1 || (args.size() == 2 && (EqualsIgnoreCase(args[1], "async") ||
                                                               EqualsIgnoreCase(args[1], "sync")));
  return valid ? std::string_view() : kSyntaxError;
}

}  // namespace

bool KeyspaceRequest::Matches(std::string_view key) const {
  return !excludes_all && (pattern == "*" || GlobMatch(pattern, key));
}

bool IsOnKeyspace(const Command& command) {
  return KindOf(command).has_value();
}

std::expected<KeyspaceRequest, std::string> ParseKeyspaceRequest(const Command& command,
                                                                 Args args) {
  KeyspaceRequest request{.kind = *KindOf(command)};
  std::string_view error;
  if (request.kind == Kind::kScan) error = ParseScan(args, request);
  if (request.kind == Kind::kKeys) request.pattern = args[1];
  if (request.Flushes()) error = ParseFlush(args);
  if (!error.empty()) return std::unexpected(std::string(error));
  return request;
}

void ReplyKeys(std::span<const std::string> keys, resp::ReplyWriter& reply) {
  reply.Array(keys.size());
  for (const std::string& key : keys) reply.Bulk(key);
}

void ReplyPage(cluster::ScanPlace next, std::span<const std::string> keys,
               resp::ReplyWriter& reply) {
  reply.Array(2);
  reply.Bulk(std::to_string(next == cluster::kEndPlace ? 0 : next));
  ReplyKeys(keys, reply);
}

}  // namespace cartwheel::server
