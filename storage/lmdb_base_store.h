// LMDB as the base under the log: read through its map, changed by synchronous transactions only,
// so that neither a crash nor a power loss can damage it.
#pragma once

#include <memory>
#include <string>

#include "storage/base_store.h"
#include "storage/data_directory.h"

namespace cartwheel::storage {

struct LmdbOptions {
  // The address space reserved at first, halved until the system grants it. It takes no memory and
  // no disk, so the default is more than any store will fill. It doubles when full.
  uint64_t initial_map_bytes = 1ULL << 40;
  // false leaves out fsync: for tests that need many flushes, never for data.
  bool sync = true;
};

// Opens or creates the store in a directory that is held; seals a fresh one. At most 1000 readers
// at once.
Result<std::unique_ptr<BaseStore>> OpenLmdbBaseStore(DataDirectory& directory,
                                                     const LmdbOptions& options);

}  // namespace cartwheel::storage
