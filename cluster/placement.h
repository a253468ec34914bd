// Which members own what: a table of owners that is as even as the members' weights say, keeps the
// replicas of a partition in different zones, and moves as little as possible from the table
// before.
//
// It is worked out once, by whoever proposes a change of the members, and agreed on as an explicit
// table: there is no walk over neighbouring tokens, and no rule that every version of the program
// has to follow alike for ever. It still depends on nothing but its arguments: whole numbers and
// hashes, so any machine comes to the same.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "cluster/ring.h"

namespace cartwheel::cluster {

// How many partitions each member should hold, in the order of `members`: in proportion to its
// weight, but no partition twice, and no more in a zone than the zone may have of each partition.
std::vector<double> FairShares(std::span<const Member> members, size_t n);

// Of each partition so many replicas may be in one zone: the fewest with which min(n, members) of
// them find a place.
size_t MostPerZone(std::span<const Member> members, size_t n);

// `before` may be empty, and may name nodes that are not among `members` or hold more or fewer
// copies than n, filled up with kNoNode. Members are distinct and at least one, their weights
// within bounds; n is not 0.
//
// Source: water-filling for the targets; then holes are filled and surplus is moved to deficit,
// directly or along a shortest augmenting path (as in Ford and Fulkerson's maximum flow), so that
// in the end each member holds its target rounded down or up. Rows are reordered last, which moves
// no data, so that first coordinators are even as well.
OwnerTable Place(const OwnerTable& before, std::span<const Member> members, size_t n);

}  // namespace cartwheel::cluster
