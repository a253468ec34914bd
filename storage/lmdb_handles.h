// LMDB's C handles as owned C++ values, its errors as ours.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <lmdb.h>

#include "storage/engine.h"

namespace cartwheel::storage {

struct LmdbDeleter {
  void operator()(MDB_env* env) const { mdb_env_close(env); }
  void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
  void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};
using LmdbEnv = std::unique_ptr<MDB_env, LmdbDeleter>;
using LmdbTxn = std::unique_ptr<MDB_txn, LmdbDeleter>;
using LmdbCursor = std::unique_ptr<MDB_cursor, LmdbDeleter>;  // goes before a write transaction

inline MDB_val ToVal(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

inline std::string_view ToView(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

// For a return code other than 0; `path` is the data file.
Error LmdbError(int code, const std::string& path);

}  // namespace cartwheel::storage
