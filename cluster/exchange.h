// What two owners of a partition do with one key's containers when anti-entropy compares them.
//
// Two complete owners simply join: a version that one has and the other received but lost, nobody
// knows why, is restored. An owner that rebuilds after it lost or rolled back its data may hold
// what was long deleted, and no context against it is left where the deletion was forgotten. Then
// the received dots of both sides decide: who received a write and has it no longer live removed
// it. That is a proof only if record and received dots are of one consistent snapshot, and if
// whatever was received was kept, which a complete owner and its own snapshot promise.
#pragma once

#include "cluster/container.h"
#include "cluster/received_dots.h"

namespace cartwheel::cluster {

// Drops from `container` what the peer received and no longer has live, and resets what it counted
// of that. `at_peer`: the peer's
// record; nullptr when it has none.
void DropRemovedAtPeer(Container& container, const Container* at_peer,
                       const ReceivedDots& peer_received);

// Of one key, what both owners hold after the exchange. `complete`: both are; otherwise each first
// drops what the other removed. nullptr: no record. Where there was no record before and MayForget
// the result, none needs to be stored.
Container Exchange(const Container* a, const ReceivedDots& a_received, const Container* b,
                   const ReceivedDots& b_received, bool both_complete);

}  // namespace cartwheel::cluster
