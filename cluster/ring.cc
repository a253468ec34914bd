#include "cluster/ring.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "cluster/rendezvous.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

struct Fallback {
  uint64_t weight;
  NodeId node;
  size_t zone;
};

}  // namespace

OwnerTable RotatedTable(std::span<const Member> members, size_t n) {
  std::vector<NodeId> nodes;
  for (const Member& member : members) nodes.push_back(member.node);
  std::ranges::sort(nodes);
  OwnerTable table{.copies = std::min(n, nodes.size()), .nodes = {}};
  table.nodes.reserve(table.copies * kPartitions);
  for (size_t partition = 0; partition < kPartitions; ++partition) {
    for (size_t i = 0; i < table.copies; ++i) {
      table.nodes.push_back(nodes[(partition + i) % nodes.size()]);
    }
  }
  return table;
}

Ring::Ring(std::vector<Member> members, const OwnerTable& owners)
    : members_(std::move(members)), copies_(owners.copies) {
  std::ranges::sort(members_, {}, &Member::node);
  storage::Check(!members_.empty() && members_.size() <= kMaxMembers,
                 "a ring has 1 to 512 members");
  storage::Check(members_.front().node != kNoNode &&
                     std::ranges::adjacent_find(members_, {}, &Member::node) == members_.end(),
                 "members are distinct");
  storage::Check(copies_ > 0 && owners.nodes.size() == copies_ * kPartitions,
                 "the table has the same number of owners for every partition");
  lists_.reserve(kPartitions * members_.size());
  for (size_t partition = 0; partition < kPartitions; ++partition) {
    ListPartition(static_cast<Partition>(partition),
                  std::span(owners.nodes).subspan(partition * copies_, copies_));
  }
}

void Ring::ListPartition(Partition partition, std::span<const NodeId> owners) {
  std::map<std::string_view, size_t> zones;
  std::vector<bool> used;
  std::vector<Fallback> fallbacks;
  for (const Member& member : members_) {
    const size_t zone = zones.try_emplace(member.zone, zones.size()).first->second;
    used.resize(zones.size());
    if (std::ranges::find(owners, member.node) != owners.end()) {
      used[zone] = true;
    } else {
      fallbacks.push_back({Rendezvous(partition, member.node), member.node, zone});
    }
  }
  storage::Check(fallbacks.size() + owners.size() == members_.size(),
                 "a partition's owners are distinct members");
  std::ranges::sort(fallbacks, [](const Fallback& a, const Fallback& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.node < b.node;
  });
  lists_.insert(lists_.end(), owners.begin(), owners.end());
  const auto opens_a_zone = [&used](const Fallback& fallback) {
    if (used[fallback.zone]) return false;
    used[fallback.zone] = true;
    return true;
  };
  std::vector<NodeId> others;
  for (const Fallback& fallback : fallbacks) {
    (opens_a_zone(fallback) ? lists_ : others).push_back(fallback.node);
  }
  lists_.insert(lists_.end(), others.begin(), others.end());
}

std::span<const NodeId> Ring::PreferenceList(Partition partition) const {
  return std::span(lists_).subspan(partition * members_.size(), members_.size());
}

std::span<const NodeId> Ring::OwnersOf(Partition partition) const {
  return PreferenceList(partition).first(copies_);
}

bool Ring::Owns(NodeId node, Partition partition) const {
  const auto owners = OwnersOf(partition);
  return std::ranges::find(owners, node) != owners.end();
}

}  // namespace cartwheel::cluster
