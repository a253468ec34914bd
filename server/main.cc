// cartwheel-server: reads the configuration, opens the store, serves.
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "cluster/identity.h"
#include "cluster/local_store.h"
#include "cluster/membership_store.h"
#include "server/check_data.h"
#include "server/cluster_config.h"
#include "server/config.h"
#include "server/forming.h"
#include "server/log.h"
#include "server/persistence_watch.h"
#include "server/process.h"
#include "server/server.h"
#include "server/uv_loop.h"
#include "server/version.h"
#include "storage/durable_engine.h"
#include "storage/memory_engine.h"

namespace cartwheel::server {
namespace {

int64_t StopwatchMicros() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
}

Now ReadClocks() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return {.unix_us = time.tv_sec * 1'000'000 + time.tv_nsec / 1000,
          .monotonic_us = StopwatchMicros()};
}

int Fail(const std::string& message) {
  std::cerr << "cartwheel-server: " << message << '\n';
  return 1;
}

storage::Result<std::unique_ptr<storage::Engine>> OpenEngine(const Config& config) {
  if (config.memory_only()) return storage::NewMemoryEngine();
  storage::DurableOptions options;
  options.settings = StorageSettings(config);
  options.stopwatch_us = StopwatchMicros;
  return storage::OpenDurableEngine(config.dir, options);
}

std::string WhereDataLives(const Config& config, const storage::Engine& engine) {
  if (config.memory_only()) return "data live in memory only (save \"\")";
  std::error_code ignored;
  return "data in " + std::filesystem::absolute(config.dir, ignored).lexically_normal().string() +
         " (" + std::string(engine.name()) + ")";
}

// Each takes two connections.
size_t MostMembers(const ClusterConfig& config) {
  constexpr size_t kUsualMost = 64;
  return config.forms ? kUsualMost : config.members.size();
}

// redis-cli's option for a server that does not listen where redis-cli looks without one.
std::string HostOption(const std::vector<std::string>& bind) {
  std::string first;
  for (std::string_view address : bind) {
    if (address.starts_with('-')) address.remove_prefix(1);
    if (address == "127.0.0.1" || address == "0.0.0.0" || address == "*") return "";
    if (address == "::*" || address == "::") address = "::1";
    if (first.empty()) first = address;
  }
  return "-h " + first + " ";
}

std::string HowToConnect(const Config& config) {
  std::string text = "ready: ";
  if (config.port != 0) {
    text += "redis-cli " + HostOption(config.bind) + "-p " + std::to_string(config.port);
  }
  if (config.port != 0 && !config.unixsocket.empty()) text += " or ";
  if (!config.unixsocket.empty()) text += "redis-cli -s " + config.unixsocket;
  if (!config.requirepass.empty()) text += " (a password is set)";
  return text;
}

void LogStart(const CommandLine& command_line, Server& server) {
  const Config& config = command_line.config;
  LogNotice("Cartwheel " + std::string(kVersion) + ", pid " + std::to_string(getpid()) + ", port " +
            std::to_string(config.port) + ", speaks Redis " + std::string(kRedisVersion));
  if (!command_line.ignored.empty()) {
    std::string line = "options without an effect here:";
    for (const std::string& name : command_line.ignored) line += ' ' + name;
    LogNotice(line);
  }
  uint64_t keys = 0;
  for (cluster::Database db = 0; db < cluster::kMaxDatabases; ++db) {
    keys += server.store().counts(db).keys;
  }
  LogNotice(WhereDataLives(config, server.store().engine()) + ", " + std::to_string(keys) +
            " keys");
  for (const auto& line : DescribeReplay(server.store().engine().persistence())) {
    line.warning ? LogWarning(line.text) : LogNotice(line.text);
  }
  LogNotice(HowToConnect(config));
}

// For ever with its data: what tells it from all other nodes.
storage::Result<cluster::Identity> OwnIdentity(storage::Engine& engine) {
  auto identity = cluster::LoadIdentity(engine, NewIdentityBytes());
  if (!identity) return identity;
  // Serving matters more: without it the tokens given out now are refused after a restart, no more.
  if (const auto stored = engine.Commit(); !stored) {
    LogWarning("the identity of this node could not be stored: " + stored.error().message);
  }
  return identity;
}

storage::Result<cluster::Identity> OpenIdentity(const Config& config, const ClusterConfig& cluster,
                                                storage::Engine& engine) {
  if (!config.cluster_secret.empty()) return cluster::DeriveIdentity(config.cluster_secret);
  // Members honour each other's tokens, so those of a cluster without a secret are as good as its
  // name: proof against mistakes, not against malice.
  if (!cluster.alone()) return cluster::DeriveIdentity("name " + config.cluster_name);
  return OwnIdentity(engine);
}

