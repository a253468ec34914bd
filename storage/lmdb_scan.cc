#include "storage/lmdb_scan.h"

#include <cstdint>
#include <cstring>

#include "storage/lmdb_handles.h"

namespace cartwheel::storage {
namespace {

constexpr MDB_dbi kFreeList = 0;
constexpr MDB_dbi kMain = 1;
constexpr uint16_t kOverflowFlag = 0x04;
constexpr size_t kPageHeaderBytes = 16;
constexpr size_t kPageFlagsAt = 10;

// A value above half a page never shares one: it starts right behind the header of its own.
bool IsOnItsPage(const MDB_val& value, size_t page_size) {
  if (value.mv_size <= page_size / 2) return true;
  const char* bytes = static_cast<const char*>(value.mv_data);
  uint16_t flags;
  std::memcpy(&flags, bytes - kPageHeaderBytes + kPageFlagsAt, sizeof(flags));
  return flags == kOverflowFlag;
}

bool IsWholeDatabase(MDB_txn* txn, MDB_dbi dbi, size_t page_size) {
  MDB_cursor* opened = nullptr;
  if (mdb_cursor_open(txn, dbi, &opened) != 0) return false;
  const LmdbCursor cursor(opened);
  MDB_val key;
  MDB_val value;
  int code;
  while ((code = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT)) == 0) {
    if (!IsOnItsPage(value, page_size)) return false;
  }
  return code == MDB_NOTFOUND;
}

}  // namespace

bool IsWhole(MDB_env* env, std::span<const char* const> names) {
  MDB_txn* begun = nullptr;
  if (mdb_txn_begin(env, nullptr, MDB_RDONLY, &begun) != 0) return false;
  const LmdbTxn txn(begun);
  MDB_stat stat;
  mdb_env_stat(env, &stat);
  const size_t page_size = stat.ms_psize;
  if (!IsWholeDatabase(txn.get(), kFreeList, page_size)) return false;
  if (!IsWholeDatabase(txn.get(), kMain, page_size)) return false;
  for (const char* name : names) {
    MDB_dbi dbi = 0;
    if (mdb_dbi_open(txn.get(), name, 0, &dbi) != 0) return false;
    if (!IsWholeDatabase(txn.get(), dbi, page_size)) return false;
  }
  return true;
}

}  // namespace cartwheel::storage
