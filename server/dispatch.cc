// From bytes to executed commands: the checks every request passes, in Redis's order, and the call
// itself.
#include <algorithm>
#include <string>

#include "resp/lookahead.h"
#include "server/cluster_errors.h"
#include "server/errors.h"
#include "server/handlers.h"
#include "server/quorum_request.h"
#include "server/server.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

// Redis shows at most this much of an unknown command's arguments.
constexpr size_t kShownArgumentBytes = 128;

// A command's own name in errors and statistics: "get", "client|id".
std::string WrongArity(const Command& command) {
  return "ERR wrong number of arguments for '" + std::string(command.name) + "' command";
}

std::string UnknownCommand(Args args) {
  std::string shown;
  for (std::string_view arg : args.subspan(1)) {
    if (shown.size() >= kShownArgumentBytes) break;
    const size_t room = kShownArgumentBytes - shown.size();
    shown += '\'';
    shown += ShownInError(arg, room);
    shown += "' ";
  }
  return "ERR unknown command '" + std::string(ShownInError(args[0], kShownArgumentBytes)) +
         "', with args beginning with: " + shown;
}

std::string UnknownSubcommand(Args args) {
  std::string container(args[0]);
  for (char& c : container) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return "ERR unknown subcommand '" + std::string(ShownInError(args[1], kShownArgumentBytes)) +
         "'. Try " + container + " HELP.";
}

// What a command of a transaction that is being queued may still do at once.
bool RunsInsideMulti(const Command& command) {
  for (CommandHandler handler : {Exec, Discard, Multi, Watch, Quit, Reset}) {
    if (command.handler == handler) return true;
  }
  return false;
}

bool RunsWhileSubscribed(const Command& command) {
  for (CommandHandler handler : {Ping, Subscribe, Unsubscribe, PSubscribe, PUnsubscribe, SSubscribe,
                                 SUnsubscribe, Quit, Reset}) {
    if (command.handler == handler) return true;
  }
  return false;
}

// A browser tricked into posting to this port would otherwise run the lines of its body.
bool IsHttp(std::string_view word) {
  return EqualsIgnoreCase(word, "post") || EqualsIgnoreCase(word, "host:");
}

// ASKING is about the command behind it; about a whole transaction if that is MULTI.
void EndAsking(Session& session) {
  const bool said_now = session.last_command != nullptr && session.last_command->handler == Asking;
  if (!session.in_transaction && !said_now) session.asking = false;
}

bool DependsOnCommit(const Command& command) {
  return command.parse != nullptr || (command.flags & (kWrite | kReadOnly)) != 0 ||
         command.handler == Exec || command.handler == BgSave;
}

}  // namespace

size_t Server::RunRequests(Session& session, std::string_view input, Now now) {
  size_t used = 0;
  size_t prefetched_until = 0;
  stopwatch_read_us_ = options_.stopwatch_us();
  while (used < input.size() && !session.closing() && !session.waiting()) {
    // A client that does not read what it asked for is not served further until it does.
    if (OwesTooMuch(session)) {
      Hold(session);
      break;
    }
    if (used != 0 && used >= prefetched_until) {
      prefetched_until = used + PrefetchKeys(session, input.substr(used));
    }
    const resp::RequestLimits limits{.max_bulk_bytes = options_.config.proto_max_bulk_len,
                                     .authenticated = !MustAuthenticate(session)};
    auto status = session.parser.Parse(input.substr(used), limits);
    if (status == resp::RequestParser::Status::kIncomplete) break;
    if (status == resp::RequestParser::Status::kError) {
      Reject(session, nullptr, session.parser.error());
      Close(session, session.parser.error(), true);
      return input.size();
    }
    Args args = session.parser.args();
    if (!args.empty() && Dispatch(session, args, now) == Outcome::kPostponed) {
      session.postponed = true;
      Hold(session);
      break;
    }
    used += session.parser.consumed();
  }
  return used;
}

