// Commands about the connection itself: who the client is, what it speaks, which database it means.
#include <cstdint>
#include <string>

#include "server/client_info.h"
#include "server/errors.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/text.h"
#include "server/version.h"

namespace cartwheel::server {
namespace {

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";

// Takes the same time wherever the texts differ, so that a password cannot be found byte by byte.
// The length of the secret is not hidden.
bool EqualsInConstantTime(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    const char expected = secret.empty() ? '\0' : secret[i % secret.size()];
    difference |= static_cast<unsigned char>(given[i] ^ expected);
  }
  return difference == 0;
}

// There is one user. Without a password configured, any password is his.
bool IsUser(const Config& config, std::string_view user, std::string_view password) {
  if (user != "default") return false;
  return config.requirepass.empty() || EqualsInConstantTime(password, config.requirepass);
}

// [AUTH user password] [SETNAME name] of HELLO, any number of them. As in Redis each takes effect
// as it is read, also when a later one is wrong. The error reply, or empty.
std::string ApplyHelloOptions(CommandContext& context, Args options) {
  while (!options.empty()) {
    if (EqualsIgnoreCase(options[0], "auth") && options.size() > 2) {
      if (!IsUser(context.server.config(), options[1], options[2])) {
        return std::string(kWrongPassword);
      }
      context.session.authenticated = true;
      options = options.subspan(3);
    } else if (EqualsIgnoreCase(options[0], "setname") && options.size() > 1) {
      if (!IsClientName(options[1])) return std::string(kInvalidClientName);
      context.session.name = options[1];
      options = options.subspan(2);
    } else {
      return "ERR Syntax error in HELLO option '" + std::string(ShownInError(options[0])) + "'";
    }
  }
  return "";
}

void DescribeServer(CommandContext& context) {
  resp::ReplyWriter reply = context.session.writer();
  reply.Map(7);
  reply.Bulk("server");
  reply.Bulk("redis");
  reply.Bulk("version");
  reply.Bulk(kRedisVersion);
  reply.Bulk("proto");
  reply.Integer(static_cast<int64_t>(context.session.protocol));
  reply.Bulk("id");
  reply.Integer(static_cast<int64_t>(context.session.id));
  reply.Bulk("mode");
  reply.Bulk(context.server.gateway() == nullptr ? "standalone" : "cluster");
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("modules");
  reply.Array(0);
}

}  // namespace

void Hello(CommandContext& context) {
  Session& session = context.session;
  resp::Protocol protocol = session.protocol;
  if (context.args.size() > 1) {
    const auto version = ParseInteger(context.args[1]);
    if (!version) {
      context.reply.Error("ERR Protocol version is not an integer or out of range");
      return;
    }
    if (*version != 2 && *version != 3) {
      context.reply.Error("NOPROTO unsupported protocol version");
      return;
    }
    protocol = static_cast<resp::Protocol>(*version);
    const std::string error = ApplyHelloOptions(context, context.args.subspan(2));
    if (!error.empty()) {
      context.reply.Error(error);
      return;
    }
  }
  if (context.server.MustAuthenticate(session)) {
    context.reply.Error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
        "protocol version at the same time");
    return;
  }
  session.protocol = protocol;
  DescribeServer(context);
}

void Auth(CommandContext& context) {
  const Args args = context.args;
  const Config& config = context.server.config();
  if (args.size() > 3) {
    context.reply.Error(kSyntaxError);
    return;
  }
  if (args.size() == 2 && config.requirepass.empty()) {
    context.reply.Error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
    return;
  }
  const std::string_view user = args.size() == 3 ? args[1] : "default";
  if (!IsUser(config, user, args.back())) {
    context.reply.Error(kWrongPassword);
    return;
  }
  context.session.authenticated = true;
  context.reply.Ok();
}

// A RESP2 client that is subscribed takes everything for messages, so it gets its PONG as one.
void Ping(CommandContext& context) {
  const Args args = context.args;
  const Session& session = context.session;
  if (args.size() > 2) {
    context.reply.Error("ERR wrong number of arguments for 'ping' command");
  } else if (session.subscribed() && session.protocol == resp::Protocol::kResp2) {
    context.reply.Array(2);
    context.reply.Bulk("pong");
    context.reply.Bulk(args.size() == 2 ? args[1] : "");
  } else if (args.size() == 2) {
    context.reply.Bulk(args[1]);
  } else {
    context.reply.SimpleString("PONG");
  }
}

void Echo(CommandContext& context) {
  context.reply.Bulk(context.args[1]);
}

void Quit(CommandContext& context) {
  context.reply.Ok();
  context.server.Close(context.session, "QUIT", true);
}

// The connection as it was when it was made, but for its id, its library and, as in Redis,
// NO-EVICT.
void Reset(CommandContext& context) {
  Session& session = context.session;
  context.server.ResetTransaction(session);
  context.server.pub_sub().UnsubscribeAll(session);
  context.server.SetMonitoring(session, false);
  session.name.clear();
  session.protocol = resp::Protocol::kResp2;
  session.database = 0;
  session.levels = context.server.default_levels();
  session.authenticated = context.server.config().requirepass.empty();
  session.no_touch = false;
  session.reads_anywhere = false;
  session.asking = false;
  // A RESET behind CLIENT REPLY SKIP is the one that is skipped.
  if (session.reply_mode == Session::ReplyMode::kOff) {
    session.reply_mode = Session::ReplyMode::kOn;
  }
  session.writer().SimpleString("RESET");
}

void Select(CommandContext& context) {
  const auto index = ParseInteger(context.args[1]);
  if (!index) {
    context.reply.Error(kNotInteger);
  } else if (*index < INT32_MIN || *index > INT32_MAX) {
    context.reply.Error("ERR value is out of range, value must between -2147483648 and 2147483647");
  } else if (*index < 0 || *index >= context.server.config().databases) {
    context.reply.Error(kDbIndexOutOfRange);
  } else {
    context.session.database = static_cast<cluster::Database>(*index);
    context.reply.Ok();
  }
}

}  // namespace cartwheel::server
