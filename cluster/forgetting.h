// Owners tell each other what they have received, a few partitions at a time and only where it has
// changed since they last told; all of it when a link comes up, and sooner of partitions where
// somebody waits for it. From that (bases.h) follow
//   which deletions can be forgotten: those that every owner has seen (versions.md calls it R3).
//     The walk over the records is slow as long as it finds none, as one that is forgotten late
//     costs some bytes;
//   whether this node's data went back in time unnoticed: when others have more of it than it made;
//   whether a replica that rebuilds is complete: when no other owner has what is not here. So the
//     members of a new cluster, and whoever lost no more than it has been handed since.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/bases.h"
#include "cluster/local_store.h"
#include "cluster/message.h"
#include "cluster/peers.h"
#include "cluster/ring.h"

namespace cartwheel::cluster {

class Forgetting {
 public:
  struct Options {
    int64_t step_every_us = 250'000;
    // Of a step. All partitions are gone through in about five seconds.
    Partition tells_partitions = 52;
    size_t tells_soon = 256;  // more, of those that are waited for
    Partition walks_partitions = 52;
    size_t walks_records = 1'000;
    // Where some have been forgotten there are more.
    int64_t walk_again_us = 20'000;
    // Looked at in a step, of those that rebuild.
    Partition completes_partitions = 256;
  };

  // All outlive it.
  Forgetting(LocalStore& store, const Ring& ring, Peers& peers, NodeId self, const Options& options)
      : store_(store), ring_(ring), peers_(peers), self_(self), options_(options) {}

  struct Step {
    size_t forgotten = 0;  // records
    size_t completed = 0;  // partitions
  };
  // A step, if it is due. Changes the store by what it returns.
  Step OnTime(int64_t now_us);
  int64_t NextDeadline() const { return next_us_ < next_walk_us_ ? next_us_ : next_walk_us_; }
  // It knows nothing that it was told on an earlier link.
  void PeerUp(NodeId peer);
  // What is known of these partitions was said by their owners before.
  void RingChanged(const PartitionSet& changed);
  // What it said in this turn has been taken back.
  void Unsend() { told_.clear(); }
  // True: it shows that data here went back in time, so that the store has changed.
  bool Heard(NodeId from, const TellReceived& message);
  // The last of it that was told of a partition by an owner, as one; nullptr: nothing.
  const OwnerWord* LastWordOf(Partition partition, NodeId owner) const;
  // What every owner is known to have received.
  Floor FloorOf(Partition partition);
  // The others are told of this partition at the next step.
  void TellSoon(Partition partition) { soon_.insert(partition); }

 private:
  using Messages = std::map<NodeId, TellReceived>;
  struct Ahead {
    uint64_t epoch;
    OwnerWord word;
  };

  void TellNext();
  void Tell(Partition partition, NodeId node, Messages& messages);
  void ForgetAhead(Partition partition, NodeId node);
  void TakeAhead(Partition partition);
  size_t WalkNext();
  size_t CompleteNext();
  std::vector<NodeId> OtherOwnersOf(Partition partition) const;

  LocalStore& store_;
  const Ring& ring_;
  Peers& peers_;
  NodeId self_;
  Options options_;
  int64_t next_us_ = 0;
  int64_t next_walk_us_ = 0;
  Partition next_told_ = 0;
  Partition next_walked_ = 0;
  Partition next_completed_ = 0;
  std::string walked_after_;                               // in that partition
  std::map<NodeId, std::map<Partition, OwnerWord>> told_;  // what each was told last
  std::set<NodeId> untold_;                                // they are to be told everything
  std::set<Partition> soon_;                               // all are to be told of them
  std::map<Partition, Bases> bases_;                       // as others have told them
  // The last words of those who know of other owners already, and say it but once.
  std::map<Partition, std::map<NodeId, Ahead>> ahead_;
};

}  // namespace cartwheel::cluster
