// A view of the last commit, held while the next one is made. LMDB refuses every new transaction,
// of readers too, once it failed to write one of the two pages that make a commit; readers then go
// on with this view.
//
// Holding it costs nothing: the pages that it keeps from being used again are those that the commit
// under way must not use anyway.
#pragma once

#include <atomic>

#include "storage/lmdb_handles.h"

namespace cartwheel::storage {

class LmdbStandby {
 public:
  explicit LmdbStandby(MDB_env* env) : env_(env) {}

  // Before a write transaction begins, by its thread. Returns LMDB's code.
  int Hold();
  // After it ended; not if that was the end of all.
  void LetGo();
  // Whether LMDB refuses every transaction from now on.
  bool IsNeeded() const;

  // For a reader that LMDB refused, whose thread has it for itself from then on. nullptr: there is
  // none.
  MDB_txn* held() const { return held_; }

 private:
  MDB_env* env_;
  LmdbTxn txn_;
  std::atomic<MDB_txn*> held_ = nullptr;
};

}  // namespace cartwheel::storage
