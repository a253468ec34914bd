// The store's records that expire, soonest first: entries of big-endian u48 expiry time and store
// key in the keyspace kExpiry, without a value.
//
// Whoever changes a record changes its entry in the same batch. An entry may still be stale, since
// the expiry of a damaged record is not known when it is replaced: before acting on an entry,
// compare it with the record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/value.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

// Never trusts the bytes: those that are no entry read as the earliest of all, of an empty store
// key, so that they are met and dropped first.
struct ExpiryEntry {
  ExpireAt expire_at = kNoExpiry;
  std::string_view store_key;  // a view into the entry's bytes

  static ExpiryEntry Decode(std::string_view bytes);
};

class ExpiryIndex {
 public:
  explicit ExpiryIndex(storage::Engine& engine) : engine_(&engine) {}

  void Add(ExpireAt expire_at, std::string_view store_key);
  void Remove(ExpireAt expire_at, std::string_view store_key);
  bool Contains(ExpireAt expire_at, std::string_view store_key);

  // Of these, `after` is an entry, there or not, behind which to begin; empty: at the first.
  //
  // The expiry of the first entry.
  std::optional<ExpireAt> Earliest(std::string_view after);
  // At most `limit` entries whose time has passed, soonest first, as stored.
  std::vector<std::string> Expired(std::string_view after, int64_t now_ms, size_t limit);
  // The same whatever their time.
  std::vector<std::string> First(std::string_view after, size_t limit);
  void RemoveEntry(std::string_view entry);

  // Removes every entry of a database. Reads the whole index: entries stand in order of time.
  void RemoveDatabase(Database database);

 private:
  std::string_view Key(ExpireAt expire_at, std::string_view store_key);
  std::unique_ptr<storage::Cursor> Behind(std::string_view after);

  storage::Engine* engine_;
  std::string key_;  // scratch, reused
};

}  // namespace cartwheel::cluster
