#include "storage/lmdb_store.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sys/mman.h>
#include <utility>

#include "storage/lmdb_file_check.h"
#include "storage/lmdb_scan.h"

namespace cartwheel::storage {
namespace {

constexpr std::array<const char*, kKeyspaceCount> kNames = {"data", "expiry", "meta"};
// Snapshots at once, each a slot of 64 bytes in the lock file.
constexpr unsigned kMaxReaders = 1024;
constexpr uint64_t kSmallestMap = 1ULL << 20;

// LMDB aborts after this: its own consistency checks failed, and going on could do more damage.
void ExplainAssert(MDB_env* env, const char* message) {
  const char* path = "";
  mdb_env_get_path(env, &path);
  std::fprintf(stderr, "%s/data.mdb: damaged (%s); restore it from a backup\n", path, message);
}

bool HasAddressSpace(uint64_t bytes) {
  void* map = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return false;
  ::munmap(map, bytes);
  return true;
}

}  // namespace

LmdbStore::LmdbStore(DataDirectory directory)
    : directory_(std::move(directory)), data_file_(directory_.data_file()) {}

Result<LmdbStore> LmdbStore::Open(const std::string& directory, const LmdbOptions& options) {
  Result<DataDirectory> opened = DataDirectory::Open(directory);
  if (!opened) return std::unexpected(opened.error());
  LmdbStore store(*std::move(opened));
  const bool fresh = store.directory_.fresh();
  auto ready =
      fresh ? store.OpenEnv(options, options.initial_map_bytes) : store.OpenExisting(options);
  if (ready) ready = store.OpenKeyspaces();
  if (ready && fresh) ready = store.directory_.Seal();
  if (!ready) return std::unexpected(ready.error());
  return store;
}

Result<void> LmdbStore::OpenEnv(const LmdbOptions& options, uint64_t map_bytes) {
  MDB_env* env = nullptr;
  int code = mdb_env_create(&env);
  if (code != 0) return std::unexpected(LmdbError(code, data_file_));
  env_.reset(env);
  map_bytes = std::max(map_bytes, kSmallestMap);
  while (map_bytes > kSmallestMap && !HasAddressSpace(map_bytes)) map_bytes /= 2;
  mdb_env_set_assert(env, ExplainAssert);
  if (code == 0) code = mdb_env_set_mapsize(env, map_bytes);
  if (code == 0) code = mdb_env_set_maxdbs(env, kKeyspaceCount);
  if (code == 0) code = mdb_env_set_maxreaders(env, kMaxReaders);
  const unsigned flags = MDB_NOTLS | (options.sync ? 0U : unsigned{MDB_NOSYNC});
  if (code == 0) code = mdb_env_open(env, directory().c_str(), flags, 0600);
  if (code != 0) return std::unexpected(LmdbError(code, data_file_));
  return {};
}

Result<void> LmdbStore::OpenKeyspaces() {
  MDB_txn* begun = nullptr;
  int code = mdb_txn_begin(env(), nullptr, directory_.fresh() ? 0 : unsigned{MDB_RDONLY}, &begun);
  if (code != 0) return std::unexpected(LmdbError(code, data_file_));
  LmdbTxn txn(begun);
  const unsigned flags = directory_.fresh() ? MDB_CREATE : 0;
  for (size_t i = 0; i < kKeyspaceCount && code == 0; ++i) {
    code = mdb_dbi_open(txn.get(), kNames[i], flags, &dbis_[i]);
  }
  if (code == 0) code = mdb_txn_commit(txn.release());
  if (code == 0 && directory_.fresh()) code = mdb_env_sync(env(), 1);
  if (code != 0) return std::unexpected(LmdbError(code, data_file_));
  return {};
}

Result<void> LmdbStore::OpenExisting(const LmdbOptions& options) {
  const Result<DataFileSize> size = CheckDataFile(data_file_);
  if (!size) return std::unexpected(size.error());
  if (size->actual < size->expected) {
    return OpenLengthened(options, size->actual, size->expected);
  }
  return OpenEnv(options, std::max(options.initial_map_bytes, size->expected));
}

// A file shorter than its pages is either cut off or only lacks pages that are not in use. Zeros
// make up for them, and a walk through everything tells: no page in use consists of zeros.
Result<void> LmdbStore::OpenLengthened(const LmdbOptions& options, uint64_t actual,
                                       uint64_t expected) {
  if (::truncate(data_file_.c_str(), static_cast<off_t>(expected)) != 0) {
    return std::unexpected(ErrnoError(errno, data_file_));
  }
  auto opened = OpenEnv(options, std::max(options.initial_map_bytes, expected));
  if (opened && IsWhole(env(), kNames)) return {};
  env_.reset();
  // As found, so that the next start says the same.
  (void)::truncate(data_file_.c_str(), static_cast<off_t>(actual));
  if (!opened) return opened;
  return std::unexpected(Error{Error::Kind::kCorrupt,
                               data_file_ + ": cut off at " + std::to_string(actual) + " of " +
                                   std::to_string(expected) + " bytes; restore it from a backup"});
}

bool LmdbStore::Grow() {
  MDB_envinfo info;
  mdb_env_info(env(), &info);
  const uint64_t doubled = uint64_t{info.me_mapsize} * 2;
  // Asked first, since LMDB gives the old map up before it takes the new one.
  return HasAddressSpace(doubled) && mdb_env_set_mapsize(env(), doubled) == 0;
}

}  // namespace cartwheel::storage
