// An opened LMDB environment with our keyspaces in it, and the log position that it covers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/data_directory.h"
#include "storage/engine.h"
#include "storage/lmdb_base_store.h"
#include "storage/lmdb_handles.h"
#include "storage/lmdb_standby.h"

namespace cartwheel::storage {

class LmdbStore {
 public:
  static Result<LmdbStore> Open(const std::string& directory, const LmdbOptions& options);

  MDB_env* env() const { return env_.get(); }
  MDB_dbi dbi(Keyspace keyspace) const { return dbis_[static_cast<size_t>(keyspace)]; }
  LmdbStandby& standby() const { return *standby_; }
  // The stored log position: 0 if there never was a log.
  LogPosition covered() const { return covered_; }
  // Stores it as part of a write transaction; returns LMDB's code.
  int PutCovered(MDB_txn* txn, LogPosition covered) const;

  const std::string& directory() const { return directory_.path(); }
  const std::string& data_file() const { return data_file_; }

  // Doubles the map. Only while no transaction is open: the map moves. False: no address space.
  bool Grow();

  uint64_t page_bytes() const { return page_bytes_; }
  // A page as the file's map has it, while a transaction holds it; empty: it cannot be seen.
  std::string_view PageInMap(uint64_t number) const;

  // Unmaps the pages that were read, which the system's page cache keeps. Any thread, but not while
  // the map grows.
  void ReleasePages() const;
  // Of the pages that are not in use.
  uint64_t FreeBytes() const;

 private:
  explicit LmdbStore(DataDirectory directory);

  Result<void> OpenEnv(const LmdbOptions& options, uint64_t map_bytes);
  Result<void> OpenKeyspaces();
  int ReadCovered(MDB_txn* txn);
  void FindMap();
  Result<void> OpenExisting(const LmdbOptions& options);
  Result<void> OpenLengthened(const LmdbOptions& options, uint64_t actual, uint64_t expected);

  // Closed in reverse order: the lock goes last.
  DataDirectory directory_;
  std::string data_file_;
  LmdbEnv env_;
  std::unique_ptr<LmdbStandby> standby_;
  std::array<MDB_dbi, kKeyspaceCount> dbis_{};
  MDB_dbi log_dbi_ = 0;
  LogPosition covered_ = 0;
  uint64_t page_bytes_ = 0;
  void* map_ = nullptr;  // where the file is mapped; nullptr: unknown
};

}  // namespace cartwheel::storage
