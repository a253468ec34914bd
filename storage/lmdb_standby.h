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
  // After it ended well.
  void LetGo();
  // After the last of some write transactions ended, for which LMDB returned `code`: the code of
  // all of them. MDB_PANIC: LMDB refuses every transaction from now on, so that there is no second
  // try whatever the reason was.
  int After(int code);

  // For a reader that LMDB refused, whose thread has it for itself from then on. nullptr: there is
  // none.
  MDB_txn* held() const { return held_; }

 private:
  bool IsNeeded() const;

  MDB_env* env_;
  LmdbTxn txn_;
  std::atomic<MDB_txn*> held_ = nullptr;
};

}  // namespace cartwheel::storage
