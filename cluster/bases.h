// What the other owners of a partition have told of what they received, and the floor that follows:
// what every owner is known to have.
//
// It keeps the two conditions that floor.h asks for. What an owner told counts only once every
// write of its own that it had made by then has been received here; until then what it told before
// goes on to count, as bases only grow. When an owner comes back as another incarnation, all that
// it told before is forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "cluster/floor.h"
#include "cluster/node_id.h"
#include "cluster/received_dots.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

// An owner's word: everything of one moment.
struct OwnerBases {
  ActorId actor{};       // its incarnation
  uint64_t counter = 0;  // of its last own write
  std::map<ActorId, uint64_t> bases{};

  bool operator==(const OwnerBases&) const = default;
};

// This vnode's own word. While it rebuilds, only who it is: what it told before is not to count.
OwnerBases BasesOf(const Vnode& vnode);

class Bases {
 public:
  // `received`: here, now.
  void Heard(NodeId owner, OwnerBases told, const ReceivedDots& received);

  // Over the partition's owners without this node, those before a move that is under way included.
  // Nothing is within it as long as one of them has told nothing that counts. Counters of actors
  // that no owner is any more are left alone: nobody vouches for what they knew.
  Floor FloorOf(std::span<const NodeId> others, const Vnode& own);

  // What it told is no longer of interest: no owner.
  void Forget(NodeId owner) { owners_.erase(owner); }

 private:
  struct Owner {
    std::optional<OwnerBases> counts;
    std::optional<OwnerBases> latest;  // nullopt: it counts
  };
  static void Promote(Owner& owner, const ReceivedDots& received);

  std::map<NodeId, Owner> owners_;
};

}  // namespace cartwheel::cluster
