#include "server/config_table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "cluster/frame.h"
#include "cluster/levels.h"
#include "cluster/ring.h"
#include "server/eviction_policies.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

using enum ConfigSection;
using enum Change;
using enum TextField::Rule;
using Int = NumberField<int>;
using Int64 = NumberField<int64_t>;
using UInt64 = NumberField<uint64_t>;

constexpr int64_t kMaxInt = std::numeric_limits<int>::max();
constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr uint64_t kMaxMemory = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kMaxSize = std::numeric_limits<int64_t>::max();  // of a request, as Redis bounds
constexpr uint64_t kMiB = 1 << 20;
constexpr int64_t kMaxMs = 3'600'000;       // an hour: whoever waits longer has gone
constexpr uint64_t kMaxValue = 512 * kMiB;  // what the store takes (storage/engine.h)

constexpr std::array<std::pair<std::string_view, LogLevel>, 4> kLogLevels = {
    {{"debug", LogLevel::kDebug},
     {"verbose", LogLevel::kVerbose},
     {"notice", LogLevel::kNotice},
     {"warning", LogLevel::kWarning}}};

constexpr std::array<std::pair<std::string_view, storage::Durability>, 3> kAppendFsyncs = {
    {{"everysec", storage::Durability::kEverySecond},
     {"always", storage::Durability::kAlways},
     {"no", storage::Durability::kNo}}};

constexpr std::array<std::pair<std::string_view, cluster::AutoCommit>, 3> kAutoCommits = {
    {{"when-empty", cluster::AutoCommit::kWhenEmpty},
     {"yes", cluster::AutoCommit::kYes},
     {"no", cluster::AutoCommit::kNo}}};

