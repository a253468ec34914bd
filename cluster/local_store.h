// This node's own replica: keys and values over the storage engine.
//
// It keeps four things true of every batch it hands to the engine: a record and its entry in the
// expiry index change together; the counts per database match the records; a record and its dot's
// entry in the vnode's journal change together; an expired value is never shown. It takes the time
// as an argument and decides nothing that another node would have to agree to.
//
// It is the only owner of its partitions: whoever would have to see a deletion before the record
// can be forgotten has seen it, so deletions leave nothing behind.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cluster/container.h"
#include "cluster/container_codec.h"
#include "cluster/counts.h"
#include "cluster/expiry_index.h"
#include "cluster/hlc.h"
#include "cluster/siblings.h"
#include "cluster/value.h"
#include "cluster/vnodes.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

// One page of a scan. Cursors are stateless: the place of the next key (scan_place.h), below 2^48
// so that clients which keep numbers in doubles do not lose bits. 0 starts a scan and ends it; any
// other number is taken as the place it names.
struct ScanPage {
  uint64_t next_cursor = 0;
  std::vector<std::string> keys;
};

class DatabaseWalk;

class LocalStore {
 public:
  using Counts = cluster::Counts;

  struct Options {
    // Of a cryptographic source, new for every start.
    uint64_t actor_seed = 0;
    // Committed writes may have been lost since the store was last open.
    bool may_have_lost_writes = false;
  };
  // Reads the counts and vnodes that the last commit stored. Fails on a store of a newer format or
  // damaged counts.
  static std::expected<LocalStore, storage::Error> Open(storage::Engine& engine,
                                                        const Options& options);
  // What was damaged of the vnodes, and healed, when the store was opened: lines for the operator.
  const std::vector<std::string>& damage() const { return damage_; }

  // The live value of a key at `now_ms`. Its bytes are valid until the next write or Commit.
  std::expected<std::optional<Value>, ContainerFault> Read(const KeyRef& ref, int64_t now_ms);

  // A hint that these keys will be read or written next.
  void Prefetch(Database database, std::span<const std::string_view> keys);

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
  // change's bytes may be those that the last Read returned.
  bool Write(const KeyRef& ref, const Change& change, int64_t now_ms, const Seen* seen = nullptr);
  // The dot of the last Write that put a value.
  Dot minted() const { return minted_; }

  // Deletes every key of one database. At once when no other database holds any; else two seeks and
  // one range per slot that it has keys in (16384 at most), and, when keys of it expire, a reading
  // of the whole expiry index.
  void Flush(Database database);
  // Deletes every key: one range per keyspace.
  void FlushAll();

  // Keys of `database` from `cursor` on, expired ones left out and damaged ones included: about
  // `count` of them, never more than `count` plus those that share one place; possibly none while
  // the scan is not over, as the work per call is bounded by `count` too. Keys present during the
  // whole scan are returned at least once.
  ScanPage Scan(Database database, uint64_t cursor, size_t count, int64_t now_ms);

  // A live key near the place that `random` names; nullopt when the database has none. Passes over
  // expired keys one by one, so it is cheap as long as they are reaped.
  std::optional<std::string> RandomKey(Database database, uint64_t random, int64_t now_ms);

  // Deletes records that expired by `now_ms`, oldest first, and returns them so that watchers can
  // be told. Looks at `limit` entries of the expiry index at most; the stale ones among them, which
  // only damaged records leave behind, are dropped.
  struct Reaped {
    Database database;
    std::string key;
    bool operator==(const Reaped&) const = default;
  };
  std::vector<Reaped> Reap(int64_t now_ms, size_t limit);
  // To make room, deletes records until about `bytes` of keys and values are gone, `limit` entries
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

  // The first time at which Reap finds something to do; nullopt when nothing expires. May be past.
  std::optional<int64_t> NextExpiry();

  const Counts& counts(Database database) const { return counts_[database]; }

  // Makes everything since the last call durable, or, on an error, nothing of it: the counts return
  // to the last commit too.
  storage::Result<void> Commit();

  storage::Engine& engine() const { return *engine_; }

 private:
  // What the store holds under a key, whether it is shown or not.
  struct Stored {
    enum class State : uint8_t { kAbsent, kLive, kExpired, kDamaged };
    State state = State::kAbsent;
    Value value;                   // of kLive
    ExpireAt gone_at = kNoExpiry;  // of kLive and kExpired: the time in its expiry index entry
    ContainerFault fault{};        // of kDamaged

    // A damaged record is an error to its reader: not the same as no record.
    bool IsShown() const { return state == State::kLive || state == State::kDamaged; }
  };

  LocalStore(storage::Engine& engine, const DatabaseCounts& counts, const Options& options);

  Stored Find(Slot slot, int64_t now_ms);
  void Supersede(const Seen* seen);
  void PutValue(Slot slot, const Change& change, int64_t now_ms);
  void MoveExpiryOfWinner(Slot slot, ExpireAt expire_at, int64_t now_ms);
  void AdoptVersions(Slot slot);
  bool IsListed(const DatabaseWalk& walk, int64_t now_ms);
  void Store(Slot slot, Database database, const Stored& stored);
  void Remove(Database database, const Stored& stored);
  void MoveExpiry(Database database, const Stored& stored, ExpireAt to);
  std::optional<Evicted> Evict(std::string_view store_key, int64_t now_ms);
  std::optional<Evicted> TakeByEntry(std::string_view bytes, int64_t now_ms);

  storage::Engine* engine_;
  ExpiryIndex expiry_index_;
  std::vector<std::string> damage_;
  Vnodes vnodes_;
  HybridClock clock_;
  DatabaseCounts counts_;
  DatabaseCounts committed_counts_;
  std::string store_key_;  // scratch, reused: of the key at hand
  std::string record_;     // scratch, reused
  std::string text_;       // scratch, reused
  Container container_;    // scratch, reused: what Find found
  std::vector<SiblingHead> siblings_found_;
  Dot minted_;
  std::deque<std::string> texts_;  // of the counters that were read since the last Commit
  // Scratch of Prefetch, reused.
  std::vector<std::string> prefetched_keys_;
  std::vector<std::string_view> prefetched_views_;
};

}  // namespace cartwheel::cluster
