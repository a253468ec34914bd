// The leaves of a tree as a snapshot has them in the file's map: LMDB's cursors show records, but
// not which page they are on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/lmdb_format.h"
#include "storage/lmdb_handles.h"
#include "storage/lmdb_store.h"

namespace cartwheel::storage {

// All leaves below one branch page, in the order of their keys.
struct LmdbSiblings {
  std::vector<LmdbTreePage> leaves;
  std::string end;  // their keys are below it; empty: they are the last ones of the tree
};

// Those whose place in the tree of the keyspace has `key`. Views of `txn`'s snapshot. None: the
// tree is empty or a leaf alone, or its pages cannot be read this way.
std::optional<LmdbSiblings> SiblingsAt(const LmdbStore& store, MDB_txn* txn, Keyspace keyspace,
                                       std::string_view key);

}  // namespace cartwheel::storage