constexpr Option kOptions[] = {
    {"port", kNetwork, kAtStart, Int{&Config::port, 0, 65535},
     "TCP port for clients; 0 listens on no TCP port."},
    {"bind", kNetwork, kAtStart, BindField{},
     "Addresses to listen on; a leading - lets the address be missing on this machine."},
    {"unixsocket", kNetwork, kAtStart, TextField{&Config::unixsocket, kPath},
     "Path of a Unix socket to listen on as well; empty for none."},
    {"unixsocketperm", kNetwork, kAtStart, PermissionField{&Config::unixsocketperm},
     "Permissions of the Unix socket; 0 leaves them to the umask."},
    {"protected-mode", kNetwork, kAnyTime, BoolField{&Config::protected_mode},
     "Serve only this machine while there is no password."},
    {"tcp-backlog", kNetwork, kAtStart, Int{&Config::tcp_backlog, 0, kMaxInt},
     "Connections the kernel may hold before they are accepted."},
    {"tcp-keepalive", kNetwork, kAnyTime, Int64{&Config::tcp_keepalive, 0, kMaxInt},
     "Seconds between probes of a silent connection; 0 sends none."},
    {"timeout", kNetwork, kAnyTime, Int64{&Config::timeout, 0, kMaxInt},
     "Seconds a client may be idle before it is disconnected; 0 for ever."},
    {"maxclients", kNetwork, kAnyTime, Int{&Config::maxclients, 1, kMaxInt},
     "Clients connected at the same time; one more is refused."},
    {"requirepass", kNetwork, kAnyTime, TextField{&Config::requirepass, kAny},
     "Password clients must give with AUTH or HELLO; empty for none."},
    {"proto-max-bulk-len", kNetwork, kAnyTime,
     MemoryField{&Config::proto_max_bulk_len, kMiB, kMaxValue},
     "Largest single argument of a request, and the largest string."},
    {"client-query-buffer-limit", kNetwork, kAnyTime,
     MemoryField{&Config::client_query_buffer_limit, kMiB, kMaxSize},
     "Bytes of one unfinished request before its client is disconnected."},
    {"client-output-buffer-limit", kNetwork, kAnyTime, OutputLimitField{},
     "Unsent replies at which a client of that class is disconnected: at once past the hard size, "
     "after the seconds past the soft one; 0 for no limit."},

    {"dir", kStorage, kAtStart, TextField{&Config::dir, kRequiredPath},
     "Directory of the data; created if it is missing, used by one process at a time."},
    {"databases", kStorage, kAtStart, Int{&Config::databases, 1, 16},
     "Databases that SELECT can choose from."},
    {"appendonly", kStorage, kAnyTime, AppendOnlyField{},
     "Data are kept on disk unless save is \"\" and this is not set to yes."},
    {"appendfsync", kStorage, kAnyTime,
     ChoiceField<storage::Durability>{&Config::appendfsync, kAppendFsyncs},
     "When the log is forced to the disk: before a write is acknowledged (always), every second "
     "(everysec), or when the system sees fit (no). A crash of the server loses nothing under any "
     "of them; a power loss takes what was not yet forced."},
    {"save", kStorage, kAnyTime, SaveField{},
     "\"\" without appendonly yes keeps data in memory only; other values are kept for tools and "
     "change nothing, since every write is logged."},
    {"checkpoint-log-size", kStorage, kAnyTime,
     MemoryField{&Config::checkpoint_log_size, kMiB, kMaxSize},
     "How far the log grows before its changes are flushed to the data file. More makes a flush "
     "cheaper for each key and a start after a crash longer."},
    {"checkpoint-interval", kStorage, kAnyTime, Int64{&Config::checkpoint_interval, 0, kMaxInt},
     "Seconds, or 10 quiet ones, after which changes in a small log are flushed too; 0 for never."},
    {"maxmemory", kStorage, kAnyTime, MaxMemoryField{},
     "Data on disk: the memory for records, those that wait for their flush and those cached; "
     "nothing is refused or lost for it, less than 8mb counts as 8mb. Data in memory only: what "
     "they may take, then it goes by maxmemory-policy; the default is then 0. 0 is no limit."},
    {"maxmemory-policy", kStorage, kAnyTime,
     ChoiceField<EvictionPolicy>{&Config::eviction_policy, kEvictionPolicies},
     "What happens at the maxmemory of data in memory only, and at maxstorage: commands that need "
     "room are refused (noeviction), or keys are deleted for them: those not used for longest "
     "(lru), those used least often (lfu), any (random) or those that expire next (ttl); of all "
     "keys or of those that expire (volatile). How keys are used is kept in memory alone, 4 bytes "
     "for each 64 of the limit, and begins anew with a start. In a cluster the owners of a key "
     "delete the same, from nine tenths of the limit on, so all nodes need the same policy."},
    {"maxmemory-samples", kStorage, kAnyTime, Int{&Config::maxmemory_samples, 1, kMaxInt},
     "Keys that are looked at for each one that is deleted by use or time: more come nearer to the "
     "best choice and take longer. More than 64 count as 64."},
    {"lfu-log-factor", kStorage, kAnyTime, Int64{&Config::lfu_log_factor, 0, kMaxInt},
     "How slowly the counter of a key's uses grows: more tells keys apart that are used very "
     "often."},
    {"lfu-decay-time", kStorage, kAnyTime, Int64{&Config::lfu_decay_time, 0, kMaxInt},
     "Minutes after which the counter of a key's uses is one less; 0 for never."},
    {"maxstorage", kStorage, kAnyTime, MemoryField{&Config::maxstorage, 0, kMaxMemory},
     "What the log and the pages in use of the data file may take; 0 for no limit. The file itself "
     "may be up to twice as large, since a flush writes pages anew before it frees the old ones."},
    {"maxstorage-policy", kStorage, kAnyTime,
     ChoiceField<EvictionPolicy>{&Config::eviction_policy, kEvictionPolicies},
     "Another name of maxmemory-policy; the last one given counts."},

    {"cluster-enabled", kCluster, kAtStart, BoolField{&Config::cluster_enabled},
     "This node is in a cluster whose members come and go: the one that its data name, else the "
     "one "
     "that cluster-join or CLUSTER MEET lead to, else one of its own."},
    {"cluster-join", kCluster, kAtStart, AddressesField{},
     "Where to ask for a cluster: host and port of the cluster-port of some members, or of all, "
     "the "
     "same list on each node. Names are looked up for as long as it takes. If nobody there is in a "
     "cluster, the node that stands first makes one, and the others join. Implies cluster-enabled "
     "yes."},
    {"cluster-port", kCluster, kAtStart, Int{&Config::cluster_port, 0, 65535},
     "The port, TCP and UDP, on which this node listens for the others, with cluster-enabled; 0: "
     "10000 more than "
     "`port`. Who reaches it can read and write everything: keep it in a private network."},
    {"cluster-zone", kCluster, kAtStart, TextField{&Config::cluster_zone, kAddress},
     "What this node fails together with, as a rack or a data centre: the copies of a key are put "
     "into different zones as far as there are enough. Counts when the node joins."},
    {"cluster-weight", kCluster, kAtStart, Int{&Config::cluster_weight, 1, cluster::kMaxWeight},
     "How much this node is to hold, in proportion to the others. Counts when the node joins."},
    {"cluster-auto-commit", kCluster, kAtStart,
     ChoiceField<cluster::AutoCommit>{&Config::cluster_auto_commit, kAutoCommits},
     "A node that is let in gets its share without anybody saying so: while the cluster holds no "
     "keys, also when keys have to be moved to it (yes), or never (no). Otherwise it holds nothing "
     "at first, and CLUSTER PLAN shows what it is to hold, CLUSTER COMMIT gives it that. Say the "
     "same on each node."},
    {"cluster-move-bandwidth", kCluster, kAnyTime,
     MemoryField{&Config::cluster_move_bandwidth, 0, kMaxSize},
     "Bytes a second, about, of the keys and values that come to this node while partitions move "
     "to it or it rebuilds what it has lost, a small record as two kilobytes; 0: as fast as it "
     "goes."},
    {"cluster-repair-interval", kCluster, kAnyTime,
     Int64{&Config::cluster_repair_interval, 0, int64_t{365} * 24 * 3600},
     "Seconds from one comparison of a partition with each of its other owners to the next, which "
     "makes them equal; 0: only when CLUSTER REPAIR asks. What is gone at one of them without a "
     "trace was lost, and is restored; but what maxmemory-policy may have let go there goes "
     "everywhere."},
    {"cluster-scrub-interval", kCluster, kAnyTime,
     Int64{&Config::cluster_scrub_interval, 0, int64_t{365} * 24 * 3600},
     "Seconds in which this node reads all its records, a partition now and then, so that the next "
     "comparison finds what its disk has lost or damaged meanwhile; 0: at a start alone."},
    {"cluster-repair-bandwidth", kCluster, kAnyTime,
     MemoryField{&Config::cluster_repair_bandwidth, 0, kMaxSize},
     "Bytes a second, about, that this node sends and receives for such comparisons; 0: as fast as "
     "it goes."},
    {"cluster-nodes", kCluster, kAtStart, MembersField{},
     "For a cluster whose members never change, instead of cluster-enabled: every member of the "
     "cluster, this node among them: its id, and the host and port on which it "
     "listens for the others. A name may be unknown yet and is looked up at each attempt to "
     "connect. Empty: a node alone. Who reaches these ports can read and write everything: keep "
     "them in a private network."},
    {"cluster-self", kCluster, kAtStart, Int64{&Config::cluster_self, 0, kMaxInt64},
     "The id of this node among cluster-nodes; 0 without them."},
    {"cluster-name", kCluster, kAtStart, TextField{&Config::cluster_name, kAny},
     "Nodes whose names differ never talk to each other."},
    {"cluster-bind", kCluster, kAtStart, TextField{&Config::cluster_bind, kAddress},
     "Address to listen on for the other members, * for all; empty: the host of this node in "
     "cluster-nodes, with cluster-enabled the first of `bind`."},
    {"cluster-announce-ip", kCluster, kAtStart, TextField{&Config::cluster_announce_ip, kAddress},
     "The host at which clients reach this node, a name or an address: what CLUSTER SLOTS and its "
     "like say on every node. Empty: the host at which the other members reach it."},
    {"cluster-announce-port", kCluster, kAtStart, Int{&Config::cluster_announce_port, 0, 65535},
     "The port at which clients reach this node, where that is another than `port`, as behind a "
     "published port of a container; 0: `port`."},
    {"cluster-announce-bus-ip", kCluster, kAtStart,
     TextField{&Config::cluster_announce_bus_ip, kAddress},
     "The host at which the other members reach this node, a name or an address, with "
     "cluster-enabled. Empty: its own in cluster-join, where it finds itself there, else that of "
     "cluster-bind, else where it is seen to come from."},
    {"cluster-announce-bus-port", kCluster, kAtStart,
     Int{&Config::cluster_announce_bus_port, 0, 65535},
     "The port at which the other members reach this node, where that is another than "
     "cluster-port, TCP and UDP; 0: cluster-port."},
    {"cluster-outside-port", kCluster, kAtStart, Int{&Config::cluster_outside_port, 0, 65535},
     "A second port for clients, that of those for whom the nodes have another host than for each "
     "other, as clients outside of a network of containers. It says cluster-outside-ip in place of "
     "every node's host, with the port at which clients reach that node: publish it under this "
     "one. 0: none."},
    {"cluster-outside-ip", kCluster, kAtStart, TextField{&Config::cluster_outside_ip, kAddress},
     "The host, a name or an address, at which clients of cluster-outside-port reach all nodes. "
     "Say the same on each node."},
    {"cluster-redirect", kCluster, kAnyTime, BoolField{&Config::cluster_redirect},
     "Answer a command on keys that this node does not hold with MOVED and where CLUSTER SLOTS has "
     "them, and one on keys of several slots with CROSSSLOT, as a Redis Cluster does, rather than "
     "ask the nodes that hold them. It teaches cluster-aware clients a better route, also those "
     "that never look at CLUSTER SLOTS again by themselves, and spares the nodes the second hop; "
     "plain clients need no. A key whose owners are all lost is served in any case. So is who asks "
     "the same for the third time in a row, as a client does that cannot reach the node it is sent "
     "to. A node alone ignores it."},
    {"cluster-link-sendbuf-limit", kCluster, kAtStart,
     MemoryField{&Config::cluster_link_sendbuf_limit, cluster::kMaxFrameBytes, kMaxSize},
     "Bytes that wait to be sent to one member. Over it they are dropped with the connection, "
     "which is then made anew."},
    {"dyn-n", kCluster, kAtStart, Int{&Config::dyn_n, 1, cluster::kMaxCopies},
     "N: nodes that hold each key, or all members if they are fewer."},
    {"dyn-r", kCluster, kAtStart, Int{&Config::dyn_r, 1, cluster::kMaxCopies},
     "R: of those N, how many answer a read before the client gets its reply."},
    {"dyn-w", kCluster, kAtStart, Int{&Config::dyn_w, 1, cluster::kMaxCopies},
     "W: of those N, how many have stored a write before it is acknowledged."},
    {"dyn-rpc-timeout", kCluster, kAtStart, Int64{&Config::dyn_rpc_timeout, 1, kMaxMs},
     "Milliseconds that one member is waited for before another one stands in."},
    {"dyn-deadline", kCluster, kAtStart, Int64{&Config::dyn_deadline, 1, kMaxMs},
     "Milliseconds after which a request is answered, be it with an error."},
    {"cluster-secret", kCluster, kAtStart, TextField{&Config::cluster_secret, kAny},
     "Text that all members of a cluster share, long and random: nodes that do not know it are "
     "neither let in nor linked with, and the context tokens of each member are honoured by the "
     "others. It proves who is at the other end when a link begins; what is said on it is neither "
     "encrypted nor signed. Empty: any node can be a member, and one without a cluster draws a "
     "secret of its own at its first start and keeps it with its data."},
    {"dyn-conflicts-max-len", kCluster, kAnyTime,
     UInt64{&Config::dyn_conflicts_max_len, 0, kMaxInt64}, "Entries that DYN.CONFLICTS keeps."},

    {"logfile", kLogging, kAtStart, TextField{&Config::logfile, kPath},
     "File to append the log to; empty for standard output."},
    {"loglevel", kLogging, kAnyTime, ChoiceField<LogLevel>{&Config::loglevel, kLogLevels},
     "Least important messages that are logged."},
    {"slowlog-log-slower-than", kLogging, kAnyTime,
     Int64{&Config::slowlog_log_slower_than, -1, kMaxInt64},
     "Microseconds a command takes to enter the slow log; 0 logs all, -1 none."},
    {"slowlog-max-len", kLogging, kAnyTime, UInt64{&Config::slowlog_max_len, 0, kMaxInt64},
     "Entries the slow log keeps."},
    {"latency-monitor-threshold", kLogging, kAnyTime,
     Int64{&Config::latency_monitor_threshold, 0, kMaxInt64},
     "Milliseconds an event takes to enter the latency monitor; 0 turns it off."},
    {"latency-tracking", kLogging, kAnyTime, BoolField{&Config::latency_tracking},
     "Keep a histogram of the time each command takes."},
    {"latency-tracking-info-percentiles", kLogging, kAnyTime, PercentilesField{},
     "Percentiles of those histograms that INFO shows."},
    {"pidfile", kLogging, kAtStart, TextField{&Config::pidfile, kPath},
     "File that holds the process id while the server runs; empty for none."},

    {"daemonize", kCompatibility, kAtStart,
     FixedField{"no", "the server stays in the foreground; leave that to the service manager"},
     "Running in the background is left to the service manager."},
    {"notify-keyspace-events", kCompatibility, kAnyTime,
     FixedField{"", "keyspace notifications are not there yet"},
     "Keyspace notifications are not there yet."},
    {"io-threads", kCompatibility, kAtStart, FixedField{"1", ""},
     "A node is single-threaded; other values are accepted without effect."},
    {"replica-read-only", kCompatibility, kAnyTime, FixedField{"yes", ""},
     "For clients that ask; other values are accepted without effect."},
};

