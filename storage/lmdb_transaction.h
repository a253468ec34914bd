// The write transactions of a flush, one after the other, each of bounded size: with a cursor in
// one keyspace, since puts in key order mostly land on the page where it stands, without a way down
// from the root.
//
// Every call returns LMDB's code.
#pragma once

#include <cstdint>

#include "storage/lmdb_handles.h"
#include "storage/lmdb_store.h"
#include "storage/mapped_pages.h"

namespace cartwheel::storage {

class LmdbTransaction {
 public:
  // A transaction holds what it writes in memory: a page for each of its keys at worst, and values
  // that are larger than that themselves. `max_keys` bounds both.
  LmdbTransaction(const LmdbStore& store, uint64_t max_keys);

  // Everything later is in `keyspace`.
  void Enter(Keyspace keyspace) {
    keyspace_ = keyspace;
    cursor_.reset();
  }
  MDB_dbi dbi() const { return store_.dbi(keyspace_); }
  MDB_txn* txn() const { return txn_.get(); }
  MDB_cursor* cursor() const { return cursor_.get(); }

  // Whether MakeReady would commit first.
  bool IsFullFor(uint64_t bytes, uint64_t keys = 1) const {
    return keys_ > 0 && (keys_ + keys > max_keys_ || bytes_ + bytes > max_bytes_);
  }
  // Commits when full; there is a transaction and a cursor afterwards, until the next call, with
  // room for `keys` more of `bytes` together.
  int MakeReady(uint64_t bytes, uint64_t keys = 1);
  int Commit();

 private:
  const LmdbStore& store_;
  const uint64_t max_keys_;
  const uint64_t max_bytes_;
  Keyspace keyspace_ = Keyspace::kData;
  uint64_t keys_ = 0;
  uint64_t bytes_ = 0;
  MappedPages mapped_;
  LmdbTxn txn_;
  LmdbCursor cursor_;  // goes before its transaction
};

}  // namespace cartwheel::storage
