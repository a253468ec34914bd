// What the durable engine holds in memory: every change that the base store does not have yet, and
// as many clean records as there is room for.
//
// One hash index finds the newest entry of a key, dirty or clean. The dirty ones also stand in the
// layers of a generation: the active one takes the writes; Seal closes it for a flush or a snapshot
// and begins the next. Writing over an entry of a sealed generation leaves that entry where it is,
// so whoever reads the generation, in whatever thread, is not disturbed.
//
// The writes of a turn stand at once and are accepted or undone as a whole. Memory is given back
// between turns only, so a value that was found stays until then.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/engine.h"
#include "storage/generation.h"
#include "storage/hash_index.h"
#include "storage/range_map.h"

namespace cartwheel::storage {

class MemoryTable {
 public:
  MemoryTable();
  ~MemoryTable();
  MemoryTable(const MemoryTable&) = delete;
  MemoryTable& operator=(const MemoryTable&) = delete;

  enum class State : uint8_t { kValue, kDeleted, kUnknown };  // kUnknown: ask the base store
  struct Found {
    State state;
    std::string_view value;
  };
  // `hash` is HashIndex::HashOf(key), here and below.
  Found Find(Keyspace keyspace, std::string_view key, uint64_t hash);

  // Brings what Find and a write of these keys look at into the processor's cache.
  void Prefetch(Keyspace keyspace, std::span<const std::string_view> keys);

  // Remembers what the base store has under a key that Find did not know. Only records, and only
  // while there is room.
  void Cache(Keyspace keyspace, std::string_view key, uint64_t hash, std::string_view value);

  // The value as stored; for a log that refers to it. It stays until Accept or Undo.
  std::string_view Put(Keyspace keyspace, std::string_view key, std::string_view value);
  void Delete(Keyspace keyspace, std::string_view key);
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end);
  bool turn_open() const { return !writes_.empty() || !deletions_.empty(); }
  // Ends the turn: its writes stand, or never happened.
  void Accept();
  void Undo();

  // Closes the active generation unless it is empty. What was accepted is in the log before `end`;
  // an open turn goes on in the new generation.
  void Seal(LogPosition end);
  // Sealed and not flushed, oldest first.
  std::vector<Generation*> Unflushed() const;
  // The base store has everything of these, the oldest ones.
  void Flushed(const std::vector<Generation*>& generations);
  const Generation& active() const { return *active_; }

  // Entries whose generation a snapshot reads are kept.
  void Pin(Generation& generation) { ++generation.snapshots; }
  void Unpin(Generation& generation) { --generation.snapshots; }

  // Between turns: turns flushed entries into clean ones, drops deleted ones, and evicts clean ones
  // while there is more than the limit. About `effort` entries are looked at. False when there was
  // nothing to do.
  bool Reclaim(size_t effort);
  // Of bytes(); 0: none. Dirty entries are kept all the same.
  void SetLimit(uint64_t bytes) { limit_ = bytes; }

  uint64_t bytes() const;                                                  // of memory taken
  uint64_t dirty_bytes() const { return active_->bytes + sealed_bytes_; }  // not flushed
  uint64_t dirty_keys() const { return active_->keys + sealed_keys_; }
  uint64_t changes() const { return active_->changes + sealed_changes_; }  // not flushed

 private:
  // One write of the open turn.
  struct Write {
    Entry* entry;
    Entry* before;  // nullptr: the index did not know the key
    Keyspace keyspace;
    bool in_place;  // `before` was in the active layer and `entry` has its ordinal
  };
  struct RangeDeletion {
    Keyspace keyspace;
    uint64_t sequence;
    std::string begin;
    std::string end;
  };
  // The ranges as they were before the turn.
  struct RangesBefore {
    RangeMap layer;
    RangeMap hidden;
  };
  HashIndex& index(Keyspace keyspace) { return indexes_[static_cast<size_t>(keyspace)]; }
  RangeMap& hidden(Keyspace keyspace) { return hidden_[static_cast<size_t>(keyspace)]; }
  bool IsActive(const Entry& entry) const;
  void BeginTurn();
  void NotePlaces();
  void EndTurn();
  Entry* Add(Keyspace keyspace, std::string_view key, std::optional<std::string_view> value);
  void Place(Write& write);
  void TakeBack(const Write& write);
  void TakeBackTurn();
  void Free(Entry* entry);

  void StartSweep();
  bool Sweep(size_t effort);
  bool Shrink(size_t effort);
  bool Retire(size_t effort);
  void RetireEntry(Keyspace keyspace, Entry* entry);
  bool Evict(size_t effort);

  std::array<HashIndex, kKeyspaceCount> indexes_;
  // Deleted ranges that may still cover entries in the index, whose sequences tell that they are
  // older: finding those at once would mean going through all.
  std::array<RangeMap, kKeyspaceCount> hidden_;
  uint64_t hidden_until_ = 0;  // the newest of them
  std::unique_ptr<Generation> active_;
  std::deque<std::unique_ptr<Generation>> sealed_;  // oldest first, until they are retired

  std::vector<Write> writes_;     // of the open turn
  std::vector<uint64_t> hashes_;  // scratch, reused
  std::vector<RangeDeletion> deletions_;
  std::array<std::optional<RangesBefore>, kKeyspaceCount> ranges_before_;
  std::array<size_t, kKeyspaceCount> places_before_{};  // entries of the active layers

  uint64_t sequence_ = 0;  // of the last write
  uint64_t turn_began_after_ = 0;
  uint64_t sealed_until_ = 0;   // sequences up to here are in sealed generations
  uint64_t flushed_until_ = 0;  // and up to here in the base store
  uint64_t limit_ = 0;
  uint64_t entry_bytes_ = 0;
  uint64_t sealed_bytes_ = 0;  // not flushed
  uint64_t sealed_keys_ = 0;
  uint64_t sealed_changes_ = 0;

  size_t sweep_keyspace_ = kKeyspaceCount;  // kKeyspaceCount: no sweep is under way
  uint64_t sweep_bucket_ = 0;
  bool sweep_is_final_ = false;  // began after everything hidden was flushed
  uint64_t clock_bucket_ = 0;
};

}  // namespace cartwheel::storage
