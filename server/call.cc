// The call of one command: its handler or operation, and what it leaves in statistics, SLOWLOG,
// LATENCY and MONITOR.
#include <algorithm>
#include <string>

#include "server/handlers.h"
#include "server/server.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

// Passwords never reach MONITOR or SLOWLOG.
bool IsSecret(const Command& command, Args args, size_t index) {
  if (command.handler == Auth) return index > 0;
  if (command.handler == ConfigSet) {
    return index > 2 && index % 2 == 1 &&
           (EqualsIgnoreCase(args[index - 1], "requirepass") ||
            EqualsIgnoreCase(args[index - 1], "cluster-secret"));
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

}  // namespace

void Server::Call(Session& session, const Command& command, Args args, Now now) {
  const size_t begin = session.output.size();
  const int64_t started_us = stopwatch_read_us_;
  const size_t late = session.late.size();
  if (WantsDurable(session, command)) store_.SyncNextCommit();
  if (gateway_ != nullptr && IsCoordinated(command)) {
    CallInCluster(session, command, args, now);
  } else if (command.parse != nullptr) {
    CallOperation(session, command, args, now);
  } else if (gateway_ != nullptr && IsOnKeyspace(command)) {
    WalkInCluster(session, command, args, now);
  } else {
    CommandContext context{*this, session, command, args, now, session.writer()};
    command.handler(context);
  }
  if (late > 0 && session.late.size() == late) PlaceBehindLate(session, begin);
  stopwatch_read_us_ = options_.stopwatch_us();
  Account(session, command, args, now, stopwatch_read_us_ - started_us,
          session.output.size() > begin && session.output[begin] == '-'
              ? std::string_view(session.output).substr(begin + 1)
              : std::string_view());
  // Last, so that a monitor sees its own commands after their replies, and RESET not at all.
  if (monitor_count_ > 0 && (command.flags & (kSkipMonitor | kAdmin)) == 0) {
    FeedMonitors(session, command, args, now);
  }
}

// A node alone is all the replicas there are; DW still asks for its disk. (In a cluster each write
// asks for itself, wherever its copies are.)
bool Server::WantsDurable(const Session& session, const Command& command) const {
  if (gateway_ != nullptr || (command.flags & kWrite) == 0) return false;
  return session.command_levels.value_or(session.levels).dw > 0;
}

void Server::CallOperation(Session& session, const Command& command, Args args, Now now) {
  KeyIndexesOf(command, args.size(), key_indexes_);
  request_.keys.clear();
  for (size_t index : key_indexes_) request_.keys.push_back({session.database, args[index]});
  resp::ReplyWriter reply = session.writer();
  if (auto parsed = command.parse(args, ParseContextOf(options_.config), request_); !parsed) {
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
    line += Quoted(arg);
  }
  for (auto& [id, session] : sessions_) {
    if (!session->monitoring || session->silent()) continue;
    session->writer().SimpleString(line);
    Touch(*session);
  }
}

}  // namespace cartwheel::server
