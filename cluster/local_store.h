// This node's own replica: keys and values over the storage engine.
//
// It keeps four things true of every batch it hands to the engine: a record and its entry in the
// expiry index change together; the counts per database match the records; a record and its dot's
// entry in the vnode's journal change together; an expired value is never shown. It takes the time
// as an argument and decides nothing that another node would have to agree to.
//
// A node that is alone is the only owner of its partitions: whoever would have to see a deletion
// before the record can be forgotten has seen it, so deletions leave nothing behind. Otherwise they
// leave the record's context, which clients do not see, until Forget.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cluster/container.h"
#include "cluster/container_codec.h"
#include "cluster/counts.h"
#include "cluster/dot_list.h"
#include "cluster/eviction_policy.h"
#include "cluster/expiry_index.h"
#include "cluster/floor.h"
#include "cluster/hints.h"
#include "cluster/hlc.h"
#include "cluster/ownership.h"
#include "cluster/refusal.h"
#include "cluster/scan_place.h"
#include "cluster/siblings.h"
#include "cluster/store_key.h"
#include "cluster/trees.h"
#include "cluster/usage_sketch.h"
#include "cluster/value.h"
#include "cluster/victim_pool.h"
#include "cluster/vnodes.h"
#include "storage/engine.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {

// A page of a listing in store order: all keys of a range of places up to `next`, where to go on.
// Places (scan_place.h) are stateless cursors, below 2^48 so that clients which keep numbers in
// doubles do not lose bits.
struct KeyPage {
  ScanPlace next = 0;
  std::vector<std::string> keys;
};

// Of values in one record: what Redis allows a value, and what the engine takes.
inline constexpr size_t kMostRecordBytes = size_t{512} << 20;

class DatabaseWalk;

class LocalStore {
 public:
  using Counts = cluster::Counts;

  struct Options {
    // Of a cryptographic source, new for every start.
    uint64_t actor_seed = 0;
    // Committed writes are known to have been lost since the store was last open.
    bool may_have_lost_writes = false;
    // Of the kernel's present boot: with it the store finds out whether some were (run_mark.h).
    // Empty: it does not look, as for a store that lives no longer than its process.
    std::string boot_id{};
    // Every commit is on the disk before it returns.
    bool always_durable = false;
    // Who this node was in its cluster when it last stopped. Nodes that are alone are complete at
    // once, so whoever is not has to say so here, not only afterwards: an empty store may have lost
    // everything, and rebuilds until the other owners have told that they know no more. Another one
    // than the store's vnodes are of is taken in as by SetOwnership: the process may have ended
    // between the change of the topology and that.
    Ownership ownership{};
  };
  // Reads the counts and vnodes that the last commit stored. Fails on a store of a newer format or
  // damaged counts.
  static std::expected<LocalStore, storage::Error> Open(storage::Engine& engine,
                                                        const Options& options);
  // What was damaged of the vnodes, and healed, when the store was opened: lines for the operator.
  const std::vector<std::string>& damage() const { return damage_; }

  // From the next call on. A node that becomes alone is complete; of a partition that it did not
  // own, or that is on its way here once more, it may lack what others have, and rebuilds as a new
  // vnode that has received nothing.
  void SetOwnership(const Ownership& ownership);
  // What commits are worth from the next one on; see Options.
  void SetAlwaysDurable(bool always_durable);

  // The live value of a key at `now_ms`. Its bytes are valid until the next write or Commit.
  std::expected<std::optional<Value>, ContainerFault> Read(const KeyRef& ref, int64_t now_ms);

  // A hint that these keys will be read or written next.
  void Prefetch(std::span<const KeyRef> keys);

  // All that is known of a key, expired versions included; empty when there is no record. Valid
  // until the next call of anything else.
  std::expected<const Container*, ContainerFault> ReadContainer(const KeyRef& ref);

  // What the last Read or Write found under its key, before the change: the siblings there, the one
  // that is shown first. Empty when there were fewer than two versions. Valid until the next call.
  std::span<const SiblingHead> siblings_found() const { return siblings_found_; }
  // What a key's record takes; 0: it has none.
  size_t RecordBytes(const KeyRef& ref);

