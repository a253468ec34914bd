// Actors that are nobody's any more: of incarnations that lost data, of members that were taken out
// and of owners that are none now. Some of their writes may have reached nobody that is left. Such
// a gap would stay in what every owner has received, and so in the floor (floor.h): no deletion
// that knows of a later write of that actor could ever be forgotten, nor could a counter that it
// counted.
//
// The first owner of each partition looks for them now and then, and asks all members. It closes an
// actor, which means that all its writes count as received from then on, those too that never came,
// once it has found in two rounds one after the other that
//   1. the owners are complete and have received the same of it: what one lacks, all lack;
//   2. no member writes as it, nor keeps anything that is others' and might bring more of it.
// The time between both is longer than anything is under way between two nodes. The other owners
// take the closing over with what else this one has received (anti_entropy.h).
//
// A member that is asked for the actor that it would write as, though it owns nothing of the
// partition, takes another one. And if an actor were closed while its node is writing, that would
// hear of a number of its own that it never gave, and take another one as well (RotateIfBehind).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "cluster/forgetting.h"
#include "cluster/local_store.h"
#include "cluster/message.h"
#include "cluster/node_id.h"
#include "cluster/peers.h"
#include "cluster/retire.h"
#include "cluster/ring.h"

namespace cartwheel::cluster {

class FormerActors {
 public:
  struct Options {
    int64_t every_us = 30'000'000;  // a round
    size_t most_actors = 16;        // of a partition, in one round
  };

  // All outlive it.
  FormerActors(LocalStore& store, const Ring& ring, Forgetting& forgetting, const Retire& retire,
               Peers& peers, NodeId self, const Options& options)
      : store_(store),
        ring_(ring),
        forgetting_(forgetting),
        retire_(retire),
        peers_(peers),
        self_(self),
        options_(options) {}

  // Each is true when it has changed the store.
  bool OnTime(int64_t now_us);
  bool On(NodeId from, const AskFormer& message);
  bool On(NodeId from, const FormerReply& message);

  int64_t NextDeadline() const { return next_us_; }
  void SetEvery(int64_t every_us) { options_.every_us = every_us; }
  void RingChanged(const PartitionSet& changed);
  // A round ends without a result when somebody cannot be asked.
  void PeerDown(NodeId peer);

  uint64_t closed() const { return closed_; }  // actors, each in one partition

 private:
  using Actors = std::vector<ActorId>;  // ascending
  using Found = std::map<Partition, Actors>;

  Actors FindIn(Partition partition) const;
  Found FindAll() const;
  std::optional<std::vector<const OwnerWord*>> WordsOfOthers(Partition partition) const;
  bool IsKept(const AskFormer::Actor& asked) const;
  AskFormer Question() const;
  void Abandon();
  bool EndRound();
  void Close(Partition partition, const Actors& actors);

  LocalStore& store_;
  const Ring& ring_;
  Forgetting& forgetting_;
  const Retire& retire_;
  Peers& peers_;
  NodeId self_;
  Options options_;
  int64_t next_us_ = 0;
  Found asked_;  // in the round under way, without what somebody keeps
  RequestId round_{};
  std::set<NodeId> waiting_;  // whose answers have not come
  Found passed_;              // in the round before
  uint64_t closed_ = 0;
};

}  // namespace cartwheel::cluster
