// The durable engine: one synchronous LMDB transaction per commit. Correct and slow on purpose: it
// is the yardstick for the log engine behind the same interface.
//
// The batch lives in memory until Commit, so that it can be replayed after the map had to grow and
// dropped whole when the disk is full. Keys of more than 400 bytes are stored under a hash
// (key_order.h), the full key in the value. Reads of committed records go through a cache.
#pragma once

#include <memory>
#include <string>

#include "storage/engine.h"

namespace cartwheel::storage {

struct LmdbOptions {
  // The address space reserved at first, halved until the system grants it. It takes no memory and
  // no disk, so the default is more than any store will fill. It doubles when full, except while a
  // snapshot lives, whose values would move: then the commit fails with kNoSpace.
  uint64_t initial_map_bytes = 1ULL << 40;
  // false leaves out fsync: for tests that need many commits, never for data.
  bool sync = true;
  // Bound of the cache of small records (read_cache.h), which takes memory as it fills; 0: no
  // cache.
  uint64_t cache_bytes = 256ULL << 20;
};

// Opens or creates the store in `directory` (which is created if its parent exists). Holds the
// directory's lock until destroyed. At most 1000 snapshots at once.
Result<std::unique_ptr<Engine>> OpenLmdbEngine(const std::string& directory,
                                               const LmdbOptions& options);

}  // namespace cartwheel::storage
