// A member's share in its cluster: it coordinates reads and writes over the replicas of a key, is a
// replica itself, stands in for owners that are away, and hands over what they missed ("Dynamo",
// sections 4.3 to 4.6).
//
// Owners change while requests are under way (ring.h). What is asked of a replica carries the epoch
// of the partition: one that knows a later one refuses, one that does not know it yet keeps the
// message until it does. A request whose partition has other owners begins again, with none of the
// answers that it had.
//
// It knows keys, containers and peers; what a client asked for and how it is answered is its
// caller's. A turn is: inputs (messages, links, time, requests); the caller's commit of the store;
// Committed; then the peers' output may be sent and events are final. So no copy is sent, and none
// acknowledged, that is not stored here.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cluster/anti_entropy.h"
#include "cluster/copies_wait.h"
#include "cluster/deadline_queue.h"
#include "cluster/differing_keys.h"
#include "cluster/evicting.h"
#include "cluster/forgetting.h"
#include "cluster/former_actors.h"
#include "cluster/gossip.h"
#include "cluster/hint_delivery.h"
#include "cluster/hints.h"
#include "cluster/levels.h"
#include "cluster/list_quorum.h"
#include "cluster/local_store.h"
#include "cluster/message.h"
#include "cluster/node_id.h"
#include "cluster/own_writes.h"
#include "cluster/peers.h"
#include "cluster/read_quorum.h"
#include "cluster/refill.h"
#include "cluster/retire.h"
#include "cluster/ring.h"
#include "cluster/time.h"
#include "cluster/verification.h"
#include "cluster/write_quorum.h"

namespace cartwheel::cluster {

// Of the writes whose values a container brings, as a copy of it names them. What it merely covers
// arrives with its own copies.
DotList DotsOfVersions(const Container& container);

// What the store of a member has to know of the ring.
Ownership OwnershipOf(const Ring& ring, NodeId self);

class Node {
 public:
  struct Options {
    NodeId self = kNoNode;
    WriteQuorum::Options write;
    ReadQuorum::Options read;
    CopiesWait::Options wait;
    Peers::Options peers;
    Gossip::Options gossip;
    HintDelivery::Options hints;
    Forgetting::Options forgetting;
    Refill::Options refill;
    Retire::Options retire;
    FormerActors::Options former_actors;
    AntiEntropy::Options anti_entropy;
    Verification::Options verification;
    DifferingKeys::Options differing_keys;
    Evicting::Options evicting;
    // Under way at one time, for the clients of all gateways. Past it BeginRead and BeginWrite
    // refuse.
    size_t max_requests = 65'536;
  };

  // What became of a request, once for each.
  struct ReadDone {
    RequestId id{};
    ReadOutcome outcome;
    const Container* merged = nullptr;  // valid until the next call
  };
  struct WriteDone {
    RequestId id{};
    WriteOutcome outcome;
    Partition partition = 0;
    const DotList* dots = nullptr;  // that were Written; valid until the next call
  };
  struct ListDone {
    RequestId id{};
    ReadOutcome outcome;
    const ListQuorum* list = nullptr;  // valid until the next call
  };
  struct WaitDone {
    RequestId id{};
    size_t replicas = 0;
  };
  struct VerifyDone {
    RequestId id{};
    Verified verified;
    std::optional<DifferingKeys::Result> keys;  // if they were asked for, and some differ
  };
  using Event = std::variant<ReadDone, WriteDone, ListDone, WaitDone, VerifyDone>;

  // `store` outlives it; self is a member of the ring.
  Node(LocalStore& store, Ring ring, const Options& options);

  NodeId self() const { return options_.self; }
  const Ring& ring() const { return ring_; }
  // False: it was taken out, or is in none yet. Whatever is begun then fails.
  bool in_cluster() const { return in_cluster_; }
  Peers& peers() { return peers_; }
  const Peers& peers() const { return peers_; }
  Gossip& gossip() { return gossip_; }
  const Gossip& gossip() const { return gossip_; }
  Hints& hints() { return store_.hints(); }

  // The first healthy owner of the key, this node before others; this node, too, when no owner can
  // be reached: it stands in for one.
  NodeId CoordinatorOf(const KeyRef& ref) const;

  // Other members, or other owners of some partitions, from now on; self is one of them. What it
  // comes to own it rebuilds from those who own it, and what it owns no more it lets go once they
  // have it. `ownership`: this node's share of it, or none while it is in no cluster. Changes the
  // store.
  void SetRing(Ring ring, const Ownership& ownership, Time now);

