#include "cluster/ring.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "cluster/rendezvous.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

struct Fallback {
  bool last;
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

// ---- tables

std::span<const NodeId> RowOf(const OwnerTable& table, Partition partition) {
  const auto row = std::span(table.nodes).subspan(partition * table.copies, table.copies);
  return {row.begin(), std::ranges::find(row, kNoNode)};
}

void SetRow(OwnerTable& table, Partition partition, std::span<const NodeId> owners) {
  storage::Check(!owners.empty(), "every partition has owners");
  if (owners.size() > table.copies) {
    OwnerTable wider{.copies = owners.size(), .nodes = {}};
    wider.nodes.resize(wider.copies * kPartitions, kNoNode);
    for (size_t i = 0; i < table.nodes.size(); ++i) {
      wider.nodes[i / table.copies * wider.copies + i % table.copies] = table.nodes[i];
    }
    table = std::move(wider);
  }
  const auto row = std::span(table.nodes).subspan(partition * table.copies, table.copies);
  std::ranges::fill(std::ranges::copy(owners, row.begin()).out, row.end(), kNoNode);
}

void Tighten(OwnerTable& table) {
  OwnerTable tight;
  for (size_t partition = 0; partition < kPartitions; ++partition) {
    tight.copies = std::max(tight.copies, RowOf(table, static_cast<Partition>(partition)).size());
  }
  if (tight.copies == table.copies) return;
  tight.nodes.resize(tight.copies * kPartitions, kNoNode);
  for (size_t partition = 0; partition < kPartitions; ++partition) {
    SetRow(tight, static_cast<Partition>(partition),
           RowOf(table, static_cast<Partition>(partition)));
  }
  table = std::move(tight);
}

// ---- the ring

Ring::Ring(std::vector<Member> members, const OwnerTable& owners, std::span<const Move> moves,
           std::span<const uint64_t> epochs, const Ring* before)
    : members_(std::move(members)), copies_(owners.copies), rows_(kPartitions) {
  std::ranges::sort(members_, {}, &Member::node);
  storage::Check(!members_.empty() && members_.size() <= kMaxMembers,
                 "a ring has 1 to 512 members");
  storage::Check(members_.front().node != kNoNode &&
                     std::ranges::adjacent_find(members_, {}, &Member::node) == members_.end(),
                 "members are distinct");
  storage::Check(copies_ > 0 && copies_ <= kMaxCopies &&
                     owners.nodes.size() == copies_ * kPartitions &&
                     (epochs.empty() || epochs.size() == kPartitions),
                 "the table has the same number of places for every partition");
  std::vector<const Move*> move_of(kPartitions);
  for (const Move& move : moves) move_of[move.partition] = &move;
  lists_.reserve(kPartitions * members_.size());
  const bool same_members = before != nullptr && before->members_ == members_;
  for (size_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<Partition>(i);
    if (!epochs.empty()) rows_[i].epoch = epochs[i];
    const auto row = RowOf(owners, partition);
    storage::Check(!row.empty(), "every partition has owners");
    const std::vector<NodeId> holders = SetHolders(rows_[i], row, move_of[i]);
    if (same_members && std::ranges::equal(before->HoldersOf(partition), holders)) {
      const auto list = before->PreferenceList(partition);
      lists_.insert(lists_.end(), list.begin(), list.end());
    } else {
      ListPartition(partition, holders);
    }
    if (move_of[i] != nullptr) copies_ = std::max(copies_, move_of[i]->to.size());
  }
}

// Returns the holders: whom reads ask, then the others.
std::vector<NodeId> Ring::SetHolders(Row& row, std::span<const NodeId> owners, const Move* move) {
  const std::span<const NodeId> after = move == nullptr ? owners : std::span(move->to);
  storage::Check(after.size() <= kMaxCopies, "a partition has at most seven owners");
  const auto is_in = [](std::span<const NodeId> nodes, NodeId node) {
    return std::ranges::find(nodes, node) != nodes.end();
  };
  const bool switched = move != nullptr && move->step == MoveStep::kSwitch;
  const auto first = switched ? after : owners;
  const auto second = switched ? owners : after;
  std::vector<NodeId> holders(first.begin(), first.end());
  std::ranges::copy_if(second, std::back_inserter(holders),
                       [&](NodeId node) { return !is_in(first, node); });
  row.owners = static_cast<uint8_t>(first.size());
  row.holders = static_cast<uint8_t>(holders.size());
  row.moving = move != nullptr;
  row.switched = switched;
  for (size_t i = 0; i < holders.size(); ++i) {
    const uint8_t of_owners = is_in(owners, holders[i]) ? kOfOwners : 0;
    const uint8_t of_after = row.moving && is_in(after, holders[i]) ? kOfOwnersAfter : 0;
    row.quorums[i] = of_owners | of_after;
  }
  return holders;
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
      const bool last = member.weight == 0 || member.gone;
      fallbacks.push_back({last, Rendezvous(partition, member.node), member.node, zone});
    }
  }
  storage::Check(fallbacks.size() + owners.size() == members_.size(),
                 "a partition's owners are distinct members");
  std::ranges::sort(fallbacks, [](const Fallback& a, const Fallback& b) {
    if (a.last != b.last) return b.last;
    return a.weight != b.weight ? a.weight > b.weight : a.node < b.node;
  });
  lists_.insert(lists_.end(), owners.begin(), owners.end());
  const auto opens_a_zone = [&used](const Fallback& fallback) {
    if (used[fallback.zone] || fallback.last) return false;
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
  return PreferenceList(partition).first(rows_[partition].owners);
}

std::span<const NodeId> Ring::HoldersOf(Partition partition) const {
  return PreferenceList(partition).first(rows_[partition].holders);
}

uint8_t Ring::QuorumsOf(Partition partition, size_t holder) const {
  return rows_[partition].quorums[holder];
}

bool Ring::Owns(NodeId node, Partition partition) const {
  const auto holders = HoldersOf(partition);
  return std::ranges::find(holders, node) != holders.end();
}

std::vector<NodeId> Ring::DeparturesOf(Partition partition) const {
  std::vector<NodeId> departures;
  if (!IsMoving(partition)) return departures;
  const auto holders = HoldersOf(partition);
  for (size_t i = 0; i < holders.size(); ++i) {
    if (QuorumsOf(partition, i) == kOfOwners) departures.push_back(holders[i]);
  }
  return departures;
}

bool Ring::IsPreparedFor(NodeId node, Partition partition) const {
  if (!IsMoving(partition) || rows_[partition].switched) return false;
  const auto holders = HoldersOf(partition);
  const auto at = std::ranges::find(holders, node);
  if (at == holders.end()) return false;
  return QuorumsOf(partition, static_cast<size_t>(at - holders.begin())) == kOfOwnersAfter;
}

PartitionSet Ring::DifferentFrom(const Ring& before) const {
  PartitionSet different;
  if (members_ != before.members_) return different.set();
  for (size_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<Partition>(i);
    different[i] = rows_[i] != before.rows_[i] ||
                   !std::ranges::equal(HoldersOf(partition), before.HoldersOf(partition));
  }
  return different;
}

bool Ring::IsGone(NodeId node) const {
  const auto member = std::ranges::lower_bound(members_, node, {}, &Member::node);
  return member != members_.end() && member->node == node && member->gone;
}

}  // namespace cartwheel::cluster
