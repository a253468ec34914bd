#include "server/cluster_config.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "server/config.h"
#include "server/config_text.h"
#include "server/text.h"
#include "storage/check.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kMaxPort = 65535;
constexpr size_t kMaxHostBytes = 255;  // of a DNS name, RFC 1035
constexpr int64_t kMicrosPerMilli = 1000;

std::unexpected<std::string> Wrong(std::string_view word, std::string_view what) {
  constexpr size_t kShown = 100;
  return std::unexpected(fmt::format("{}: {}", QuoteWord(word.substr(0, kShown)), what));
}

// HOST:PORT, which begins at `from`; the word has a colon behind that.
std::expected<cluster::NodeAddress, std::string> ParseAddress(std::string_view word, size_t from) {
  const size_t colon = word.rfind(':');
  std::string_view host = word.substr(from, colon - from);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!IsHost(host)) return Wrong(word, "the host is neither a name nor an address");
  if (!bracketed && host.contains(':')) return Wrong(word, "write an IPv6 address as [ADDRESS]");
  const std::optional<int64_t> port = ParseInteger(word.substr(colon + 1));
  if (!port || *port < 1 || *port > kMaxPort) {
    return Wrong(word, fmt::format("the port is not a number from 1 to {}", kMaxPort));
  }
  return cluster::NodeAddress{.host = std::string(host), .port = static_cast<uint16_t>(*port)};
}

std::expected<ClusterMember, std::string> ParseMember(std::string_view word) {
  const size_t equals = word.find('=');
  const size_t colon = word.rfind(':');
  if (equals == std::string_view::npos || colon == std::string_view::npos || colon < equals) {
    return Wrong(word, "not of the form ID=HOST:PORT");
  }
  const std::optional<int64_t> id = ParseInteger(word.substr(0, equals));
  if (!id || *id < 1) return Wrong(word, "the id is not a number from 1 on");
  const auto address = ParseAddress(word, equals + 1);
  if (!address) return std::unexpected(address.error());
  return ClusterMember{.id = cluster::NodeId{static_cast<uint64_t>(*id)},
                       .host = address->host,
                       .port = address->port};
}

std::expected<cluster::Levels, std::string> LevelsOf(const Config& config) {
  const cluster::Levels levels{.n = static_cast<uint8_t>(config.dyn_n),
                               .r = static_cast<uint8_t>(config.dyn_r),
                               .w = static_cast<uint8_t>(config.dyn_w)};
  if (auto valid = cluster::Validate(levels); !valid) {
    // The bounds of N are the table's.
    return std::unexpected((config.dyn_r > config.dyn_n ? "dyn-r: " : "dyn-w: ") + valid.error());
  }
  return levels;
}

std::expected<cluster::NodeId, std::string> SelfOf(const Config& config,
                                                   const std::vector<ClusterMember>& members) {
  const cluster::NodeId self{static_cast<uint64_t>(config.cluster_self)};
  if (members.empty()) {
    if (self == cluster::kNoNode) return self;
    return std::unexpected("cluster-self: there are no cluster-nodes that it could be one of");
  }
  if (self == cluster::kNoNode) {
    return std::unexpected("cluster-self: say which of the cluster-nodes this is");
  }
  if (std::ranges::find(members, self, &ClusterMember::id) != members.end()) return self;
  return std::unexpected(
      fmt::format("cluster-self: {} is not among the cluster-nodes", config.cluster_self));
}

// As HKDF extracts (RFC 5869): one secret gives a key for each purpose.
cluster::Mac KeyFor(std::string_view purpose, std::string_view secret) {
  const std::vector<uint8_t> salt(purpose.begin(), purpose.end());
  return cluster::HmacSha256(salt, secret);
}

// What a cluster's nodes share besides its id, if only its name.
std::string SharedBy(const Config& config) {
  return config.cluster_secret.empty() ? "name " + config.cluster_name
                                       : "secret " + config.cluster_secret;
}

// What a node needs whose cluster's members come and go.
std::expected<void, std::string> TakeForming(const Config& config, ClusterConfig& cluster) {
  auto join = ParseAddresses(config.cluster_join);
  if (!join) return std::unexpected("cluster-join: " + join.error());
  if (!config.cluster_enabled && join->empty()) return {};
  if (!cluster.members.empty()) {
    return std::unexpected(
        "cluster-nodes: the list of a cluster that never changes, and cluster-join or "
        "cluster-enabled; choose one of them");
  }
  cluster.forms = true;
  cluster.join = *std::move(join);
  cluster.zone = config.cluster_zone;
  cluster.weight = static_cast<uint32_t>(config.cluster_weight);
  cluster.announced_host = config.cluster_announce_bus_ip;
  cluster.announced_port = config.cluster_announce_bus_port;
  cluster.auto_commit = config.cluster_auto_commit;
  constexpr int kBusPortOffset = 10'000;  // Redis's
  cluster.port = config.cluster_port != 0 ? config.cluster_port : config.port + kBusPortOffset;
  if (cluster.port > kMaxPort) {
    return std::unexpected(
        fmt::format("cluster-port: say which, as {} more than the port {} is none", kBusPortOffset,
                    config.port));
  }
  if (cluster.bind.empty() && !config.bind.empty()) {
    std::string_view first = config.bind.front();
    if (first.starts_with('-')) first.remove_prefix(1);
    cluster.bind = first == "::*" ? "::" : first;
  }
  if (cluster.bind.empty()) cluster.bind = "*";
  return {};
}

