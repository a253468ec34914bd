// Which writes of one key are known: those whose effect is in the container beside it, be it as a
// live version or as one that was superseded or deleted.
//
// For each actor a list of closed intervals of its numbers. An interval may span numbers that the
// actor gave to writes of other keys, so it says "every write OF THIS KEY by the actor from first
// to last is known", and two adjacent intervals are not one: what lies between two writes of a key
// is known only to whoever saw both. A plain version vector (one interval from 1) would claim
// writes that a replica which lost its data has never seen.
//
// Two properties hold for any two contexts: Join is commutative, associative and idempotent; and
// Join(a, b) covers a dot exactly when a or b does.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cluster/dot.h"

namespace cartwheel::cluster {

class Context {
 public:
  // The writes of the key by `actor` numbered first..last.
  struct Interval {
    ActorId actor{};
    uint64_t first = 0;
    uint64_t last = 0;

    bool operator==(const Interval&) const = default;
  };

  bool Covers(Dot dot) const;
  // Everything that `other` covers.
  bool Includes(const Context& other) const;
  void Join(const Context& other);

  // A new write by its actor, whose numbers only grow: `dot` is above all of the actor's intervals.
  // (A context from elsewhere that says otherwise of the own actor shows that this replica's data
  // went back in time: the caller takes a new actor before it writes.)
  //
  // An interval of its own ...
  void Append(Dot dot);
  // ... or, by an actor that has seen every write of its own to this key since its last interval
  // began, that interval made longer. Without one, the same as Append. Returns the first number of
  // the interval.
  uint64_t Extend(Dot dot);

  // The largest number of the actor that is covered; 0: none is.
  uint64_t Highest(ActorId actor) const;

  // Whether for each actor the highest number is at most floor(actor).
  template <typename Floor>
  bool IsWithin(const Floor& floor) const {
    // An actor's last interval has its highest number, and is followed by another actor's.
    for (size_t i = 0; i < intervals_.size(); ++i) {
      const bool highest =
          i + 1 == intervals_.size() || intervals_[i + 1].actor != intervals_[i].actor;
      if (highest && intervals_[i].last > floor(intervals_[i].actor)) return false;
    }
    return true;
  }

  // By actor, then by number. Disjoint.
  std::span<const Interval> intervals() const { return {intervals_.data(), intervals_.size()}; }
  // For a decoder: appends an interval behind all others. False, and nothing is done, when it is
  // not in order or no interval.
  bool AppendInterval(const Interval& interval);

  bool empty() const { return intervals_.empty(); }
  void clear() { intervals_.clear(); }
  bool operator==(const Context&) const = default;

 private:
  // Most keys are written through one or two vnodes.
  using Intervals = boost::container::small_vector<Interval, 2>;
  // Behind the actor's last interval, or where one would stand.
  Intervals::iterator EndOf(ActorId actor);

  Intervals intervals_;
};

}  // namespace cartwheel::cluster
