// Which writes of a partition a replica has received: of each actor every number up to a base, and
// a set of those above it.
//
// It tells a copy that comes late from one that is new: a version that was received once and is no
// longer live here is obsolete, even if its key's record has been forgotten since. It never
// removes anything by itself. A write that arrives in order costs one comparison and one addition;
// the set is a Roaring bitmap and exists only while there are gaps.
#pragma once

#include <boost/container/flat_map.hpp>
#include <boost/container/small_vector.hpp>
#include <cstdint>
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
  // Every number from one to another, both included; 1 <= first <= last.
  bool HasAll(ActorId actor, uint64_t first, uint64_t last) const;
  // False when it was there already.
  bool Add(Dot dot);
  // Everything up to `number` counts as received: gaps that nobody can fill any more, or that a
  // peer has filled.
  void RaiseBase(ActorId actor, uint64_t number);
  // All writes of the actor count as received, for good: those that never came, and those that come
  // yet. So is an actor that is nobody's any more (former_actors.h).
  void Close(ActorId actor) { RaiseBase(actor, kMaxDotNumber); }
  bool IsClosed(ActorId actor) const { return BaseOf(actor) == kMaxDotNumber; }
  void Join(const ReceivedDots& other);
  // Whether all that the other has is here.
  bool Includes(const ReceivedDots& other) const;
  // Whether the same of this actor has been received there.
  bool IsSameOf(ActorId actor, const ReceivedDots& other) const;

  // The largest number of which it and all below have been received; 0: not even the first.
  uint64_t BaseOf(ActorId actor) const;
  // The largest number received; 0: none.
  uint64_t HighestOf(ActorId actor) const;
  // Numbers missing below the highest, over all actors: what anti-entropy looks for.
  uint64_t missing() const;
  std::vector<ActorId> actors() const;  // ascending

  // The most numbers above the bases that a decoder accepts: bytes from elsewhere cannot make it
  // fill more than a few MiB, and a gap behind which so much was written does not stay.
  static constexpr uint64_t kMaxAboveBases = uint64_t{1} << 32;

  // Appends the stored form: u8 format, varint number of actors, of each: u64 id, varint base,
  // varint number of runs in the set, of each: varint distance of its first number from the last
  // one before it (from the base, at first), varint length-1. Roaring's own form is not used: it
  // depends on the order of the additions, and this version reads it without looking what it reads.
  void EncodeTo(std::string& out) const;
  // Never trusts the bytes; false when they are not what EncodeTo wrote. Takes them off `in`.
  static bool TakeFrom(std::string_view& in, ReceivedDots& out);

  bool operator==(const ReceivedDots& other) const;

 private:
  class Above;  // the set of one actor; received_dots.cc alone includes Roaring
  struct OfActor {
    uint64_t base = 0;
    std::unique_ptr<Above> above;  // nullptr: nothing; base + 1 is never in it
    bool operator==(const OfActor& other) const;
  };

  static void Raise(OfActor& of_actor, uint64_t number);
  static bool TakeActor(std::string_view& in, OfActor& of_actor, uint64_t& room);

  // A replica has received from a few actors at any time.
  boost::container::small_flat_map<ActorId, OfActor, 4> of_actor_;
};

}  // namespace cartwheel::cluster
