// Reads the store through one LMDB read transaction, begun at the first read and renewed after each
// EndTurn. Values are views into the map: nothing is copied or allocated.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "storage/base_store.h"
#include "storage/lmdb_handles.h"
#include "storage/lmdb_store.h"

namespace cartwheel::storage {

class LmdbReader : public BaseReader {
 public:
  // A read that fails stores its error in `failure` and finds nothing.
  LmdbReader(const LmdbStore& store, std::optional<Error>& failure)
      : store_(store), failure_(failure) {}

  // Fixes the state that is read, now rather than at the first read.
  bool Begin() override { return Txn() != nullptr; }
  // Lets the state go, so that its pages can be used again; invalidates views and cursors.
  void EndTurn() override;

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override;
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override;

 private:
  MDB_txn* Txn();

  const LmdbStore& store_;
  std::optional<Error>& failure_;
  LmdbTxn txn_;
  bool active_ = false;
};

}  // namespace cartwheel::storage
