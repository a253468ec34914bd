// Two owners of a partition compare what they hold, and become equal: what neither copies nor hints
// nor received dots tell of is found by their Merkle trees (the Dynamo paper, 4.7).
//
//   SameRoots  roots           -> OtherRoots the partitions that differ; most end here
//   AskTree    root            -> TreeReply  none if it is the same, else all branches
//   AskTree    what differs    -> TreeReply  its leaves
//   ... half a second later the same again: writes that were on their way then are no difference
//   AskKeys    leaves          -> KeysReply  digests of their keys
//   Swap       what differs    -> Swapped    joined at both; and so on with more leaves
//   AskKeys    none            it has ended
//
// Then all that one had received when it began is at the other too, and counts as received there:
// so gaps close that nothing else fills, and deletions behind them can be forgotten.
//
// Trees are kept by what changes records; so that they go on to tell what is on the disk they are
// built anew once in a while (a scrub).
//
// So it costs about what differs (measured for a million keys, records apart: 12 bytes for
// nothing, 4.6 KB for one key, 255 KB for a hundred). Of each pair the lower node begins, once in a
// while; any when an operator asks, when it misses a write that the other said long ago that it
// has, or when a copy came of what it once received and has no more.
// Between replicas that are complete, of partitions that do not move: what others lack is brought
// by refill.h. But at its end one that rebuilds compares itself with its source in the same way:
// not to be given what it lacks, but to be told what of its own was removed while it did not hear
// of it. While a comparison goes on neither forgets deletions of the partition, or what is just
// being sent would come back. What a policy may have evicted at one goes at the other too.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "cluster/eviction_policy.h"
#include "cluster/forgetting.h"
#include "cluster/local_store.h"
#include "cluster/message.h"
#include "cluster/node_id.h"
#include "cluster/peers.h"
#include "cluster/refill.h"
#include "cluster/ring.h"
#include "cluster/time.h"

namespace cartwheel::cluster {

class AntiEntropy {
 public:
  struct Options {
    int64_t every_us = 3'600'000'000;          // each pair of owners of each partition
    int64_t first_after_us = 60'000'000;       // of the start, or of a change of the owners
    int64_t scrub_every_us = 604'800'000'000;  // each tree is built anew; 0: none is
    int64_t retry_us = 10'000'000;             // after one that failed
    int64_t busy_us = 1'000'000;               // while the other builds its tree
    int64_t doubted_us = 10'000'000;           // after one that found no difference
    int64_t gap_after_us = 10'000'000;         // a write that another owner has is missed
    int64_t confirm_after_us = 500'000;
    int64_t timeout_us = 5'000'000;     // without an answer
    int64_t open_for_us = 300'000'000;  // at the other node, in which deletions are kept
    int64_t step_every_us = 20'000;
    size_t at_once = 8;  // that talk
    size_t most = 128;   // with those that let time pass
    // Roots that are sent together: those of the pairs that are due, and of others that will be
    // within this part of the time between two comparisons.
    size_t roots_at_once = 64;
    int64_t ahead_part = 16;
    // For trees that are not there yet: what a step takes, which clients have to wait for.
    int64_t build_every_us = 5'000;
    size_t builds_records = 500;
    size_t builds_partitions = 64;
    // A thousand keys of a partition that has a million: two milliseconds for who lists them.
    size_t leaves_at_once = 16;
    size_t keys_at_once = 64;
    uint64_t max_bytes_per_second = 10UL << 20;  // 0: as fast as it goes
    // What it lets go is not lost when it is gone without a trace.
    EvictionPolicy eviction_policy = EvictionPolicy::kNoEviction;
  };
  struct Totals {
    uint64_t compared = 0;  // partitions, with one other owner each, to the end
    uint64_t differed = 0;  // of these
    uint64_t failed = 0;    // comparisons that did not come to their end
    uint64_t changed = 0;   // records here
    uint64_t restored = 0;  // of these: received before, and lost since
    uint64_t bytes = 0;     // sent and received, without the frames
    uint64_t scrubbed = 0;  // trees that were there and have been built anew
    bool operator==(const Totals&) const = default;
  };

  // All outlive it.
  AntiEntropy(LocalStore& store, const Ring& ring, const Forgetting& forgetting, Peers& peers,
              NodeId self, const Options& options)
      : store_(store),
        ring_(ring),
        forgetting_(forgetting),
        peers_(peers),
        self_(self),
        options_(options) {}

