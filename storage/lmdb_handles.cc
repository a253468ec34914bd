#include "storage/lmdb_handles.h"

#include "storage/posix_file.h"

namespace cartwheel::storage {

Error LmdbError(int code, const std::string& path) {
  switch (code) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_NOTFOUND:
    case MDB_BAD_DBI:
      return {Error::Kind::kCorrupt,
              path + ": damaged (" + mdb_strerror(code) + "); restore it from a backup"};
    case MDB_MAP_FULL:
      return {Error::Kind::kNoSpace,
              path + ": no address space to grow; end long scans or raise the limit (ulimit -v)"};
    case MDB_READERS_FULL:
      return {Error::Kind::kNoSpace, path + ": too many snapshots at once; end long scans"};
    case MDB_TXN_FULL:
    case MDB_BAD_VALSIZE:
      return {Error::Kind::kInvalid,
              path + ": a write is too large (" + mdb_strerror(code) + "); make it smaller"};
    case MDB_PANIC:
      return {Error::Kind::kIo, path + ": a write failed; check the disk and restart"};
    default: return ErrnoError(code, path);
  }
}

}  // namespace cartwheel::storage
