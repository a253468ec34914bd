// What every owner of a partition is known to have received. What is within it brings nothing new
// to anyone, and a deletion within it can be forgotten.
//
// Owners tell each other their bases (ReceivedDots::BaseOf) now and then. The floor of an actor is
// the least base that any owner has told of it, and the caller sees to it that
//   1. an owner's bases are forgotten when the owner changes its actor: it lost data; and
//   2. an owner's bases count only once every write that the owner itself had made when it told
//      them has been received here.
// Because of the second, a write by an owner that has not been received here yet was made with
// knowledge of all that is within the floor. Versions do not need that: received dots find out a
// late copy. But an entry of a counter grows from write to write, and a copy of it with one more
// increment is new to everybody: made without knowledge of a reset that was forgotten here, it
// would bring back all that the reset removed.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "cluster/dot.h"

namespace cartwheel::cluster {

class Floor {
 public:
  // Up to which number every owner has received the actor's writes. Not set: 0.
  uint64_t operator()(ActorId actor) const {
    const auto found = of_actor_.find(actor);
    return found == of_actor_.end() ? 0 : found->second;
  }
  void Set(ActorId actor, uint64_t number) { of_actor_[actor] = number; }

  // An actor that an owner had before its present one, until nothing of it can be under way any
  // more: no base vouches for what it knew, so counters that it counted are not forgotten.
  void SetFormer(ActorId actor) { former_.insert(actor); }
  bool IsFormer(ActorId actor) const { return former_.contains(actor); }

 private:
  std::map<ActorId, uint64_t> of_actor_;
  std::set<ActorId> former_;
};

}  // namespace cartwheel::cluster
