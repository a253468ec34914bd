// CLIENT: what the server knows of its connections, and what may be done to them.
#include <optional>
#include <string>

#include "server/client_info.h"
#include "server/errors.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/text.h"
#include "server/timeout_argument.h"

namespace cartwheel::server {
namespace {

// nullopt after an error reply. Nobody here is a master or a replica, but one may ask for them.
std::optional<ClientClass> ParseClientClass(CommandContext& context, std::string_view text) {
  if (EqualsIgnoreCase(text, "normal")) return ClientClass::kNormal;
  if (EqualsIgnoreCase(text, "pubsub")) return ClientClass::kPubSub;
  for (std::string_view name : {"slave", "replica", "master"}) {
    if (EqualsIgnoreCase(text, name)) return ClientClass::kReplica;
  }
  context.reply.Error("ERR Unknown client type '" + std::string(text) + "'");
  return std::nullopt;
}

// A monitor is a normal client to CLIENT LIST and CLIENT KILL.
bool IsOfClass(const Session& session, ClientClass wanted) {
  return wanted == (session.subscribed() ? ClientClass::kPubSub : ClientClass::kNormal);
}

// nullopt after an error reply.
std::optional<bool> ParseOnOff(CommandContext& context, std::string_view text) {
  if (EqualsIgnoreCase(text, "on")) return true;
  if (EqualsIgnoreCase(text, "off")) return false;
  context.reply.Error(kSyntaxError);
  return std::nullopt;
}

void ReplyTooManyArguments(CommandContext& context) {
  context.reply.Error("ERR unknown subcommand or wrong number of arguments for '" +
                      std::string(context.args[1]) + "'. Try CLIENT HELP.");
}

struct KillFilter {
  std::optional<SessionId> id;
  std::optional<ClientClass> client_class;
  std::string_view address;  // empty: any
  std::string_view local_address;
  bool skip_caller = true;

  bool Matches(const Session& session) const {
    return (!id || session.id == *id) && (!client_class || IsOfClass(session, *client_class)) &&
           (address.empty() || session.peer.address == address) &&
           (local_address.empty() || session.peer.local_address == local_address);
  }
};

// One filter and its value. False after an error reply.
bool ParseKillFilter(CommandContext& context, std::string_view name, std::string_view value,
                     KillFilter& filter) {
  if (EqualsIgnoreCase(name, "id")) {
    const auto id = ParseInteger(value);
    if (!id || *id < 1) {
      context.reply.Error("ERR client-id should be greater than 0");
      return false;
    }
    filter.id = static_cast<SessionId>(*id);
  } else if (EqualsIgnoreCase(name, "type")) {
    filter.client_class = ParseClientClass(context, value);
    return filter.client_class.has_value();
  } else if (EqualsIgnoreCase(name, "addr")) {
    filter.address = value;
  } else if (EqualsIgnoreCase(name, "laddr")) {
    filter.local_address = value;
  } else if (EqualsIgnoreCase(name, "user")) {
    if (value == "default") return true;
    context.reply.Error("ERR No such user '" + std::string(value) + "'");
    return false;
  } else if (EqualsIgnoreCase(name, "skipme") && EqualsIgnoreCase(value, "yes")) {
    filter.skip_caller = true;
  } else if (EqualsIgnoreCase(name, "skipme") && EqualsIgnoreCase(value, "no")) {
    filter.skip_caller = false;
  } else {
    context.reply.Error(kSyntaxError);
    return false;
  }
  return true;
}

size_t Kill(CommandContext& context, const KillFilter& filter) {
  size_t killed = 0;
  for (const auto& [id, session] : context.server.sessions()) {
    const bool caller = session.get() == &context.session;
    if ((caller && filter.skip_caller) || session->closing() || !filter.Matches(*session)) continue;
    context.server.Close(*session, "CLIENT KILL", caller);
    ++killed;
  }
  return killed;
}

void ReplyLines(CommandContext& context, const std::string& lines) {
  context.reply.Verbatim(lines, "txt");
}

void ListByClass(CommandContext& context, std::optional<ClientClass> wanted) {
  std::string lines;
  for (const auto& [id, session] : context.server.sessions()) {
    if (session->close_now || (wanted && !IsOfClass(*session, *wanted))) continue;
    lines += DescribeClient(*session, context.now) + '\n';
  }
  ReplyLines(context, lines);
}

void ListByIds(CommandContext& context, Args ids) {
  std::string lines;
  for (std::string_view text : ids) {
    const auto id = ParseInteger(text);
    if (!id) {
      context.reply.Error("ERR Invalid client ID");
      return;
    }
    const auto& sessions = context.server.sessions();
    const auto found = sessions.find(static_cast<SessionId>(*id));
    if (found == sessions.end() || found->second->close_now) continue;
    lines += DescribeClient(*found->second, context.now) + '\n';
  }
  ReplyLines(context, lines);
}

}  // namespace

void ClientId(CommandContext& context) {
  context.reply.Integer(static_cast<int64_t>(context.session.id));
}

void ClientGetName(CommandContext& context) {
  const std::string& name = context.session.name;
  name.empty() ? context.reply.Null() : context.reply.Bulk(name);
}

void ClientSetName(CommandContext& context) {
  if (!IsClientName(context.args[2])) {
    context.reply.Error(kInvalidClientName);
    return;
  }
  context.session.name = context.args[2];
  context.reply.Ok();
}

void ClientSetInfo(CommandContext& context) {
  const std::string option(context.args[2]);
  std::string* field = nullptr;
  if (EqualsIgnoreCase(option, "lib-name")) field = &context.session.library_name;
  if (EqualsIgnoreCase(option, "lib-ver")) field = &context.session.library_version;
  if (field == nullptr) {
    context.reply.Error("ERR Unrecognized option '" + option + "'");
  } else if (!IsClientName(context.args[3])) {
    context.reply.Error("ERR " + option +
                        " cannot contain spaces, newlines or special characters.");
  } else {
    *field = context.args[3];
    context.reply.Ok();
  }
}

void ClientInfo(CommandContext& context) {
  ReplyLines(context, DescribeClient(context.session, context.now) + '\n');
}

void ClientList(CommandContext& context) {
  const Args args = context.args;
  if (args.size() == 2) {
    ListByClass(context, std::nullopt);
  } else if (args.size() == 4 && EqualsIgnoreCase(args[2], "type")) {
    if (const auto wanted = ParseClientClass(context, args[3])) ListByClass(context, wanted);
  } else if (args.size() > 3 && EqualsIgnoreCase(args[2], "id")) {
    ListByIds(context, args.subspan(3));
  } else {
    context.reply.Error(kSyntaxError);
  }
}

void ClientKill(CommandContext& context) {
  const Args args = context.args;
  KillFilter filter;
  if (args.size() == 3) {
    filter.address = args[2];
    filter.skip_caller = false;
    Kill(context, filter) > 0 ? context.reply.Ok() : context.reply.Error("ERR No such client");
    return;
  }
  for (size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) {
      context.reply.Error(kSyntaxError);
      return;
    }
    if (!ParseKillFilter(context, args[i], args[i + 1], filter)) return;
  }
  context.reply.Integer(static_cast<int64_t>(Kill(context, filter)));
}

