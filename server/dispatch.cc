// From bytes to executed commands: the checks every request passes, in Redis's order, and the call
// itself.
#include <algorithm>
#include <string>

#include "server/errors.h"
#include "server/handlers.h"
#include "server/log.h"
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
    shown += '\'';
    shown += arg.substr(0, kShownArgumentBytes - shown.size());
    shown += "' ";
  }
  return "ERR unknown command '" + std::string(args[0].substr(0, kShownArgumentBytes)) +
         "', with args beginning with: " + shown;
}

std::string UnknownSubcommand(const Command& container, std::string_view name) {
  std::string upper(container.name);
  for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return "ERR unknown subcommand '" + std::string(name.substr(0, kShownArgumentBytes)) + "'. Try " +
         upper + " HELP.";
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

bool DependsOnCommit(const Command& command) {
  return command.parse != nullptr || (command.flags & (kWrite | kReadOnly)) != 0 ||
         command.handler == Exec || command.handler == Save || command.handler == BgSave;
}

// Passwords never reach MONITOR or SLOWLOG.
bool IsSecret(const Command& command, Args args, size_t index) {
  if (command.handler == Auth) return index > 0;
  if (command.handler == ConfigSet) {
    return index > 2 && index % 2 == 1 && EqualsIgnoreCase(args[index - 1], "requirepass");
  }
  if (command.handler != Hello) return false;
  for (size_t i = 1; i < index; ++i) {
    if (EqualsIgnoreCase(args[i], "auth") && index <= i + 2) return true;
  }
  return false;
}

std::vector<std::string_view> WithoutSecrets(const Command& command, Args args) {
  std::vector<std::string_view> shown(args.begin(), args.end());
  for (size_t i = 0; i < shown.size(); ++i) {
    if (IsSecret(command, args, i)) shown[i] = "(redacted)";
  }
  return shown;
}

// Redis shows the path of a Unix socket without the port that CLIENT LIST gives it.
std::string MonitorAddress(const Peer& peer) {
  if (!peer.unix_socket) return peer.address;
  return "unix:" + peer.address.substr(0, peer.address.rfind(':'));
}

void AppendQuoted(std::string& out, std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (char c : bytes) {
    switch (c) {
      case '\\':
      case '"': out.append({'\\', c}); break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\a': out += "\\a"; break;
      case '\b': out += "\\b"; break;
      default:
        if (c >= 0x20 && c < 0x7f) {
          out += c;
        } else {
          auto byte = static_cast<unsigned char>(c);
          out.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
        }
    }
  }
  out += '"';
}

}  // namespace

