// DYN.GET, DYN.SET and DYN.DEL on a node without peers; in a cluster they are coordinated like
// other operations.
#include "server/ops/dyn.h"

#include "server/handlers.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

DynTerms TermsOf(const CommandContext& context) {
  return {.ref = {context.session.database, context.args[1]},
          .token_key = context.server.options().identity.token_key(),
          .now_ms = context.now.unix_ms(),
          .max_string_bytes = context.server.config().proto_max_bulk_len};
}

void Run(CommandContext& context) {
  const DynTerms terms = TermsOf(context);
  Statistics& statistics = context.server.statistics();
  const auto operation = ParseDyn(context.command.name, context.args, terms);
  if (!operation) {
    statistics.CountDynRefusal(operation.error());
    return context.reply.Error(operation.error());
  }
  Executor& executor = context.server.executor();
  const cluster::Container* container = executor.ReadContainer(terms.ref, context.reply);
  if (container == nullptr) return;
  const auto write = DecideDyn(*operation, *container, terms);
  if (!write) {
    statistics.CountDynRefusal(write.error());
    return context.reply.Error(write.error());
  }
  std::optional<cluster::Dot> written;
  if (*write) {
    if ((*write)->siblings_to_warn_of > 0) {
      context.server.WarnOfSiblings(terms.ref, (*write)->siblings_to_warn_of, context.now);
    }
    executor.WriteSeen(terms.ref, (*write)->change, *SeenBy(*operation), terms.now_ms);
    const cluster::DotList& dots = context.server.store().minted();
    written = dots.empty() ? cluster::Dot{} : dots.back();
    container = executor.ReadContainer(terms.ref, context.reply);
    if (container == nullptr) return;
  }
  const size_t shown = ReplyDyn(*operation, *container, written, terms, context.reply);
  if (!std::holds_alternative<DynGetOp>(*operation)) return;
  ++(shown == 0 ? statistics.keyspace_misses : statistics.keyspace_hits);
  if (shown > 0) statistics.CountSiblings(shown);
}

}  // namespace

void DynGet(CommandContext& context) {
  Run(context);
}
void DynSet(CommandContext& context) {
  Run(context);
}
void DynDel(CommandContext& context) {
  Run(context);
}

}  // namespace cartwheel::server
