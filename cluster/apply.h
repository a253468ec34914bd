// What a replica does with a copy of a container that another node sends it, in answer to a write,
// from a hint or as a read repair: the merge of both, less what was already obsolete here.
//
// A record may be forgotten once everybody has seen its deletion. A late copy of what was deleted
// then finds no context that covers it, and would come back to life. The partition's received dots
// still know it: a version that was received here once, and is neither live here nor covered by
// the record, was superseded by something since forgotten. Likewise an entry of a counter: it
// arrives all reset. Received dots never delete what the record holds.
//
// But a record may also be gone because a disk lost it, and the copy be the only trace of that. So
// where there is no record, a copy that brings nothing new leaves none: its context, settled here,
// would say to everybody that the version was removed. Owners that compare find out what was lost.
#pragma once

#include <map>
#include <optional>

#include "cluster/container.h"
#include "cluster/floor.h"
#include "cluster/received_dots.h"

namespace cartwheel::cluster {

// What FLUSHALL removed: of each actor the versions up to a number, and the counts that went no
// further.
using FlushMap = std::map<ActorId, uint64_t>;

// The record to store, or nullopt when there is nothing to store: the copy said only what everybody
// knows, or what is known here, of a key that has no record here. In either case the caller marks
// the copy's dots as received in the same batch. `local`: nullptr when there is no record.
std::optional<Container> ApplyCopy(const Container* local, Container copy,
                                   const ReceivedDots& received, const Floor& floor,
                                   const FlushMap& flushed);

// Whether a replica that has received these knows all that the context covers.
bool IsAllReceived(const Context& context, const ReceivedDots& received);

// Whether everybody has seen the deletion, so that the record can be forgotten.
bool MayForget(const Container& container, const Floor& floor);

}  // namespace cartwheel::cluster