size_t Server::RunRequests(Session& session, std::string_view input, Now now) {
  size_t used = 0;
  while (used < input.size() && !session.closing() && !session.waiting()) {
    // A client that does not read what it asked for is not served further until it does.
    if (OwesTooMuch(session)) {
      Hold(session);
      break;
    }
    const resp::RequestLimits limits{.max_bulk_bytes = options_.config.proto_max_bulk_len,
                                     .authenticated = session.authenticated};
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

Server::Outcome Server::Dispatch(Session& session, Args args, Now now) {
  const Command* command = FindCommand(args[0]);
  if (command == nullptr) {
    // A browser tricked into posting to this port would otherwise run the lines of its body.
    if (EqualsIgnoreCase(args[0], "post") || EqualsIgnoreCase(args[0], "host:")) {
      Close(session, "possible cross protocol attack: an HTTP request", false);
      return Outcome::kDone;
    }
    Reject(session, nullptr, UnknownCommand(args));
    return Outcome::kDone;
  }
  if (IsContainer(*command) && args.size() > 1) {
    const Command* subcommand = FindSubcommand(*command, args[1]);
    if (subcommand == nullptr) {
      Reject(session, command, UnknownSubcommand(*command, args[1]));
      return Outcome::kDone;
    }
    command = subcommand;
  }
  if (!MayRun(session, *command, args)) return Outcome::kDone;
  if (MustPostpone(session, *command)) return Outcome::kPostponed;
  if (session.in_transaction && !RunsInsideMulti(*command)) {
    Enqueue(session, *command, args);
  } else {
    RunCommand(session, *command, args, now);
  }
  return Outcome::kDone;
}

bool Server::MayRun(Session& session, const Command& command, Args args) {
  const Config& config = options_.config;
  const bool runs = command.parse != nullptr || command.handler != nullptr;
  if (!runs || !ArityMatches(command, args.size())) {
    Reject(session, &command, WrongArity(command));
    return false;
  }
  if (!session.authenticated && (command.flags & kNoAuthNeeded) == 0) {
    Reject(session, &command, kNoAuth);
    return false;
  }
  if ((command.flags & kDenyOom) != 0 && config.maxmemory != 0 && config.memory_only() &&
      store_.engine().usage().bytes_in_memory > config.maxmemory) {
    Reject(session, &command, "OOM command not allowed when used memory > 'maxmemory'.");
    return false;
  }
  if (session.subscribed() && session.protocol == resp::Protocol::kResp2 &&
      !RunsWhileSubscribed(command)) {
    Reject(
        session, &command,
        "ERR Can't execute '" + ToLower(args[0]) +
            "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
            "context");
    return false;
  }
  if (session.in_transaction && (command.flags & kNoMulti) != 0) {
    Reject(session, &command, "ERR Command not allowed inside a transaction");
    return false;
  }
  return true;
}

bool Server::MustPostpone(const Session& session, const Command& command) const {
  if (stalled_until_us_ != 0) return true;
  switch (pause_mode_) {
    case PauseMode::kNone: return false;
    case PauseMode::kAll: return true;
    case PauseMode::kWrite: break;
  }
  constexpr uint32_t kChanges = kWrite | kMayReplicate;
  if (command.handler == Exec) {
    return std::ranges::any_of(session.queue, [](const Session::QueuedCommand& queued) {
      return (queued.command->flags & kChanges) != 0;
    });
  }
  return (command.flags & kChanges) != 0;
}

void Server::Enqueue(Session& session, const Command& command, Args args) {
  session.queue.push_back({&command, std::vector<std::string>(args.begin(), args.end())});
  if (session.reply_mode == Session::ReplyMode::kOn) session.output.append("+QUEUED\r\n");
  Touch(session);
}

void Server::Reject(Session& session, const Command* command, std::string_view error) {
  if (command != nullptr) ++statistics_.commands[IndexOf(*command)].rejected_calls;
  statistics_.CountError(error);
  if (session.in_transaction) session.transaction_failed = true;
  if (session.reply_mode == Session::ReplyMode::kOn) session.writer().Error(error);
  if (session.reply_mode == Session::ReplyMode::kSkipNext) {
    session.reply_mode = Session::ReplyMode::kOn;
  }
  Touch(session);
}

// One command with everything around it that concerns the client: CLIENT REPLY, the turn's commit.
void Server::RunCommand(Session& session, const Command& command, Args args, Now now) {
  const size_t begin = session.output.size();
  const Session::ReplyMode mode = session.reply_mode;
  session.last_command = &command;
  Call(session, command, args, now);
  if (mode == Session::ReplyMode::kSkipNext && session.reply_mode == mode &&
      command.handler != ClientReply) {
    session.reply_mode = Session::ReplyMode::kOn;
  }
  const bool silent =
      mode == Session::ReplyMode::kSkipNext || session.reply_mode == Session::ReplyMode::kOff;
  if (silent && command.handler != ClientReply) {
    session.output.resize(begin);
  } else if (DependsOnCommit(command)) {
    session.data_replies.push_back({begin, session.output.size(), executor_.uncommitted()});
  }
  Touch(session);
}

void Server::Call(Session& session, const Command& command, Args args, Now now) {
  const size_t begin = session.output.size();
  const int64_t started_us = options_.stopwatch_us();
  if (command.parse != nullptr) {
    CallOperation(session, command, args, now);
  } else {
    CommandContext context{*this, session, command, args, now, session.writer()};
    command.handler(context);
  }
  const int64_t took_us = options_.stopwatch_us() - started_us;
  Account(session, command, args, now, took_us,
          session.output.size() > begin && session.output[begin] == '-'
              ? std::string_view(session.output).substr(begin + 1)
              : std::string_view());
  // Last, so that a monitor sees its own commands after their replies, and RESET not at all.
  if (monitor_count_ > 0 && (command.flags & (kSkipMonitor | kAdmin)) == 0) {
    FeedMonitors(session, command, args, now);
  }
}

void Server::CallOperation(Session& session, const Command& command, Args args, Now now) {
  KeyIndexesOf(command, args.size(), key_indexes_);
  request_.keys.clear();
  for (size_t index : key_indexes_) request_.keys.push_back({session.database, args[index]});
  resp::ReplyWriter reply = session.writer();
  const ParseContext parse_context{.databases = options_.config.databases,
                                   .max_string_bytes = options_.config.proto_max_bulk_len};
  if (auto parsed = command.parse(args, parse_context, request_); !parsed) {
    reply.Error(parsed.error());
    return;
  }
  executor_.Execute(request_, now.unix_ms(), options_.config.proto_max_bulk_len, reply);
}

void Server::Account(const Session& session, const Command& command, Args args, Now now,
                     int64_t took_us, std::string_view error) {
  const Config& config = options_.config;
  CommandStatistics& counters = statistics_.commands[IndexOf(command)];
  ++statistics_.total_commands_processed;
  ++counters.calls;
  counters.microseconds += took_us;
  if (!error.empty()) {
    ++counters.failed_calls;
    statistics_.CountError(error);
  }
  if (config.latency_tracking) {
    if (counters.latency == nullptr) counters.latency = std::make_unique<DurationHistogram>();
    counters.latency->Record(took_us);
  }
  if (config.slowlog_log_slower_than >= 0 && took_us >= config.slowlog_log_slower_than &&
      (command.flags & kSkipSlowLog) == 0) {
    slow_log_.Add(now.unix_s(), took_us, WithoutSecrets(command, args), session.peer.address,
                  session.name, config.slowlog_max_len);
  }
  if (config.latency_monitor_threshold > 0 && took_us >= config.latency_monitor_threshold * 1000) {
    latency_monitor_.Add((command.flags & kFast) != 0 ? "fast-command" : "command", now.unix_s(),
                         took_us / 1000);
  }
}

void Server::FeedMonitors(const Session& from, const Command& command, Args args, Now now) {
  std::string micros = std::to_string(now.unix_us % 1'000'000);
  std::string line = std::to_string(now.unix_s()) + '.' + std::string(6 - micros.size(), '0') +
                     micros + " [" + std::to_string(from.database) + ' ' +
                     MonitorAddress(from.peer) + ']';
  for (std::string_view arg : WithoutSecrets(command, args)) {
    line += ' ';
    AppendQuoted(line, arg);
  }
  for (auto& [id, session] : sessions_) {
    if (!session->monitoring || session->closing()) continue;
    session->writer().SimpleString(line);
    Touch(*session);
  }
}

void Server::ResumeInput(Session& session, Now now) {
  session.postponed = false;
  if (session.closing()) return;
  // Even when no request was complete: the shell reads on.
  Touch(session);
  session.input.erase(0, RunRequests(session, session.input, now));
  if (session.input_ended && !held_back_.contains(session.id)) Close(session, "", true);
}

}  // namespace cartwheel::server
