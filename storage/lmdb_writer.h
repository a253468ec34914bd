// Applies a batch to LMDB in one write transaction.
#pragma once

#include "storage/lmdb_store.h"
#include "storage/write_batch.h"

namespace cartwheel::storage {

// Returns LMDB's code: 0 once the whole batch is durable, else nothing of it is stored.
int CommitToLmdb(const LmdbStore& store, const WriteBatch& batch);

}  // namespace cartwheel::storage
