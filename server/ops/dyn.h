// DYN.GET, DYN.SET, DYN.DEL: reading all siblings of a key, and writing in the place of those that
// were read. Like the other operations they are pure, but what they see of a key is its container.
//
// A context goes out as text: client libraries read replies as UTF-8 unless told otherwise, and
// tokens live in JSON, cookies and command lines.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "cluster/container.h"
#include "cluster/context_token.h"
#include "cluster/value.h"
#include "resp/reply_writer.h"
#include "server/ops/op.h"

namespace cartwheel::server {

struct DynGetOp {};
struct DynSetOp {
  cluster::Seen seen;  // nothing without a CONTEXT
  std::string_view value;
  ExpiryOption expiry;
};
struct DynDelOp {
  cluster::Seen seen;
};
using DynOperation = std::variant<DynGetOp, DynSetOp, DynDelOp>;

// What they have in common: the key, and what tokens are bound to.
struct DynTerms {
  cluster::KeyRef ref;
  cluster::TokenKey token_key;
  int64_t now_ms = 0;
  uint64_t max_string_bytes = 0;
};

// `name`: of the command, lower case. The error is the text of the error reply.
std::expected<DynOperation, std::string> ParseDyn(std::string_view name, Args args,
                                                  const DynTerms& terms);
Access AccessOf(const DynOperation& operation);

// What the operation does to a key of which `container` is known; nullopt: nothing.
struct DynWrite {
  cluster::Change change;
  size_t siblings_to_warn_of = 0;  // 0: not so many
};
std::expected<std::optional<DynWrite>, std::string> DecideDyn(const DynOperation& operation,
                                                              const cluster::Container& container,
                                                              const DynTerms& terms);
// What it supersedes. nullptr: it does not write.
const cluster::Seen* SeenBy(const DynOperation& operation);

// The reply. `container`: what is known, after the write if there was one, whose dot is `written`.
// Returns how many siblings were shown.
size_t ReplyDyn(const DynOperation& operation, const cluster::Container& container,
                std::optional<cluster::Dot> written, const DynTerms& terms,
                resp::ReplyWriter& reply);

}  // namespace cartwheel::server