  // True: it has changed the store.
  bool OnTime(Time now);
  int64_t NextDeadline() const { return next_us_; }
  void RingChanged(const PartitionSet& changed, int64_t now_us);
  void PeerDown(NodeId peer, int64_t now_us);
  // Compares with all other owners of the partition, or of all that this node owns.
  void CompareNow(std::optional<Partition> partition, int64_t now_us);
  // 0: they do so only when an operator asks.
  void SetEvery(int64_t every_us, int64_t now_us);
  void SetScrubEvery(int64_t every_us, int64_t now_us);
  void SetMaxBytesPerSecond(uint64_t bytes) { options_.max_bytes_per_second = bytes; }
  void SetEvictionPolicy(EvictionPolicy policy) { options_.eviction_policy = policy; }
  // The sources with which this node's replicas are to be compared that rebuild; any others no
  // more. And those that are equal now, as the last commit left them.
  void SetSources(std::span<const Refill::ToCompare> sources, int64_t now_us);
  std::vector<std::pair<Partition, NodeId>> TakeCompared() { return std::exchange(compared_, {}); }
  // What became of the turn's commit.
  void Committed(bool committed, int64_t now_us);

  // They may change the store, all of them.
  void On(NodeId from, const AskTree& message, Time now);
  void On(NodeId from, const TreeReply& message, Time now);
  void On(NodeId from, const AskKeys& message, Time now);
  void On(NodeId from, const KeysReply& message, Time now);
  void On(NodeId from, const Swap& message, Time now);
  void On(NodeId from, const Swapped& message, Time now);
  void On(NodeId from, const SameRoots& message, Time now);
  void On(NodeId from, const OtherRoots& message, Time now);

  // The roots of the partitions that this node owns and is complete in. Those whose trees are not
  // there are begun, and missing.
  std::vector<RootsReply::OfPartition> Roots(int64_t now_us);

  // Of one partition, for any member.
  struct Told {
    Refusal refusal = Refusal::kNone;
    std::vector<RecordDigest> leaves{};
    std::vector<LocalStore::NamedDigest> keys{};
  };
  Told Tell(const AskDigests& message, int64_t now_us);

  const Totals& totals() const { return totals_; }
  size_t under_way() const { return under_way_.size(); }
  // Pairs that an operator has asked for and that are still to be compared.
  size_t asked_for() const { return asked_for_.size(); }
  // The longest time since a pair of this node's was found equal, or made so; nullopt: one never
  // was since the owners are what they are.
  std::optional<int64_t> OldestAgreement(int64_t now_us) const;

 private:
  using Pair = std::pair<Partition, NodeId>;
  enum class Step : uint8_t { kRoot, kLeaves, kConfirm, kLeavesAgain, kKeys, kSwap, kPaused };
  struct Comparison {
    RequestId id{};
    Pair pair;
    uint64_t epoch = 0;
    ActorId actor{};                  // this node's incarnation, ...
    ActorId peer_actor{};             // ... and the other's
    bool of_refill = false;           // this node's replica rebuilds, ...
    bool peer_rebuilds = false;       // ... and the other's too
    bool equal = true;                // false: something was left as it is
    std::optional<OwnerWord> word{};  // the other's from before, if it has received more
    Step step = Step::kRoot;
    uint32_t leaves = 0;
    std::vector<uint32_t> branches{};     // that differ
    std::vector<LeafNumber> differing{};  // leaves, ascending
    size_t next_leaf = 0;                 // of these, not compared key by key yet
    std::vector<LeafNumber> chunk{};      // that are compared so now
    std::vector<uint64_t> keys{};         // that differ in it, ascending
    size_t next_key = 0;
    std::vector<uint64_t> wanted{};  // of these, swapped now
    int64_t deadline_us = 0;

    // For time to pass; otherwise for an answer.
    bool waits() const { return step == Step::kConfirm || step == Step::kPaused; }
  };
  struct Opened {
    RequestId id{};
    int64_t until_us = 0;
    uint64_t epoch = 0;
    ActorId peer_actor{};
    bool equal = true;
    std::optional<OwnerWord> word{};
  };
  struct Question {  // SameRoots
    NodeId peer = kNoNode;
    std::vector<RootsReply::OfPartition> roots{};
    int64_t deadline_us = 0;
  };
  struct Source {
    bool rebuilds = false;
    int64_t due_us = 0;
  };
  struct Ended {
    Pair pair;
    bool of_refill = false;
    std::optional<OwnerWord> word{};
  };
  struct Joined {
    Refusal refusal = Refusal::kNone;
    bool equal = true;  // false: something was left as it is
  };
  // In the id of a comparison of a replica that rebuilds.
  static constexpr uint64_t kOfRefillBit = uint64_t{1} << 60;
  static bool IsOfRefill(RequestId id) { return (static_cast<uint64_t>(id) & kOfRefillBit) != 0; }
  // What a key that is listed counts for, by the limit: its record is read, at both nodes, which
  // costs more than the sixteen bytes that are sent.
  static constexpr size_t kListedBytes = 64;
  static constexpr size_t kMostSwappedBytes = 8UL << 20;  // of the records of one message
  enum class End : uint8_t { kEqual, kMadeEqual, kNotYet, kFailed };

