// Which writes one client connection has made, by the names that replicas know them by: what WAIT
// asks the owners of their partitions for.
//
// Of each actor the first number and the last one: what lies between was written by others. To ask
// for that, too, may make a replica look as if it lacked something, never as if it had what it
// lacks; and what an actor did before the connection's first write does not matter.
//
// A connection that writes nothing costs nothing; one that has written to every partition through
// one node has a range for each of them, 60 KiB together.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cluster/dot.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

// All of an actor's writes from one number to another, both included.
struct WriteRange {
  Partition partition = 0;
  ActorId actor{};
  uint64_t first = 0;
  uint64_t last = 0;

  auto operator<=>(const WriteRange&) const = default;
};

class OwnWrites {
 public:
  // Sixteen actors of every partition. Only replicas that lost data, again and again, come to more.
  static constexpr size_t kMostRanges = size_t{16} * kPartitions;

  void Note(Partition partition, Dot dot) {
    Note({.partition = partition, .actor = dot.actor, .first = dot.number, .last = dot.number});
  }
  void Note(const WriteRange& range);

  bool empty() const { return of_actor_.empty(); }
  // False: it had to forget some, and nobody can be said to have them all.
  bool complete() const { return complete_; }
  // By partition, then by actor, each once.
  std::vector<WriteRange> Ranges() const;

 private:
  // An actor writes to one partition only.
  boost::unordered_flat_map<ActorId, WriteRange> of_actor_;
  bool complete_ = true;
};

}  // namespace cartwheel::cluster
