// cartwheel-server: reads the configuration, opens the store, serves.
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "cluster/local_store.h"
#include "server/check_data.h"
#include "server/config.h"
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

int Serve(CommandLine command_line) {
  IgnoreHarmlessSignals();
  Config& config = command_line.config;
  if (auto opened = OpenLog(config); !opened) return Fail(opened.error());
  const int clients_that_fit = RaiseFileLimit(config.maxclients);
  if (clients_that_fit < config.maxclients) {
    LogWarning("the limit of open files leaves room for " + std::to_string(clients_that_fit) +
               " clients, not for 'maxclients' " + std::to_string(config.maxclients));
    config.maxclients = clients_that_fit;
  }
  auto engine = OpenEngine(config);
  if (!engine) return Fail(engine.error().message);
  auto store = cluster::LocalStore::Open(
      **engine, {.actor_seed = NewSeed(),
                 .may_have_lost_writes = (*engine)->persistence().damaged_bytes > 0,
                 .boot_id = config.memory_only() ? "" : BootId(),
                 .always_durable = config.appendfsync == storage::Durability::kAlways});
  if (!store) return Fail(store.error().message);
  for (const std::string& line : store->damage()) LogWarning("damaged: " + line);
  Server server({.config = config,
                 .run_id = NewRunId(),
                 .executable = ExecutablePath(),
                 .pid = getpid(),
                 .seed = NewSeed(),
                 .stopwatch_us = StopwatchMicros},
                std::move(*store), ReadClocks());
  UvLoop loop(server);
  if (auto listening = loop.Listen(); !listening) return Fail(listening.error());
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