  // Applies a change at `now_ms`: it supersedes what its writer has `seen`, or, with nullptr, all
  // that is here. True when the key's visible state changed. kExpire of an absent or damaged key
  // does nothing. A put over a damaged record replaces it, and so does kAdd; kDelete removes it. An
  // expiry that has passed is stored all the same: the key is then gone until it is reaped. The
  // change's bytes may be those that the last Read returned. Unless the node is alone, deleting
  // what is deleted already is no write, if `seen` knows nothing that is new here.
  bool Write(const KeyRef& ref, const Change& change, int64_t now_ms, const Seen* seen = nullptr);
  // The dots of the last Write or Apply that are this replica's own, for those that get a copy.
  const DotList& minted() const { return minted_; }
  // The record that the last Write made, in its form in a message, for those that get a copy; a
  // node that is alone has none. And what its writer has seen with it.
  const std::string& copy() const { return copy_; }
  Seen SeenByWriter() const { return SeenOf(container_); }

  // Deletes every key of one database. At once when no other database holds any; else two seeks and
  // one range per slot that it has keys in (16384 at most), and, when keys of it expire, a reading
  // of the whole expiry index.
  void Flush(Database database);
  // Deletes every key: one range per keyspace. Of this node alone: what other nodes have of it may
  // come back from there.
  void FlushAll();

  // Keys of `database` whose places are from `from` on and before `until`, expired ones left out
  // and damaged ones included: about `count` of them, never more than `count` plus those that share
  // one place; possibly none while there are more, as the work per call is bounded by `count` too.
  // `next` is `until` when nothing is left. Keys present through all pages of a listing are
  // returned at least once.
  KeyPage List(Database database, ScanPlace from, ScanPlace until, size_t count, int64_t now_ms);

  // A live key near the place that `random` names; nullopt when the database has none. Passes over
  // expired keys one by one, so it is cheap as long as they are reaped.
  std::optional<std::string> RandomKey(Database database, uint64_t random, int64_t now_ms);

  // Deletes records that expired by `now_ms`, oldest first, and returns them so that watchers can
  // be told. Looks at `limit` entries of the expiry index at most; the stale ones among them, which
  // only damaged records leave behind, are dropped.
  //
  // Unless the node is alone it waits until every clock has come there, and the context stays:
  // that is no write, as every owner does the same. A record with increments stays as it is, hidden
  // by its expired version: were they reset here, a later expiry that another owner has given the
  // key in time would find nothing left of its count.
  struct Reaped {
    Database database;
    std::string key;
    bool operator==(const Reaped&) const = default;
  };
  std::vector<Reaped> Reap(int64_t now_ms, size_t limit);
  // To make room, deletes records (contexts stay, unless the node is alone; and what it keeps for
  // others) until about `bytes` of keys and values are gone, `limit` entries
  // at most, and returns what a client could see of it as gone (damaged records stay for whoever
  // looks into them). The ones that expire next, expired ones first ...
  struct Evicted {
    Database database;
    std::string key;
    uint64_t bytes;  // of key and value, as stored
    bool was_shown;  // not yet expired
  };
  std::vector<Evicted> EvictNextToExpire(uint64_t bytes, size_t limit, int64_t now_ms);
  // ... or those from the store key `hand` on, which is moved behind them, and to the beginning at
  // the end. The order is that of hashes, so they are any keys to a client; that they are
  // neighbours lets whole pages of the store go.
  std::vector<Evicted> EvictFrom(std::string& hand, uint64_t bytes, size_t limit, int64_t now_ms);
  // ... or the coldest by the policy, which is not kNoEviction: of `samples` keys at random places
  // for each one that goes.
  struct VictimTerms {
    EvictionPolicy policy = EvictionPolicy::kNoEviction;
    size_t samples = 5;
  };
  std::vector<Evicted> EvictColdest(const VictimTerms& terms, uint64_t bytes, size_t limit,
                                    uint64_t& random_state, int64_t now_ms);