std::expected<void, std::string> CheckOutside(const Config& config) {
  const int port = config.cluster_outside_port;
  if (port != 0 && config.cluster_outside_ip.empty()) {
    return std::unexpected("cluster-outside-ip: say at which host its clients reach the nodes");
  }
  if (port == 0 && !config.cluster_outside_ip.empty()) {
    return std::unexpected("cluster-outside-port: say at which port cluster-outside-ip is told");
  }
  if (port != 0 && port == config.port) {
    return std::unexpected(fmt::format(
        "cluster-outside-port: {} is `port`, whose clients are told other hosts", port));
  }
  return {};
}

}  // namespace

bool IsHost(std::string_view host) {
  return !host.empty() && host.size() <= kMaxHostBytes && host != "*" &&
         std::ranges::all_of(host, [](char c) { return c > ' ' && c < 0x7f; });
}

std::string ClusterMember::Address() const {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

const ClusterMember& ClusterConfig::member(cluster::NodeId id) const {
  const auto found = std::ranges::lower_bound(members, id, {}, &ClusterMember::id);
  storage::Check(found != members.end() && found->id == id, "it is a member");
  return *found;
}

std::expected<std::vector<ClusterMember>, std::string> ParseMembers(
    const std::vector<std::string>& words) {
  if (words.size() > kMaxMembers) {
    return std::unexpected(
        fmt::format("{} nodes, over the limit of {}", words.size(), kMaxMembers));
  }
  std::vector<ClusterMember> members;
  for (const std::string& word : words) {
    auto member = ParseMember(word);
    if (!member) return std::unexpected(member.error());
    for (const ClusterMember& other : members) {
      if (other.id == member->id) return Wrong(word, "the id is another node's already");
      if (other.port == member->port && other.host == member->host) {
        return Wrong(word, "the address is another node's already");
      }
    }
    members.push_back(std::move(*member));
  }
  std::ranges::sort(members, {}, &ClusterMember::id);
  return members;
}

std::expected<std::vector<cluster::NodeAddress>, std::string> ParseAddresses(
    const std::vector<std::string>& words) {
  if (words.size() > kMaxMembers) {
    return std::unexpected(
        fmt::format("{} addresses, over the limit of {}", words.size(), kMaxMembers));
  }
  std::vector<cluster::NodeAddress> addresses;
  addresses.reserve(words.size());
  for (const std::string& word : words) {
    if (!word.contains(':')) return Wrong(word, "not of the form HOST:PORT");
    auto address = ParseAddress(word, 0);
    if (!address) return std::unexpected(address.error());
    if (std::ranges::find(addresses, *address) != addresses.end()) {
      return Wrong(word, "the address stands there twice");
    }
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

std::vector<ClusterMember> MembersOf(const cluster::Topology& topology) {
  std::vector<ClusterMember> members;
  members.reserve(topology.members.size());
  for (const cluster::TopologyMember& member : topology.members) {
    members.push_back({.id = member.node,
                       .host = member.address.host,
                       .port = member.address.port,
                       .zone = member.zone});
  }
  return members;
}

std::expected<ClusterConfig, std::string> ClusterConfigOf(const Config& config) {
  if (auto outside = CheckOutside(config); !outside) return std::unexpected(outside.error());
  auto members = ParseMembers(config.cluster_nodes);
  if (!members) return std::unexpected("cluster-nodes: " + members.error());
  const auto self = SelfOf(config, *members);
  if (!self) return std::unexpected(self.error());
  const auto levels = LevelsOf(config);
  if (!levels) return std::unexpected(levels.error());
  if (config.dyn_deadline < config.dyn_rpc_timeout) {
    return std::unexpected(fmt::format("dyn-deadline: {} ms is less than the dyn-rpc-timeout of {}",
                                       config.dyn_deadline, config.dyn_rpc_timeout));
  }
  ClusterConfig cluster{
      .self = *self,
      .cluster_id = ClusterIdOf(config.cluster_name),
      .members = std::move(*members),
      .link_key = LinkKeyOf(config.cluster_secret),
      .bind = config.cluster_bind,
      .client_host = config.cluster_announce_ip,
      .client_port = config.cluster_announce_port != 0 ? config.cluster_announce_port : config.port,
      .levels = *levels,
      .rpc_timeout_us = config.dyn_rpc_timeout * kMicrosPerMilli,
      .deadline_us = config.dyn_deadline * kMicrosPerMilli,
      .link_sendbuf_limit = config.cluster_link_sendbuf_limit};
  cluster.join_key = KeyFor("join", SharedBy(config));
  cluster.gossip_key = KeyFor("gossip", SharedBy(config));
  if (!cluster.members.empty()) {
    if (cluster.bind.empty()) cluster.bind = cluster.member(*self).host;
    cluster.port = cluster.member(*self).port;
  }
  if (auto formed = TakeForming(config, cluster); !formed) return std::unexpected(formed.error());
  return cluster;
}

// Without the name, which the cluster's id stands for on a link: so what differs is the secret.
cluster::Mac LinkKeyOf(std::string_view secret) {
  return KeyFor("link", "secret " + std::string(secret));
}

uint64_t ClusterIdOf(std::string_view name) {
  // FNV-1a (RFC draft-eastlake-fnv), whose result is the same in every version for ever. Nobody
  // chooses names so that two collide: it keeps mistakes apart, not attackers.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace cartwheel::server