// Between two requests of a pipeline: lets the processor fetch what the next ones will look at, all
// at once, where each by itself would wait for it.
size_t Server::PrefetchKeys(const Session& session, std::string_view input) {
  constexpr size_t kRequestsAhead = 16;
  const size_t bytes = resp::LookAhead(input, kRequestsAhead, arguments_ahead_);
  keys_ahead_.clear();
  for (const std::string_view key : arguments_ahead_)
    keys_ahead_.push_back({session.database, key});
  store_.Prefetch(keys_ahead_);
  return bytes;
}

// One request, and which replies CLIENT REPLY SKIP swallows: those of the one behind it, whatever
// becomes of it.
Server::Outcome Server::Dispatch(Session& session, Args args, Now now) {
  using Mode = Session::ReplyMode;
  if (session.reply_mode == Mode::kSkipNext) session.reply_mode = Mode::kSkip;
  const Outcome outcome = Route(session, args, now);
  if (session.reply_mode == Mode::kSkip) {
    session.reply_mode = outcome == Outcome::kPostponed ? Mode::kSkipNext : Mode::kOn;
  }
  if (outcome == Outcome::kDone) EndAsking(session);
  return outcome;
}

Server::Outcome Server::Route(Session& session, Args args, Now now) {
  const Command* command = FindCommand(args[0]);
  if (command != nullptr && command->handler == DynQuorum && !session.command_levels) {
    const auto request = ParseQuorumRequest(args, session.levels);
    // All else, and what is wrong with it, is the handler's to say.
    if (request && !request->command.empty()) return RouteWithLevels(session, *request, now);
  }
  const bool subcommand = command != nullptr && IsContainer(*command) && args.size() > 1;
  if (subcommand) command = FindSubcommand(*command, args[1]);
  session.last_command = command;
  if (command == nullptr) {
    if (IsHttp(args[0])) {
      Close(session, "possible cross protocol attack: an HTTP request", false);
    } else {
      Reject(session, nullptr, subcommand ? UnknownSubcommand(args) : UnknownCommand(args));
    }
    return Outcome::kDone;
  }
  if (const std::string error = WhyNot(session, *command, args, now); !error.empty()) {
    Reject(session, command, error);
    // Redis shows EXEC to monitors whatever becomes of it.
    if (command->handler == Exec && monitor_count_ > 0) FeedMonitors(session, *command, args, now);
    return Outcome::kDone;
  }
  if (MustPostpone(session, *command)) return Outcome::kPostponed;
  if (session.in_transaction && !RunsInsideMulti(*command)) {
    Enqueue(session, *command, args);
  } else if (MustFollowLate(session, *command, args)) {
    session.waits_for_late = true;
    ReplyLater(session, INT64_MAX, "");
    return Outcome::kPostponed;
  } else {
    RunCommand(session, *command, args, now);
  }
  return Outcome::kDone;
}

// The command behind DYN.QUORUM, in every respect as if it stood alone.
Server::Outcome Server::RouteWithLevels(Session& session, const QuorumRequest& request, Now now) {
  session.command_levels = request.levels;
  const Outcome outcome = Route(session, request.command, now);
  session.command_levels.reset();
  return outcome;
}