  // How keys are used: noted by clients' writes that are made here, and by NoteUse of what clients
  // read here, or write elsewhere. True as UsageSketch::Touch.
  UsageSketch& usage() { return usage_; }
  bool NoteUse(const KeyRef& ref, int64_t now_ms);
  // A copy of a client's write has come, be the key new here or not.
  void NoteCopy(const KeyRef& ref, int64_t now_ms);
  // What keys and records take more than at the start, about: deletions of whole databases are left
  // out. May be below 0.
  int64_t volume() const { return volume_; }

  // ---- room that several owners make together (shared_eviction.cc)

  // A victim that its partition's owners are to let go: by name, and by the live versions and
  // increments that were seen of it.
  struct Doomed {
    Database database = 0;
    std::string key;
    DotList dots;
  };
  // As EvictColdest, of one partition, and nothing goes yet.
  std::vector<Doomed> ChooseVictims(Partition partition, const VictimTerms& terms, uint64_t bytes,
                                    size_t limit, uint64_t& random_state, int64_t now_ms);
  // The key loses these versions and increments, and none that has come since: no write, as every
  // owner does the same. When nothing else is live the record goes if all owners have seen what it
  // knows; else its context stays. A version that is still on its way here has then gone before it
  // came.
  struct LetGo {
    std::optional<Evicted> evicted;  // nullopt: nothing of them was here
    uint64_t left_bytes = 0;         // of a record that is a context alone now; 0: there is none
  };
  LetGo EvictVersions(const KeyRef& ref, std::span<const Dot> dots, const Floor& floor,
                      int64_t now_ms);
  // As Forget, of one key. False: its deletion is here, and has to stay for now.
  bool ForgetDeletion(const KeyRef& ref, const Floor& floor, int64_t now_ms);
  // Of one of the keys that expire next; nullopt: none does.
  std::optional<Partition> PartitionNextToExpire(uint64_t random);

  // The first time at which Reap finds something to do; nullopt when nothing expires. May be past.
  std::optional<int64_t> NextExpiry();

  const Counts& counts(Database database) const { return counts_[database]; }
  // There is no other node.
  bool is_alone() const { return ownership_.alone; }
  // No record at all, not even of what was deleted.
  bool IsEmpty() const;

  // ---- one replica of several (replica.cc)

  // Takes in the copy of a key that another node sends, with the `dots` of the writes that it
  // brings (versions.md calls it R1: apply.h). True when the visible state changed. The copy must
  // not be what ReadContainer returned. Refuses
  //   kClockAhead  a version is of a time beyond what clocks may differ;
  //   kFailed      the record here is damaged. What it knew is lost: with the received dots alone
  //                the copy's live versions would look like ones that were removed here, and
  //                without them removed ones would come back. So it waits for a write or repair;
  //   kFull        together they are larger than a record can be.
  // A copy that knows writes of this vnode's own that it never made shows that its data went back
  // in time: it goes on as another incarnation, which rebuilds. A copy that brings nothing new of a
  // key that has no record here changes nothing: what was received and is gone was removed, or was
  // lost, and only a comparison can tell (TakeDoubted).
  std::expected<bool, Refusal> Apply(const KeyRef& ref, const Container& copy,
                                     std::span<const Dot> dots, int64_t now_ms,
                                     const Floor& floor = {});

