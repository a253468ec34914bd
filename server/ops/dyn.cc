#include "server/ops/dyn.h"

#include <algorithm>
#include <vector>

#include "cluster/shown_value.h"
#include "cluster/siblings.h"
#include "server/base64.h"
#include "server/errors.h"
#include "server/ops/expiry.h"
#include "server/ops/parsers.h"
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

std::string ContextText(const DynTerms& terms, const cluster::Seen& seen) {
  return EncodeBase64(cluster::MakeContextToken(terms.token_key, terms.ref, seen));
}

std::expected<cluster::Seen, std::string> ReadContext(const DynTerms& terms,
                                                      std::string_view text) {
  if (text.size() <= kMaxContextText) {
    if (const auto token = DecodeBase64(text)) {
      if (auto seen = cluster::ReadContextToken(terms.token_key, terms.ref, *token)) return *seen;
    }
  }
  return std::unexpected(std::string(kBadContext));
}

int64_t TtlOf(const cluster::Version& version, int64_t now_ms) {
  return version.expire_at == cluster::kNoExpiry ? -1 : version.expire_at - now_ms;
}

void ReplySiblings(const std::vector<cluster::Version>& siblings, int64_t now_ms,
                   resp::ReplyWriter& reply) {
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
    reply.Integer(TtlOf(sibling, now_ms));
  }
}

std::expected<DynOperation, std::string> ParseDynSet(Args args, const DynTerms& terms) {
  std::optional<std::string_view> context;
  std::vector<std::string_view> others;
  for (size_t i = 3; i < args.size(); ++i) {
    if (!EqualsIgnoreCase(args[i], "context")) {
      others.push_back(args[i]);
    } else if (context || i + 1 == args.size()) {
      return std::unexpected(std::string(kSyntaxError));
    } else {
      context = args[++i];
    }
  }
  const auto expiry = ParseSetExpiry(others, "dyn.set");
  if (!expiry) return std::unexpected(expiry.error());
  DynSetOp set{.seen = {}, .value = args[2], .expiry = *expiry};
  if (context) {
    auto seen = ReadContext(terms, *context);
    if (!seen) return std::unexpected(std::move(seen.error()));
    set.seen = *std::move(seen);
  }
  return set;
}

std::expected<DynOperation, std::string> ParseDynDel(Args args, const DynTerms& terms) {
  if (!EqualsIgnoreCase(args[2], "context")) return std::unexpected(std::string(kSyntaxError));
  auto seen = ReadContext(terms, args[3]);
  if (!seen) return std::unexpected(std::move(seen.error()));
  return DynDelOp{*std::move(seen)};
}

// Would there be too many siblings, or too much of them for one record?
std::optional<std::string> TooManySiblings(const cluster::Container& container,
                                           const cluster::ValuesStored& after,
                                           uint64_t max_string_bytes) {
  const size_t before = cluster::StoredIn(container).values;
  const bool too_many = after.values > cluster::kMaxSiblings && after.values >= before;
  const bool too_large = after.values > 1 && after.bytes + kRecordRoom > max_string_bytes;
  if (!too_many && !too_large) return std::nullopt;
  const std::string what = too_many
                               ? std::to_string(before) + " concurrent values"
                               : "concurrent values that together would exceed proto-max-bulk-len";
  return "SIBLINGSLIMIT the key has " + what +
         "; read them with DYN.GET and write one value with its CONTEXT";
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

std::expected<DynOperation, std::string> ParseDyn(std::string_view name, Args args,
                                                  const DynTerms& terms) {
  if (name == "dyn.set") return ParseDynSet(args, terms);
  if (name == "dyn.del") return ParseDynDel(args, terms);
  return DynGetOp{};
}

Access AccessOf(const DynOperation& operation) {
  if (std::holds_alternative<DynGetOp>(operation)) return Access::kRead;
  const auto* const set = std::get_if<DynSetOp>(&operation);
  // What it is to supersede is in its context; a deletion counts what it finds.
  const bool blind = set != nullptr && set->expiry.kind != ExpiryOption::Kind::kKeep;
  return blind ? Access::kBlindWrite : Access::kUpdate;
}

const cluster::Seen* SeenBy(const DynOperation& operation) {
  if (const auto* set = std::get_if<DynSetOp>(&operation)) return &set->seen;
  if (const auto* del = std::get_if<DynDelOp>(&operation)) return &del->seen;
  return nullptr;
}

std::expected<std::optional<DynWrite>, std::string> DecideDyn(const DynOperation& operation,
                                                              const cluster::Container& container,
                                                              const DynTerms& terms) {
  if (const auto* del = std::get_if<DynDelOp>(&operation)) {
    // What is not there makes no event: a stale context deletes nothing.
    if (!CoversShown(container, del->seen, terms.now_ms)) return std::nullopt;
    return DynWrite{.change = cluster::Change::Delete()};
  }
  const auto* const set = std::get_if<DynSetOp>(&operation);
  if (set == nullptr) return std::nullopt;
  std::string text;
  const auto shown = cluster::ShownValue(container, terms.now_ms, text);
  const auto expire_at =
      ResolveExpiry(set->expiry, shown ? shown->expire_at : cluster::kNoExpiry, terms.now_ms);
  if (!expire_at) return std::unexpected(InvalidExpireTime("dyn.set"));
  const auto after = cluster::StoredAfterWrite(container, set->seen, set->value.size());
  if (auto refusal = TooManySiblings(container, after, terms.max_string_bytes)) {
    return std::unexpected(*std::move(refusal));
  }
  const bool warn = cluster::StoredIn(container).values < cluster::kSiblingsWarned &&
                    after.values >= cluster::kSiblingsWarned;
  // A time that has passed is stored too: the context that goes back names a write.
  return DynWrite{.change = cluster::Change::Put(set->value, *expire_at),
                  .siblings_to_warn_of = warn ? after.values : 0};
}

size_t ReplyDyn(const DynOperation& operation, const cluster::Container& container,
                std::optional<cluster::Dot> written, const DynTerms& terms,
                resp::ReplyWriter& reply) {
  if (const auto* set = std::get_if<DynSetOp>(&operation)) {
    reply.Array(2);
    reply.Ok();
    reply.Bulk(ContextText(terms, cluster::SeenAfterWrite(container, set->seen, *written)));
    return 0;
  }
  if (std::holds_alternative<DynDelOp>(operation)) {
    reply.Integer(written ? 1 : 0);
    return 0;
  }
  std::string text;
  const auto siblings = cluster::SiblingsOf(container, terms.now_ms, text);
  const std::string seen = ContextText(terms, cluster::SeenOf(container));
  if (reply.protocol() == resp::Protocol::kResp2) {
    reply.Array(2);
    reply.Bulk(seen);
  } else {
    reply.Map(2);
    reply.Bulk("context");
    reply.Bulk(seen);
    reply.Bulk("siblings");
  }
  ReplySiblings(siblings, terms.now_ms, reply);
  return siblings.size();
}

}  // namespace cartwheel::server
