#include "storage/lmdb_store.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <sys/mman.h>
#include <utility>

#include "storage/lmdb_check.h"
#include "storage/lmdb_file_check.h"
#include "storage/lmdb_format.h"

namespace cartwheel::storage {
namespace {

// The keyspaces, and the database of the log position.
constexpr size_t kDatabases = kKeyspaceCount + 1;
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
  if (ready && store.directory_.NeedsSeal()) ready = store.directory_.Seal();
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
  if (code == 0) code = mdb_env_set_maxdbs(env, kDatabases);
  if (code == 0) code = mdb_env_set_maxreaders(env, kMaxReaders);
  const unsigned flags = MDB_NOTLS | (options.sync ? 0U : unsigned{MDB_NOSYNC});
  if (code == 0) code = mdb_env_open(env, directory().c_str(), flags, 0600);
  if (code != 0) return std::unexpected(LmdbError(code, data_file_));
  standby_ = std::make_unique<LmdbStandby>(env_.get());
  MDB_stat stat;
  mdb_env_stat(env, &stat);
  page_bytes_ = stat.ms_psize;
  FindMap();
  return {};
}

// A store of an earlier format lacks the databases that came since.
Result<void> LmdbStore::OpenKeyspaces() {
  const bool create = directory_.NeedsSeal();
  MDB_txn* begun = nullptr;
  int code = mdb_txn_begin(env(), nullptr, create ? 0 : unsigned{MDB_RDONLY}, &begun);
  if (code != 0) return std::unexpected(LmdbError(code, data_file_));
  LmdbTxn txn(begun);
  const uint32_t format = directory_.format();
  for (size_t i = 0; i < kKeyspaceCount && code == 0; ++i) {
    const uint32_t since = static_cast<Keyspace>(i) == Keyspace::kHints ? 3 : 1;
    code = mdb_dbi_open(txn.get(), kKeyspaceNames[i], format < since ? MDB_CREATE : 0, &dbis_[i]);
  }
  if (code == 0) {
    code = mdb_dbi_open(txn.get(), kLogName, format < 2 ? MDB_CREATE : 0, &log_dbi_);
  }
  if (code == 0) code = ReadCovered(txn.get());
  if (code == 0) code = mdb_txn_commit(txn.release());
  if (code == 0 && create) code = mdb_env_sync(env(), 1);
  if (code != 0) return std::unexpected(LmdbError(code, data_file_));
  return {};
}

int LmdbStore::ReadCovered(MDB_txn* txn) {
  MDB_val key = ToVal(kCoveredKey);
  MDB_val value;
  const int code = mdb_get(txn, log_dbi_, &key, &value);
  if (code == MDB_NOTFOUND) return 0;
  if (code != 0) return code;
  if (value.mv_size != sizeof(covered_)) return MDB_CORRUPTED;
  std::memcpy(&covered_, value.mv_data, sizeof(covered_));
  return 0;
}

int LmdbStore::PutCovered(MDB_txn* txn, LogPosition covered) const {
  MDB_val key = ToVal(kCoveredKey);
  MDB_val value{sizeof(covered), &covered};
  return mdb_put(txn, log_dbi_, &key, &value, 0);
}

Result<void> LmdbStore::OpenExisting(const LmdbOptions& options) {
  const Result<DataFileSize> size = CheckDataFile(data_file_);
  if (!size) return std::unexpected(size.error());
  if (size->actual < size->expected) {
    return OpenLengthened(options, size->actual, size->expected);
  }
  return OpenEnv(options, std::max(options.initial_map_bytes, size->expected));
}

// A file shorter than its pages is either cut off or only lacks pages that are not in use, which a
// walk through those that are tells. LMDB maps a file whole, so it gets its missing pages.
Result<void> LmdbStore::OpenLengthened(const LmdbOptions& options, uint64_t actual,
                                       uint64_t expected) {
  const Result<BaseCheck> check = CheckBase(data_file_);
  if (!check) return std::unexpected(check.error());
  if (!check->damage.empty()) {
    return std::unexpected(Error{
        Error::Kind::kCorrupt, data_file_ + ": cut off at " + std::to_string(actual) + " of " +
                                   std::to_string(expected) + " bytes; restore it from a backup"});
  }
  if (::truncate(data_file_.c_str(), static_cast<off_t>(expected)) != 0) {
    return std::unexpected(ErrnoError(errno, data_file_));
  }
  return OpenEnv(options, std::max(options.initial_map_bytes, expected));
}

bool LmdbStore::Grow() {
  MDB_envinfo info;
  mdb_env_info(env(), &info);
  const uint64_t doubled = uint64_t{info.me_mapsize} * 2;
  // Asked first, since LMDB gives the old map up before it takes the new one.
  if (!HasAddressSpace(doubled) || mdb_env_set_mapsize(env(), doubled) != 0) return false;
  FindMap();
  return true;
}

// LMDB does not tell where it has mapped the file; the kernel does.
void LmdbStore::FindMap() {
  map_ = nullptr;
  std::error_code unknown;
  const std::string path = std::filesystem::canonical(data_file_, unknown).string();
  if (unknown) return;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with(" " + path)) continue;
    uintptr_t begin = 0;
    std::from_chars(line.data(), line.data() + line.size(), begin, 16);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells it as text.
    map_ = reinterpret_cast<void*>(begin);
    return;
  }
}

std::string_view LmdbStore::PageInMap(uint64_t number) const {
  MDB_envinfo info;
  mdb_env_info(env(), &info);
  if (map_ == nullptr || number > info.me_last_pgno) return {};
  return {static_cast<const char*>(map_) + number * page_bytes_, page_bytes_};
}

void LmdbStore::ReleasePages() const {
  if (map_ == nullptr) return;
  MDB_envinfo info;
  mdb_env_info(env(), &info);
  MDB_stat stat;
  mdb_env_stat(env(), &stat);
  // Never beyond the map, where other memory is that would be lost.
  const size_t used = (info.me_last_pgno + 1) * stat.ms_psize;
  ::madvise(map_, std::min(used, info.me_mapsize), MADV_DONTNEED);
}

uint64_t LmdbStore::FreeBytes() const {
  MDB_txn* begun = nullptr;
  if (mdb_txn_begin(env(), nullptr, MDB_RDONLY, &begun) != 0) return 0;
  const LmdbTxn txn(begun);
  MDB_cursor* opened = nullptr;
  constexpr MDB_dbi kFreeList = 0;
  if (mdb_cursor_open(txn.get(), kFreeList, &opened) != 0) return 0;
  const LmdbCursor cursor(opened);
  // Each entry is a list of page numbers, their count first.
  uint64_t pages = 0;
  MDB_val key;
  MDB_val list;
  while (mdb_cursor_get(cursor.get(), &key, &list, MDB_NEXT) == 0) {
    size_t count;
    if (list.mv_size < sizeof(count)) break;
    std::memcpy(&count, list.mv_data, sizeof(count));
    pages += count;
  }
  MDB_stat stat;
  mdb_env_stat(env(), &stat);
  return pages * stat.ms_psize;
}

}  // namespace cartwheel::storage