  // The vnode's present incarnation; the first call makes it, and it is stored with the turn.
  ActorId ActorOf(Partition partition) { return vnodes_.ActorOf(partition); }
  // Whether a write has arrived here, wherever it was made. Not owners know their own alone.
  bool HasReceived(Partition partition, Dot dot) { return vnodes_.Of(partition).received.Has(dot); }
  // False: rebuilding, so that it does not count to R, takes no hints and forgets nothing. Who owns
  // nothing of the partition has nothing to rebuild.
  bool IsComplete(Partition partition) const {
    return ownership_.alone || !ownership_.Owns(partition) || !vnodes_.IsRebuilding(partition) ||
           IsPlanted(Mutation::kIsCompleteAfterLoss);
  }
  // Whether it held records when it began to rebuild: others may have removed, and forgotten, what
  // is still live in them.
  bool HoldsEarlierRecords(Partition partition) const { return holds_earlier_[partition]; }
  // Another owner has received this. Writes of this vnode's own among it that it never made show
  // that its data went back in time: as in Apply. True: so it is.
  bool RotateIfBehind(Partition partition, const ReceivedDots& received);
  // It is no owner's, and keeps no records: from here on it would write as another actor.
  void Renew(Partition partition) { vnodes_.Renew(partition); }
  // It has compared all it has with enough other owners.
  void MarkComplete(Partition partition) { vnodes_.MarkComplete(partition); }
  // All that is known of the partition's replica here. Valid until the next call of anything else.
  const Vnode& VnodeOf(Partition partition) { return vnodes_.Of(partition); }

  // The target lacks these writes of the key, whose record is here: true. False: there is none (it
  // was delivered to somebody else and went), so that the copy has to be applied first.
  bool AddHint(NodeId target, const KeyRef& ref, std::span<const Dot> dots, int64_t now_ms);
  // The target has stored the record as it was when `hint` was read, or there is no record. What
  // was added since is still owed. What was the last hint of a key that is another's takes the
  // record with it.
  void HintDelivered(const Hint& hint);
  Hints& hints() { return hints_; }

  struct Walked {
    size_t looked_at = 0;
    size_t forgotten = 0;
  };
  // Forgets deletions that every owner has seen, and looks at `limit` records at most: from behind
  // the store key `after` on, which moves along and is empty at the end.
  Walked Forget(Partition partition, const Floor& floor, size_t limit, std::string& after);

  // ---- partitions that move (moving_store.cc)

  // Records of a partition in store order, each in its form in a message (message_codec.h), from
  // behind the store key `after` on (empty: from the first). What has been received by `known` is
  // left out, and so is what is damaged.
  struct Part {
    std::string records;
    size_t count = 0;
    std::string next;  // `after` of what follows
    bool last = false;
  };
  // Ends when it has `max_bytes` or has looked at `max_records`. Changes the store where records of
  // the time before there were versions get a name to be sent under.
  Part ReadPart(Partition partition, std::string_view after, const ReceivedDots& known,
                size_t max_bytes, size_t max_records);
  // As Vnodes::JoinReceived.
  void JoinReceived(Partition partition, const ReceivedDots& received) {
    vnodes_.JoinReceived(partition, received);
  }

  // The first partition from `from` on that has a record here; nullopt: none has.
  std::optional<Partition> NextWithRecords(Partition from);
  // What an owner has received.
  struct OwnerReceived {
    NodeId owner = kNoNode;
    ReceivedDots received;
  };
  // Of a partition that this node does not own, deletes what all its owners have received, and owes
  // the rest to those that have not; what is owed already stays so. Looks at `limit` records at
  // most, from behind `after` on, which moves along and is empty at the end.
  struct Released {
    size_t looked_at = 0;
    size_t deleted = 0;
    size_t owed = 0;
  };
  Released Release(Partition partition, std::span<const OwnerReceived> owners, size_t limit,
                   std::string& after, int64_t now_ms);

  // ---- compared with other owners (compared_store.cc)