// The error that keeps the command from running, or empty. The order is Redis's.
std::string Server::WhyNot(Session& session, const Command& command, Args args, Now now) {
  const bool runs = command.parse != nullptr || command.handler != nullptr;
  if (!runs || !ArityMatches(command, args.size())) return WrongArity(command);
  if (MustAuthenticate(session) && (command.flags & kNoAuthNeeded) == 0) {
    return std::string(kNoAuth);
  }
  if (!is_formed() && (command.flags & (kWrite | kReadOnly | kMayReplicate)) != 0) {
    return std::string(forming_->WhyUnformed());
  }
  if (session.in_transaction && (command.flags & kNoMulti) != 0) {
    return "ERR Command not allowed inside a transaction";
  }
  if (std::string redirection = WhyElsewhere(session, command, args); !redirection.empty()) {
    return redirection;
  }
  if (OutOfMemoryFor(session, command, now)) {
    return "OOM command not allowed when used memory > 'maxmemory'.";
  }
  if (options_.config.memory_only() && WantsDurable(session, command)) {
    return "NOREPLICAS DW was asked for, and this node keeps its data in memory only (save \"\"); "
           "nothing was done";
  }
  if (OutOfStorageFor(session, command, args, now)) {
    return "OOM command not allowed when used storage > 'maxstorage'.";
  }
  if (session.subscribed() && session.protocol == resp::Protocol::kResp2 &&
      !RunsWhileSubscribed(command)) {
    return "ERR Can't execute '" + std::string(command.name) +
           "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
           "context";
  }
  // Redis's word for a monitor, which it serves like a replica.
  if (session.monitoring && (command.flags & (kWrite | kReadOnly | kMayReplicate)) != 0) {
    return "ERR Replica can't interact with the keyspace";
  }
  return "";
}

void Server::Enqueue(Session& session, const Command& command, Args args) {
  // What is known to fail is not kept.
  if (!session.transaction_failed && !session.watched_key_changed) {
    for (std::string_view arg : args) session.queued_bytes += arg.size();
    session.queue.push_back(
        {&command, std::vector<std::string>(args.begin(), args.end()), session.command_levels});
  }
  const size_t begin = session.output.size();
  if (!session.silent()) session.output.append("+QUEUED\r\n");
  if (!session.late.empty()) PlaceBehindLate(session, begin);
  Touch(session);
}

// `command` is null for what is none. An EXEC that may not run ends its transaction.
void Server::Reject(Session& session, const Command* command, std::string_view error) {
  if (command != nullptr) ++statistics_.commands[IndexOf(*command)].rejected_calls;
  std::string text(error);
  if (command != nullptr && command->handler == Exec) {
    ResetTransaction(session);
    if (!IsRedirection(text)) {
      if (text.starts_with("ERR ")) text.erase(0, 4);
      text.insert(0, "EXECABORT Transaction discarded because of: ");
    }
  } else if (session.in_transaction) {
    session.transaction_failed = true;
  }
  statistics_.CountError(text);
  const size_t begin = session.output.size();
  if (!session.silent()) session.writer().Error(text);
  if (!session.late.empty()) PlaceBehindLate(session, begin);
  Touch(session);
}

// One command with everything around it that concerns the client: CLIENT REPLY, the turn's commit.
void Server::RunCommand(Session& session, const Command& command, Args args, Now now) {
  const size_t begin = session.output.size();
  session.executing = true;
  Call(session, command, args, now);
  session.executing = false;
  if (session.silent()) {
    KeepOwnPushesOnly(session, begin);
  } else if (DependsOnCommit(command)) {
    NoteDataReply(session, begin);
  }
  session.own_pushes.clear();
  Touch(session);
}

// Takes back the reply that begins there, also the one that WAIT gives later.
void Server::KeepOwnPushesOnly(Session& session, size_t begin) {
  std::string pushes;
  for (const Session::OwnPush& push : session.own_pushes) {
    pushes.append(session.output, push.begin, push.end - push.begin);
  }
  session.output.resize(begin);
  session.output += pushes;
  session.waiting_reply.clear();
}

void Server::NoteDataReply(Session& session, size_t begin) {
  bool continued = false;
  auto note = [&](size_t from, size_t to) {
    session.data_replies.push_back({from, to, HasUncommitted(), continued});
    continued = true;
  };
  size_t at = begin;
  for (const Session::OwnPush& push : session.own_pushes) {
    if (push.begin > at) note(at, push.begin);
    at = push.end;
  }
  note(at, session.output.size());
}

}  // namespace cartwheel::server
