// LMDB as the base under the log: read through its map, changed by synchronous transactions only,
// so that neither a crash nor a power loss can damage it.
//
// Keys of more than 400 bytes are stored under a hash (key_order.h), the full key in the value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "storage/base_store.h"

namespace cartwheel::storage {

struct LmdbOptions {
  // The address space reserved at first, halved until the system grants it. It takes no memory and
  // no disk, so the default is more than any store will fill. It doubles when full, except while a
  // snapshot lives, whose values would move: then the flush has to wait.
  uint64_t initial_map_bytes = 1ULL << 40;
  // false leaves out fsync: for tests that need many flushes, never for data.
  bool sync = true;
};

// Opens or creates the store in `directory` (which is created if its parent exists). Holds the
// directory's lock until destroyed. At most 1000 readers at once.
Result<std::unique_ptr<BaseStore>> OpenLmdbBaseStore(const std::string& directory,
                                                     const LmdbOptions& options);

}  // namespace cartwheel::storage