  // nullptr: it has not been asked for, or is still being built.
  const MerkleTree* TreeOf(Partition partition) const { return trees_.Of(partition); }
  // Looks at so many records more for the tree, and takes them off. True: it is there.
  bool BuildTree(Partition partition, size_t& limit);
  void DropTree(Partition partition) { trees_.Drop(partition); }
  // What is live in these leaves of `leaves`, which divide the tree's own number: in store order.
  // nullopt: there is no tree, or the records are not what it says, so that it is dropped.
  std::optional<std::vector<KeyDigest>> ListLeaves(Partition partition, uint32_t leaves,
                                                   std::span<const LeafNumber> numbers);
  // The same with their names.
  struct NamedDigest {
    Database database = 0;
    std::string key;
    RecordDigest digest = 0;
  };
  std::optional<std::vector<NamedDigest>> NameLeaves(Partition partition, uint32_t leaves,
                                                     std::span<const LeafNumber> numbers);
  // The records of the partition that have these ids, until there are about `max_bytes`; `next` and
  // `last` mean nothing.
  Part ReadKeys(Partition partition, std::span<const KeyId> ids, size_t max_bytes);
  // What becomes of what another owner has live, and was received here, and is gone without a
  // trace.
  enum class Gone : uint8_t {
    kIsRestored,  // it was lost: both are complete, so who removed it would have told both
    // The other may not have heard of its removal, as it rebuilds or an eviction has not come
    // there: so it is told now.
    kWasRemoved,
  };
  // Joins what another owner has of a key, with the `dots` of the writes that it shows (versions.md
  // calls it R2). A damaged record is replaced. Refuses as Apply does; kRebuilding: the other knows
  // writes of this vnode's own that it never made.
  struct Reconciled {
    bool changed = false;
    bool restored = false;
    bool equal = true;  // false: it was left alone
  };
  std::expected<Reconciled, Refusal> Reconcile(const KeyRef& ref, const Container& theirs,
                                               std::span<const Dot> dots, Gone gone,
                                               int64_t now_ms);
  // Partitions in which something may have been lost since the last call; may repeat.
  std::vector<Partition> TakeDoubted() { return std::exchange(doubted_, {}); }
  // As long as records are compared, none of the partition is forgotten: one that the other still
  // sends would come back.
  void KeepDeletions(Partition partition, bool keep) { keeps_deletions_[partition] = keep; }

  // Makes everything since the last call durable, or, on an error, nothing of it: the counts return
  // to the last commit too. The first one after Open waits for the disk once.
  storage::Result<void> Commit();
  // The next Commit waits for the disk, whatever the engine's durability: somebody wants to be
  // sure.
  void SyncNextCommit() {
    syncs_next_commit_ = true;
    engine_->SyncNextCommit();
  }
  // Whether the last Commit was one that SyncNextCommit made wait.
  bool synced() const { return synced_; }
  // The last thing of a run, which loses nothing after that: commits, and waits for the disk.
  storage::Result<void> MarkEnd();

  storage::Engine& engine() const { return *engine_; }

 private:
  // What the store holds under a key, whether it is shown or not.
  struct Stored {
    enum class State : uint8_t { kAbsent, kLive, kExpired, kDamaged };
    State state = State::kAbsent;
    bool counted = false;          // in `keys`: not a context alone
    size_t bytes = 0;              // of store key and record
    Value value;                   // of kLive
    ExpireAt gone_at = kNoExpiry;  // of kLive and kExpired: the time in its expiry index entry
    ContainerFault fault{};        // of kDamaged

    // A damaged record is an error to its reader: not the same as no record.
    bool IsShown() const { return state == State::kLive || state == State::kDamaged; }
  };

  // The same for whoever is to change it.
  struct Changing : Stored {
    RecordDigest digest = 0;  // of what is there, if its partition has a tree
  };

  LocalStore(storage::Engine& engine, const DatabaseCounts& counts, const Options& options,
             bool is_new);

