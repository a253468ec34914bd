// Which nodes hold which partition: a table of owners for a fixed list of members, and behind the
// owners, for every partition, the order in which the other members stand in for one that fails.
//
// Together that is Dynamo's preference list ("Dynamo: Amazon's Highly Available Key-value Store",
// section 4.3), over equal arcs (section 6.2, strategy 3). Every node computes the same from the
// same members and table, in whatever order they are given. Health has no part in it.
//
// While a partition moves (moves.h) it has two sets of owners, before and after: writes go to both,
// reads to one of them. Each change of a partition's owners or of its step has a number, the epoch
// of the partition, and what is asked of a replica under another one is not done.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cluster/levels.h"
#include "cluster/node_id.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

inline constexpr uint32_t kMaxWeight = 10'000;

struct Member {
  NodeId node = kNoNode;
  std::string zone;     // what fails together; may be empty
  uint32_t weight = 1;  // of what it holds, beside others; 0..kMaxWeight
  bool gone = false;    // it is dead, says an operator: nothing is waited for that it alone holds

  bool operator==(const Member&) const = default;
};

// Of every partition the owners, first coordinator first.
struct OwnerTable {
  size_t copies = 0;  // the most owners that a partition has: min(N, members), or on its way
  std::vector<NodeId> nodes;  // partition by partition, each filled up with kNoNode

  bool operator==(const OwnerTable&) const = default;
};

// A partition's owners, without what fills up.
std::span<const NodeId> RowOf(const OwnerTable& table, Partition partition);
// At least one. The table becomes wider where it has to, and never narrower.
void SetRow(OwnerTable& table, Partition partition, std::span<const NodeId> owners);
// As narrow as its rows are.
void Tighten(OwnerTable& table);

// How far a partition is on its way to other owners. Afterwards those are its owners, and it is not
// on its way any more.
enum class MoveStep : uint8_t {
  kPrepare = 1,  // writes: W of the owners before and W of those after; reads: of those before
  kSwitch = 2,   // writes: the same; reads: of those after
};
struct Move {
  Partition partition = 0;
  MoveStep step = MoveStep::kPrepare;
  std::vector<NodeId> to;  // the owners after it

  bool operator==(const Move&) const = default;
};

// Each partition's owners are consecutive members, the next one's begin one member further: as even
// as can be, blind to zones and weights, and everything moves when a member comes or goes.
OwnerTable RotatedTable(std::span<const Member> members, size_t n);

// The quorums that a holder's copy counts to, as bits.
inline constexpr uint8_t kOfOwners = 1;  // of a partition that does not move the only one
inline constexpr uint8_t kOfOwnersAfter = 2;

class Ring {
 public:
  // The preference lists of all partitions are kept: 8 KiB a member.
  static constexpr size_t kMaxMembers = 512;

  // Members are distinct, 1..kMaxMembers; the owners of each partition are distinct members, before
  // and after a move. Moves are of distinct partitions. `epochs`: of each partition; empty: 0.
  // `before`: what stays as it is there costs less.
  Ring(std::vector<Member> members, const OwnerTable& owners, std::span<const Move> moves = {},
       std::span<const uint64_t> epochs = {}, const Ring* before = nullptr);

  // By id.
  std::span<const Member> members() const { return members_; }
  // The most owners that a partition has.
  size_t copies() const { return copies_; }

  // Whom reads ask, in table order: the owners or, from MoveStep::kSwitch on, those after the move.
  std::span<const NodeId> OwnersOf(Partition partition) const;
  // Whom writes go to: OwnersOf, then those before or after a move that are not among them.
  std::span<const NodeId> HoldersOf(Partition partition) const;
  // To which quorums a holder counts, by its place in HoldersOf.
  uint8_t QuorumsOf(Partition partition, size_t holder) const;
  // Is it one of HoldersOf?
  bool Owns(NodeId node, Partition partition) const;
  bool IsMoving(Partition partition) const { return rows_[partition].moving; }
  // The partition is on its way to the node, and nobody reads it there yet.
  bool IsPreparedFor(NodeId node, Partition partition) const;
  // Those before a move who are no owners after it; none without one.
  std::vector<NodeId> DeparturesOf(Partition partition) const;
  // Larger whenever the partition's owners or its step are others.
  uint64_t EpochOf(Partition partition) const { return rows_[partition].epoch; }
  // Whose holders, step or epoch are others than there; all, where the members are others.
  PartitionSet DifferentFrom(const Ring& before) const;
  // Every member once: the holders, then the fallbacks by rendezvous hash (Thaler and Ravishankar,
  // 1998) of partition and node, so that what a lost node held is spread over all others. The
  // first fallbacks are one of each zone that has neither a holder nor an earlier fallback; the
  // last are those with no weight, which are on their way in or out.
  std::span<const NodeId> PreferenceList(Partition partition) const;
  bool IsGone(NodeId node) const;

 private:
  struct Row {
    uint8_t owners = 0;
    uint8_t holders = 0;
    bool moving = false;
    bool switched = false;
    std::array<uint8_t, size_t{2} * kMaxCopies> quorums{};  // by holder
    uint64_t epoch = 0;

    bool operator==(const Row&) const = default;
  };

  static std::vector<NodeId> SetHolders(Row& row, std::span<const NodeId> owners, const Move* move);
  void ListPartition(Partition partition, std::span<const NodeId> holders);

  std::vector<Member> members_;
  size_t copies_;
  std::vector<Row> rows_;      // by partition
  std::vector<NodeId> lists_;  // partition by partition, members_.size() of each
};

}  // namespace cartwheel::cluster
