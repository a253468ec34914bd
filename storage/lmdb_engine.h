// The durable engine: one synchronous LMDB transaction per commit. Correct and slow on purpose: it
// is the yardstick for the log engine behind the same interface.
//
// The batch lives in memory until Commit, so that it can be replayed after the map had to grow and
// dropped whole when the disk is full. Keys longer than LMDB's 511 bytes are stored under a hash,
// the full key in the value.
#pragma once

#include <memory>
#include <string>

#include "storage/engine.h"

namespace cartwheel::storage {

struct LmdbOptions {
  // The address space reserved at first; it doubles when full.
  uint64_t initial_map_bytes = 1ULL << 30;
  // false leaves out fsync: for tests that need many commits, never for data.
  bool sync = true;
};

// Opens or creates the store in `directory` (which is created if its parent exists). Holds the
// directory's lock until destroyed.
Result<std::unique_ptr<Engine>> OpenLmdbEngine(const std::string& directory,
                                               const LmdbOptions& options);

}  // namespace cartwheel::storage