  // Who knows of a later change of the owners than this node, as their messages showed since the
  // last call.
  std::vector<NodeId> TakeAhead() { return std::exchange(ahead_, {}); }
  // What comes to this node and what it lets go.
  Refill& refill() { return refill_; }
  const Refill& refill() const { return refill_; }
  const Retire& retire() const { return retire_; }
  const FormerActors& former_actors() const { return former_actors_; }
  FormerActors& former_actors() { return former_actors_; }
  const AntiEntropy& anti_entropy() const { return anti_entropy_; }
  AntiEntropy& anti_entropy() { return anti_entropy_; }
  Evicting& evicting() { return evicting_; }
  const Evicting& evicting() const { return evicting_; }
  // Whether all owners of each partition hold the same; VerifyDone comes within a minute.
  // `with_keys`: which ones differ, too, which may take longer.
  RequestId BeginVerify(bool with_keys, Time now);

  // --- What a client wants of a key

  // Merges what R replicas know. `session`: what the client has seen of the key; nullptr: nothing.
  // nullopt: too many requests are under way.
  std::optional<RequestId> BeginRead(const KeyRef& ref, const Levels& levels,
                                     const Context* session, Time now);
  // Whether a write can be begun: the caller then makes it in the store and says Written, all in
  // one turn. kNoReplicas: nothing may be done. kBusy as above.
  struct Busy {};
  std::expected<RequestId, std::variant<WriteOutcome, Busy>> BeginWrite(const KeyRef& ref,
                                                                        const Levels& levels,
                                                                        Time now);
  // `dots`: of the writes that the store made for it; `copy`: the record with them, in its form in
  // a message (LocalStore::minted and copy). The copies go out once they are committed.
  void Written(RequestId id, const DotList& dots, std::string_view copy, Time now);
  // It turned out that there is nothing to write.
  void Abandon(RequestId id);
  // Lists about `count` keys of a database from one place to before another, and the keys that the
  // database has. nullopt as above.
  std::optional<RequestId> BeginList(Database database, ScanPlace from, ScanPlace until,
                                     size_t count, const Levels& levels, Time now);

  // Waits until owners hold a client's own writes. nullopt as above.
  std::optional<RequestId> BeginWait(const OwnWrites& writes, const CopiesWait::Terms& terms,
                                     Time now);
  // It is over now: how many replicas are known to hold them.
  size_t EndWait(RequestId id);

  // nullopt: nothing is done.
  std::optional<Event> NextEvent();

  // --- What comes from elsewhere

  void PeerUp(NodeId peer, Time now);
  void PeerDown(NodeId peer, Time now);
  // Not for Forward, ForwardReply, Published and what membership.h is about, which are the
  // caller's.
  void OnMessage(NodeId from, const Message& message, Time now);
  void OnTime(Time now);
  // Monotonic time of the next OnTime that has work.
  int64_t NextDeadline() const;

  // What became of the turn's commit. `durable`: it is on disk, as it is whenever a write or a copy
  // of the turn wanted it (LocalStore::synced), if there is a disk.
  void Committed(bool committed, bool durable, Time now);
  // The store's batch has something of it: at the end of a turn, it waits for another one.
  bool has_staged() const { return staged_; }

  struct Statistics {
    uint64_t reads = 0;
    uint64_t writes = 0;
    uint64_t sloppy_writes = 0;   // acknowledged with a stand-in's copy, or hinted in the end
    uint64_t degraded_reads = 0;  // replicas that rebuild had to be counted
    uint64_t ryw_misses = 0;      // nobody knew what the session had seen
    uint64_t failed_reads = 0;
    uint64_t uncertain_writes = 0;
    uint64_t refused_writes = 0;
    uint64_t repairs = 0;          // of replicas that lacked something a read had found
    uint64_t divergent_reads = 0;  // reads after which there was something to repair
    uint64_t copies_applied = 0;
    uint64_t copies_refused = 0;
    uint64_t hints_delivered = 0;
    uint64_t deletions_forgotten = 0;
    uint64_t unknown_messages = 0;
    uint64_t restarted = 0;  // requests, as owners changed under them
    uint64_t refused_stale = 0;
  };
  const Statistics& statistics() const { return statistics_; }
  // Of those that it owns: it may lack what others know, and does not count to R.
  size_t RebuildingPartitions() const;
  size_t requests_under_way() const { return by_id_.size(); }

