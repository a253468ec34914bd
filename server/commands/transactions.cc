// MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//
// A turn's changes are one commit, so a transaction that ran is stored whole or not at all.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "server/errors.h"
#include "server/handlers.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

bool WatchedKeyExpired(const Session& session, int64_t now_ms) {
  return std::ranges::any_of(session.watched, [&](const WatchedKey& key) {
    return cluster::IsExpired(key.expire_at, now_ms);
  });
}

void RunQueue(CommandContext& context, std::vector<Session::QueuedCommand> queue) {
  Session& session = context.session;
  if (context.server.gateway() != nullptr) {
    const size_t begin = session.output.size();
    context.reply.Array(queue.size());
    return context.server.RunExec(session, std::move(queue), begin, context.now);
  }
  session.in_exec = true;
  session.exec_length = queue.size();
  context.reply.Array(queue.size());
  const std::optional<cluster::Levels> levels = session.command_levels;  // of EXEC, for all
  std::vector<std::string_view> args;
  for (const Session::QueuedCommand& queued : queue) {
    session.command_levels = queued.levels ? queued.levels : levels;
    args.assign(queued.args.begin(), queued.args.end());
    context.server.Call(session, *queued.command, args, context.now);
  }
  session.command_levels = levels;
  session.in_exec = false;
}

}  // namespace

void Multi(CommandContext& context) {
  if (context.session.in_transaction) {
    context.reply.Error("ERR MULTI calls can not be nested");
    return;
  }
  context.session.in_transaction = true;
  context.reply.Ok();
}

void Exec(CommandContext& context) {
  Session& session = context.session;
  if (!session.in_transaction) {
    context.reply.Error("ERR EXEC without MULTI");
    return;
  }
  const bool failed = session.transaction_failed;
  const bool changed =
      session.watched_key_changed || WatchedKeyExpired(session, context.now.unix_ms());
  auto queue = std::exchange(session.queue, {});
  context.server.ResetTransaction(session);
  if (failed) {
    context.reply.Error("EXECABORT Transaction discarded because of previous errors.");
  } else if (changed) {
    context.reply.NullArray();
  } else {
    RunQueue(context, std::move(queue));
  }
}

void Discard(CommandContext& context) {
  if (!context.session.in_transaction) {
    context.reply.Error("ERR DISCARD without MULTI");
    return;
  }
  context.server.ResetTransaction(context.session);
  context.reply.Ok();
}

void Watch(CommandContext& context) {
  Session& session = context.session;
  if (session.in_transaction) {
    context.reply.Error("ERR WATCH inside MULTI is not allowed");
    return;
  }
  for (std::string_view key : context.args.subspan(1)) {
    const cluster::KeyRef ref{session.database, key};
    const auto value = context.server.store().Read(ref, context.now.unix_ms());
    const bool expires = value.has_value() && value->has_value();
    context.server.watches().Watch(session, ref,
                                   expires ? (*value)->expire_at : cluster::kNoExpiry);
  }
  context.reply.Ok();
}

void Unwatch(CommandContext& context) {
  context.server.watches().UnwatchAll(context.session);
  context.reply.Ok();
}

}  // namespace cartwheel::server