// Who this node is and what it knows of its cluster, of its data.
storage::Result<FormingOptions> PrepareForming(const ClusterConfig& config, uint64_t boot_nonce,
                                               storage::Engine& engine, ClusterOptions& options) {
  const auto own = OwnIdentity(engine);
  if (!own) return std::unexpected(own.error());
  auto stored = cluster::LoadMembership(engine);
  if (!stored) return std::unexpected(stored.error());
  options.self = cluster::NodeId{own->cluster_id};
  const auto topology =
      *stored ? cluster::DecodeTopology((*stored)->chosen.bytes)
              : std::expected<cluster::Topology, std::string>(std::unexpected(std::string()));
  const bool is_member = topology && FindMember(*topology, options.self) != nullptr;
  TakeTopology(is_member ? &*topology : nullptr, options);
  return FormingOptions{.membership = MembershipOptionsOf(config, options.self, boot_nonce),
                        .stored = *std::move(stored)};
}

int Serve(CommandLine command_line) {
  IgnoreHarmlessSignals();
  Config& config = command_line.config;
  if (auto opened = OpenLog(config); !opened) return Fail(opened.error());
  const auto cluster_config = ClusterConfigOf(config);
  if (!cluster_config) return Fail(cluster_config.error());
  const int clients_that_fit = RaiseFileLimit(config.maxclients, MostMembers(*cluster_config));
  if (clients_that_fit < config.maxclients) {
    LogWarning("the limit of open files leaves room for " + std::to_string(clients_that_fit) +
               " clients, not for 'maxclients' " + std::to_string(config.maxclients));
    config.maxclients = clients_that_fit;
  }
  auto engine = OpenEngine(config);
  if (!engine) return Fail(engine.error().message);
  const auto identity = OpenIdentity(config, *cluster_config, **engine);
  if (!identity) return Fail(identity.error().message);
  const uint64_t boot_nonce = NewSeed();
  std::optional<ClusterOptions> cluster_options;
  if (!cluster_config->alone()) {
    cluster_options = OptionsOf(*cluster_config, boot_nonce);
    cluster_options->incarnation = static_cast<uint64_t>(ReadClocks().unix_ms());
  }
  std::optional<FormingOptions> forming;
  if (cluster_config->forms) {
    auto prepared = PrepareForming(*cluster_config, boot_nonce, **engine, *cluster_options);
    if (!prepared) return Fail(prepared.error().message);
    forming = *std::move(prepared);
  }
  auto store = cluster::LocalStore::Open(
      **engine,
      {.actor_seed = NewSeed(),
       .may_have_lost_writes = (*engine)->persistence().damaged_bytes > 0,
       .boot_id = config.memory_only() ? "" : BootId(),
       .always_durable = config.appendfsync == storage::Durability::kAlways,
       .ownership = cluster_options ? OwnershipOf(*cluster_options) : cluster::Ownership{}});
  if (!store) return Fail(store.error().message);
  for (const std::string& line : store->damage()) LogWarning("damaged: " + line);
  Server server({.config = config,
                 .run_id = NewRunId(),
                 .executable = ExecutablePath(),
                 .pid = getpid(),
                 .seed = NewSeed(),
                 .cluster = std::move(cluster_options),
                 .forming = std::move(forming),
                 .stopwatch_us = StopwatchMicros,
                 .identity = *identity},
                std::move(*store), ReadClocks());
  UvLoop loop(server);
  if (auto listening = loop.Listen(); !listening) return Fail(listening.error());
  if (!cluster_config->alone()) {
    if (auto joined = loop.JoinCluster(*cluster_config, boot_nonce, NewSeed()); !joined) {
      return Fail(joined.error());
    }
  }
  PidFile pid_file(config.pidfile);
  LogStart(command_line, server);
  loop.Run();
  if (auto ended = server.store().MarkEnd(); !ended) {
    LogWarning("the end could not be noted in the store: " + ended.error().message);
  }
  LogNotice("bye");
  return 0;
}

int Main(std::span<const std::string> args) {
  auto command_line = ParseCommandLine(args);
  if (!command_line) return Fail(command_line.error());
  switch (command_line->action) {
    case CommandLine::Action::kHelp: std::cout << HelpText(); return 0;
    case CommandLine::Action::kVersion:
      std::cout << "Cartwheel " << kVersion << " (Redis " << kRedisVersion << ")\n";
      return 0;
    case CommandLine::Action::kCheckConfig: std::cout << "the configuration is good\n"; return 0;
    case CommandLine::Action::kCheckData: {
      const DataReport report = CheckData(command_line->data_to_check);
      (report.exit_code == 2 ? std::cerr : std::cout) << report.text;
      return report.exit_code;
    }
    case CommandLine::Action::kServe: break;
  }
  return Serve(std::move(*command_line));
}

}  // namespace
}  // namespace cartwheel::server

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  return cartwheel::server::Main(args);
}
