// What a replica knows of one key: its live versions, each with the dot of its write, what counts
// beside them, and the context that says which writes this knowledge includes. A dotted causal
// container (Almeida et al., "Scalable and Accurate Causality Tracking for Eventually Consistent
// Stores", DAIS 2014).
//
// A write is in the context if and only if its effect is here: as a live version, or, when the
// context covers its dot and no version has it, as one that something later superseded or deleted.
// A deletion is therefore a write that leaves nothing but its dot in the context.
//
// Sync is commutative, associative and idempotent, so replicas that exchanged containers in any
// order, however often, hold the same.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <string_view>

#include "cluster/context.h"
#include "cluster/counter.h"
#include "cluster/dot.h"
#include "cluster/hlc.h"
#include "cluster/value.h"

namespace cartwheel::cluster {

struct Version {
  Dot dot;  // of the write
  // Of the write that gave the value: the same, but for a write that only changed the expiry.
  // Versions with the same value dot are one sibling to a client.
  Dot value_dot;
  Hlc hlc;  // of the write that gave the value
  Type type = Type::kString;
  ExpireAt expire_at = kNoExpiry;
  std::string_view bytes;  // borrowed: of the record or the message that was decoded

  bool operator==(const Version&) const = default;
};

struct Container {
  // By dot. Nearly always one.
  boost::container::small_vector<Version, 1> versions;
  Counter counter;
  Context context;
  // This replica has seen every write of its own to the key since the record appeared: its next
  // one may extend its last interval. Of this replica's record alone; never sent.
  bool own_contiguous = false;

  // nullptr: not live here.
  const Version* Find(Dot dot) const;
  // Versions are in order, and every dot of the versions and the counter is in the context. What
  // decoders verify; it holds of Sync(a, b) if it does of both.
  bool IsConsistent() const;
  // Nothing is live: deleted, or never written.
  bool IsDeleted() const { return versions.empty() && !counter.IsLive(); }
  // Keeps the capacity.
  void clear();
  bool operator==(const Container&) const = default;
};

// What a reader has seen of a key, and what a write by that reader therefore supersedes. The
// counter's totals belong to it: who knows an increment's dot but not its sums could neither reset
// it nor, when it arrives later, tell it from the ones that were added since.
struct Seen {
  Context context;
  Counter counter;  // without resets

  void Join(const Seen& other);
  bool operator==(const Seen&) const = default;
};

Seen SeenOf(const Container& container);

// What both know together.
Container Sync(const Container& a, const Container& b);

// Removes what `seen` covers and takes `seen` in: what a write does to the versions that its writer
// had read.
void Discard(Container& container, const Seen& seen);
// Discard(container, SeenOf(container)) at less cost: a write by who has seen all that is here.
void DiscardAll(Container& container);

// A write under the new dot of this replica's actor: the value (version.dot is the new dot) beside
// the siblings that Discard left.
void Put(Container& container, const Version& version);
// A deletion: its dot in the context, and nothing else.
void NoteDeletion(Container& container, Dot dot);
// An increment. Versions stay: the counter's sum stands on the winner's integer.
void Increment(Container& container, Dot dot, int64_t delta);

// The version that plain commands show of those that have not expired: the largest (hlc, value
// dot), and of one value the one that expires last. nullptr: none.
const Version* Winner(const Container& container, int64_t now_ms);

}  // namespace cartwheel::cluster
