// The durable engine: a log, a table in memory, and LMDB under them.
//
//   a write     goes into the turn's log batch and into the memory table
//   Commit      appends the batch to the log with one system call (appendfsync says when to fsync)
//   a read      looks at the memory table, else at the base store
//   a flush     in a helper thread puts the table's changes into the base store, sorted, in
//               synchronous transactions, the last of which stores the log position it covers; then
//               the log's segments before it go
//   a start     replays the log from that position
//
// No write waits for the base store. What is not yet flushed stays in memory; what is, is kept
// there as a cache, up to `memory_bytes` together.
#pragma once

#include <memory>
#include <string>

#include "storage/base_store.h"
#include "storage/disk.h"
#include "storage/engine.h"
#include "storage/lmdb_base_store.h"
#include "storage/reserve.h"
#include "storage/worker.h"

namespace cartwheel::storage {

struct DurableOptions {
  Settings settings;
  LmdbOptions lmdb;
  // Microseconds since any moment, to tell how long flushes and the replay took; may be nullptr.
  int64_t (*stopwatch_us)() = nullptr;
  // Of the disk, kept for deletions when it is full (reserve.h); 0: none.
  uint64_t reserve_bytes = Reserve::kBytes;
};

// Opens or creates the store in `directory` (which is created if its parent exists). Holds the
// directory's lock until destroyed.
Result<std::unique_ptr<Engine>> OpenDurableEngine(const std::string& directory,
                                                  const DurableOptions& options);

// The engine over parts of the caller's choice: for tests and the simulator. `disk` outlives it.
struct DurableParts {
  Disk* disk = nullptr;
  std::unique_ptr<BaseStore> base;
  std::unique_ptr<Worker> syncer;
  std::unique_ptr<Worker> flusher;
};
Result<std::unique_ptr<Engine>> NewDurableEngine(DurableParts parts, const DurableOptions& options);

}  // namespace cartwheel::storage
