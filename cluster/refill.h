// Brings what this node's replicas lack: of each partition that rebuilds, because it comes to this
// node or lost its data, all that other owners have, in parts that this node asks for.
//
// It goes through one owner after the other. What the first one has come whole; of the next it is
// told what has been received since, so they send what only they know. When a source has been gone
// through, all that it had received when it began is here, and counts as received. A partition is
// complete when every owner that is to go (unless it is gone) and so many of the owners have been
// gone through that no write could have been acknowledged by the others alone: N-W+1.
//
// What is here that the source does not have is not seen so. A replica that had records when it
// began to rebuild may hold what the others removed and forgot since: once all that a source has is
// here, it compares itself with it (anti_entropy.h), and only then has gone through it.
//
// A part is asked for when the one before it is here, so the sender keeps nothing but its link's
// output. After a broken link a pass goes on where it was; after a restart the sources leave out
// what has arrived.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/levels.h"
#include "cluster/local_store.h"
#include "cluster/message.h"
#include "cluster/node_id.h"
#include "cluster/peers.h"
#include "cluster/ring.h"
#include "cluster/time.h"

namespace cartwheel::cluster {

// Of a source, as Refill goes through it: from where on, and what it had received when that began.
struct RefillPass {
  NodeId source = kNoNode;
  RequestId id{};  // none: nothing is asked for now
  int64_t asked_us = 0;
  std::string after;
  std::string committed_after;  // as the last commit left it
  ReceivedDots known;
  std::optional<OwnerWord> word;
  bool last = false;      // all of it is here, ...
  bool kept = false;      // ... committed, ...
  bool compared = false;  // ... and equal to what the source has, where that has to be looked at
};

class Refill {
 public:
  struct Options {
    size_t streams = 4;  // partitions at one time
    // Of one message, about: taking one in, or giving it, keeps clients waiting.
    uint64_t part_bytes = 128UL << 10;
    int64_t timeout_us = 1'000'000;         // without an answer another source is asked
    int64_t retry_us = 500'000;             // after a refusal
    int64_t patience_us = 2'000'000;        // before what does not move is asked for at all
    int64_t look_every_us = 1'000'000;      // for replicas that begin to rebuild, or are complete
    int64_t trouble_after_us = 10'000'000;  // of failing; then it is told
    Levels levels;                          // the least that clients ask for
    uint64_t max_bytes_per_second = 0;      // 0: as fast as it goes
  };
  // What sets its requests apart from others.
  static constexpr uint64_t kIdBit = uint64_t{1} << 62;
  static bool IsRefill(RequestId id) { return (static_cast<uint64_t>(id) >> 61) == 2; }

  // All outlive it.
  Refill(LocalStore& store, const Ring& ring, Peers& peers, NodeId self, const Options& options)
      : store_(store), ring_(ring), peers_(peers), self_(self), options_(options) {}

  void SetMaxBytesPerSecond(uint64_t bytes) { options_.max_bytes_per_second = bytes; }

  // True: it has changed the store.
  bool OnTime(int64_t now_us);
  int64_t NextDeadline() const { return next_us_; }
  void Wake(int64_t now_us) { next_us_ = now_us < next_us_ ? now_us : next_us_; }
  void RingChanged(int64_t now_us);
  void PeerDown(NodeId peer, int64_t now_us);
  // Changes the store.
  void On(NodeId from, const Fetched& message, Time now);
  // What became of the turn's commit.
  void Committed(bool committed, int64_t now_us);

  // Sources that have been gone through, but for the comparison. Whoever makes it tells when both
  // are equal, as the last commit left them.
  struct ToCompare {
    Partition partition = 0;
    NodeId source = kNoNode;
    bool is_complete = false;  // the source

    auto operator<=>(const ToCompare&) const = default;
  };
  std::vector<ToCompare> ToCompareWith();
  void Compared(Partition partition, NodeId source, int64_t now_us);

  // Partitions that come to this node and are complete, as the last commit left them; ascending.
  std::vector<Partition> Arrived() const;
  // Why it does not go on, as a part of one line; empty: it does, or there is nothing to do.
  std::string Trouble(int64_t now_us) const;
  struct Progress {
    size_t partitions = 0;  // that rebuild
    uint64_t bytes = 0;     // since the start, of all parts
    uint64_t records = 0;
    bool operator==(const Progress&) const = default;
  };
  Progress progress() const { return {jobs_.size(), bytes_, records_}; }

 private:
  struct Job {
    std::optional<RefillPass> pass;
    std::set<NodeId> passed;   // and complete
    std::set<NodeId> doubted;  // passed, but rebuilding as well
    int64_t since_us = 0;
    int64_t not_before_us = 0;
    uint64_t epoch = 0;            // of the partition
    int64_t failing_since_us = 0;  // to take what moves here; 0: it does not
  };

  bool FindJobs(int64_t now_us);
  std::vector<NodeId> SourcesOf(Partition partition) const;
  bool HasEnough(Partition partition, const Job& job) const;
  bool FinishPasses();
  bool MustCompare(Partition partition, const RefillPass& pass);
  void AskNext(int64_t now_us);
  bool Begin(Partition partition, Job& job, int64_t now_us);
  size_t BeginDue(Partition partition, Job& job, int64_t now_us);
  void EndPass(Partition partition, Job& job);
  bool Ask(Partition partition, RefillPass& pass, int64_t now_us);
  Refusal Take(const Fetched& message, Time now);
  void Fail(Partition partition, std::string why, Job& job, int64_t now_us);
  int64_t WhenAllowed(int64_t now_us) const;
  void Spend(uint64_t bytes, int64_t now_us);

  LocalStore& store_;
  const Ring& ring_;
  Peers& peers_;
  NodeId self_;
  Options options_;
  std::vector<Partition> coming_;  // to this node, when it last looked; ascending
  std::map<Partition, Job> jobs_;
  std::set<Partition> begun_;  // those with a pass
  std::map<RequestId, Partition> asked_;
  int64_t look_us_ = 0;  // when to look for what rebuilds
  uint64_t next_id_ = 1;
  int64_t next_us_ = 0;
  int64_t allowed_us_ = 0;  // by the limit, when the next part may be asked for
  std::string failing_;     // why, of the last one
  uint64_t bytes_ = 0;
  uint64_t records_ = 0;
};

}  // namespace cartwheel::cluster
