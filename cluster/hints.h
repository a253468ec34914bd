// What this node owes other nodes: of each target the keys of which it lacks writes ("Dynamo",
// section 4.6, hinted handoff).
//
// A hint is a reference. The copy is the key's ordinary record, which answers reads too, and what
// is delivered is that record as it is by then. Hints change in the batch of the record they speak
// of, and how many there are is counted in memory, from a reading of all of them at the start: a
// hint that nobody remembers after a restart would never be delivered.
//
//   u64 target (big endian), store key  ->  u8 format, u64 since (ms), u64 revision,
//       varint number of dots, of each: u64 actor, varint number; u32 checksum seeded with the key
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/dot_list.h"
#include "cluster/node_id.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

struct Hint {
  NodeId target = kNoNode;
  std::string store_key;
  int64_t since_ms = 0;   // when the target first lacked something
  uint64_t revision = 0;  // another one whenever something is added
  DotList dots;           // of the writes that it lacks, oldest first

  bool operator==(const Hint&) const = default;
};

class Hints {
 public:
  // Of a key that is written again and again while the target is away. The oldest go: their writes
  // are in the record all the same, only that the target has received them it learns otherwise.
  static constexpr size_t kMaxDots = 256;

  // Reads the keyspace.
  explicit Hints(storage::Engine& engine);

  // The target lacks these writes of the key.
  void Add(NodeId target, std::string_view store_key, std::span<const Dot> dots, int64_t now_ms);

  // At most `max` hints behind the store key `after` (empty: from the first), in the store's order.
  // One that is damaged has no dots: its copy is owed all the same.
  std::vector<Hint> Next(NodeId target, std::string_view after, size_t max);

  // The target has stored what was owed when `delivered` was read and its record sent. What was
  // added since is still owed. True when nothing is.
  bool Done(const Hint& delivered);

  // The target is not to have the key any more.
  void Drop(NodeId target, std::string_view store_key);

  // Whether the key is owed to anybody.
  bool IsOwed(std::string_view store_key);

  // None is owed any more. Costs nothing when none was.
  void Clear();

  struct Waiting {
    uint64_t hints = 0;
    int64_t oldest_ms = 0;  // down to the minute
    bool operator==(const Waiting&) const = default;
  };
  // By target; those that are owed nothing are left out.
  std::map<NodeId, Waiting> waiting() const;

  // What became of the engine's batch.
  void Settle(bool committed);

 private:
  // Minutes, each with the number of hints since then.
  using Minutes = std::map<int64_t, uint64_t>;
  struct Change {
    NodeId target;
    int64_t minute;
    bool added;
  };

  std::string_view KeyOf(NodeId target, std::string_view store_key);
  std::optional<Hint> Read(NodeId target, std::string_view store_key);
  void Put(const Hint& hint);
  void Count(NodeId target, int64_t since_ms, bool added);
  void Adjust(const Change& change);
  void UndoChanges();

  storage::Engine* engine_;
  std::map<NodeId, Minutes> minutes_;
  std::vector<Change> changes_;                            // of the turn
  std::optional<std::map<NodeId, Minutes>> before_clear_;  // of the turn, before changes_
  uint64_t next_revision_ = 1;
  std::string key_;    // scratch, reused
  std::string value_;  // scratch, reused
};

// For whoever looks at a store from outside. nullopt: damaged, or no hint's key.
std::optional<Hint> DecodeHint(std::string_view key, std::string_view value);

}  // namespace cartwheel::cluster
