// The configuration: redis.conf syntax, Redis's names wherever the meaning is Redis's.
//
// One table (config_table.cc) maps each name to its field, its bounds and whether CONFIG SET may
// change it; the file, the command line, CONFIG GET/SET/REWRITE, --check-config and the
// documentation all read that table.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/auto_commit.h"
#include "cluster/eviction_policy.h"
#include "storage/engine.h"

namespace cartwheel::server {

enum class LogLevel : uint8_t { kDebug, kVerbose, kNotice, kWarning };

using cluster::EvictionPolicy;

// client-output-buffer-limit: a client past `hard` bytes of unsent replies, or past `soft` for
// longer than `soft_seconds`, is disconnected; 0 is no limit.
struct OutputLimit {
  uint64_t hard = 0;
  uint64_t soft = 0;
  int64_t soft_seconds = 0;
  bool operator==(const OutputLimit&) const = default;
};
enum class ClientClass : uint8_t { kNormal, kReplica, kPubSub };

struct Config {
  // Network.
  int port = 6379;                                        // 0: no TCP
  std::vector<std::string> bind = {"127.0.0.1", "-::1"};  // "-": may be missing on this machine
  std::string unixsocket;
  int unixsocketperm = 0;  // octal; 0: as the umask says
  bool protected_mode = true;
  int tcp_backlog = 511;
  int64_t tcp_keepalive = 300;  // seconds; 0: off
  int64_t timeout = 0;          // seconds a client may idle; 0: for ever
  int maxclients = 10000;
  std::string requirepass;
  uint64_t proto_max_bulk_len = 512UL << 20;
  uint64_t client_query_buffer_limit = 1UL << 30;
  std::array<OutputLimit, 3> client_output_buffer_limit = {OutputLimit{},
                                                           OutputLimit{256UL << 20, 64UL << 20, 60},
                                                           OutputLimit{32UL << 20, 8UL << 20, 60}};

  // Storage.
  std::string dir = "./data";
  int databases = 16;
  bool appendonly = true;  // false only together with save ""
  bool appendonly_given = false;
  std::string save =
      "3600 1 300 100 60 10000";  // "" without `appendonly yes`: nothing is kept on disk
  storage::Durability appendfsync = storage::Durability::kEverySecond;
  std::optional<uint64_t> maxmemory;  // as given; what counts is max_memory()
  // At the maxmemory of data in memory only, and at maxstorage.
  EvictionPolicy eviction_policy = EvictionPolicy::kNoEviction;
  int maxmemory_samples = 5;
  int64_t lfu_log_factor = 10;
  int64_t lfu_decay_time = 1;  // minutes; 0: never
  uint64_t checkpoint_log_size = 256UL << 20;
  int64_t checkpoint_interval = 900;  // seconds; 0: never
  uint64_t maxstorage = 0;            // 0: no limit

  // The cluster (cluster_config.h).
  std::vector<std::string> cluster_nodes;  // ID=HOST:PORT each; none: a node alone
  int64_t cluster_self = 0;                // an id of those; 0: not given
  bool cluster_enabled = false;            // members come and go
  std::vector<std::string> cluster_join;   // HOST:PORT each: whom to ask for a cluster
  int cluster_port = 0;                    // 0: `port` and 10000
  std::string cluster_zone;
  int cluster_weight = 100;
  cluster::AutoCommit cluster_auto_commit = cluster::AutoCommit::kWhenEmpty;
  int64_t cluster_repair_interval = 3600;          // seconds; 0: only when asked to
  int64_t cluster_scrub_interval = 604'800;        // seconds, a week; 0: never
  uint64_t cluster_repair_bandwidth = 10UL << 20;  // bytes a second; 0: any
  uint64_t cluster_move_bandwidth = 64UL << 20;    // bytes a second that come to a node; 0: any
  std::string cluster_name = "cartwheel";
  std::string cluster_bind;             // "": the host of the own entry
  std::string cluster_announce_ip;      // "": the host of the own entry
  int cluster_announce_port = 0;        // 0: `port`
  std::string cluster_announce_bus_ip;  // "": found out
  int cluster_announce_bus_port = 0;    // 0: cluster_port
  int cluster_outside_port = 0;         // 0: none
  std::string cluster_outside_ip;       // told to who comes in there
  bool cluster_redirect = false;        // keys of other nodes are answered with MOVED
  uint64_t cluster_link_sendbuf_limit = 256UL << 20;
  int dyn_n = 3;
  int dyn_r = 2;
  int dyn_w = 2;
  int64_t dyn_rpc_timeout = 250;  // milliseconds
  int64_t dyn_deadline = 1000;    // milliseconds
  std::string cluster_secret;     // "": a secret of this node's own, kept with its data
  uint64_t dyn_conflicts_max_len = 128;

