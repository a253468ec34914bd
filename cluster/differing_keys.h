// CLUSTER VERIFY KEYS: which keys the owners of some partitions hold differently.
//
// One partition after the other: its owners are asked for the leaves of their Merkle trees, then
// for the keys in those that differ, and half a second later for these again, as writes may have
// been on their way. Nothing is changed anywhere. What is found is bounded; REPAIR is for the rest.
//
// Time is monotonic microseconds and never goes back from call to call.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/merkle_tree.h"
#include "cluster/message.h"
#include "cluster/node_id.h"
#include "cluster/ring.h"

namespace cartwheel::cluster {

struct DifferingKey {
  Partition partition = 0;
  Database database = 0;
  std::string key;
  // What each owner has of it; 0: nothing.
  std::vector<std::pair<NodeId, RecordDigest>> at;
  bool operator==(const DifferingKey&) const = default;
};

class DifferingKeys {
 public:
  struct Options {
    size_t most_partitions = 32;
    size_t most_leaves = 64;  // of each
    size_t most_keys = 1'000;
    int64_t pause_us = 500'000;
    int64_t answer_within_us = 5'000'000;
  };
  struct Result {
    std::vector<DifferingKey> keys;  // by partition, database and name
    std::vector<Partition> unknown;  // one of the owners did not tell
    bool more = false;               // than is listed
    bool operator==(const Result&) const = default;
  };
  // `ring` outlives it, and may change between calls. Ids of questions are `first_id` and on.
  DifferingKeys(const Ring& ring, std::vector<Partition> partitions, uint64_t first_id,
                const Options& options, int64_t now_us);

  // What is to be asked now, of whom.
  std::vector<std::pair<NodeId, AskDigests>> TakeQuestions() {
    return std::exchange(questions_, {});
  }
  void Answered(NodeId node, const Digests& message, int64_t now_us);
  void Lost(NodeId node, int64_t now_us);
  void OnTime(int64_t now_us);
  int64_t NextDeadline() const { return IsOver() ? INT64_MAX : deadline_us_; }
  bool IsOver() const { return next_ == partitions_.size(); }
  const Result& result() const { return result_; }

 private:
  enum class Step : uint8_t { kLeaves, kKeys, kPause, kKeysAgain };
  using Name = std::pair<Database, std::string>;
  struct Answer {
    std::vector<RecordDigest> leaves;
    std::map<Name, RecordDigest> keys;
  };
  using Found = std::map<Name, std::vector<std::pair<NodeId, RecordDigest>>>;

  Partition partition() const { return partitions_[next_]; }
  void Ask(Step step, int64_t now_us);
  void EndStep(int64_t now_us);
  bool FindLeaves();
  Found KeysThatDiffer() const;
  void List(const Found& found);
  void GoToNext(int64_t now_us);

  const Ring& ring_;
  std::vector<Partition> partitions_;
  uint64_t id_;
  Options options_;
  size_t next_ = 0;  // of partitions_
  Step step_ = Step::kLeaves;
  int64_t deadline_us_ = 0;
  uint32_t leaves_ = kMostLeaves;    // that numbers_ are of
  std::vector<LeafNumber> numbers_;  // that differ
  std::set<NodeId> awaited_;
  std::map<NodeId, Answer> answers_;
  std::vector<std::pair<NodeId, AskDigests>> questions_;
  Found found_;  // the first time
  Result result_;
};

}  // namespace cartwheel::cluster
