// CLUSTER MEET, JOIN, LEAVE, REPLACE, REWEIGHT, PLAN, COMMIT, CANCEL and FORGET: who the members of
// the cluster are to be.
#include <optional>
#include <string>
#include <string_view>

#include "server/cluster_config.h"
#include "server/commands/cluster_reply.h"
#include "server/forming.h"
#include "server/handlers.h"
#include "server/plan_picture.h"
#include "server/server.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

// nullptr after the error reply.
Forming* TakeForming(CommandContext& context) {
  if (!InCluster(context)) return nullptr;
  Forming* const forming = context.server.forming();
  if (forming == nullptr) {
    context.reply.Error("ERR the members of this cluster are those of cluster-nodes");
  }
  return forming;
}

// The host and port of a node for clients, and its cluster-port where that is not 10000 more.
// nullopt after the error reply.
std::optional<cluster::NodeAddress> TakeAddress(CommandContext& context) {
  constexpr int64_t kMaxPort = 65535;
  constexpr int64_t kBusPortOffset = 10'000;
  const std::string_view host = context.args[2];
  const auto port = ParseInteger(context.args[3]);
  const bool says_bus_port = context.args.size() > 4;
  const auto bus_port = says_bus_port ? ParseInteger(context.args[4]) : port;
  if (context.args.size() > 5) {
    context.reply.Error("ERR syntax error");
    return std::nullopt;
  }
  const bool good = port && bus_port && *port > 0 && *port <= kMaxPort && *bus_port > 0;
  const int64_t asked = good && !says_bus_port ? *bus_port + kBusPortOffset : bus_port.value_or(0);
  if (!good || asked > kMaxPort || !IsHost(host)) {
    context.reply.Error("ERR Invalid node address specified: " + std::string(host) + ":" +
                        std::string(context.args[3]));
    return std::nullopt;
  }
  return cluster::NodeAddress{.host = std::string(host), .port = static_cast<uint16_t>(asked)};
}

void ReplyUnless(CommandContext& context, const std::string& reason) {
  if (reason.empty()) {
    context.reply.Ok();
  } else {
    context.reply.Error("ERR " + reason);
  }
}

}  // namespace

void ClusterMeet(CommandContext& context) {
  Forming* const forming = TakeForming(context);
  if (forming == nullptr) return;
  const auto address = TakeAddress(context);
  if (!address) return;
  forming->Meet(*address);
  context.reply.Ok();
}

// As CLUSTER MEET, for who wants to be told at once that it will come to nothing.
void ClusterJoin(CommandContext& context) {
  Forming* const forming = TakeForming(context);
  if (forming == nullptr) return;
  const auto address = TakeAddress(context);
  if (!address) return;
  if (const std::string reason = forming->WhyNotJoin(); !reason.empty()) {
    return context.reply.Error("ERR this node cannot join another cluster: " + reason);
  }
  forming->Meet(*address);
  context.reply.Ok();
}

void ClusterPlan(CommandContext& context) {
  const Forming* const forming = TakeForming(context);
  if (forming == nullptr) return;
  const cluster::Topology* const topology = forming->membership().topology();
  if (topology == nullptr) return context.reply.Error(forming->WhyUnformed());
  PlanFacts facts{.why_not = forming->membership().WhyNotCommit(),
                  .bandwidth = context.server.config().cluster_move_bandwidth,
                  .told = {}};
  for (const cluster::TopologyMember& member : topology->members) {
    const auto* const news = forming->membership().NewsOf(member.node);
    if (news != nullptr) facts.told[member.node] = {.keys = news->keys, .bytes = news->bytes};
  }
  context.reply.Verbatim(
      PlanPicture(*topology, context.server.MapOfCluster(context.session), facts), "txt");
}

void ClusterCommit(CommandContext& context) {
  Forming* const forming = TakeForming(context);
  if (forming != nullptr) ReplyUnless(context, forming->Commit(context.now));
}

// Of this node, or of the one that is named.
void ClusterLeave(CommandContext& context) {
  Forming* const forming = TakeForming(context);
  if (forming == nullptr) return;
  if (context.args.size() > 3) return context.reply.Error("ERR syntax error");
  cluster::NodeId node = context.server.gateway()->node().self();
  if (context.args.size() > 2) {
    const auto named = TakeNode(context, context.args[2]);
    if (!named) return;
    node = named->id;
  }
  ReplyUnless(context, forming->Leave(node, context.now));
}

void ClusterReweight(CommandContext& context) {
  Forming* const forming = TakeForming(context);
  if (forming == nullptr) return;
  const auto node = TakeNode(context, context.args[2]);
  if (!node) return;
  const auto weight = ParseInteger(context.args[3]);
  if (!weight || *weight < 1 || *weight > cluster::kMaxWeight) {
    return context.reply.Error("ERR the weight is a number from 1 to " +
                               std::to_string(cluster::kMaxWeight) +
                               "; CLUSTER LEAVE is for who is to hold nothing");
  }
  ReplyUnless(context, forming->Reweight(node->id, static_cast<uint32_t>(*weight), context.now));
}

void ClusterReplace(CommandContext& context) {
  Forming* const forming = TakeForming(context);
  if (forming == nullptr) return;
  const auto old = TakeNode(context, context.args[2]);
  const auto by = old ? TakeNode(context, context.args[3]) : std::nullopt;
  if (by) ReplyUnless(context, forming->Replace(old->id, by->id, context.now));
}

// ---- what its members hold

void ClusterVerify(CommandContext& context) {
  if (!InCluster(context)) return;
  if (context.session.in_exec) {
    return context.reply.Error("ERR CLUSTER VERIFY isn't allowed in a transaction");
  }
  const bool with_keys = context.args.size() > 2;
  if (context.args.size() > 3 || (with_keys && !EqualsIgnoreCase(context.args[2], "keys"))) {
    return context.reply.Error("ERR CLUSTER VERIFY takes KEYS, or nothing");
  }
  context.server.ReplyVerified(context.session, with_keys, context.now);
}

void ClusterRepair(CommandContext& context) {
  if (!InCluster(context)) return;
  std::optional<cluster::Partition> partition;
  if (context.args.size() > 2) {
    const auto number = ParseInteger(context.args[2]);
    if (context.args.size() > 3 || !number || *number < 0 || *number >= cluster::kPartitions) {
      return context.reply.Error("ERR CLUSTER REPAIR takes a partition from 0 to " +
                                 std::to_string(cluster::kPartitions - 1) + ", or nothing");
    }
    partition = static_cast<cluster::Partition>(*number);
  }
  context.server.gateway()->node().anti_entropy().CompareNow(partition, context.now.monotonic_us);
  context.reply.Ok();
}

void ClusterCancel(CommandContext& context) {
  Forming* const forming = TakeForming(context);
  if (forming != nullptr) ReplyUnless(context, forming->Cancel(context.now));
}

// Here for the whole cluster, in a Redis Cluster for the node that is asked.
void ClusterForget(CommandContext& context) {
  Forming* const forming = TakeForming(context);
  if (forming == nullptr) return;
  const auto node = TakeNode(context, context.args[2]);
  if (!node) return;
  if (node->is_self) {
    return context.reply.Error("ERR I tried hard but I can't forget myself...");
  }
  ReplyUnless(context, forming->Forget(node->id, context.now));
}

}  // namespace cartwheel::server
