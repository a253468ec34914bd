#include "storage/lmdb_transaction.h"

#include <algorithm>

namespace cartwheel::storage {
namespace {

constexpr uint64_t kMostTransactionBytes = 32ULL << 20;
constexpr uint64_t kBytesPerKey = 4096;

}  // namespace

LmdbTransaction::LmdbTransaction(const LmdbStore& store, uint64_t max_keys)
    : store_(store),
      max_keys_(max_keys),
      max_bytes_(std::min(max_keys, kMostTransactionBytes / kBytesPerKey) * kBytesPerKey),
      mapped_(store) {}

int LmdbTransaction::MakeReady(uint64_t bytes, uint64_t keys) {
  if (IsFullFor(bytes, keys)) {
    if (const int code = Commit(); code != 0) return code;
  }
  keys_ += keys;
  bytes_ += bytes;
  mapped_.Touched();
  if (txn_ == nullptr) {
    if (const int code = store_.standby().Hold(); code != 0) return code;
    MDB_txn* begun = nullptr;
    if (const int code = mdb_txn_begin(store_.env(), nullptr, 0, &begun); code != 0) return code;
    txn_.reset(begun);
  }
  if (cursor_ != nullptr) return 0;
  MDB_cursor* opened = nullptr;
  const int code = mdb_cursor_open(txn_.get(), dbi(), &opened);
  cursor_.reset(opened);
  return code;
}

int LmdbTransaction::Commit() {
  cursor_.reset();
  keys_ = 0;
  bytes_ = 0;
  if (txn_ == nullptr) return 0;
  const int code = mdb_txn_commit(txn_.release());
  if (code == 0) store_.standby().LetGo();
  mapped_.LetGo();
  return code;
}

}  // namespace cartwheel::storage
