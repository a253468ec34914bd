#include "server/info.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sys/utsname.h>

#include "cluster/node_name.h"
#include "server/info_persistence.h"
#include "server/info_text.h"
#include "server/process_usage.h"
#include "server/server.h"
#include "server/text.h"
#include "server/version.h"

namespace cartwheel::server {
namespace {

struct InfoContext {
  Server& server;
  Now now;
  ProcessUsage process;
  InfoText text = {};
};

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string OperatingSystem() {
  utsname name{};
  if (uname(&name) != 0) return "";
  return std::string(name.sysname) + ' ' + name.release + ' ' + name.machine;
}

void AddServer(InfoContext& info) {
  constexpr int kTicksPerSecond = 10;
  constexpr int64_t kLruClockMask = (1 << 24) - 1;
  InfoText& text = info.text;
  const ServerOptions& options = info.server.options();
  const int64_t uptime_s =
      (info.now.monotonic_us - info.server.started_at().monotonic_us) / 1'000'000;
  text.Section("Server");
  text.Add("redis_version", kRedisVersion);
  text.Add("cartwheel_version", kVersion);
  text.Add("redis_mode", info.server.gateway() == nullptr ? "standalone" : "cluster");
  text.Add("os", OperatingSystem());
  text.Add("arch_bits", 8 * sizeof(void*));
  text.Add("monotonic_clock", "POSIX clock_gettime");
  text.Add("multiplexing_api", "epoll");
  text.Add("gcc_version", std::to_string(__GNUC__) + '.' + std::to_string(__GNUC_MINOR__) + '.' +
                              std::to_string(__GNUC_PATCHLEVEL__));
  text.Add("process_id", options.pid);
  text.Add("process_supervised", "no");
  text.Add("run_id", options.run_id);
  text.Add("tcp_port", options.config.port);
  text.Add("server_time_usec", info.now.unix_us);
  text.Add("uptime_in_seconds", uptime_s);
  text.Add("uptime_in_days", uptime_s / 86400);
  text.Add("hz", kTicksPerSecond);
  text.Add("configured_hz", kTicksPerSecond);
  text.Add("lru_clock", info.now.unix_s() & kLruClockMask);
  text.Add("executable", options.executable);
  text.Add("config_file", options.config.config_file);
  text.Add("io_threads_active", 0);
}

void AddClients(InfoContext& info) {
  size_t largest_input = 0;
  size_t largest_output = 0;
  int blocked = 0;
  int with_timeout = 0;
  for (const auto& [id, session] : info.server.sessions()) {
    largest_input = std::max(largest_input, session->input.size());
    largest_output = std::max(largest_output, session->unsent_bytes());
    if (session->waiting()) ++blocked;
    if (session->waiting() && session->waiting_until_us != INT64_MAX) ++with_timeout;
  }
  InfoText& text = info.text;
  text.Section("Clients");
  text.Add("connected_clients", info.server.sessions().size());
  text.Add("cluster_connections", 0);
  text.Add("maxclients", info.server.config().maxclients);
  text.Add("client_recent_max_input_buffer", largest_input);
  text.Add("client_recent_max_output_buffer", largest_output);
  text.Add("blocked_clients", blocked);
  text.Add("tracking_clients", 0);
  text.Add("clients_in_timeout_table", with_timeout);
}

size_t ClientBytes(const Server& server) {
  size_t bytes = 0;
  for (const auto& [id, session] : server.sessions()) {
    bytes += sizeof(Session) + session->input.capacity() + session->output.capacity();
  }
  return bytes;
}

// Memory in use is what the process holds without the pages of the store's files, whatever the
// engine: those are the kernel's to take back.
void AddMemory(InfoContext& info) {
  InfoText& text = info.text;
  const Config& config = info.server.config();
  const ProcessUsage& process = info.process;
  const uint64_t used = process.private_bytes;
  const uint64_t dataset = info.server.store().engine().usage().bytes_in_memory;
  text.Section("Memory");
  text.AddBytes("used_memory", used);
  text.AddBytes("used_memory_rss", process.resident_bytes);
  text.AddBytes("used_memory_peak", process.peak_private_bytes);
  text.Add("used_memory_peak_perc",
           FormatFixed(100 * Ratio(used, process.peak_private_bytes), 2) + '%');
  text.Add("used_memory_overhead", used - std::min(used, dataset));
  text.Add("used_memory_dataset", dataset);
  text.Add("used_memory_dataset_perc", FormatFixed(100 * Ratio(dataset, used), 2) + '%');
  text.AddBytes("total_system_memory", process.machine_bytes);
  text.Add("used_memory_lua", 0);
  text.Add("used_memory_lua_human", "0B");
  text.AddZeros({"number_of_cached_scripts", "number_of_functions", "number_of_libraries"});
  text.Add("used_memory_scripts", 0);
  text.Add("used_memory_scripts_human", "0B");
  text.AddBytes("maxmemory", config.max_memory());
  text.Add("maxmemory_policy", NameOf(config.eviction_policy));
  text.Add("mem_fragmentation_ratio", Ratio(process.resident_bytes, used), 2);
  text.Add("mem_fragmentation_bytes", process.resident_bytes - used);
  text.AddZeros({"mem_not_counted_for_evict", "mem_replication_backlog",
                 "mem_total_replication_buffers", "mem_clients_slaves"});
  text.Add("mem_clients_normal", ClientBytes(info.server));
  text.AddZeros({"mem_cluster_links", "mem_aof_buffer"});
  text.Add("mem_allocator", "mimalloc");
  text.AddZeros({"active_defrag_running", "lazyfree_pending_objects", "lazyfreed_objects"});
}

void AddPersistence(InfoContext& info) {
  AddPersistenceInfo(info.server, info.now, info.text);
}

void AddTraffic(InfoContext& info) {
  constexpr double kBytesPerKilobyte = 1024;
  InfoText& text = info.text;
  const Server& server = info.server;
  const Statistics& statistics = info.server.statistics();
  text.Add("total_connections_received", statistics.total_connections_received);
  text.Add("total_commands_processed", statistics.total_commands_processed);
  text.Add("instantaneous_ops_per_sec", static_cast<int64_t>(server.ops_per_second()));
  text.Add("total_net_input_bytes", statistics.total_net_input_bytes);
  text.Add("total_net_output_bytes", statistics.total_net_output_bytes);
  text.AddZeros({"total_net_repl_input_bytes", "total_net_repl_output_bytes"});
  text.Add("instantaneous_input_kbps", server.input_bytes_per_second() / kBytesPerKilobyte, 2);
  text.Add("instantaneous_output_kbps", server.output_bytes_per_second() / kBytesPerKilobyte, 2);
  text.Add("instantaneous_input_repl_kbps", "0.00");
  text.Add("instantaneous_output_repl_kbps", "0.00");
  text.Add("rejected_connections", statistics.rejected_connections);
}

void AddStats(InfoContext& info) {
  InfoText& text = info.text;
  const Statistics& statistics = info.server.statistics();
  const PubSub& pub_sub = info.server.pub_sub();
  text.Section("Stats");
  AddTraffic(info);
  text.AddZeros({"sync_full", "sync_partial_ok", "sync_partial_err"});
  text.Add("expired_keys", statistics.expired_keys);
  text.Add("expired_stale_perc", "0.00");
  text.AddZeros({"expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds"});
  text.Add("evicted_keys", statistics.evicted_keys);
  text.AddZeros(
      {"evicted_clients", "total_eviction_exceeded_time", "current_eviction_exceeded_time"});
  text.Add("keyspace_hits", statistics.keyspace_hits);
  text.Add("keyspace_misses", statistics.keyspace_misses);
  text.Add("pubsub_channels", pub_sub.channel_count());
  text.Add("pubsub_patterns", pub_sub.pattern_count());
  text.Add("pubsubshard_channels", pub_sub.shard_channel_count());
  text.AddZeros({"latest_fork_usec", "total_forks", "migrate_cached_sockets",
                 "slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses",
                 "active_defrag_key_hits", "active_defrag_key_misses", "total_active_defrag_time",
                 "current_active_defrag_time", "tracking_total_keys", "tracking_total_items",
                 "tracking_total_prefixes", "unexpected_error_replies"});
  text.Add("total_error_replies", statistics.total_error_replies);
  text.Add("dump_payload_sanitizations", 0);
  text.Add("total_reads_processed", statistics.total_reads_processed);
  text.Add("total_writes_processed", statistics.total_writes_processed);
  text.AddZeros({"io_threaded_reads_processed", "io_threaded_writes_processed"});
  text.Add("client_query_buffer_limit_disconnections",
           statistics.client_query_buffer_limit_disconnections);
  text.Add("client_output_buffer_limit_disconnections",
           statistics.client_output_buffer_limit_disconnections);
}

void AddReplication(InfoContext& info) {
  InfoText& text = info.text;
  text.Section("Replication");
  text.Add("role", "master");
  text.Add("connected_slaves", 0);
  text.Add("master_failover_state", "no-failover");
  text.Add("master_replid", info.server.options().run_id);
  text.Add("master_replid2", std::string(40, '0'));
  text.Add("master_repl_offset", 0);
  text.Add("second_repl_offset", -1);
  text.AddZeros({"repl_backlog_active", "repl_backlog_size", "repl_backlog_first_byte_offset",
                 "repl_backlog_histlen"});
}

void AddCpu(InfoContext& info) {
  InfoText& text = info.text;
  const ProcessUsage& process = info.process;
  const auto add = [&](std::string_view name, int64_t microseconds) {
    text.Add(name, static_cast<double>(microseconds) / 1e6, 6);
  };
  text.Section("CPU");
  add("used_cpu_sys", process.system_cpu_us);
  add("used_cpu_user", process.user_cpu_us);
  add("used_cpu_sys_children", 0);
  add("used_cpu_user_children", 0);
  add("used_cpu_sys_main_thread", process.main_thread_system_cpu_us);
  add("used_cpu_user_main_thread", process.main_thread_user_cpu_us);
}

void AddModules(InfoContext& info) {
  info.text.Section("Modules");
}

void AddCommandStats(InfoContext& info) {
  info.text.Section("Commandstats");
  for (const Command& command : CommandTable()) {
    const CommandStatistics& of = info.server.statistics().commands[IndexOf(command)];
    if (of.calls == 0 && of.rejected_calls == 0) continue;
    const auto calls = static_cast<double>(std::max<uint64_t>(of.calls, 1));
    info.text.Add(
        "cmdstat_" + std::string(command.name),
        "calls=" + std::to_string(of.calls) + ",usec=" + std::to_string(of.microseconds) +
            ",usec_per_call=" + FormatFixed(static_cast<double>(of.microseconds) / calls, 2) +
            ",rejected_calls=" + std::to_string(of.rejected_calls) +
            ",failed_calls=" + std::to_string(of.failed_calls));
  }
}

void AddErrorStats(InfoContext& info) {
  info.text.Section("Errorstats");
  for (const auto& [code, count] : info.server.statistics().errors) {
    info.text.Add("errorstat_" + code, "count=" + std::to_string(count));
  }
}

std::string Shortest(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

void AddLatencyStats(InfoContext& info) {
  info.text.Section("Latencystats");
  for (const Command& command : CommandTable()) {
    const auto& latency = info.server.statistics().commands[IndexOf(command)].latency;
    if (latency == nullptr || latency->count() == 0) continue;
    std::string percentiles;
    for (double p : info.server.config().latency_tracking_info_percentiles) {
      if (!percentiles.empty()) percentiles += ',';
      percentiles +=
          'p' + Shortest(p) + '=' + FormatFixed(static_cast<double>(latency->Percentile(p)), 3);
    }
    info.text.Add("latency_percentiles_usec_" + std::string(command.name), percentiles);
  }
}

void AddCluster(InfoContext& info) {
  info.text.Section("Cluster");
  info.text.Add("cluster_enabled", info.server.gateway() == nullptr ? 0 : 1);
}

void AddKeyspace(InfoContext& info) {
  info.text.Section("Keyspace");
  for (int db = 0; db < info.server.config().databases; ++db) {
    const auto& counts = info.server.store().counts(static_cast<cluster::Database>(db));
    if (counts.keys == 0 && counts.expires == 0) continue;
    info.text.Add("db" + std::to_string(db), "keys=" + std::to_string(counts.keys) + ",expires=" +
                                                 std::to_string(counts.expires) + ",avg_ttl=0");
  }
}

void AddStorage(InfoContext& info) {
  InfoText& text = info.text;
  const Statistics& statistics = info.server.statistics();
  const Config& config = info.server.config();
  const storage::Engine& engine = info.server.store().engine();
  const uint64_t commits = std::max<uint64_t>(statistics.commits, 1);
  text.Section("Storage");
  text.Add("engine", engine.name());
  text.Add("bytes_on_disk", engine.usage().bytes_on_disk);
  text.Add("bytes_in_use", engine.usage().bytes_in_use);
  text.AddBytes("maxstorage", config.maxstorage);
  text.Add("maxstorage_policy", NameOf(config.eviction_policy));
  text.Add("storage_full", engine.IsFull() ? 1 : 0);
  text.Add("commits", statistics.commits);
  text.Add("commit_failures", statistics.commit_failures);
  text.Add("commit_usec_average", static_cast<uint64_t>(statistics.commit_microseconds) / commits);
  text.Add("last_commit_time", info.server.last_commit_at().unix_s());
  text.Add("last_commit_error", info.server.commit_error());
}

void AddMoves(InfoText& text, const cluster::Node& node) {
  size_t moving = 0;
  for (cluster::Partition i = 0; i < cluster::kPartitions; ++i) {
    moving += node.ring().IsMoving(i) ? 1 : 0;
  }
  const cluster::Refill::Progress progress = node.refill().progress();
  text.Add("moving_partitions", moving);
  text.Add("partitions_coming", progress.partitions);
  text.Add("partitions_leaving", node.retire().partitions_left());
  text.Add("moved_records", progress.records);
  text.Add("moved_bytes", progress.bytes);
  text.Add("requests_restarted", node.statistics().restarted);
  text.Add("stale_requests_refused", node.statistics().refused_stale);
}

void AddNode(InfoText& text, Gateway& gateway) {
  cluster::Node& node = gateway.node();
  const cluster::Node::Statistics& of_node = node.statistics();
  text.Add("quorum_reads", of_node.reads);
  text.Add("quorum_writes", of_node.writes);
  text.Add("sloppy_writes", of_node.sloppy_writes);
  text.Add("refused_writes", of_node.refused_writes);
  text.Add("uncertain_writes", of_node.uncertain_writes);
  text.Add("failed_reads", of_node.failed_reads);
  text.Add("degraded_reads", of_node.degraded_reads);
  text.Add("rebuilding_partitions", node.RebuildingPartitions());
  text.Add("divergent_reads", of_node.divergent_reads);
  text.Add("read_repairs", of_node.repairs);
  text.Add("ryw_misses", of_node.ryw_misses);
  text.Add("copies_applied", of_node.copies_applied);
  text.Add("copies_refused", of_node.copies_refused);
  text.Add("hints_delivered", of_node.hints_delivered);
  text.Add("deletions_forgotten", of_node.deletions_forgotten);
  text.Add("unknown_messages", of_node.unknown_messages);
  AddMoves(text, node);
  const cluster::Gossip::Statistics& gossip = node.gossip().statistics();
  text.Add("gossip_datagrams_sent", gossip.datagrams_sent);
  text.Add("gossip_bytes_sent", gossip.bytes_sent);
  text.Add("gossip_datagrams_received", gossip.datagrams_received);
  text.Add("gossip_bytes_received", gossip.bytes_received);
  text.Add("gossip_refused", gossip.refused);
  text.Add("gossip_awareness", node.gossip().swim().awareness());
  text.Add("coordinated_here", gateway.hops().coordinated_here);
  text.Add("passed_on", gateway.hops().passed_on);
  text.Add("requests_under_way", gateway.calls_under_way());
  for (const cluster::Member& member : node.ring().members()) {
    if (member.node == node.self()) continue;
    text.Add("peer_" + cluster::Text(member.node),
             node.peers().IsHealthy(member.node) ? "up" : "down");
  }
  for (const auto& [target, waiting] : node.hints().waiting()) {
    text.Add("hints_for_" + cluster::Text(target), waiting.hints);
  }
}

void AddAntiEntropy(InfoContext& info) {
  if (info.server.gateway() == nullptr) return;
  InfoText& text = info.text;
  const cluster::Node& node = info.server.gateway()->node();
  const cluster::AntiEntropy& comparisons = node.anti_entropy();
  const cluster::AntiEntropy::Totals& totals = comparisons.totals();
  constexpr int64_t kSecondUs = 1'000'000;
  const auto oldest_us = comparisons.OldestAgreement(info.now.monotonic_us);
  text.Section("Antientropy");
  text.Add("comparisons_under_way", comparisons.under_way());
  text.Add("comparisons_asked_for", comparisons.asked_for());
  text.Add("partitions_compared", totals.compared);
  text.Add("partitions_differed", totals.differed);
  text.Add("comparisons_failed", totals.failed);
  text.Add("records_changed", totals.changed);
  text.Add("possible_silent_loss", totals.restored);
  text.Add("partitions_scrubbed", totals.scrubbed);
  text.Add("compared_bytes", totals.bytes);
  text.Add("former_actors_closed", node.former_actors().closed());
  text.Add("oldest_agreement_seconds", oldest_us ? *oldest_us / kSecondUs : -1);
}

// How owners make room together: nothing of a node alone, whose evicted_keys say it all.
void AddEviction(InfoContext& info) {
  if (info.server.gateway() == nullptr) return;
  const cluster::Evicting::Totals& totals = info.server.gateway()->node().evicting().totals();
  InfoText& text = info.text;
  text.Section("Eviction");
  text.Add("eviction_bytes_needed", std::max<int64_t>(info.server.room_needed(), 0));
  text.Add("eviction_requests_sent", totals.requests);
  text.Add("eviction_requests_unanswered", totals.unanswered);
  text.Add("eviction_requests_served", totals.served);
  text.Add("keys_chosen", totals.chosen);
  text.Add("evicted_by_own_choice", totals.by_self);
  text.Add("evicted_by_others_choice", totals.by_others);
  text.Add("evicted_alone", totals.alone);
  text.Add("evictions_passed_over", totals.passed_over);
  text.Add("uses_told", totals.uses_told);
  text.Add("uses_dropped", totals.uses_dropped);
}

void AddDynamo(InfoContext& info) {
  InfoText& text = info.text;
  const Statistics& statistics = info.server.statistics();
  text.Section("Dynamo");
  text.Add("siblings_shown_1", statistics.siblings_shown[0]);
  text.Add("siblings_shown_2", statistics.siblings_shown[1]);
  text.Add("siblings_shown_3_or_more", statistics.siblings_shown[2]);
  text.Add("conflicts_noted", statistics.conflicts_noted);
  text.Add("siblings_limit_refused", statistics.siblings_limit_refused);
  text.Add("dyn_contexts_refused", statistics.dyn_contexts_refused);
  if (info.server.gateway() != nullptr) AddNode(text, *info.server.gateway());
}

struct Section {
  std::string_view name;
  void (*add)(InfoContext& info);
  bool by_default;
};

constexpr Section kSections[] = {
    {"server", AddServer, true},
    {"clients", AddClients, true},
    {"memory", AddMemory, true},
    {"persistence", AddPersistence, true},
    {"stats", AddStats, true},
    {"replication", AddReplication, true},
    {"cpu", AddCpu, true},
    {"modules", AddModules, true},
    {"commandstats", AddCommandStats, false},
    {"errorstats", AddErrorStats, true},
    {"latencystats", AddLatencyStats, false},
    {"cluster", AddCluster, true},
    {"keyspace", AddKeyspace, true},
    {"storage", AddStorage, true},
    {"dynamo", AddDynamo, true},
    {"antientropy", AddAntiEntropy, true},
    {"eviction", AddEviction, true},
};

bool IsWanted(const Section& section, std::span<const std::string_view> wanted) {
  if (wanted.empty()) return section.by_default;
  return std::ranges::any_of(wanted, [&](std::string_view name) {
    return EqualsIgnoreCase(name, section.name) || EqualsIgnoreCase(name, "all") ||
           EqualsIgnoreCase(name, "everything") ||
           (EqualsIgnoreCase(name, "default") && section.by_default);
  });
}

}  // namespace

std::string BuildInfo(Server& server, std::span<const std::string_view> sections, Now now) {
  InfoContext info{.server = server, .now = now, .process = ReadProcessUsage()};
  for (const Section& section : kSections) {
    if (IsWanted(section, sections)) section.add(info);
  }
  return info.text.Take();
}

}  // namespace cartwheel::server