 private:
  struct Request {
    RequestId id{};
    uint64_t epoch = 0;    // of the partition, or of the listed ones the largest
    uint64_t attempt = 0;  // answers to earlier ones are not for this one
    RequestId wire_id() const;
    Partition partition = 0;
    KeyRef ref() const { return {database, key}; }
    Database database = 0;
    std::string key;
    DotList dots;      // of a write
    std::string copy;  // of the write, in its form in a message, until it has been sent
    // Of a read: the answer of this node, which others may be the same as.
    std::optional<ContainerDigest> known;
    int64_t began_us = 0;
    int64_t scheduled_us = 0;  // when the next look at its deadlines is due; 0: none is
    std::unique_ptr<ListKeys> listing;
    bool reported = false;
    bool decided = false;    // a listing or a wait: it is among done_
    bool failed = false;     // a read: what it was answered here has not been kept
    int64_t told_at_us = 0;  // a read that found too few: when that is said; 0: at once
    bool sloppy = false;     // a write: others stand in; a read: replicas differed
    std::variant<ReadQuorum, WriteQuorum, ListQuorum, CopiesWait> quorum;

    explicit Request(ReadQuorum&& read) : quorum(std::move(read)) {}
    explicit Request(WriteQuorum&& write) : quorum(std::move(write)) {}
    explicit Request(ListQuorum&& list) : quorum(std::move(list)) {}
    explicit Request(CopiesWait&& wait) : quorum(std::move(wait)) {}
  };
  // Of the turn: copies for others, whose answer waits for the commit.
  struct Answer {
    NodeId to;
    RequestId id;
    ActorId actor;
  };
  using Candidates = boost::container::small_vector<Candidate, 8>;

  Candidates CandidatesForWrite(Partition partition) const;
  Candidates CandidatesForRead(Partition partition) const;
  bool IsHealthy(NodeId node) const { return node == options_.self || peers_.IsHealthy(node); }

  // What a replica does with a message under an epoch.
  enum class Fence : uint8_t { kServe, kStale, kNotYet };
  Fence FenceOf(uint64_t epoch, uint64_t own);
  template <typename M>
  Fence Admit(NodeId from, const M& message, uint64_t own, Time now);
  uint64_t EpochOfRange(ScanPlace from, ScanPlace until) const;
  uint64_t EpochNowOf(const Request& request) const;
  void RestartMoved(Time now);
  void GiveUp(Request& request);
  void Restart(Request& request, Time now);
  void AskForList(Request& request, Time now);
  std::vector<NodeId> Healthy() const;
  void TakeParked(Time now);
  void KnowsMore(NodeId node);
  void Owe(NodeId owner, const Request& request, Time now);

  Request& Add(std::unique_ptr<Request> request, const KeyRef& ref, Partition partition, Time now);
  Request* Find(RequestId id);
  // Of an answer; nullptr: to an attempt that is over.
  Request* FindByWire(RequestId id);
  RequestId FailedRead(const KeyRef& ref, const Levels& levels, Time now);
  void SeeOwnWrites(const KeyRef& ref, Partition partition, Context& seen);
  struct Verifying {
    Verification roots;
    bool wants_keys = false;
    std::optional<DifferingKeys> keys{};

    bool WaitsForKeys() const {
      return wants_keys && roots.IsOver() && !roots.result().different.empty();
    }
    bool IsOver() const {
      return roots.IsOver() && (!WaitsForKeys() || (keys.has_value() && keys->IsOver()));
    }
  };
  void PumpVerifications(Time now);
  void AskForRoots(RequestId id, Verification& verification, Time now);
  void AskForKeys(RequestId id, Verifying& verifying, Time now);
  Digests DigestsFor(const AskDigests& message, std::vector<LocalStore::NamedDigest>& keys,
                     Time now);
  int64_t NextVerification() const;
  std::optional<VerifyDone> TakeVerified();
  void Pump(Request& request, Time now);
  void PumpRead(Request& request, ReadQuorum& quorum, Time now);
  void PumpWrite(Request& request, WriteQuorum& quorum, Time now);
  void PumpList(Request& request, const ListQuorum& quorum);
  void PumpWait(Request& request, CopiesWait& wait, Time now);
  std::vector<Partition> HeldOf(std::span<const WriteRange> writes);
  void TellLater(Request& request, Time now);
  void AskForRead(Request& request, ReadQuorum& quorum, NodeId node, Time now);
  const std::optional<ContainerDigest>& Known(Request& request, const ReadQuorum& quorum);
  void AnswerOwnRead(Request& request, ReadQuorum& quorum, Time now);
  DotList ReceivedOf(const DotList& dots, Partition partition);
  void FailReadsOfTurn();
  void Repair(Request& request, const ReadQuorum& quorum, NodeId node, ActorId actor, Time now);
  bool SendCopy(const Request& request, const WriteQuorum& quorum, const WriteQuorum::Send& send);
  ListQuorum::Answer AnswerList(const ListKeys& asked, Time now);
  void Schedule(Request& request);
  void RemoveIfOver(Request& request);

