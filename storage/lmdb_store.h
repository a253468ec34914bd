// An opened LMDB environment with our keyspaces in it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "storage/data_directory.h"
#include "storage/engine.h"
#include "storage/lmdb_engine.h"
#include "storage/lmdb_handles.h"

namespace cartwheel::storage {

class LmdbStore {
 public:
  static Result<LmdbStore> Open(const std::string& directory, const LmdbOptions& options);

  MDB_env* env() const { return env_.get(); }
  MDB_dbi dbi(Keyspace keyspace) const { return dbis_[static_cast<size_t>(keyspace)]; }
  const std::string& directory() const { return directory_.path(); }
  const std::string& data_file() const { return data_file_; }

  // Doubles the map. Only while no transaction is open: the map moves. False: no address space.
  bool Grow();

 private:
  explicit LmdbStore(DataDirectory directory);

  Result<void> OpenEnv(const LmdbOptions& options, uint64_t map_bytes);
  Result<void> OpenKeyspaces();
  Result<void> OpenExisting(const LmdbOptions& options);
  Result<void> OpenLengthened(const LmdbOptions& options, uint64_t actual, uint64_t expected);

  // Closed in reverse order: the lock goes last.
  DataDirectory directory_;
  std::string data_file_;
  LmdbEnv env_;
  std::array<MDB_dbi, kKeyspaceCount> dbis_{};
};

}  // namespace cartwheel::storage
