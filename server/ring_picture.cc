#include "server/ring_picture.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cluster/vnode.h"
#include "storage/check.h"

namespace cartwheel::server {
namespace {

struct Share {
  uint64_t weight = 0;
  size_t partitions = 0;
  size_t first = 0;  // of these: its owner is the first one

  void Add(const Share& other) {
    weight += other.weight;
    partitions += other.partitions;
    first += other.first;
  }
};

// Partitions by how many of their copies lie on lost nodes.
struct Lost {
  size_t all = 0;
  size_t some = 0;
};

struct Row {
  std::string name;
  std::string address;
  Share share;
  std::string state;
};

std::string Count(size_t number, std::string_view of) {
  return fmt::format("{} {}{}", number, of, number == 1 ? "" : "s");
}

std::string_view StateOf(const ClusterMap::Node& node) {
  if (node.is_self) return "this node";
  return node.healthy ? "ok" : "lost";
}

// By the place of a member.
std::vector<Share> SharesOf(const cluster::Ring& ring, const ClusterMap& map, Lost& lost) {
  const auto members = ring.members();
  std::vector<Share> shares(members.size());
  for (size_t i = 0; i < members.size(); ++i) shares[i].weight = members[i].weight;
  for (cluster::Partition partition = 0; partition < cluster::kPartitions; ++partition) {
    size_t lost_copies = 0;
    bool first = true;
    const auto owners = ring.OwnersOf(partition);
    for (const cluster::NodeId owner : owners) {
      const auto at = static_cast<size_t>(
          std::ranges::lower_bound(members, owner, {}, &cluster::Member::node) - members.begin());
      ++shares[at].partitions;
      if (std::exchange(first, false)) ++shares[at].first;
      if (!map.nodes[at].healthy) ++lost_copies;
    }
    if (lost_copies == owners.size()) {
      ++lost.all;
    } else if (lost_copies > 0) {
      ++lost.some;
    }
  }
  return shares;
}

// Each zone, then its nodes; all together last.
std::vector<Row> RowsOf(const cluster::Ring& ring, const ClusterMap& map,
                        const std::vector<Share>& shares) {
  std::map<std::string_view, std::vector<size_t>> zones;
  for (size_t i = 0; i < shares.size(); ++i) zones[ring.members()[i].zone].push_back(i);
  std::vector<Row> rows;
  Row total{.name = "total", .address = {}, .share = {}, .state = {}};
  for (const auto& [zone, places] : zones) {
    const size_t heading = rows.size();
    rows.push_back({.name = zone.empty() ? "no zone" : fmt::format("zone {}", zone),
                    .address = Count(places.size(), "node"),
                    .share = {},
                    .state = {}});
    for (const size_t at : places) {
      const ClusterMap::Node& node = map.nodes[at];
      rows.push_back({.name = fmt::format("  {:016x}", static_cast<uint64_t>(node.id)),
                      .address = AddressText(node),
                      .share = shares[at],
                      .state = std::string(StateOf(node))});
      rows[heading].share.Add(shares[at]);
    }
    total.share.Add(rows[heading].share);
  }
  total.address = Count(shares.size(), "node");
  const auto lost = std::ranges::count(map.nodes, false, &ClusterMap::Node::healthy);
  total.state = lost == 0 ? "all ok" : fmt::format("{} lost", lost);
  rows.push_back(std::move(total));
  return rows;
}

}  // namespace

std::string AddressText(const ClusterMap::Node& node) {
  return fmt::format("{}:{}@{}", node.address.host, node.address.port, node.cluster_port);
}

std::string RingPicture(const cluster::Ring& ring, const ClusterMap& map) {
  storage::Check(map.nodes.size() == ring.members().size(), "a map is of the ring's members");
  Lost lost;
  const std::vector<Row> rows = RowsOf(ring, map, SharesOf(ring, map, lost));
  size_t name_width = 0;
  size_t address_width = 0;
  for (const Row& row : rows) {
    name_width = std::max(name_width, row.name.size());
    address_width = std::max(address_width, row.address.size());
  }
  std::string text =
      fmt::format("{:{}}  {:{}}  {:>7}  {:>10}  {:>7}  {:>6}  {}\n", "node", name_width, "address",
                  address_width, "weight", "partitions", "share", "first", "state");
  const size_t all_copies = rows.back().share.partitions;
  const auto copies = static_cast<double>(all_copies);
  for (const Row& row : rows) {
    const double percent = 100 * static_cast<double>(row.share.partitions) / copies;
    std::string line = fmt::format("{:{}}  {:{}}  {:>7}  {:>10}  {:>5.1f} %  {:>6}  {}", row.name,
                                   name_width, row.address, address_width, row.share.weight,
                                   row.share.partitions, percent, row.share.first, row.state);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  text += fmt::format("\n{} partitions, {} of each, {} in all\n", cluster::kPartitions,
                      ring.copies() == 1 ? "1 copy" : fmt::format("{} copies", ring.copies()),
                      all_copies);
  text += fmt::format("on lost nodes: all copies of {}, some copies of {}\n",
                      Count(lost.all, "partition"), Count(lost.some, "partition"));
  size_t moving = 0;
  for (cluster::Partition i = 0; i < cluster::kPartitions; ++i) moving += ring.IsMoving(i) ? 1 : 0;
  if (moving > 0)
    text += fmt::format("on their way to other owners: {}\n", Count(moving, "partition"));
  return text;
}

}  // namespace cartwheel::server
