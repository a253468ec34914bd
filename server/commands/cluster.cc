// CLUSTER and what belongs to it, as cluster-aware clients ask. A node alone answers like a Redis
// whose cluster mode is off.
#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "cluster/scan_place.h"
#include "cluster/slot.h"
#include "server/cluster_errors.h"
#include "server/cluster_map.h"
#include "server/commands/cluster_reply.h"
#include "server/handlers.h"
#include "server/ring_picture.h"
#include "server/server.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

using cluster::Slot;
using Node = ClusterMap::Node;

constexpr std::string_view kInvalidSlot = "ERR Invalid or out of range slot";

// nullopt after the error reply.
std::optional<Slot> TakeSlot(CommandContext& context, std::string_view text) {
  const auto number = ParseInteger(text);
  if (number && *number >= 0 && *number < cluster::kSlotCount) return static_cast<Slot>(*number);
  context.reply.Error(kInvalidSlot);
  return std::nullopt;
}

// As in Redis: out of this node's reach, or lost as members agree.
std::string_view FailureOf(const CommandContext& context, const Node& node) {
  if (node.healthy) return "";
  const cluster::Swim& swim = context.server.gateway()->node().gossip().swim();
  return swim.HealthOf(node.id) == cluster::Health::kDead ? ",fail" : ",fail?";
}

// As "id host:port@cport flags master ping pong epoch link slots".
std::string LineOf(const CommandContext& context, const Node& node) {
  std::string line =
      fmt::format("{} {}:{}@{} {}master{} - 0 0 1 {}", IdOf(context, node.id), node.address.host,
                  node.address.port, node.cluster_port, node.is_self ? "myself," : "",
                  FailureOf(context, node), node.healthy ? "connected" : "disconnected");
  for (const auto& [first, last] : node.slots) {
    line += first == last ? fmt::format(" {}", first) : fmt::format(" {}-{}", first, last);
  }
  return line + '\n';
}

void ReplyText(CommandContext& context, std::string_view key, std::string_view value) {
  context.reply.Bulk(key);
  context.reply.Bulk(value);
}

void ReplyShardNode(CommandContext& context, const Node& node) {
  constexpr size_t kFields = 7;
  context.reply.Map(kFields);
  ReplyText(context, "id", IdOf(context, node.id));
  context.reply.Bulk("port");
  context.reply.Integer(node.address.port);
  ReplyText(context, "ip", node.address.host);
  ReplyText(context, "endpoint", node.address.host);
  ReplyText(context, "role", "master");
  context.reply.Bulk("replication-offset");
  context.reply.Integer(0);
  ReplyText(context, "health", "online");
}

// Keys of this node's replica, `count` at most.
std::vector<std::string> KeysIn(CommandContext& context, Slot slot, size_t count) {
  std::vector<std::string> keys;
  const cluster::ScanPlace until = cluster::PlaceOf(static_cast<Slot>(slot + 1), 0);
  for (cluster::ScanPlace from = cluster::PlaceOf(slot, 0); from < until && keys.size() < count;) {
    auto page = context.server.store().List(context.session.database, from, until,
                                            count - keys.size(), context.now.unix_ms());
    std::ranges::move(page.keys, std::back_inserter(keys));
    from = page.next;
  }
  keys.resize(std::min(keys.size(), count));
  return keys;
}

}  // namespace

void ClusterHelp(CommandContext& context) {
  if (InCluster(context)) ContainerHelp(context);
}

void ClusterInfo(CommandContext& context) {
  if (!InCluster(context)) return;
  const ClusterMap map = context.server.MapOfCluster(context.session);
  const size_t lost = static_cast<size_t>(
      std::ranges::count_if(map.nodes, [](const Node& node) { return !node.healthy; }));
  const Forming* const forming = context.server.forming();
  const uint64_t epoch = forming == nullptr ? 1 : forming->membership().epoch();
  const bool formed = context.server.is_formed();
  context.reply.Verbatim(fmt::format("cluster_state:{4}\r\ncluster_slots_assigned:{0}\r\n"
                                     "cluster_slots_ok:{0}\r\ncluster_slots_pfail:0\r\n"
                                     "cluster_slots_fail:0\r\ncluster_known_nodes:{1}\r\n"
                                     "cluster_size:{1}\r\ncluster_current_epoch:{3}\r\n"
                                     "cluster_my_epoch:{3}\r\ncluster_nodes_lost:{2}\r\n",
                                     formed ? cluster::kSlotCount : 0, map.nodes.size(), lost,
                                     epoch, formed ? "ok" : "fail"),
                         "txt");
}

void ClusterSlots(CommandContext& context) {
  if (!InCluster(context)) return;
  const ClusterMap map = context.server.MapOfCluster(context.session);
  std::vector<std::pair<Node::Range, const Node*>> ranges;
  for (const Node& node : map.nodes) {
    for (const Node::Range& range : node.slots) ranges.emplace_back(range, &node);
  }
  std::ranges::sort(ranges, {}, [](const auto& each) { return each.first.first; });
  context.reply.Array(ranges.size());
  for (const auto& [range, node] : ranges) {
    context.reply.Array(3);
    context.reply.Integer(range.first);
    context.reply.Integer(range.last);
    context.reply.Array(4);
    context.reply.Bulk(node->address.host);
    context.reply.Integer(node->address.port);
    context.reply.Bulk(IdOf(context, node->id));
    context.reply.Array(0);
  }
}

