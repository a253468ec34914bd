// The cluster as the configuration has it: who the members are, which of them this node is, and
// what a request asks of them unless it says otherwise.
//
// Members are in the order of their ids, each id and each address once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/auto_commit.h"
#include "cluster/levels.h"
#include "cluster/mac.h"
#include "cluster/node_id.h"
#include "cluster/topology.h"

namespace cartwheel::server {

struct Config;

// Each node keeps two connections to every other.
inline constexpr size_t kMaxMembers = 512;

struct ClusterMember {
  cluster::NodeId id = cluster::kNoNode;
  std::string host;  // a name or an address, IPv6 without brackets
  int port = 0;      // on which it listens for the other members
  std::string zone{};

  // HOST:PORT, as in the configuration.
  std::string Address() const;
  bool operator==(const ClusterMember&) const = default;
};

struct ClusterConfig {
  // Of a fixed list. Where members come and go these are of the data, and may change.
  cluster::NodeId self = cluster::kNoNode;
  uint64_t cluster_id = 0;
  std::vector<ClusterMember> members;  // this node among them
  cluster::Mac link_key{};             // that links are proven with

  bool forms = false;                        // members come and go
  std::vector<cluster::NodeAddress> join{};  // if so: whom to ask for a cluster
  std::string zone{};
  uint32_t weight = 1;
  cluster::AutoCommit auto_commit = cluster::AutoCommit::kWhenEmpty;
  cluster::Mac join_key{};  // of what is asked and answered

  cluster::Mac gossip_key{};  // of all packets about who is alive

  // Where the others reach it, as far as that is given; 0: at `port`.
  std::string announced_host{};
  int announced_port = 0;

  std::string bind;  // where it listens for the others: a name or an address, or *
  int port = 0;
  // Where clients reach this node, as the others tell them. Empty: the host of its own entry.
  std::string client_host;
  int client_port = 0;
  cluster::Levels levels;
  int64_t rpc_timeout_us = 0;
  int64_t deadline_us = 0;          // of a request
  uint64_t link_sendbuf_limit = 0;  // bytes that a peer has not taken yet

  bool alone() const { return members.empty() && !forms; }
  // Of an id that is a member's.
  const ClusterMember& member(cluster::NodeId id) const;
};

// A name or an address that can be looked up, as far as its letters tell.
bool IsHost(std::string_view host);

// The words of `cluster-nodes`, ID=HOST:PORT each, sorted by id. The error says what is wrong with
// which word.
std::expected<std::vector<ClusterMember>, std::string> ParseMembers(
    const std::vector<std::string>& words);

// The words of `cluster-join`, HOST:PORT each.
std::expected<std::vector<cluster::NodeAddress>, std::string> ParseAddresses(
    const std::vector<std::string>& words);
std::vector<ClusterMember> MembersOf(const cluster::Topology& topology);

// What the options say together. The error begins with the name of the option that is wrong.
std::expected<ClusterConfig, std::string> ClusterConfigOf(const Config& config);

// What tells one cluster's nodes from another's.
uint64_t ClusterIdOf(std::string_view name);
// What they prove to each other that they know. Without a secret it is what everybody knows, and
// only mistakes are found out.
cluster::Mac LinkKeyOf(std::string_view secret);

}  // namespace cartwheel::server
