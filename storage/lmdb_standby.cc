#include "storage/lmdb_standby.h"

namespace cartwheel::storage {

int LmdbStandby::Hold() {
  int code;
  if (txn_ == nullptr) {
    MDB_txn* begun = nullptr;
    code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &begun);
    txn_.reset(begun);
  } else {
    code = mdb_txn_renew(txn_.get());
  }
  if (code == 0) held_ = txn_.get();
  return code;
}

void LmdbStandby::LetGo() {
  if (held_ == nullptr) return;
  held_ = nullptr;
  mdb_txn_reset(txn_.get());
}

int LmdbStandby::After(int code) {
  if (code != 0 && IsNeeded()) return MDB_PANIC;
  LetGo();
  return code;
}

bool LmdbStandby::IsNeeded() const {
  MDB_txn* begun = nullptr;
  const int code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &begun);
  const LmdbTxn txn(begun);
  return code == MDB_PANIC;
}

}  // namespace cartwheel::storage
