// The name of a write: which replica incarnation accepted it, and its number there.
//
// An actor is one incarnation of one vnode (this node's replica of one partition): after lost or
// rolled back data the vnode takes a new actor, so a dot names one write for ever. Numbers count
// the writes of the actor over its whole partition, from 1, not those of one key: a key that was
// forgotten and written again cannot make a dot twice.
//
// Dots are those of "Dotted Version Vectors: Logical Clocks for Optimistic Replication" (Preguiça
// et al., 2010).
#pragma once

#include <compare>
#include <cstdint>

namespace cartwheel::cluster {

// From a cryptographic source; never 0.
enum class ActorId : uint64_t {};

// Far beyond what is ever written, so sums of numbers cannot wrap. Decoders refuse larger ones.
inline constexpr uint64_t kMaxDotNumber = (uint64_t{1} << 62) - 1;

struct Dot {
  ActorId actor{};
  uint64_t number = 0;

  auto operator<=>(const Dot&) const = default;
};

}  // namespace cartwheel::cluster
