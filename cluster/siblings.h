// The live values of one key as a client that knows of siblings sees them, and what its writes may
// make of them.
//
// Versions with the same value dot are one sibling: a write that only moved the expiry made no
// second value. What a client is told to have seen never covers a sibling that it was not shown, or
// its next write would lose that one silently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cluster/container.h"

namespace cartwheel::cluster {

// Distinct values of one key: at the first number the operator is told, beyond the second a
// client's write that does not reduce them is refused. Replication and repair ignore both.
inline constexpr size_t kSiblingsWarned = 8;
inline constexpr size_t kMaxSiblings = 64;

// The siblings that have not expired, the one that plain commands show first, the others by (hlc,
// value dot) descending; of one value the version that expires last. What was counted is added to
// the first as ShownValue does, in `text`. A key that was only counted is one sibling without dot
// and time. Bytes are views into the container's or into `text`.
std::vector<Version> SiblingsOf(const Container& container, int64_t now_ms, std::string& text);

// A sibling without its bytes: what is told of one that a client was not shown.
struct SiblingHead {
  Dot value_dot;
  Hlc hlc;
  uint64_t bytes = 0;

  bool operator==(const SiblingHead&) const = default;
};
// In the order of SiblingsOf. Overwrites `out`, whose capacity is reused.
void ListHeads(const Container& container, int64_t now_ms, std::vector<SiblingHead>& out);

// What is stored of a key's values, expired ones included: they take room until they are reaped.
struct ValuesStored {
  size_t values = 0;  // distinct ones
  uint64_t bytes = 0;
};
ValuesStored StoredIn(const Container& container);
// Once a client that has `seen` as much writes a value of `bytes`.
ValuesStored StoredAfterWrite(const Container& container, const Seen& seen, uint64_t bytes);

// What the writer of `written` has seen when its write is done, `after` being the container then
// and `before` what it had seen: that, its own write, and of the rest what is live no more, so that
// the contexts of a client that only ever writes do not grow.
Seen SeenAfterWrite(const Container& after, const Seen& before, Dot written);

}  // namespace cartwheel::cluster
