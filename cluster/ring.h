// Which nodes hold which partition: a table of owners for a fixed list of members, and behind the
// owners, for every partition, the order in which the other members stand in for one that fails.
//
// Together that is Dynamo's preference list ("Dynamo: Amazon's Highly Available Key-value Store",
// section 4.3), over equal arcs (section 6.2, strategy 3). Every node computes the same from the
// same members and table, in whatever order they are given. Health has no part in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cluster/node_id.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

inline constexpr uint32_t kMaxWeight = 10'000;

struct Member {
  NodeId node = kNoNode;
  std::string zone;     // what fails together; may be empty
  uint32_t weight = 1;  // of what it holds, beside others; 0..kMaxWeight

  bool operator==(const Member&) const = default;
};

// Of every partition the owners, first coordinator first.
struct OwnerTable {
  size_t copies = 0;          // owners of a partition: min(N, members)
  std::vector<NodeId> nodes;  // partition by partition

  bool operator==(const OwnerTable&) const = default;
};

// Each partition's owners are consecutive members, the next one's begin one member further: as even
// as can be, blind to zones and weights, and everything moves when a member comes or goes.
OwnerTable RotatedTable(std::span<const Member> members, size_t n);

class Ring {
 public:
  // The preference lists of all partitions are kept: 8 KiB a member.
  static constexpr size_t kMaxMembers = 512;

  // Members are distinct, 1..kMaxMembers; the owners of each partition are distinct members.
  Ring(std::vector<Member> members, const OwnerTable& owners);

  // By id.
  std::span<const Member> members() const { return members_; }
  size_t copies() const { return copies_; }

  // In table order.
  std::span<const NodeId> OwnersOf(Partition partition) const;
  bool Owns(NodeId node, Partition partition) const;
  // Every member once: the owners, then the fallbacks by rendezvous hash (Thaler and Ravishankar,
  // 1998) of partition and node, so that what a lost node held is spread over all others. The
  // first fallbacks are one of each zone that has neither an owner nor an earlier fallback.
  std::span<const NodeId> PreferenceList(Partition partition) const;

 private:
  void ListPartition(Partition partition, std::span<const NodeId> owners);

  std::vector<Member> members_;
  size_t copies_;
  std::vector<NodeId> lists_;  // partition by partition, members_.size() of each
};

}  // namespace cartwheel::cluster
