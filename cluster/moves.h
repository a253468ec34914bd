// How partitions come to other owners while clients go on: which changes of the topology follow
// from what the members have told. One change may move many partitions on at once.
//
//   step       writes need              reads ask    goes on when
//   (stable)   W of the owners          R of those   the weights ask for other owners
//   kPrepare   W of them and W of       R of those   each new owner has all of the partition, and
//              those after              before       the step is adopted
//   kSwitch    the same                 R of those   the step is adopted
//                                       after
//   (stable)   W of those after         R of those
//
// A step is adopted when all who come and all who go, unless they are gone, have told of its epoch
// or a later one, and so have enough of the owners before and of those after that neither W nor R
// of them can be found any more among those who have not: N-W+1 and N-R+1. The epoch is in every
// request on data, and a replica does nothing under another one than its own. Without the two
// steps an acknowledged write could be missed by a read that began after it: of two coordinators
// one may know of the new owners and the other not. The rules were checked by a model; each of them
// is needed, and the simulator finds it when one is taken away (storage/mutation.h).
//
// Until kSwitch a move can be given up: its owners before have missed nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/levels.h"
#include "cluster/node_id.h"
#include "cluster/topology.h"

namespace cartwheel::cluster {

// What a member has told last of itself, as MemberNews.
struct MemberState {
  bool linked = false;  // otherwise it is waited for
  uint64_t epoch = 0;   // that it has adopted
  bool drained = false;
  std::vector<Partition> arrived;  // ascending
  std::string trouble;
};
using MemberStates = std::map<NodeId, MemberState>;

struct MoveOptions {
  // Partitions on their way to one member at one time, those that have arrived not counted.
  size_t at_once = 64;
  // The least that clients ask for of W and R: what the rules above are about.
  Levels levels;
};

// Nothing is to be moved: the owners are those that the weights ask for, and nobody is to be taken
// out.
bool IsSettled(const Topology& topology);

// It is to own nothing, and owns nothing any more: what it still keeps for others is waited for.
bool HasLeft(const Topology& topology, const TopologyMember& member);

// The owners that the weights ask for, from where the moves under way lead to.
OwnerTable TargetOf(const Topology& topology);

// The change that is next, as far as one is possible now. `target`: TargetOf(topology), or what it
// was earlier for the same weights. Moves begin only between members that are linked. Owners that
// differ from the target in their order alone are put in order once nothing is on its way. A member
// without weight or plan that owns nothing, and is drained or gone, is taken out. nullopt: nothing
// can be done now.
std::optional<Topology> NextMoves(const Topology& topology, const OwnerTable& target,
                                  const MemberStates& states, const MoveOptions& options);

// Moves that can be given up are, and no more begin until a plan is carried out.
Topology Halted(const Topology& topology, std::string reason);

}  // namespace cartwheel::cluster
