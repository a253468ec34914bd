// Forgets deletions once every owner of the partition has seen them (versions.md calls it R3).
//
// Owners tell each other what they have received, a few partitions at a time, and only where it has
// changed since they last told. What follows for a partition (bases.h) decides which records that
// show nothing any more can go. The walk over the records is slow on purpose: a deletion that is
// forgotten late costs some bytes.
#pragma once

#include <cstdint>
#include <map>
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
    Partition walks_partitions = 52;
    size_t walks_records = 256;
  };

  // All outlive it.
  Forgetting(LocalStore& store, const Ring& ring, Peers& peers, NodeId self, const Options& options)
      : store_(store), ring_(ring), peers_(peers), self_(self), options_(options) {}

  // A step, if it is due. May change the store; returns how many records it forgot.
  size_t OnTime(int64_t now_us);
  int64_t NextDeadline() const { return next_us_; }
  // It knows nothing that it was told on an earlier link.
  void PeerUp(NodeId peer) { told_.erase(peer); }
  // What it said in this turn has been taken back.
  void Unsend() { told_.clear(); }
  void Heard(NodeId from, const ReceivedBases& message);

 private:
  void TellNext();
  size_t WalkNext();
  std::vector<NodeId> OtherOwnersOf(Partition partition) const;

  LocalStore& store_;
  const Ring& ring_;
  Peers& peers_;
  NodeId self_;
  Options options_;
  int64_t next_us_ = 0;
  Partition next_told_ = 0;
  Partition next_walked_ = 0;
  std::string walked_after_;                                // in that partition
  std::map<NodeId, std::map<Partition, OwnerBases>> told_;  // what each was told last
  std::map<Partition, Bases> bases_;                        // as others have told them
};

}  // namespace cartwheel::cluster
