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
struct OwnerWord {
  ActorId actor{};       // its incarnation
  uint64_t counter = 0;  // of its last own write
  // Then what it has received does not count for the floor, nor does what it told before.
  bool rebuilding = false;
  ReceivedDots received;

  bool operator==(const OwnerWord&) const = default;
};

// This vnode's own word.
OwnerWord WordOf(const Vnode& vnode);

class Bases {
 public:
  // `received`: here, now.
  void Heard(NodeId owner, OwnerWord told, const ReceivedDots& received);

  // Over the partition's owners without this node, those before a move that is under way included.
  // Nothing is within it as long as one of them has told nothing that counts. Counters of actors
  // that no owner is any more are left alone: nobody vouches for what they knew.
  Floor FloorOf(std::span<const NodeId> others, const Vnode& own);

  // Whether all of them have told what they received, and it is all here: a vnode that rebuilds is
  // complete then, as if it had compared every record with each.
  bool IsAllHere(std::span<const NodeId> others, const ReceivedDots& received) const;

  // What the owner told last; nullptr: nothing.
  const OwnerWord* LastOf(NodeId owner) const {
    const auto found = owners_.find(owner);
    return found == owners_.end() ? nullptr : found->second.last();
  }

  // What it told is no longer of interest: no owner.
  void Forget(NodeId owner) { owners_.erase(owner); }

 private:
  struct Owner {
    std::optional<OwnerWord> counts;
    std::optional<OwnerWord> latest;  // nullopt: it counts

    const OwnerWord* last() const { return latest ? &*latest : counts ? &*counts : nullptr; }
  };
  static void Promote(Owner& owner, const ReceivedDots& received);

  std::map<NodeId, Owner> owners_;
};

}  // namespace cartwheel::cluster
