// DYN.GET, DYN.SET, DYN.DEL: reading all siblings of a key, and writing in the place of those that
// were read.
//
// A context goes out as text: client libraries read replies as UTF-8 unless told otherwise, and
// tokens live in JSON, cookies and command lines.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cluster/context_token.h"
#include "cluster/shown_value.h"
#include "cluster/siblings.h"
#include "server/base64.h"
#include "server/errors.h"
#include "server/handlers.h"
#include "server/ops/expiry.h"
#include "server/ops/parsers.h"
#include "server/server.h"
#include "server/text.h"
#include "server/version_text.h"

namespace cartwheel::server {
namespace {

constexpr std::string_view kBadContext =
    "BADCTX the context is of another key or cluster, or damaged; get one with DYN.GET";
// Far more than 64 siblings by as many actors need.
constexpr size_t kMaxContextText = 1 << 20;
// What a record takes beside its values, at most; the store bounds the sum.
constexpr uint64_t kRecordRoom = 64 << 10;

cluster::KeyRef KeyOf(const CommandContext& context) {
  return {context.session.database, context.args[1]};
}

std::string ContextText(CommandContext& context, const cluster::Seen& seen) {
  const cluster::TokenKey token_key = context.server.options().identity.token_key();
  return EncodeBase64(cluster::MakeContextToken(token_key, KeyOf(context), seen));
}

// nullopt after an error reply.
std::optional<cluster::Seen> ReadContext(CommandContext& context, std::string_view text) {
  const cluster::TokenKey token_key = context.server.options().identity.token_key();
  std::optional<cluster::Seen> seen;
  if (text.size() <= kMaxContextText) {
    if (const auto token = DecodeBase64(text)) {
      seen = cluster::ReadContextToken(token_key, KeyOf(context), *token);
    }
  }
  if (!seen) {
    ++context.server.statistics().dyn_contexts_refused;
    context.reply.Error(kBadContext);
  }
  return seen;
}

int64_t TtlOf(const cluster::Version& version, int64_t now_ms) {
  return version.expire_at == cluster::kNoExpiry ? -1 : version.expire_at - now_ms;
}

void ReplySiblings(CommandContext& context, const std::vector<cluster::Version>& siblings) {
  resp::ReplyWriter& reply = context.reply;
  const bool values_only = reply.protocol() == resp::Protocol::kResp2;
  reply.Array(siblings.size());
  for (const cluster::Version& sibling : siblings) {
    if (values_only) {
      reply.Bulk(sibling.bytes);
      continue;
    }
    reply.Map(3);
    reply.Bulk("value");
    reply.Bulk(sibling.bytes);
    reply.Bulk("hlc");
    reply.Bulk(TextOf(sibling.hlc));
    reply.Bulk("ttl");
    reply.Integer(TtlOf(sibling, context.now.unix_ms()));
  }
}

struct DynSetRequest {
  std::optional<std::string_view> context;
  ExpiryOption expiry;
};

std::expected<DynSetRequest, std::string> ParseDynSet(Args args) {
  DynSetRequest request;
  std::vector<std::string_view> others;
  for (size_t i = 3; i < args.size(); ++i) {
    if (!EqualsIgnoreCase(args[i], "context")) {
      others.push_back(args[i]);
    } else if (request.context || i + 1 == args.size()) {
      return std::unexpected(std::string(kSyntaxError));
    } else {
      request.context = args[++i];
    }
  }
  const auto expiry = ParseSetExpiry(others, "dyn.set");
  if (!expiry) return std::unexpected(expiry.error());
  request.expiry = *expiry;
  return request;
}

// False after an error reply: there would be too many siblings, or too much of them for one record.
bool CheckSiblings(CommandContext& context, const cluster::Container& container,
                   const cluster::Seen& seen) {
  const size_t before = cluster::StoredIn(container).values;
  const auto after = cluster::StoredAfterWrite(container, seen, context.args[2].size());
  const bool too_many = after.values > cluster::kMaxSiblings && after.values >= before;
  const bool too_large =
      after.values > 1 && after.bytes + kRecordRoom > context.server.config().proto_max_bulk_len;
  if (too_many || too_large) {
    ++context.server.statistics().siblings_limit_refused;
    const std::string what =
        too_many ? std::to_string(before) + " concurrent values"
                 : "concurrent values that together would exceed proto-max-bulk-len";
    context.reply.Error("SIBLINGSLIMIT the key has " + what +
                        "; read them with DYN.GET and write one value with its CONTEXT");
    return false;
  }
  if (before < cluster::kSiblingsWarned && after.values >= cluster::kSiblingsWarned) {
    context.server.WarnOfSiblings(KeyOf(context), after.values, context.now);
  }
  return true;
}

// Whether anything that a client could be shown is among what `seen` covers.
bool CoversShown(const cluster::Container& container, const cluster::Seen& seen, int64_t now_ms) {
  std::string text;
  const auto shown = cluster::ShownValue(container, now_ms, text);
  if (!shown) return false;
  const bool covers_version =
      std::ranges::any_of(container.versions, [&](const cluster::Version& version) {
        return !cluster::IsExpired(version.expire_at, now_ms) && seen.context.Covers(version.dot);
      });
  if (covers_version) return true;
  return std::ranges::any_of(
      container.counter.entries(), [&](const cluster::Counter::Entry& entry) {
        const cluster::Counter::Entry* known = seen.counter.Find(entry.first);
        return entry.IsLive() && known != nullptr && known->total.number > entry.reset.number;
      });
}

}  // namespace

void DynGet(CommandContext& context) {
  const cluster::Container* container =
      context.server.executor().ReadContainer(KeyOf(context), context.reply);
  if (container == nullptr) return;
  std::string text;
  const auto siblings = cluster::SiblingsOf(*container, context.now.unix_ms(), text);
  Statistics& statistics = context.server.statistics();
  ++(siblings.empty() ? statistics.keyspace_misses : statistics.keyspace_hits);
  if (!siblings.empty()) statistics.CountSiblings(siblings.size());
  const std::string seen = ContextText(context, cluster::SeenOf(*container));
  if (context.reply.protocol() == resp::Protocol::kResp2) {
    context.reply.Array(2);
    context.reply.Bulk(seen);
  } else {
    context.reply.Map(2);
    context.reply.Bulk("context");
    context.reply.Bulk(seen);
    context.reply.Bulk("siblings");
  }
  ReplySiblings(context, siblings);
}

void DynSet(CommandContext& context) {
  const auto request = ParseDynSet(context.args);
  if (!request) return context.reply.Error(request.error());
  std::optional<cluster::Seen> seen = cluster::Seen{};
  if (request->context) seen = ReadContext(context, *request->context);
  if (!seen) return;
  const int64_t now_ms = context.now.unix_ms();
  const cluster::KeyRef ref = KeyOf(context);
  Executor& executor = context.server.executor();
  const cluster::Container* container = executor.ReadContainer(ref, context.reply);
  if (container == nullptr) return;
  std::string text;
  const auto shown = cluster::ShownValue(*container, now_ms, text);
  const auto expire_at =
      ResolveExpiry(request->expiry, shown ? shown->expire_at : cluster::kNoExpiry, now_ms);
  if (!expire_at) return context.reply.Error(InvalidExpireTime("dyn.set"));
  if (!CheckSiblings(context, *container, *seen)) return;
  // A time that has passed is stored too: the context that goes back names a write.
  executor.WriteSeen(ref, cluster::Change::Put(context.args[2], *expire_at), *seen, now_ms);
  const cluster::Dot written = context.server.store().minted().back();
  container = executor.ReadContainer(ref, context.reply);
  if (container == nullptr) return;
  const cluster::Seen seen_now = cluster::SeenAfterWrite(*container, *seen, written);
  context.reply.Array(2);
  context.reply.Ok();
  context.reply.Bulk(ContextText(context, seen_now));
}

void DynDel(CommandContext& context) {
  if (!EqualsIgnoreCase(context.args[2], "context")) return context.reply.Error(kSyntaxError);
  const auto seen = ReadContext(context, context.args[3]);
  if (!seen) return;
  const cluster::KeyRef ref = KeyOf(context);
  Executor& executor = context.server.executor();
  const cluster::Container* container = executor.ReadContainer(ref, context.reply);
  if (container == nullptr) return;
  // What is not there makes no event: a stale context deletes nothing.
  const bool deletes = CoversShown(*container, *seen, context.now.unix_ms());
  if (deletes) {
    executor.WriteSeen(ref, cluster::Change::Delete(), *seen, context.now.unix_ms());
  }
  context.reply.Integer(deletes ? 1 : 0);
}

}  // namespace cartwheel::server