  void On(NodeId from, const Replicate& message, Time now);
  void On(NodeId from, const ReplicateReply& message, Time now);
  void On(NodeId from, const Read& message, Time now);
  void On(NodeId from, const ReadReply& message, Time now);
  void On(NodeId from, const Ping& message, Time now);
  void On(NodeId from, const TellReceived& message, Time now);
  void On(NodeId from, const ListKeys& message, Time now);
  void On(NodeId from, const KeyList& message, Time now);
  void On(NodeId from, const AskReceived& message, Time now);
  void On(NodeId from, const ReceivedReply& message, Time now);
  void On(NodeId from, const Fetch& message, Time now);
  void On(NodeId from, const Fetched& message, Time now);
  void On(NodeId from, const AskWord& message, Time now);
  template <typename M>
  void Compare(NodeId from, const M& message, Time now) {
    staged_ = true;
    anti_entropy_.On(from, message, now);
  }
  void On(NodeId from, const AskTree& message, Time now) { Compare(from, message, now); }
  void On(NodeId from, const TreeReply& message, Time now) { Compare(from, message, now); }
  void On(NodeId from, const AskKeys& message, Time now) { Compare(from, message, now); }
  void On(NodeId from, const KeysReply& message, Time now) { Compare(from, message, now); }
  void On(NodeId from, const Swap& message, Time now) { Compare(from, message, now); }
  void On(NodeId from, const Swapped& message, Time now) { Compare(from, message, now); }
  void On(NodeId from, const AskRoots& message, Time now);
  void On(NodeId from, const RootsReply& message, Time now);
  void On(NodeId from, const EvictRequest& message, Time now);
  void On(NodeId from, const Evict& message, Time now);
  void On(NodeId from, const Used& message, Time now);
  void On(NodeId from, const AskDigests& message, Time now);
  void On(NodeId from, const Digests& message, Time now);
  void On(NodeId from, const AskFormer& message, Time) {
    if (former_actors_.On(from, message)) staged_ = true;
  }
  void On(NodeId from, const FormerReply& message, Time) {
    if (former_actors_.On(from, message)) staged_ = true;
  }
  void On(NodeId from, const SameRoots& message, Time now) { Compare(from, message, now); }
  void On(NodeId from, const OtherRoots& message, Time now) { Compare(from, message, now); }
  void On(NodeId from, const UnknownMessage& message, Time now);
  void On(NodeId, const Pong&, Time) {}
  void On(NodeId, const Hello&, Time) {}
  void On(NodeId, const Forward&, Time) {}
  void On(NodeId, const ForwardReply&, Time) {}
  void On(NodeId, const Published&, Time) {}
  void On(NodeId, const MemberNews&, Time) {}
  void On(NodeId, const RegisterTalk&, Time) {}
  void On(NodeId, const JoinTalk&, Time) {}
  void On(NodeId, const Proof&, Time) {}
  void On(NodeId from, const SwimTalk& message, Time now);
  Refusal ApplyCopy(const Replicate& message, Time now);

  LocalStore& store_;
  Ring ring_;
  Options options_;
  Peers peers_;
  Gossip gossip_;
  HintDelivery delivery_;
  Forgetting forgetting_;
  Refill refill_;
  Retire retire_;
  FormerActors former_actors_;
  AntiEntropy anti_entropy_;
  Evicting evicting_;
  std::map<RequestId, Verifying> verifications_;
  uint64_t next_verification_ = 1;
  // Messages under an epoch that this node does not know yet.
  struct Parked {
    NodeId from;
    int64_t since_us;
    std::string frame;
  };
  static constexpr size_t kMostParkedBytes = 16UL << 20;
  std::deque<Parked> parked_;
  size_t parked_bytes_ = 0;
  std::vector<NodeId> ahead_;
  boost::unordered_flat_map<RequestId, std::unique_ptr<Request>> by_id_;
  DeadlineQueue<RequestId> deadlines_;
  uint64_t next_id_ = 1;
  std::vector<RequestId> written_;       // of the turn
  std::vector<RequestId> read_of_turn_;  // answered here with what the turn has staged
  std::vector<Answer> answers_;          // of the turn
  std::deque<RequestId> done_;           // not reported yet
  RequestId last_reported_{};            // may go with the next call
  bool staged_ = false;
  bool in_cluster_ = true;
  bool was_given_ring_ = false;
  bool is_alone_ = false;      // as the ring was given last
  bool owns_nothing_ = false;  // though it is in a cluster: it has not begun to own, or is to leave
  std::string encoded_;        // scratch, reused
  Statistics statistics_;
};

}  // namespace cartwheel::cluster