void ClientReply(CommandContext& context) {
  using Mode = Session::ReplyMode;
  Mode& mode = context.session.reply_mode;
  if (EqualsIgnoreCase(context.args[2], "on")) {
    mode = Mode::kOn;
    context.reply.Ok();
  } else if (EqualsIgnoreCase(context.args[2], "off")) {
    mode = Mode::kOff;
  } else if (EqualsIgnoreCase(context.args[2], "skip")) {
    if (mode != Mode::kOff) mode = Mode::kSkipNext;
  } else {
    context.reply.Error(kSyntaxError);
  }
}

void ClientPause(CommandContext& context) {
  const Args args = context.args;
  auto mode = Server::PauseMode::kAll;
  if (args.size() > 4) {
    ReplyTooManyArguments(context);
    return;
  }
  if (args.size() == 4 && EqualsIgnoreCase(args[3], "write")) {
    mode = Server::PauseMode::kWrite;
  } else if (args.size() == 4 && !EqualsIgnoreCase(args[3], "all")) {
    context.reply.Error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    return;
  }
  const auto until_us = ParseTimeoutMs(args[2], context.now);
  if (!until_us) {
    context.reply.Error(until_us.error());
    return;
  }
  context.server.Pause(mode, *until_us);
  context.reply.Ok();
}

void ClientUnpause(CommandContext& context) {
  context.server.Unpause(context.now);
  context.reply.Ok();
}

// A client that waits in WAIT gets the reply it would have got in the end, or an error.
void ClientUnblock(CommandContext& context) {
  const Args args = context.args;
  if (args.size() > 4) {
    ReplyTooManyArguments(context);
    return;
  }
  const bool by_error = args.size() == 4 && EqualsIgnoreCase(args[3], "error");
  if (args.size() == 4 && !by_error && !EqualsIgnoreCase(args[3], "timeout")) {
    context.reply.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    return;
  }
  const auto id = ParseInteger(args[2]);
  if (!id) {
    context.reply.Error(kNotInteger);
    return;
  }
  const auto found = context.server.sessions().find(static_cast<SessionId>(*id));
  if (found == context.server.sessions().end() || !found->second->waiting()) {
    context.reply.Integer(0);
    return;
  }
  constexpr std::string_view kUnblocked = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
  Session& session = *found->second;
  if (session.waits_for_late) {
    // For its nodes, as it must, or in a WAIT.
    const bool ended = context.server.EndWaitForCopies(session, by_error ? kUnblocked : "");
    context.reply.Integer(ended ? 1 : 0);
    return;
  }
  std::string reply = session.waiting_reply;
  if (by_error) {
    reply.clear();
    resp::ReplyWriter(reply, session.protocol).Error(kUnblocked);
  }
  context.server.ReplyLater(session, context.now.monotonic_us, std::move(reply));
  context.reply.Integer(1);
}

void ClientNoEvict(CommandContext& context) {
  const auto on = ParseOnOff(context, context.args[2]);
  if (!on) return;
  context.session.no_evict = *on;
  context.reply.Ok();
}

void ClientNoTouch(CommandContext& context) {
  const auto on = ParseOnOff(context, context.args[2]);
  if (!on) return;
  context.session.no_touch = *on;
  context.reply.Ok();
}

void ClientGetRedir(CommandContext& context) {
  context.reply.Integer(-1);
}

void ClientTrackingInfo(CommandContext& context) {
  context.reply.Map(3);
  context.reply.Bulk("flags");
  context.reply.Set(1);
  context.reply.Bulk("off");
  context.reply.Bulk("redirect");
  context.reply.Integer(-1);
  context.reply.Bulk("prefixes");
  context.reply.Array(0);
}

}  // namespace cartwheel::server
