// One page of a listing over all nodes, at the node that its client is connected to: what every
// member that can be reached lists from one place on becomes one list.
//
// Everybody is asked, rather than R of each partition: a page is then one round trip whatever the
// ring looks like, and who stands in for an owner need not be worked out, as it answers too. Each
// member lists only so much that together they come to about what was asked for.
//
// Replicas may differ. A key on which the complete owners of its partition agree, R of them at
// least, is there; any other has to be looked at with a read, which repairs it as well.
//
// Time is monotonic microseconds and never goes back from call to call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cluster/levels.h"
#include "cluster/local_store.h"
#include "cluster/node_id.h"
#include "cluster/read_quorum.h"
#include "cluster/ring.h"
#include "cluster/scan_place.h"

namespace cartwheel::cluster {

// Of about `count` keys in the whole cluster, how many each of its members has to list.
size_t ShareOfPage(const Ring& ring, size_t count);

class ListQuorum {
 public:
  struct Answer {
    KeyPage page;
    bool complete = true;        // nothing of it is rebuilding
    uint64_t database_keys = 0;  // that the replica has in the whole database
  };
  struct Key {
    std::string key;
    bool agreed = false;  // it is there; else a read has to tell

    bool operator==(const Key&) const = default;
  };

  // `asked`: members that can be reached. `ring` outlives it. Levels are valid.
  ListQuorum(const Ring& ring, std::span<const NodeId> asked, const Levels& levels, ScanPlace from,
             ScanPlace until, const ReadQuorum::Options& options, int64_t now_us);

  // Other owners from now on: these are asked instead, and what was answered counts no more. Not
  // once it is decided.
  void Restart(std::span<const NodeId> asked);

  // Only the first answer of a node counts, and none that was not asked for.
  void Answered(NodeId node, Answer answer, int64_t now_us);
  // No answer can come any more.
  void Lost(NodeId node, int64_t now_us);
  void OnTime(int64_t now_us);
  // nullopt: it is over.
  std::optional<int64_t> NextDeadline() const;

  // Decided once, when everybody has answered or is not waited for any more.
  const std::optional<ReadOutcome>& outcome() const { return outcome_; }
  bool IsOver() const { return outcome_.has_value(); }

  // Of an outcome that is kAnswered: the keys before next(), in store order.
  const std::vector<Key>& keys() const { return keys_; }
  ScanPlace next() const { return next_; }
  // About how many keys the database has: as many as the complete replicas of whole nodes say,
  // each of which holds its share of the partitions. Exact while replicas are equal and everybody
  // answers.
  uint64_t database_keys() const { return database_keys_; }

 private:
  struct Asked {
    NodeId node;
    bool waiting = true;
    std::optional<Answer> answer{};
  };

  void Advance();
  std::optional<ReadOutcome> TooFew() const;
  void Unite();
  bool AllOwnersList(Partition partition, std::span<const NodeId> listed_by) const;
  uint64_t EstimateKeys() const;

  const Ring& ring_;
  Levels asked_for_;
  Levels levels_;  // of as many owners as there are
  ScanPlace from_;
  int64_t deadline_us_;
  std::vector<Asked> asked_;
  std::optional<ReadOutcome> outcome_;
  std::vector<Key> keys_;
  ScanPlace next_;
  uint64_t database_keys_ = 0;
};

}  // namespace cartwheel::cluster
