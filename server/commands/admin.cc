// Commands to whoever runs the server: clock, saving, stopping, roles, memory.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <expected>
#include <string>

#include "server/errors.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/text.h"
#include "server/timeout_argument.h"

namespace cartwheel::server {
namespace {

constexpr std::string_view kSaveRuns = "ERR Background save already in progress";

struct ShutdownOptions {
  bool save = false;
  bool force = false;
};

// The error is the reply.
std::expected<ShutdownOptions, std::string_view> ParseShutdownOptions(Args options) {
  bool save = false;
  bool no_save = false;
  bool abort = false;
  bool force = false;
  for (std::string_view option : options) {
    if (EqualsIgnoreCase(option, "save")) {
      save = true;
    } else if (EqualsIgnoreCase(option, "nosave")) {
      no_save = true;
    } else if (EqualsIgnoreCase(option, "abort")) {
      abort = true;
    } else if (EqualsIgnoreCase(option, "force")) {
      force = true;
    } else if (!EqualsIgnoreCase(option, "now")) {
      return std::unexpected(kSyntaxError);
    }
  }
  if ((save && no_save) || (abort && options.size() > 1)) return std::unexpected(kSyntaxError);
  if (abort) return std::unexpected("ERR No shutdown in progress.");
  return ShutdownOptions{.save = save, .force = force};
}

bool FlushRuns(CommandContext& context) {
  return context.server.store().engine().persistence().flush_running;
}

// As C's atof: what does not start like a number is 0.
double LeadingNumber(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::isfinite(value) ? value : 0;
}

}  // namespace

void Time(CommandContext& context) {
  context.reply.Array(2);
  context.reply.BulkInteger(context.now.unix_s());
  context.reply.BulkInteger(context.now.unix_us % 1'000'000);
}

void LastSave(CommandContext& context) {
  context.reply.Integer(context.server.last_save_unix_ms() / 1000);
}

void Save(CommandContext& context) {
  context.server.SaveAfterTurn(context.session, Session::AfterSave::kReply);
}

void BgSave(CommandContext& context) {
  const Args args = context.args;
  if (args.size() > 2 || (args.size() == 2 && !EqualsIgnoreCase(args[1], "schedule"))) {
    context.reply.Error(kSyntaxError);
    return;
  }
  const bool runs = FlushRuns(context);
  if (runs && args.size() == 1) {
    context.reply.Error(kSaveRuns);
    return;
  }
  context.server.StartSave(context.now);
  context.reply.SimpleString(runs || context.session.in_exec ? "Background saving scheduled"
                                                             : "Background saving started");
}

// A flush is what makes the log short.
void BgRewriteAof(CommandContext& context) {
  const bool runs = FlushRuns(context);
  context.server.StartSave(context.now);
  context.reply.SimpleString(runs || context.session.in_exec
                                 ? "Background append only file rewriting scheduled"
                                 : "Background append only file rewriting started");
}

// Answers nothing when it stops: clients see the connection close. Only SAVE flushes before: the
// log has everything, and replaying it at the next start takes about a second, while a flush may
// take longer than a service manager waits before it kills.
void Shutdown(CommandContext& context) {
  const auto options = ParseShutdownOptions(context.args.subspan(1));
  if (!options) {
    context.reply.Error(options.error());
    return;
  }
  if (options->save) {
    using enum Session::AfterSave;
    context.server.SaveAfterTurn(context.session, options->force ? kShutDownAnyway : kShutDown);
    return;
  }
  context.server.RequestShutdown("SHUTDOWN from " + context.session.peer.address);
}

void Role(CommandContext& context) {
  context.reply.Array(3);
  context.reply.Bulk("master");
  context.reply.Integer(0);
  context.reply.Array(0);
}

// A node by itself has no replicas to wait for: with a count above 0 the time passes and the answer
// is 0.
void Wait(CommandContext& context) {
  const auto replicas = ParseInteger(context.args[1]);
  if (!replicas) {
    context.reply.Error(kNotInteger);
    return;
  }
  const auto until_us = ParseTimeoutMs(context.args[2], context.now);
  if (!until_us) {
    context.reply.Error(until_us.error());
    return;
  }
  const bool for_ever = *until_us == context.now.monotonic_us;
  const int64_t ends_us = for_ever ? INT64_MAX : *until_us;
  if (context.server.gateway() != nullptr) {
    const auto wanted = static_cast<size_t>(std::max<int64_t>(*replicas, 0));
    context.server.WaitForCopies(context.session, wanted, ends_us, context.now);
  } else if (*replicas <= 0 || context.session.in_exec) {
    context.reply.Integer(0);
  } else {
    context.server.ReplyLater(context.session, ends_us, ":0\r\n");
  }
}

// Answers nothing when the client monitors already, as Redis.
void Monitor(CommandContext& context) {
  if (context.session.in_exec) {
    context.reply.Error("ERR MONITOR isn't allowed for DENY BLOCKING client");
    return;
  }
  if (context.session.monitoring) return;
  context.server.SetMonitoring(context.session, true);
  context.reply.Ok();
}

void DebugSleep(CommandContext& context) {
  const Args args = context.args;
  if (args.size() != 3 || !EqualsIgnoreCase(args[1], "sleep")) {
    context.reply.Error("ERR unknown subcommand or wrong number of arguments for '" +
                        std::string(ShownInError(args[1], 128)) + "'. Try DEBUG HELP.");
    return;
  }
  constexpr double kLongestSeconds = 1e9;
  const double seconds = std::clamp(LeadingNumber(args[2]), 0.0, kLongestSeconds);
  const int64_t until_us = context.now.monotonic_us + static_cast<int64_t>(seconds * 1e6);
  if (until_us > context.now.monotonic_us) context.server.Stall(until_us);
  if (context.session.in_exec || until_us == context.now.monotonic_us) {
    context.reply.Ok();
  } else {
    context.server.ReplyLater(context.session, until_us, "+OK\r\n");
  }
}

void AnswerOk(CommandContext& context) {
  const Args args = context.args;
  const bool valid = args.size() == 2 || (args.size() == 3 && (EqualsIgnoreCase(args[2], "sync") ||
                                                               EqualsIgnoreCase(args[2], "async")));
  if (valid) {
    context.reply.Ok();
  } else if (context.command.name.starts_with("script")) {
    context.reply.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  } else if (args.size() > 3) {
    context.reply.Error("ERR unknown subcommand or wrong number of arguments for '" +
                        std::string(args[1]) + "'. Try FUNCTION HELP.");
  } else {
    context.reply.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
}

}  // namespace cartwheel::server
