#include "server/plan_picture.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "cluster/moves.h"
#include "cluster/placement.h"
#include "cluster/vnode.h"
#include "server/ring_picture.h"
#include "storage/check.h"

namespace cartwheel::server {
namespace {

using cluster::NodeId;
using cluster::OwnerTable;
using cluster::TopologyMember;

// Without a limit two nodes of one machine came to about so much.
constexpr uint64_t kUsualBandwidth = 30'000'000;

std::map<NodeId, size_t> PartitionsByNode(const OwnerTable& table) {
  std::map<NodeId, size_t> counts;
  for (size_t partition = 0; partition < cluster::kPartitions; ++partition) {
    for (const NodeId node : RowOf(table, static_cast<cluster::Partition>(partition))) {
      ++counts[node];
    }
  }
  return counts;
}

// Copies that come to be where there is none now, by the member that gets them.
std::map<NodeId, size_t> Arrivals(const OwnerTable& before, const OwnerTable& after) {
  std::map<NodeId, size_t> arrivals;
  for (size_t i = 0; i < cluster::kPartitions; ++i) {
    const auto partition = static_cast<cluster::Partition>(i);
    const auto were = RowOf(before, partition);
    for (const NodeId owner : RowOf(after, partition)) {
      if (std::ranges::find(were, owner) == were.end()) ++arrivals[owner];
    }
  }
  return arrivals;
}

std::string_view ChangeOf(const TopologyMember& member) {
  if (member.gone) return "is gone";
  if (!member.planned_weight) return member.weight == 0 ? "leaves" : "";
  if (member.weight == 0) return "joins";
  return *member.planned_weight == 0 ? "leaves" : "another weight";
}

// Partitions with more copies in one zone than the zones there are make necessary.
size_t ZoneViolations(const cluster::Topology& topology) {
  const size_t most = cluster::MostPerZone(cluster::OwningMembers(topology), topology.n);
  size_t violations = 0;
  for (size_t partition = 0; partition < cluster::kPartitions; ++partition) {
    std::map<std::string_view, size_t> copies;
    for (const NodeId owner : RowOf(topology.owners, static_cast<cluster::Partition>(partition))) {
      ++copies[FindMember(topology, owner)->zone];
    }
    if (std::ranges::any_of(copies, [most](const auto& zone) { return zone.second > most; })) {
      ++violations;
    }
  }
  return violations;
}

std::string FromTo(size_t before, size_t after) {
  return before == after ? fmt::format("{}", before) : fmt::format("{} -> {}", before, after);
}

// Of one copy of a partition, about.
uint64_t BytesOfCopy(const cluster::Topology& topology, const PlanFacts& facts) {
  uint64_t bytes = 0;
  size_t copies = 0;
  const auto held = PartitionsByNode(topology.owners);
  for (const auto& [node, told] : facts.told) {
    const auto partitions = held.find(node);
    if (partitions == held.end()) continue;
    bytes += told.bytes;
    copies += partitions->second;
  }
  return copies == 0 ? 0 : bytes / copies;
}

std::string Size(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"bytes", "KB", "MB", "GB", "TB"};
  constexpr double kStep = 1000;
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  for (; size >= kStep && unit + 1 < std::size(kUnits); ++unit) size /= kStep;
  return fmt::format("{:.{}f} {}", size, unit == 0 ? 0 : 1, kUnits[unit]);
}

// They come to all members at once, to each as fast as the limit allows.
std::string Amount(const cluster::Topology& topology, const std::map<NodeId, size_t>& arrivals,
                   const PlanFacts& facts) {
  const uint64_t of_copy = BytesOfCopy(topology, facts);
  size_t copies = 0;
  size_t most = 0;
  for (const auto& [node, count] : arrivals) {
    copies += count;
    most = std::max(most, count);
  }
  const uint64_t bandwidth = facts.bandwidth == 0 ? kUsualBandwidth : facts.bandwidth;
  return fmt::format("about {}, {} seconds or more", Size(of_copy * copies),
                     1 + of_copy * most / bandwidth);
}

std::string Members(const cluster::Topology& topology, const OwnerTable& after,
                    const ClusterMap& map) {
  auto partitions_before = PartitionsByNode(topology.owners);
  auto partitions_after = PartitionsByNode(after);
  constexpr std::string_view kRow = "{:16}  {:28}  {:>14}  {:>14}  {}";
  std::string text = fmt::format(kRow, "node", "address", "weight", "partitions", "change") + '\n';
  for (size_t i = 0; i < topology.members.size(); ++i) {
    const TopologyMember& member = topology.members[i];
    std::string line = fmt::format(
        kRow, fmt::format("{:016x}", static_cast<uint64_t>(member.node)), AddressText(map.nodes[i]),
        FromTo(member.weight, member.weight_to_be()),
        FromTo(partitions_before[member.node], partitions_after[member.node]), ChangeOf(member));
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string WhatNext(const cluster::Topology& topology, const PlanFacts& facts) {
  if (HasPlan(topology) || !topology.halt.empty()) {
    return facts.why_not.empty() ? "CLUSTER COMMIT carries it out\n"
                                 : "CLUSTER COMMIT cannot be done now: " + facts.why_not + '\n';
  }
  return "CLUSTER CANCEL stops it\n";
}

}  // namespace

std::string PlanPicture(const cluster::Topology& topology, const ClusterMap& map,
                        const PlanFacts& facts) {
  storage::Check(map.nodes.size() == topology.members.size(), "a map is of the members");
  if (!HasPlan(topology) && IsSettled(topology)) return "nothing is planned\n";
  const bool empty = std::ranges::none_of(topology.members, &TopologyMember::weight_to_be);
  cluster::Topology after = empty ? topology : Planned(topology, cluster::Placing::kByMoves);
  if (!empty) after.owners = TargetOf(after);
  const auto arrivals = Arrivals(topology.owners, after.owners);
  size_t moves = 0;
  for (const auto& [node, count] : arrivals) moves += count;
  size_t copies = 0;
  for (const auto& [node, count] : PartitionsByNode(after.owners)) copies += count;
  std::string text = Members(topology, after.owners, map);
  text += fmt::format("\nmoves {} of {} copies of partitions, {:.1f} %: {}\n", moves, copies,
                      100 * static_cast<double>(moves) / static_cast<double>(copies),
                      Amount(topology, arrivals, facts));
  if (!topology.moves.empty()) {
    text += fmt::format("on their way now: {} partitions\n", topology.moves.size());
  }
  if (!topology.halt.empty()) text += "nothing is moved: " + topology.halt + '\n';
  text += fmt::format("copies of a partition: {}\n",
                      FromTo(topology.owners.copies, after.owners.copies));
  text += fmt::format("partitions with more copies in one zone than need be: {}\n",
                      FromTo(ZoneViolations(topology), ZoneViolations(after)));
  return text + WhatNext(topology, facts);
}

}  // namespace cartwheel::server
