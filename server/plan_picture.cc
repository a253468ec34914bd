#include "server/plan_picture.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "cluster/placement.h"
#include "cluster/vnode.h"
#include "server/ring_picture.h"
#include "storage/check.h"

namespace cartwheel::server {
namespace {

using cluster::NodeId;
using cluster::OwnerTable;
using cluster::TopologyMember;

std::span<const NodeId> OwnersOf(const OwnerTable& table, size_t partition) {
  return std::span(table.nodes).subspan(partition * table.copies, table.copies);
}

std::map<NodeId, size_t> PartitionsByNode(const OwnerTable& table) {
  std::map<NodeId, size_t> counts;
  for (const NodeId node : table.nodes) ++counts[node];
  return counts;
}

// Copies that come to be where there is none now.
size_t Moves(const OwnerTable& before, const OwnerTable& after) {
  size_t moves = 0;
  for (size_t partition = 0; partition < cluster::kPartitions; ++partition) {
    const auto were = OwnersOf(before, partition);
    for (const NodeId owner : OwnersOf(after, partition)) {
      if (std::ranges::find(were, owner) == were.end()) ++moves;
    }
  }
  return moves;
}

std::string_view ChangeOf(const TopologyMember& member) {
  if (!member.planned_weight) return "";
  if (member.weight == 0) return "joins";
  return *member.planned_weight == 0 ? "leaves" : "another weight";
}

// Partitions with more copies in one zone than the zones there are make necessary.
size_t ZoneViolations(const cluster::Topology& topology) {
  const size_t most = cluster::MostPerZone(cluster::OwningMembers(topology), topology.n);
  size_t violations = 0;
  for (size_t partition = 0; partition < cluster::kPartitions; ++partition) {
    std::map<std::string_view, size_t> copies;
    for (const NodeId owner : OwnersOf(topology.owners, partition)) {
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

}  // namespace

std::string PlanPicture(const cluster::Topology& topology, const ClusterMap& map,
                        const std::string& why_not) {
  storage::Check(map.nodes.size() == topology.members.size(), "a map is of the members");
  if (!HasPlan(topology)) return "nothing is planned\n";
  const bool empty = std::ranges::none_of(topology.members, &TopologyMember::weight_to_be);
  const cluster::Topology after = empty ? topology : Planned(topology);
  auto partitions_before = PartitionsByNode(topology.owners);
  auto partitions_after = PartitionsByNode(after.owners);
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
  const size_t moves = Moves(topology.owners, after.owners);
  const size_t copies = after.owners.nodes.size();
  text += fmt::format("\nmoves {} of {} copies of partitions, {:.1f} %\n", moves, copies,
                      100 * static_cast<double>(moves) / static_cast<double>(copies));
  text += fmt::format("copies of a partition: {}\n",
                      FromTo(topology.owners.copies, after.owners.copies));
  text += fmt::format("partitions with more copies in one zone than need be: {}\n",
                      FromTo(ZoneViolations(topology), ZoneViolations(after)));
  return text + (why_not.empty() ? "CLUSTER COMMIT carries it out\n"
                                 : "CLUSTER COMMIT cannot be done now: " + why_not + '\n');
}

}  // namespace cartwheel::server
