// One WAIT: how many copies there are, at owners, of all that a connection has written.
//
// It goes in rounds. In each the owners that can be reached are asked which of the partitions that
// the connection has written to they hold whole; copies are the owners that hold a partition, of
// the partition that the fewest hold. Rounds follow each other, with pauses that grow, until there
// are as many as was asked for or the time is over. Nothing is remembered of a round but what the
// last one found: who has lost what it held does not count any more.
//
// Of a connection that has written nothing every owner holds everything that can be reached.
//
// Time is monotonic microseconds and never goes back from call to call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "cluster/node_id.h"
#include "cluster/own_writes.h"
#include "cluster/ring.h"

namespace cartwheel::cluster {

class CopiesWait {
 public:
  struct Options {
    // When a round is over, whoever has not answered.
    int64_t rpc_timeout_us = 250'000;
    // About as long as a copy takes that is on its way when the first round asks.
    int64_t first_pause_us = 20'000;
    // A waiter may wait for hours for a node that is away; a round is a message to each owner.
    int64_t longest_pause_us = 500'000;
  };
  struct Terms {
    // Copies besides the first one, as Redis does not count a primary. 0: what one round finds.
    size_t replicas = 0;
    int64_t until_us = INT64_MAX;
    bool once = false;  // one round, whatever it finds
  };

  // `writes` as OwnWrites::Ranges gives them. `ring` outlives it, and may change between calls.
  CopiesWait(const Ring& ring, std::vector<WriteRange> writes, const Terms& terms,
             const Options& options, int64_t now_us);

  // Whether BeginRound is to be called now.
  bool IsRoundDue(int64_t now_us) const;
  // `healthy`: the members that can be reached, ascending. Returns whom to ask: each for the writes
  // that WritesAt names.
  std::vector<NodeId> BeginRound(std::span<const NodeId> healthy, int64_t now_us);
  // Those in partitions that the node owns.
  std::vector<WriteRange> WritesAt(NodeId node) const;

  // The partitions, ascending, of which it holds all that was asked for. Nobody who was not asked
  // is listened to.
  void Answered(NodeId node, std::span<const Partition> held, int64_t now_us);
  // It cannot be reached any more.
  void Lost(NodeId node, int64_t now_us);
  void OnTime(int64_t now_us);
  // nullopt: it is over.
  std::optional<int64_t> NextDeadline() const;

  // Besides the first one: what is known by now, and what was decided in the end.
  size_t replicas() const;
  const std::optional<size_t>& outcome() const { return outcome_; }
  bool IsOver() const { return outcome_.has_value(); }

 private:
  struct Asked {
    bool waiting = true;
    std::vector<Partition> held{};  // as it last said
  };

  bool InRound() const { return next_round_us_ == INT64_MAX; }
  bool Holds(NodeId node, Partition partition) const;
  size_t CountAt(Partition partition) const;
  void Advance(int64_t now_us);

  const Ring& ring_;
  std::vector<WriteRange> writes_;
  Terms terms_;
  Options options_;
  int64_t pause_us_;
  int64_t next_round_us_;        // INT64_MAX: one is under way
  int64_t round_until_us_ = 0;   // of the one under way
  std::vector<NodeId> healthy_;  // of the last round, ascending
  std::map<NodeId, Asked> asked_;
  std::optional<size_t> outcome_;
};

}  // namespace cartwheel::cluster
