// Applies a flush to LMDB, in key order and in transactions of bounded size.
#pragma once

#include <cstdint>

#include "storage/flush_plan.h"
#include "storage/lmdb_pack.h"
#include "storage/lmdb_store.h"

namespace cartwheel::storage {

// Returns LMDB's code: 0 once the whole plan is durable. Else some of its first transactions may
// be, but not the position that it covers. `transaction_keys` bounds the keys of a transaction, and
// with them its bytes. `packer` packs what the flush leaves loose; nullptr: nothing does.
int FlushToLmdb(const LmdbStore& store, const FlushPlan& plan, uint64_t transaction_keys,
                LmdbPacker* packer = nullptr);

}  // namespace cartwheel::storage
