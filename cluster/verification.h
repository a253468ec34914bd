// CLUSTER VERIFY: whether all owners of each partition hold the same, by the roots of their Merkle
// trees.
//
// It goes in rounds. In each all members are asked for their roots; a partition whose owners agree
// is done with. The others are looked at again, as writes may have been on their way, or trees are
// still being built, until they have differed so often in a row that it is not that.
//
// Time is monotonic microseconds and never goes back from call to call.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "cluster/message.h"
#include "cluster/node_id.h"
#include "cluster/ring.h"

namespace cartwheel::cluster {

// What became of it.
struct Verified {
  size_t equal = 0;                  // partitions
  std::vector<Partition> different;  // ascending
  // Ascending: one of the owners was not reached, rebuilds, or reads its records still.
  std::vector<Partition> unknown;
  std::vector<Partition> moving;  // ascending; of these nothing is said
  bool operator==(const Verified&) const = default;
};

class Verification {
 public:
  struct Options {
    int64_t round_us = 2'000'000;  // until a round is over, whoever has not answered
    int64_t pause_us = 500'000;
    int64_t most_us = 60'000'000;  // of all of it
    uint32_t rounds_to_differ = 4;
    uint32_t rounds_to_be_unknown = 20;
  };
  // `ring` outlives it, and may change between calls.
  Verification(const Ring& ring, const Options& options, int64_t now_us);

  bool IsRoundDue(int64_t now_us) const { return !IsOver() && now_us >= next_round_us_; }
  // Those who are asked; others count as not reached.
  void BeginRound(std::span<const NodeId> members, int64_t now_us);
  void Answered(NodeId node, const std::vector<RootsReply::OfPartition>& roots, int64_t now_us);
  void Lost(NodeId node, int64_t now_us);
  void OnTime(int64_t now_us);
  int64_t NextDeadline() const;
  bool IsOver() const { return result_.has_value(); }
  const Verified& result() const { return *result_; }  // once it is over

 private:
  enum class State : uint8_t { kOpen, kEqual, kDifferent, kUnknown, kMoving };
  struct Root {
    uint64_t epoch = 0;
    uint64_t root = 0;
  };
  struct OfPartition {
    State state = State::kOpen;
    uint32_t rounds = 0;  // in a row in which they were different, or unknown
    State last = State::kOpen;
  };

  State Judge(Partition partition) const;
  void EndRound(int64_t now_us);
  void End();

  const Ring& ring_;
  Options options_;
  int64_t until_us_;
  int64_t next_round_us_;
  int64_t round_until_us_ = 0;
  std::map<NodeId, bool> asked_;  // whether they have answered
  std::map<NodeId, std::map<Partition, Root>> roots_;
  std::array<OfPartition, kPartitions> partitions_{};
  std::optional<Verified> result_;
};

}  // namespace cartwheel::cluster