  // Logging and observation.
  std::string logfile;  // "": standard output
  LogLevel loglevel = LogLevel::kNotice;
  int64_t slowlog_log_slower_than = 10000;  // microseconds; 0: everything, < 0: nothing
  uint64_t slowlog_max_len = 128;
  int64_t latency_monitor_threshold = 0;  // milliseconds; 0: off
  bool latency_tracking = true;
  std::vector<double> latency_tracking_info_percentiles = {50, 99, 99.9};
  std::string pidfile;

  // The file it came from, absolute, for CONFIG REWRITE and INFO; "" without one.
  std::string config_file;

  // Data live in memory only.
  bool memory_only() const { return save.empty() && !(appendonly_given && appendonly); }

  // Data in memory only: what they may take at most. Data on disk: what is kept of them in memory.
  // 0: no limit.
  static constexpr uint64_t kDefaultMaxMemory = 1UL << 30;
  uint64_t max_memory() const { return maxmemory.value_or(memory_only() ? 0 : kDefaultMaxMemory); }
};

// What the storage engine is told of it.
storage::Settings StorageSettings(const Config& config);

// "noeviction", "volatile-ttl" ...
std::string_view NameOf(EvictionPolicy policy);

// What the command line asked for.
struct CommandLine {
  enum class Action : uint8_t { kServe, kHelp, kVersion, kCheckConfig, kCheckData };
  Action action = Action::kServe;
  std::string data_to_check;  // of kCheckData
  Config config;
  // Options of Redis that were accepted though they have no effect here, to be logged at start.
  std::vector<std::string> ignored;
};

// `cartwheel-server [FILE | -] [--option value ...] [--help | --version | --check-config]`: later
// words override earlier ones and the file. `--check-data [DIR]` means `dir` when no
// DIR follows. An error names file,
// line and option, or the word of the command line.
std::expected<CommandLine, std::string> ParseCommandLine(std::span<const std::string> args);

// Applies the text of a configuration file. `name` stands in errors: "<name>:<line>: <option>: what
// is wrong".
std::expected<void, std::string> ApplyConfigText(std::string_view text, std::string_view name,
                                                 Config& config, std::vector<std::string>& ignored);

// CONFIG GET: names and values in table order of every option that matches one of the glob
// patterns, no option twice.
std::vector<std::pair<std::string, std::string>> GetConfig(
    const Config& config, std::span<const std::string_view> patterns);

// CONFIG SET of name/value pairs: all or none. The error is the text of Redis's reply, for example
// "ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config".
std::expected<void, std::string> SetConfig(Config& config,
                                           std::span<const std::string_view> names_and_values);

// CONFIG REWRITE: the file's text with changed options replaced in place, comments and unknown
// lines kept, and options that differ from their default appended.
std::string RewriteConfigText(std::string_view old_text, const Config& config);

// The table as Markdown, for the README and docs.
std::string ConfigMarkdown();
std::string HelpText();

}  // namespace cartwheel::server
