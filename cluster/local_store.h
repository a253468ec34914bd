// This node's own replica: keys and values over the storage engine.
//
// It keeps three things true of every batch it hands to the engine: a record and its entry in the
// expiry index change together; the counts per database match the records; an expired value is
// never shown. It takes the time as an argument and decides nothing that another node would have to
// agree to.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/record.h"
#include "cluster/value.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

// One page of a scan. Cursors are stateless: slot and hash prefix of the next key, below 2^48 so
// that clients which keep numbers in doubles do not lose bits. 0 starts a scan and ends it.
struct ScanPage {
  uint64_t next_cursor = 0;
  std::vector<std::string> keys;
};

class LocalStore {
 public:
  struct Counts {
    uint64_t keys = 0;     // records, expired ones that are not yet reclaimed included
    uint64_t expires = 0;  // those of them that have an expiry
    bool operator==(const Counts&) const = default;
  };

  // Reads the counts that the last commit stored. Fails on a store of a newer format or damaged
  // counts.
  static std::expected<LocalStore, storage::Error> Open(storage::Engine& engine);

  // The live value of a key at `now_ms`. Its bytes are valid until the next write or Commit.
  std::expected<std::optional<Value>, RecordFault> Read(const KeyRef& ref, int64_t now_ms);

  // Applies a change at `now_ms`. True when the key's visible state changed. kExpire of an absent
  // key does nothing. A put over a damaged record replaces it; kDelete removes it.
  bool Write(const KeyRef& ref, const Change& change, int64_t now_ms);

  // Deletes every key of one database, or of all.
  void Flush(Database database);
  void FlushAll();

  // Live keys of `database` from `cursor` on: about `count` of them, never more than `count` plus
  // those that share one hash prefix; possibly none while the scan is not over, as the work per
  // call is bounded by `count` too. Keys present during the whole scan are returned at least once.
  ScanPage Scan(Database database, uint64_t cursor, size_t count, int64_t now_ms);

  // A live key near the place that `random` names; nullopt when the database has none.
  std::optional<std::string> RandomKey(Database database, uint64_t random, int64_t now_ms);

  // Deletes at most `limit` records that expired by `now_ms`, oldest first, and returns them so
  // that watchers can be told.
  struct Reaped {
    Database database;
    std::string key;
  };
  std::vector<Reaped> Reap(int64_t now_ms, size_t limit);
  // When the earliest record expires; nullopt when none does.
  std::optional<int64_t> NextExpiry();

  const Counts& counts(Database database) const { return counts_[database]; }

  // Makes everything since the last call durable, or, on an error, nothing of it: the counts return
  // to the last commit too.
  storage::Result<void> Commit();

  storage::Engine& engine() { return *engine_; }

 private:
  explicit LocalStore(storage::Engine& engine) : engine_(&engine) {}

  storage::Engine* engine_;
  std::array<Counts, kMaxDatabases> counts_{};
  bool counts_changed_ = false;
  std::string store_key_;  // scratch, reused
  std::string record_;     // scratch, reused
};

}  // namespace cartwheel::cluster
