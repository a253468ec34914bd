// A counter that merges: what each actor added and took away, and how much of that is reset.
//
// A grow-only pair per actor, as in the PN-Counter (Shapiro et al., "A comprehensive study of
// Convergent and Commutative Replicated Data Types", 2011, section 3.1.3), with observed resets on
// top: a SET or DEL copies what its writer has seen of each actor into the reset side, so exactly
// the increments that were seen are gone, and a concurrent one survives.
//
// An entry is named by its actor and the actor's first write to it: a record that disappeared and
// came back begins a new entry, and a late copy of the old one is found out by its dots. Joining
// takes, entry by entry and side by side, whichever was written later; as an entry is written by
// its actor alone, one is always a continuation of the other.
#pragma once

#include <boost/container/small_vector.hpp>
#include <compare>
#include <cstdint>
#include <span>
#include <utility>

#include "cluster/dot.h"

namespace cartwheel::cluster {

class Counter {
 public:
  // Sums up to the write `number` of the entry's actor. They wrap: only their difference counts,
  // and that fits.
  struct Sums {
    uint64_t number = 0;  // 0: nothing yet
    uint64_t added = 0;
    uint64_t taken = 0;

    // The later one is larger. (Of one number there is one pair of sums; that they decide too makes
    // joining commutative whatever a peer sends.)
    auto operator<=>(const Sums&) const = default;
  };
  struct Entry {
    Dot first;   // the entry's name
    Sums total;  // number >= first.number
    Sums reset;  // of these, gone; number <= total.number

    Dot last() const { return {first.actor, total.number}; }
    bool IsLive() const { return reset.number < total.number; }
    bool operator==(const Entry&) const = default;
  };

  // Adds under the new dot of an actor. `since`: from which number on the actor has seen every
  // write of its own to the key; its last entry goes on if it began no earlier, or else a new one
  // begins.
  void Add(Dot dot, int64_t delta, uint64_t since);
  // Resets exactly what `seen` has in total; what it does not know here is taken in as reset.
  void Reset(const Counter& seen);
  // All of it.
  void ResetAll();
  void Join(const Counter& other);
  // Resets the entries of which `removed(entry)` is true. None is ever dropped: whose context
  // covers an increment has its sums, or it could not tell it from later ones.
  template <typename Removed>
  void ResetIf(Removed removed) {
    for (Entry& entry : entries_) {
      if (removed(std::as_const(entry))) entry.reset = entry.total;
    }
  }

  // What a reader has seen: the totals.
  Counter WithoutResets() const;

  // nullptr: none.
  const Entry* Find(Dot first) const;
  // What is not reset, added up (modulo 2^64, as two's complement).
  int64_t Sum() const;
  // Whether any increment is not reset: then the key exists, whatever the sum.
  bool IsLive() const;

  // By name.
  std::span<const Entry> entries() const { return {entries_.data(), entries_.size()}; }
  // For a decoder: false, and nothing is done, when the entry is out of order or makes no sense.
  bool AppendEntry(const Entry& entry);
  bool empty() const { return entries_.empty(); }
  void clear() { entries_.clear(); }
  bool operator==(const Counter&) const = default;

 private:
  // Most keys are no counters; most counters are counted through one or two vnodes.
  boost::container::small_vector<Entry, 1> entries_;
};

}  // namespace cartwheel::cluster