  void TakeOwners(Partition partition, int64_t now_us);
  int64_t FirstDue(Partition partition, int64_t now_us) const;
  void CompareDoubted(int64_t now_us);
  void CompareWhereGapsAre(int64_t now_us);
  void CompareAt(const Pair& pair, int64_t at_us);
  bool JoinEnded();
  void GoOn(int64_t now_us);
  void BuildTrees();
  void Scrub(int64_t now_us);
  void BeginDue(int64_t now_us);
  void AskForSame(std::map<NodeId, SameRoots>& gathered, int64_t now_us);
  void JudgeRoot(NodeId from, const RootsReply::OfPartition& root, OtherRoots& reply,
                 int64_t now_us);
  void DropLateQuestions(int64_t now_us);
  void CompareSingly(const Pair& pair, int64_t now_us);
  void NoteAgreed(const Pair& pair, int64_t now_us);
  void BeginWithSources(int64_t now_us);
  bool HasTree(Partition partition, int64_t now_us);
  bool HasRoom() const;
  bool IsFree(const Pair& pair) const;
  bool MayBegin(const Pair& pair) const;
  std::optional<OwnerWord> NewsOf(const Pair& pair);
  void BeginAt(const Pair& pair, const Source* source, int64_t now_us);
  Comparison* Find(NodeId from, RequestId id);
  void AskForBranches(Comparison& comparison, int64_t now_us);
  void OnBranches(Comparison& comparison, const TreeReply& message, int64_t now_us);
  void OnLeaves(Comparison& comparison, const TreeReply& message, int64_t now_us);
  void AskForKeys(Comparison& comparison, int64_t now_us);
  void Pause(Comparison& comparison);
  void SwapNext(Comparison& comparison, int64_t now_us);
  template <typename M>
  void Ask(Comparison& comparison, Step step, const M& message, int64_t now_us);
  static bool AllCame(const Comparison& comparison, const std::vector<Fetched::Item>& items);
  void Finish(const Comparison& ended, End end, int64_t now_us);
  Refusal MayAnswer(NodeId from, Partition partition, uint64_t epoch, RequestId id) const;
  void Same(NodeId from, const AskTree& message);
  bool IsOpen(NodeId from, Partition partition, RequestId id) const;
  Joined Join(std::optional<LocalStore::Gone> gone, const std::vector<Fetched::Item>& items,
              int64_t now_ms);
  LocalStore::Gone WhatIsGone(const Container& theirs) const;
  bool IsOpenToAny(Partition partition) const;
  void KeepDeletionsOf(Partition partition);
  void Close(const Pair& pair);
  void Spend(uint64_t bytes, int64_t now_us);
  void Wake(int64_t at_us) { next_us_ = at_us < next_us_ ? at_us : next_us_; }

  LocalStore& store_;
  const Ring& ring_;
  const Forgetting& forgetting_;
  Peers& peers_;
  NodeId self_;
  Options options_;
  std::map<Pair, int64_t> due_us_;     // of the other owners of this node's partitions
  std::map<Pair, int64_t> agreed_us_;  // when they were last equal
  std::set<Pair> asked_for_;
  Pair last_begun_{};
  std::vector<Comparison> under_way_;  // begun here
  std::map<RequestId, Question> questions_;
  std::set<Pair> asked_same_;       // in those
  std::set<Pair> singly_;           // their roots were not found the same
  std::map<Pair, Opened> opened_;   // by others
  std::map<Pair, Source> sources_;  // of replicas here that rebuild
  std::vector<Ended> ended_;        // equal, in this turn
  std::vector<Ended> kept_;         // of those, as committed
  std::vector<Pair> compared_;      // with sources
  std::set<Partition> to_build_;    // trees
  std::set<Partition> scrubbed_;    // of to_build_
  Partition next_scrubbed_ = 0;
  int64_t scrub_us_ = INT64_MAX;
  bool knows_ring_ = false;
  uint64_t next_id_ = 1;
  int64_t next_us_ = 0;
  std::map<Pair, OwnerWord> lacking_;  // what others had told when gaps were last looked for
  int64_t look_for_gaps_us_ = 0;
  int64_t look_us_ = 0;     // when to look for what is due
  int64_t allowed_us_ = 0;  // by the limit, when more may be asked
  Totals totals_;
};

}  // namespace cartwheel::cluster
