#include "storage/lmdb_writer.h"

#include <string>

#include "storage/long_key_bucket.h"

namespace cartwheel::storage {
namespace {

int PutLong(MDB_txn* txn, MDB_dbi dbi, std::string_view stored, std::string_view key,
            const std::optional<std::string>& value) {
  MDB_val at = ToVal(stored);
  MDB_val bucket{0, nullptr};
  const int code = mdb_get(txn, dbi, &at, &bucket);
  if (code != 0 && code != MDB_NOTFOUND) return code;
  const std::string changed =
      WithRecord(code == 0 ? ToView(bucket) : std::string_view(), key, value);
  if (changed.empty()) return code == 0 ? mdb_del(txn, dbi, &at, nullptr) : 0;
  MDB_val to = ToVal(changed);
  return mdb_put(txn, dbi, &at, &to, 0);
}

int ApplyEntry(MDB_txn* txn, MDB_dbi dbi, const WriteBatch::Entries::value_type& entry) {
  const StoredKey stored(entry.first);
  if (stored.is_bucket()) return PutLong(txn, dbi, stored.view(), entry.first, entry.second);
  MDB_val at = ToVal(stored.view());
  if (!entry.second) {
    const int code = mdb_del(txn, dbi, &at, nullptr);
    return code == MDB_NOTFOUND ? 0 : code;
  }
  MDB_val value = ToVal(*entry.second);
  return mdb_put(txn, dbi, &at, &value, 0);
}

// Takes the range out of the bucket under the cursor.
int CutBucket(MDB_cursor* cursor, MDB_val& at, const MDB_val& bucket, std::string_view begin,
              std::string_view end) {
  const std::string left = WithoutRange(ToView(bucket), begin, end);
  if (left.size() == bucket.mv_size) return 0;
  if (left.empty()) return mdb_cursor_del(cursor, 0);
  // LMDB compares the key it is given with the one that it overwrites.
  const std::string key(ToView(at));
  at = ToVal(key);
  MDB_val to = ToVal(left);
  return mdb_cursor_put(cursor, &at, &to, MDB_CURRENT);
}

int ApplyRange(MDB_txn* txn, MDB_dbi dbi, std::string_view begin, std::string_view end) {
  if (begin.empty() && end.empty()) return mdb_drop(txn, dbi, 0);
  MDB_cursor* opened = nullptr;
  int code = mdb_cursor_open(txn, dbi, &opened);
  if (code != 0) return code;
  const LmdbCursor cursor(opened);
  const StoredKey first(begin);
  const StoredKey last(end);
  MDB_val at = ToVal(first.view());
  MDB_val value;
  code = mdb_cursor_get(opened, &at, &value, begin.empty() ? MDB_FIRST : MDB_SET_RANGE);
  while (code == 0) {
    const std::string_view key = ToView(at);
    if (key.size() == kStoredLongKeyBytes) {
      if (!end.empty() && key > last.view()) return 0;
      code = CutBucket(opened, at, value, begin, end);
    } else {
      if (!end.empty() && key >= last.view()) return 0;
      code = mdb_cursor_del(opened, 0);
    }
    // After a deletion LMDB's "next" is the entry that took the deleted one's place.
    if (code == 0) code = mdb_cursor_get(opened, &at, &value, MDB_NEXT);
  }
  return code == MDB_NOTFOUND ? 0 : code;
}

int Apply(MDB_txn* txn, MDB_dbi dbi, const WriteBatch& batch, Keyspace keyspace) {
  for (const auto& [begin, end] : batch.ranges(keyspace)) {
    if (const int code = ApplyRange(txn, dbi, begin, end); code != 0) return code;
  }
  for (const auto& entry : batch.entries(keyspace)) {
    if (const int code = ApplyEntry(txn, dbi, entry); code != 0) return code;
  }
  return 0;
}

}  // namespace

int CommitToLmdb(const LmdbStore& store, const WriteBatch& batch) {
  MDB_txn* begun = nullptr;
  const int code = mdb_txn_begin(store.env(), nullptr, 0, &begun);
  if (code != 0) return code;
  LmdbTxn txn(begun);
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    const auto keyspace = static_cast<Keyspace>(i);
    const int applied = Apply(txn.get(), store.dbi(keyspace), batch, keyspace);
    if (applied != 0) return applied;
  }
  return mdb_txn_commit(txn.release());
}

}  // namespace cartwheel::storage
