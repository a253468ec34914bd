// The owners of a partition make room together (versions.md calls it R4). Each by itself would
// evict other keys than the rest, and what one had let go another would bring back by read repair.
//
// Who decides is the partition's first healthy owner. One that needs room asks it; it chooses, by
// how keys were used as far as it knows, and tells all owners, itself included, what goes:
//
//   EvictRequest  partition, bytes        -> Evict  keys with the dots of their versions
//   Evict         to the other owners
//
// Everybody drops exactly those versions, so whoever has a newer one keeps it, and whom they have
// not reached yet takes them as gone when they come. A copy of what went brings nothing back: its
// dots were received (apply.h). A message that is lost on its way leaves a key where it was, until
// the owners compare (anti_entropy.h). Reads are told to who decides, in batches.
//
// What not all owners are known to have received leaves its context. As that takes room too, they
// tell each other soon what they have received, and the context goes at once when all have; until
// then what it takes counts as gone.
//
// As every eviction makes room at all owners, a node asks for its share alone of what it needs, and
// then looks again: three that are full at once do not evict three times too much.
//
// One that stays full though it asked for some time chooses for itself alone. It keeps no cluster
// waiting for a decider that does not answer; replicas then differ in what went.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/forgetting.h"
#include "cluster/local_store.h"
#include "cluster/message.h"
#include "cluster/node_id.h"
#include "cluster/peers.h"
#include "cluster/ring.h"
#include "cluster/time.h"

namespace cartwheel::cluster {

class Evicting {
 public:
  struct Options {
    uint64_t seed = 1;  // of the places where victims are looked for
    int64_t step_every_us = 10'000;
    int64_t answer_within_us = 500'000;
    int64_t alone_after_us = 2'000'000;  // of being full without anything going
    uint64_t bytes_a_request = 4096;
    size_t requests_a_step = 64;
    size_t most_requests = 256;  // unanswered; no more are made until they are, or late
    size_t most_keys = 256;      // of an answer, whatever was asked for
    int64_t forgets_every_us = 100'000;
    size_t forgets_keys = 2'000;  // of a step
    size_t most_left = 100'000;   // whose contexts are remembered; those of more go in time
    int64_t tells_uses_every_us = 100'000;
    size_t most_uses = 4096;  // that wait to be told, to each; more are not told
  };
  // What a node needs.
  struct Need {
    int64_t bytes = 0;     // that are to go; <= 0: none
    bool is_full = false;  // there is no room at all
  };
  struct Totals {
    uint64_t requests = 0;     // sent to others
    uint64_t unanswered = 0;   // of these, in time
    uint64_t served = 0;       // of others
    uint64_t chosen = 0;       // keys, for all owners
    uint64_t by_others = 0;    // keys that went here by another's choice
    uint64_t by_self = 0;      // by this node's, for all owners
    uint64_t alone = 0;        // by this node's, for itself alone
    uint64_t passed_over = 0;  // that others chose: they were not here, or newer
    uint64_t uses_told = 0;
    uint64_t uses_dropped = 0;
    bool operator==(const Totals&) const = default;
  };

  // All outlive it.
  Evicting(LocalStore& store, const Ring& ring, Forgetting& forgetting, Peers& peers, NodeId self,
           const Options& options)
      : store_(store),
        ring_(ring),
        forgetting_(forgetting),
        peers_(peers),
        self_(self),
        options_(options),
        random_state_(options.seed) {}

  // kNoEviction: this node neither needs room nor chooses for others.
  void SetTerms(const LocalStore::VictimTerms& terms) { terms_ = terms; }
  // Whenever it is known anew, what has gone by then not counted any more.
  void SetNeed(const Need& need, int64_t now_us);
  // True: nothing could be evicted when there was no room, not even alone.
  bool is_stuck() const { return is_stuck_; }

  // True: the store was changed.
  bool OnTime(Time now);
  int64_t NextDeadline() const { return next_us_; }
  void RingChanged(const PartitionSet& changed);
  // A client has used the key here: whoever decides about it is told.
  void NoteUse(const KeyRef& ref, Time now);

  // They may change the store.
  void On(NodeId from, const EvictRequest& message, Time now);
  void On(NodeId from, const Evict& message, Time now);
  void On(NodeId from, const Used& message, Time now);
  // What contexts take that are to go.
  uint64_t left_bytes() const { return left_bytes_; }

  // What went since the last call, by whose choice ever.
  std::vector<LocalStore::Evicted> TakeEvicted() { return std::exchange(evicted_, {}); }
  const Totals& totals() const { return totals_; }

 private:
  struct Asked {
    uint64_t bytes;
    int64_t until_us;
  };
  // A context that stands where something went.
  struct Left {
    Database database;
    std::string key;
    uint64_t bytes;
  };
  struct Choice {
    Partition partition = 0;
    std::vector<LocalStore::Doomed> doomed;
  };

  bool evicts() const { return terms_.policy != EvictionPolicy::kNoEviction; }
  NodeId DeciderOf(Partition partition) const;
  bool MayDecide(Partition partition, uint64_t epoch) const;
  std::optional<Partition> NextPartition();
  void DropLate(int64_t now_us);
  bool Ask(Time now);
  Choice Choose(Partition partition, uint64_t bytes, Time now);
  void LookFurther(Choice& choice, uint64_t bytes, Time now);
  size_t Decide(Partition partition, uint64_t bytes, NodeId asker, RequestId id, Time now);
  void TellOwners(Evict& evict, NodeId asker, RequestId id);
  size_t DecideAlone(Time now);
  size_t LetGo(Partition partition, const std::vector<Evict::Item>& items, Time now);
  void Remember(Partition partition, const KeyRef& ref, uint64_t bytes, int64_t now_us);
  bool ForgetLeft(Time now);
  void TellUses();
  void Wake(int64_t at_us) { next_us_ = at_us < next_us_ ? at_us : next_us_; }

  LocalStore& store_;
  const Ring& ring_;
  Forgetting& forgetting_;
  Peers& peers_;
  NodeId self_;
  Options options_;
  LocalStore::VictimTerms terms_;
  uint64_t random_state_;
  Need need_;
  bool is_stuck_ = false;
  bool found_none_ = false;  // the last choice: where few may go, they are looked for elsewhere
  int64_t progress_us_ = 0;  // when something last went, or nothing had to
  int64_t next_us_ = INT64_MAX;
  int64_t step_us_ = 0;  // when the next one is due
  int64_t tell_us_ = INT64_MAX;
  uint64_t next_id_ = 1;
  std::map<RequestId, Asked> asked_;
  std::map<NodeId, std::vector<Used::Key>> uses_;
  std::map<Partition, std::deque<Left>> left_;  // the oldest first
  Partition next_left_ = 0;
  size_t left_keys_ = 0;
  uint64_t left_bytes_ = 0;
  int64_t forget_us_ = INT64_MAX;
  std::vector<LocalStore::Evicted> evicted_;
  Totals totals_;
};

}  // namespace cartwheel::cluster
