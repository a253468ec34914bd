// CONFIG: options at run time, and the file they came from.
#include "server/config.h"

#include <string>

#include "server/file.h"
#include "server/handlers.h"
#include "server/log.h"
#include "server/process.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

// What does not simply take effect the next time somebody looks at the option.
void ApplyChanges(Server& server, const Config& before, Now now) {
  const Config& config = server.config();
  if (config.loglevel != before.loglevel) SetLogLevel(config.loglevel);
  server.store().engine().Configure(StorageSettings(config));
  server.store().SetAlwaysDurable(config.appendfsync == storage::Durability::kAlways);
  server.TakeEvictionOptions();
  if (Gateway* const gateway = server.gateway()) {
    gateway->node().refill().SetMaxBytesPerSecond(config.cluster_move_bandwidth);
    gateway->SetRepairs(config, now);
  }
  // Without a password everybody is let in, also those who have not given the old one.
  if (!config.requirepass.empty()) return;
  for (const auto& [id, session] : server.sessions()) session->authenticated = true;
}

}  // namespace

void ConfigGet(CommandContext& context) {
  const auto options = GetConfig(context.server.config(), context.args.subspan(2));
  context.reply.Map(options.size());
  for (const auto& [name, value] : options) {
    context.reply.Bulk(name);
    context.reply.Bulk(value);
  }
}

void ConfigSet(CommandContext& context) {
  Server& server = context.server;
  if (context.args.size() % 2 == 1) {
    context.reply.Error("ERR wrong number of arguments for 'config|set' command");
    return;
  }
  const Config before = server.config();
  if (auto set = SetConfig(server.config(), context.args.subspan(2)); !set) {
    context.reply.Error(set.error());
    return;
  }
  const int wanted = server.config().maxclients;
  const size_t members = before.cluster_nodes.size();
  const int fit = wanted > before.maxclients ? RaiseFileLimit(wanted, members) : wanted;
  if (fit < wanted) {
    server.config() = before;
    context.reply.Error(
        "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system "
        "is not able to handle the specified number of clients, try"
        " with " +
        std::to_string(fit));
    return;
  }
  ApplyChanges(server, before, context.now);
  context.reply.Ok();
}

void ConfigRewrite(CommandContext& context) {
  const Config& config = context.server.config();
  if (config.config_file.empty()) {
    context.reply.Error("ERR The server is running without a config file");
    return;
  }
  const auto old_text = ReadFile(config.config_file);
  const auto written =
      ReplaceFile(config.config_file, RewriteConfigText(old_text.value_or(""), config));
  if (!written) {
    LogWarning("CONFIG REWRITE failed: " + config.config_file + ": " + written.error());
    context.reply.Error("ERR Rewriting config file: " + written.error());
    return;
  }
  LogNotice("CONFIG REWRITE wrote " + config.config_file);
  context.reply.Ok();
}

void ConfigResetStat(CommandContext& context) {
  Statistics& statistics = context.server.statistics();
  statistics = {};
  statistics.commands.resize(CommandTable().size());
  context.reply.Ok();
}

}  // namespace cartwheel::server
