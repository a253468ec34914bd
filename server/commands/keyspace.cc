// Commands on the whole keyspace: SCAN, KEYS, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL, of a node that
// is alone. In a cluster they are walks over all nodes (keyspace_walk.h).
#include <optional>
#include <string>
#include <utility>

#include "server/handlers.h"
#include "server/keyspace_request.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

// KEYS walks the database in pages of this size.
constexpr size_t kKeysPage = 4096;

// nullopt after writing the error reply.
std::optional<KeyspaceRequest> Parse(CommandContext& context) {
  auto request = ParseKeyspaceRequest(context.command, context.args);
  if (request) return std::move(*request);
  context.reply.Error(request.error());
  return std::nullopt;
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

}  // namespace

void DbSize(CommandContext& context) {
  context.reply.Integer(
      static_cast<int64_t>(context.server.store().counts(context.session.database).keys));
}

void FlushAll(CommandContext& context) {
  if (!Parse(context)) return;
  TouchPresent(context, std::nullopt);
  context.server.store().FlushAll();
  context.server.executor().NoteChange();
  context.reply.Ok();
}

void FlushDb(CommandContext& context) {
  if (!Parse(context)) return;
  TouchPresent(context, context.session.database);
  context.server.store().Flush(context.session.database);
  context.server.executor().NoteChange();
  context.reply.Ok();
}

void Keys(CommandContext& context) {
  const auto request = Parse(context);
  std::vector<std::string> found;
  cluster::KeyPage page;
  do {
    page = context.server.store().List(context.session.database, page.next, cluster::kEndPlace,
                                       kKeysPage, context.now.unix_ms());
    for (std::string& key : page.keys) {
      if (request->Matches(key)) found.push_back(std::move(key));
    }
  } while (page.next != cluster::kEndPlace);
  ReplyKeys(found, context.reply);
}

void Scan(CommandContext& context) {
  const auto request = Parse(context);
  if (!request) return;
  cluster::KeyPage page =
      context.server.store().List(context.session.database, request->cursor, cluster::kEndPlace,
                                  request->count, context.now.unix_ms());
  std::erase_if(page.keys, [&](const std::string& key) { return !request->Matches(key); });
  ReplyPage(page.next, page.keys, context.reply);
}

void RandomKey(CommandContext& context) {
  const auto key = context.server.store().RandomKey(
      context.session.database, context.server.NextRandom(), context.now.unix_ms());
  key ? context.reply.Bulk(*key) : context.reply.Null();
}

}  // namespace cartwheel::server
