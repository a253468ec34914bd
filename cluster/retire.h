// What a node keeps of partitions that it does not own, or not any more: it lets others' data go
// once those whose data they are have them.
//
// An owner no more asks the owners what they have received. What all of them have is deleted, a few
// records a turn, and the rest is owed to them like any hint, and deleted when they have it. So
// nothing is deleted on the strength of a table alone: an owner answers only under the same epoch
// of the partition, when no reader can be sent here any more, and for what it has itself.
//
// Hints for a node that does not own the partition any more go to those who do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/local_store.h"
#include "cluster/message.h"
#include "cluster/node_id.h"
#include "cluster/peers.h"
#include "cluster/ring.h"
#include "cluster/time.h"

namespace cartwheel::cluster {

class Retire {
 public:
  struct Options {
    int64_t step_every_us = 5'000;  // while there is something to do
    size_t walks_records = 500;     // of a step
    int64_t retry_us = 500'000;
  };
  // What sets its requests apart from others.
  static constexpr uint64_t kIdBit = uint64_t{1} << 61;
  static bool IsRetire(RequestId id) { return (static_cast<uint64_t>(id) >> 61) == 1; }

  // All outlive it.
  Retire(LocalStore& store, const Ring& ring, Peers& peers, NodeId self, const Options& options)
      : store_(store), ring_(ring), peers_(peers), self_(self), options_(options) {}

  // While it is in no cluster it keeps what it has.
  void SetInCluster(bool in_cluster) { in_cluster_ = in_cluster; }
  // True: it has changed the store.
  bool OnTime(Time now);
  int64_t NextDeadline() const { return in_cluster_ ? next_us_ : INT64_MAX; }
  void RingChanged(int64_t now_us);
  void On(NodeId from, const Fetched& message, int64_t now_us);

  // Nothing is here that is others', as far as this node knows.
  bool IsDrained() const;
  size_t partitions_left() const { return left_.size(); }

 private:
  // A partition that is others', and has records here.
  struct Left {
    std::map<NodeId, ReceivedDots> words;  // of its owners
    std::string after;
    int64_t asked_us = 0;
  };

  void Look();
  bool WalkNext(Time now);
  bool Walk(Partition partition, Left& left, Time now);
  bool AskOwners(Partition partition, Left& left, int64_t now_us);
  bool Redirect(Time now);
  bool RedirectHintsOf(NodeId target, Time now);

  LocalStore& store_;
  const Ring& ring_;
  Peers& peers_;
  NodeId self_;
  Options options_;
  bool in_cluster_ = true;
  std::map<Partition, Left> left_;
  std::map<RequestId, Partition> asked_;
  // Targets whose hints are to be looked at, each with the last store key.
  std::map<NodeId, std::string> to_redirect_;
  bool looks_ = true;  // once at least since the ring has changed
  uint64_t next_id_ = 1;
  int64_t next_us_ = 0;
};

}  // namespace cartwheel::cluster