constexpr std::string_view kIgnored[] = {
    "acl-pubsub-default",
    "acllog-max-len",
    "active-defrag-cycle-max",
    "active-defrag-cycle-min",
    "active-defrag-ignore-bytes",
    "active-defrag-max-scan-fields",
    "active-defrag-threshold-lower",
    "active-defrag-threshold-upper",
    "active-expire-effort",
    "activedefrag",
    "activerehashing",
    "always-show-logo",
    "aof-disable-auto-gc",
    "aof-load-truncated",
    "aof-rewrite-incremental-fsync",
    "aof-timestamp-enabled",
    "aof-use-rdb-preamble",
    "aof_rewrite_cpulist",
    "appenddirname",
    "appendfilename",
    "auto-aof-rewrite-min-size",
    "auto-aof-rewrite-percentage",
    "bgsave_cpulist",
    "bind-source-addr",
    "bio_cpulist",
    "busy-reply-threshold",
    "cluster-allow-pubsubshard-when-down",
    "cluster-allow-reads-when-down",
    "cluster-allow-replica-migration",
    "cluster-announce-bus-port",
    "cluster-announce-hostname",
    "cluster-announce-tls-port",
    "cluster-config-file",
    "cluster-migration-barrier",
    "cluster-node-timeout",
    "cluster-preferred-endpoint-type",
    "cluster-replica-no-failover",
    "cluster-replica-validity-factor",
    "cluster-require-full-coverage",
    "cluster-slave-no-failover",
    "cluster-slave-validity-factor",
    "crash-log-enabled",
    "crash-memcheck-enabled",
    "dbfilename",
    "disable-thp",
    "dynamic-hz",
    "enable-debug-command",
    "enable-module-command",
    "enable-protected-configs",
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "hash-max-ziplist-entries",
    "hash-max-ziplist-value",
    "hll-sparse-max-bytes",
    "hz",
    "ignore-warnings",
    "io-threads-do-reads",
    "jemalloc-bg-thread",
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del",
    "lazyfree-lazy-user-del",
    "lazyfree-lazy-user-flush",
    "list-compress-depth",
    "list-max-listpack-size",
    "list-max-ziplist-entries",
    "list-max-ziplist-size",
    "list-max-ziplist-value",
    "lua-replicate-commands",
    "lua-time-limit",
    "masterauth",
    "masteruser",
    "maxmemory-clients",
    "maxmemory-eviction-tenacity",
    "min-replicas-max-lag",
    "min-slaves-max-lag",
    "no-appendfsync-on-rewrite",
    "oom-score-adj",
    "oom-score-adj-values",
    "proc-title-template",
    "propagation-error-behavior",
    "rdb-del-sync-files",
    "rdb-save-incremental-fsync",
    "rdbchecksum",
    "rdbcompression",
    "repl-backlog-size",
    "repl-backlog-ttl",
    "repl-disable-tcp-nodelay",
    "repl-diskless-load",
    "repl-diskless-sync",
    "repl-diskless-sync-delay",
    "repl-diskless-sync-max-replicas",
    "repl-ping-replica-period",
    "repl-ping-slave-period",
    "repl-timeout",
    "replica-announce-ip",
    "replica-announce-port",
    "replica-announced",
    "replica-ignore-disk-write-errors",
    "replica-ignore-maxmemory",
    "replica-lazy-flush",
    "replica-priority",
    "replica-serve-stale-data",
    "sanitize-dump-payload",
    "server_cpulist",
    "set-max-intset-entries",
    "set-proc-title",
    "shutdown-on-sigint",
    "shutdown-on-sigterm",
    "shutdown-timeout",
    "slave-announce-ip",
    "slave-announce-port",
    "slave-ignore-maxmemory",
    "slave-lazy-flush",
    "slave-priority",
    "slave-read-only",
    "slave-serve-stale-data",
    "socket-mark-id",
    "stop-writes-on-bgsave-error",
    "stream-node-max-bytes",
    "stream-node-max-entries",
    "supervised",
    "syslog-enabled",
    "syslog-facility",
    "syslog-ident",
    "tracking-table-max-keys",
    "zset-max-listpack-entries",
    "zset-max-listpack-value",
    "zset-max-ziplist-entries",
    "zset-max-ziplist-value",
};
static_assert(std::ranges::is_sorted(kIgnored));

