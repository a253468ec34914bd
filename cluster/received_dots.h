// Which writes of a partition a replica has received: of each actor every number up to a base, and
// a set of those above it.
//
// It tells a copy that comes late from one that is new: a version that was received once and is no
// longer live here is obsolete, even if its key's record has been forgotten since. It never
// removes anything by itself. A write that arrives in order costs one comparison and one addition;
// the set is a Roaring bitmap and exists only while there are gaps.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/dot.h"

namespace cartwheel::cluster {

class ReceivedDots {
 public:
  ReceivedDots();
  ~ReceivedDots();
  ReceivedDots(ReceivedDots&&) noexcept;
  ReceivedDots& operator=(ReceivedDots&&) noexcept;
  ReceivedDots(const ReceivedDots& other);
  ReceivedDots& operator=(const ReceivedDots& other);

  bool Has(Dot dot) const;
  // False when it was there already.
  bool Add(Dot dot);
  // Everything up to `number` counts as received: gaps that nobody can fill any more, or that a
  // peer has filled.
  void RaiseBase(ActorId actor, uint64_t number);
  void Join(const ReceivedDots& other);

  // The largest number of which it and all below have been received; 0: not even the first.
  uint64_t BaseOf(ActorId actor) const;
  // The largest number received; 0: none.
  uint64_t HighestOf(ActorId actor) const;
  // Numbers missing below the highest, over all actors: what anti-entropy looks for.
  uint64_t missing() const;
  std::vector<ActorId> actors() const;  // ascending

  // Appends the stored form: u8 format, then per actor its id, base and set (portable Roaring
  // form).
  void EncodeTo(std::string& out) const;
  // Never trusts the bytes; false when they are not what EncodeTo wrote. Takes them off `in`.
  static bool TakeFrom(std::string_view& in, ReceivedDots& out);

  bool operator==(const ReceivedDots& other) const;

 private:
  class Set;  // of one actor; received_dots.cc alone includes Roaring
  std::map<ActorId, Set> sets_;
};

}  // namespace cartwheel::cluster