void ClusterShards(CommandContext& context) {
  if (!InCluster(context)) return;
  const ClusterMap map = context.server.MapOfCluster(context.session);
  const auto listed = static_cast<size_t>(std::ranges::count_if(map.nodes, &Node::listed));
  context.reply.Array(listed);
  for (const Node& node : map.nodes) {
    if (!node.listed()) continue;
    context.reply.Map(2);
    context.reply.Bulk("slots");
    context.reply.Array(2 * node.slots.size());
    for (const auto& [first, last] : node.slots) {
      context.reply.Integer(first);
      context.reply.Integer(last);
    }
    context.reply.Bulk("nodes");
    context.reply.Array(1);
    ReplyShardNode(context, node);
  }
}

void ClusterNodes(CommandContext& context) {
  if (!InCluster(context)) return;
  std::string text;
  for (const Node& node : context.server.MapOfCluster(context.session).nodes)
    text += LineOf(context, node);
  context.reply.Verbatim(text, "txt");
}

void ClusterRing(CommandContext& context) {
  if (!InCluster(context)) return;
  if (!context.server.is_formed()) {
    return context.reply.Error(context.server.forming()->WhyUnformed());
  }
  const cluster::Ring& ring = context.server.gateway()->node().ring();
  context.reply.Verbatim(RingPicture(ring, context.server.MapOfCluster(context.session)), "txt");
}

// Both directions stand or fall together here.
void ClusterLinks(CommandContext& context) {
  if (!InCluster(context)) return;
  const auto& links = context.server.links();
  context.reply.Array(2 * links.size());
  for (const auto& [node, since_ms] : links) {
    const size_t waiting = context.server.gateway()->node().peers().Backlog(node);
    for (const std::string_view direction : {"to", "from"}) {
      constexpr size_t kFields = 6;
      const auto buffered = static_cast<int64_t>(direction == "to" ? waiting : 0);
      context.reply.Map(kFields);
      ReplyText(context, "direction", direction);
      ReplyText(context, "node", IdOf(context, node));
      context.reply.Bulk("create-time");
      context.reply.Integer(since_ms);
      ReplyText(context, "events", buffered > 0 ? "rw" : "r");
      context.reply.Bulk("send-buffer-allocated");
      context.reply.Integer(buffered);
      context.reply.Bulk("send-buffer-used");
      context.reply.Integer(buffered);
    }
  }
}

void ClusterMyId(CommandContext& context) {
  if (!InCluster(context)) return;
  context.reply.Bulk(IdOf(context, context.server.gateway()->options().self));
}

void ClusterMyShardId(CommandContext& context) {
  if (!InCluster(context)) return;
  const ClusterOptions& options = context.server.gateway()->options();
  context.reply.Bulk(RedisShardId(options.cluster_id, options.self));
}

void ClusterKeySlot(CommandContext& context) {
  if (!InCluster(context)) return;
  context.reply.Integer(cluster::SlotOf(context.args[2]));
}

void ClusterCountKeysInSlot(CommandContext& context) {
  if (!InCluster(context)) return;
  if (const auto slot = TakeSlot(context, context.args[2])) {
    context.reply.Integer(static_cast<int64_t>(KeysIn(context, *slot, SIZE_MAX).size()));
  }
}

void ClusterGetKeysInSlot(CommandContext& context) {
  if (!InCluster(context)) return;
  const auto slot = TakeSlot(context, context.args[2]);
  if (!slot) return;
  const auto count = ParseInteger(context.args[3]);
  if (!count || *count < 0) return context.reply.Error("ERR Invalid number of keys");
  const auto keys = KeysIn(context, *slot, static_cast<size_t>(*count));
  context.reply.Array(keys.size());
  for (const std::string& key : keys) context.reply.Bulk(key);
}

// Nobody is anybody's replica.
void ClusterReplicas(CommandContext& context) {
  if (InCluster(context) && TakeNode(context, context.args[2])) context.reply.Array(0);
}

// As far as this node has heard: others are not asked.
void ClusterCountFailureReports(CommandContext& context) {
  if (!InCluster(context)) return;
  if (const auto node = TakeNode(context, context.args[2])) {
    const size_t others = context.server.gateway()->node().gossip().swim().SuspectedBy(node->id);
    context.reply.Integer(node->healthy ? 0 : std::max<int64_t>(1, static_cast<int64_t>(others)));
  }
}

void ClusterReset(CommandContext& context) {
  if (!InCluster(context)) return;
  context.reply.Error("ERR a node does not leave its cluster by itself; nothing was changed");
}

// Any node reads and writes any key: these three matter under cluster-redirect alone.
void Asking(CommandContext& context) {
  if (!InCluster(context)) return;
  context.session.asking = true;
  context.reply.Ok();
}

void ReadOnly(CommandContext& context) {
  if (!InCluster(context)) return;
  context.session.reads_anywhere = true;
  context.reply.Ok();
}

void ReadWrite(CommandContext& context) {
  if (!InCluster(context)) return;
  context.session.reads_anywhere = false;
  context.reply.Ok();
}

}  // namespace cartwheel::server