  Stored Find(Slot slot, int64_t now_ms);
  Changing FindToChange(Slot slot, int64_t now_ms);
  template <typename Each>
  void WalkLeaves(Partition partition, uint32_t leaves, std::span<const LeafNumber> numbers,
                  const Each& each);
  Dot Mint(Slot slot);
  void Rotate(Partition partition);
  void NoteEarlierRecords(Partition partition);
  void Supersede(const Seen* seen);
  bool Delete(Slot slot, Database database, const Changing& stored, int64_t now_ms,
              const Seen* seen);
  void PutValue(Slot slot, const Change& change, int64_t now_ms);
  void MoveExpiryOfWinner(Slot slot, ExpireAt expire_at, int64_t now_ms);
  void AdoptVersions(Slot slot);
  bool IsListed(const DatabaseWalk& walk, int64_t now_ms);
  void Store(Slot slot, Database database, const Changing& stored, int64_t now_ms);
  void StoreAndCopy(Slot slot, Database database, const Changing& stored, int64_t now_ms);
  void ReapContainer(int64_t now_ms);
  void NoteChange(Slot slot, const Changing& before, bool is_there);
  void Remove(Database database, const Changing& stored);
  void MoveExpiry(Database database, const Stored& stored, ExpireAt to);
  int64_t ReapingUntil(int64_t now_ms) const;
  bool MayTake(const StoreKeyParts& parts, bool reap) const;
  Evicted Take(const StoreKeyParts& parts, const Changing& stored, int64_t now_ms);
  std::optional<Evicted> Evict(std::string_view store_key, int64_t now_ms);
  std::optional<Evicted> TakeByEntry(std::string_view bytes, int64_t now_ms, bool reap);
  void NoteWrite(const Stored& stored, int64_t now_ms);
  bool IsCold(const Victim& victim, const VictimTerms& terms, int64_t now_ms);
  std::optional<uint64_t> ColdnessOf(std::string_view store_key, std::string_view record,
                                     const VictimTerms& terms, uint64_t& random_state,
                                     int64_t now_ms);
  size_t OfferVictims(VictimPool& pool, std::string& hand, size_t looks, const VictimTerms& terms,
                      uint64_t& random_state, int64_t now_ms);
  size_t OfferVictimsOf(Partition partition, VictimPool& pool, size_t looks,
                        const VictimTerms& terms, uint64_t& random_state, int64_t now_ms);
  bool NoteEarly(Partition partition, std::span<const Dot> dots);
  bool MayForgetNow(Partition partition, const Floor& floor);
  bool ObserveClocks(const Container& copy, int64_t now_ms);
  std::optional<Container> Merge(Partition partition, const Container* local, const Container& copy,
                                 const Floor& floor);
  void ReceiveAll(Partition partition, const Context& brought, std::span<const Dot> dots);
  void StageRunMark(bool ended);
  void TakeOwnership(const Ownership& now, bool is_new);

  storage::Engine* engine_;
  ExpiryIndex expiry_index_;
  std::vector<std::string> damage_;
  Vnodes vnodes_;
  Hints hints_;
  Trees trees_;
  PartitionSet keeps_deletions_;
  PartitionSet holds_earlier_;
  std::vector<Partition> doubted_;
  Ownership ownership_;
  bool ownership_due_ = false;  // to be stored
  std::string boot_id_;
  bool always_durable_;
  bool syncs_next_commit_ = false;
  bool synced_ = false;
  bool run_is_marked_ = false;  // as one that began, on the disk
  HybridClock clock_;
  DotList minted_;
  // Behind which entry of the expiry index Reap goes on: those before it stay, hidden.
  std::string reap_after_;
  DatabaseCounts counts_;
  DatabaseCounts committed_counts_;
  UsageSketch usage_;
  int64_t volume_ = 0;
  int64_t committed_volume_ = 0;
  static constexpr size_t kVictimPool = 16;  // as large as Redis's
  VictimPool victims_{kVictimPool};
  std::string victim_hand_;  // store key at which the search for victims goes on
  std::vector<SiblingHead> siblings_found_;
  // Records without counts are damage at the next start, also where all counts are 0.
  bool counts_due_ = false;
  std::string store_key_;          // scratch, reused: of the key at hand
  std::string record_;             // scratch, reused
  std::string copy_;               // of the last Write
  std::string text_;               // scratch, reused
  Container container_;            // scratch, reused: what Find found
  std::deque<std::string> texts_;  // of the counters that were read since the last Commit
  // Scratch of Prefetch, reused.
  std::vector<std::string> prefetched_keys_;
  std::vector<std::string_view> prefetched_views_;
};

}  // namespace cartwheel::cluster