constexpr std::string_view kNoReplication =
    "Redis's replication is not spoken, so nothing would be replicated";
constexpr std::string_view kNoReplicas =
    "there are no Redis replicas to count, so writes would go unguarded";
constexpr std::string_view kNoUsers = "there are no ACL users yet; requirepass sets a password";

constexpr RefusedOption kRefused[] = {
    {"replicaof", "no one", kNoReplication},
    {"slaveof", "no one", kNoReplication},
    {"min-replicas-to-write", "0", kNoReplicas},
    {"min-slaves-to-write", "0", kNoReplicas},
    {"tls-port", "0", "there is no TLS yet, so clients would find nobody listening"},
    {"tls-*", std::nullopt, "there is no TLS yet, so traffic would go unencrypted"},
    {"aclfile", "", kNoUsers},
    {"user", std::nullopt, kNoUsers},
    {"rename-command", std::nullopt,
     "commands cannot be renamed, so a command meant to be hidden would stay reachable"},
    {"loadmodule", std::nullopt, "there are no modules"},
    {"include", std::nullopt,
     "files cannot include others; put all options in one file or on the command line"},
};

// The least number of letters to insert, drop, replace or swap with their neighbour (the optimal
// string alignment distance), row by row over the prefixes of `a`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> above(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

}  // namespace

std::span<const Option> Options() {
  return kOptions;
}
std::span<const std::string_view> IgnoredOptions() {
  return kIgnored;
}
std::span<const RefusedOption> RefusedOptions() {
  return kRefused;
}

const Option* FindOption(std::string_view name) {
  const auto found = std::ranges::find_if(
      kOptions, [&](const Option& option) { return EqualsIgnoreCase(option.name, name); });
  return found == std::end(kOptions) ? nullptr : &*found;
}

const RefusedOption* FindRefusedOption(std::string_view name) {
  const std::string lower = ToLower(name);
  for (const RefusedOption& option : kRefused) {
    const bool any_ending = option.name.ends_with('*');
    const std::string_view stem = option.name.substr(0, option.name.size() - (any_ending ? 1 : 0));
    if (any_ending ? lower.starts_with(stem) : lower == stem) return &option;
  }
  return nullptr;
}

bool IsIgnoredOption(std::string_view name) {
  return std::ranges::binary_search(kIgnored, std::string_view(ToLower(name)));
}

std::string_view NearestOption(std::string_view name) {
  // A word with a third of its letters wrong is another word; the bound also limits the work.
  constexpr size_t kLongestName = 40;
  if (name.size() > kLongestName) return {};
  const std::string lower = ToLower(name);
  size_t best_distance = std::min<size_t>(name.size() / 3, 3) + 1;
  std::string_view best;
  const auto consider = [&](std::string_view candidate) {
    const auto [shorter, longer] = std::minmax({lower.size(), candidate.size()});
    if (longer - shorter >= best_distance) return;
    const size_t distance = EditDistance(lower, candidate);
    if (distance >= best_distance) return;
    best_distance = distance;
    best = candidate;
  };
  for (const Option& option : kOptions) consider(option.name);
  for (const std::string_view ignored : kIgnored) consider(ignored);
  return best;
}

}  // namespace cartwheel::server
