#include "storage/lmdb_flush.h"

#include <string>

#include "storage/lmdb_transaction.h"
#include "storage/long_key_bucket.h"

namespace cartwheel::storage {
namespace {

int ApplyToBucket(LmdbTransaction& transaction, std::string_view stored, const Entry& entry) {
  MDB_val at = ToVal(stored);
  MDB_val bucket{0, nullptr};
  const int code = mdb_get(transaction.txn(), transaction.dbi(), &at, &bucket);
  if (code != 0 && code != MDB_NOTFOUND) return code;
  std::optional<std::string> value;
  if (!entry.is_tombstone()) value.emplace(entry.value());
  const std::string changed =
      WithRecord(code == 0 ? ToView(bucket) : std::string_view(), entry.key(), value);
  if (changed.empty()) {
    return code == 0 ? mdb_del(transaction.txn(), transaction.dbi(), &at, nullptr) : 0;
  }
  MDB_val to = ToVal(changed);
  return mdb_put(transaction.txn(), transaction.dbi(), &at, &to, 0);
}

int ApplyEntry(LmdbTransaction& transaction, const Entry& entry) {
  const StoredKey stored(entry.key());
  if (const int code = transaction.MakeReady(entry.memory()); code != 0) return code;
  if (stored.is_bucket()) return ApplyToBucket(transaction, stored.view(), entry);
  MDB_val at = ToVal(stored.view());
  if (!entry.is_tombstone()) {
    MDB_val value = ToVal(entry.value());
    return mdb_cursor_put(transaction.cursor(), &at, &value, 0);
  }
  const int code = mdb_cursor_get(transaction.cursor(), &at, nullptr, MDB_SET);
  if (code == MDB_NOTFOUND) return 0;
  return code != 0 ? code : mdb_cursor_del(transaction.cursor(), 0);
}

// Takes the range out of the bucket under the cursor.
int CutBucket(MDB_cursor* cursor, const MDB_val& at, const MDB_val& bucket, std::string_view begin,
              std::string_view end) {
  const std::string left = WithoutRange(ToView(bucket), begin, end);
  if (left.size() == bucket.mv_size) return 0;
  if (left.empty()) return mdb_cursor_del(cursor, 0);
  // LMDB compares the key it is given with the one that it overwrites.
  const std::string key(ToView(at));
  MDB_val same = ToVal(key);
  MDB_val to = ToVal(left);
  return mdb_cursor_put(cursor, &same, &to, MDB_CURRENT);
}

// Deletes from `from` on; a full transaction is committed and the search begun again.
int ApplyRange(LmdbTransaction& transaction, std::string_view begin, std::string_view end) {
  const StoredKey first(begin);
  const StoredKey last(end);
  std::string from(first.view());
  for (;;) {
    if (const int code = transaction.MakeReady(0); code != 0) return code;
    MDB_val at = ToVal(from);
    MDB_val value;
    const int code =
        mdb_cursor_get(transaction.cursor(), &at, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
    if (code == MDB_NOTFOUND) return 0;
    if (code != 0) return code;
    const std::string_view key = ToView(at);
    const bool is_bucket = key.size() == kStoredLongKeyBytes;
    if (!end.empty() && (is_bucket ? key > last.view() : key >= last.view())) return 0;
    from.assign(key);
    const int applied = is_bucket ? CutBucket(transaction.cursor(), at, value, begin, end)
                                  : mdb_cursor_del(transaction.cursor(), 0);
    if (applied != 0) return applied;
    from.push_back('\0');  // the next possible key
  }
}

int DropAll(LmdbTransaction& transaction) {
  if (const int code = transaction.MakeReady(0); code != 0) return code;
  return mdb_drop(transaction.txn(), transaction.dbi(), 0);
}

// Ranges that touch go as one: pieces of a whole keyspace cost as much as the keys that it had, the
// whole next to nothing.
int ApplyAllRanges(LmdbTransaction& transaction, const RangeMap& ranges) {
  for (auto next = ranges.ranges().begin(); next != ranges.ranges().end();) {
    const std::string_view begin = next->first;
    std::string_view end = next->second.end;
    for (++next; next != ranges.ranges().end() && next->first == end; ++next) {
      end = next->second.end;
    }
    const int code =
        begin.empty() && end.empty() ? DropAll(transaction) : ApplyRange(transaction, begin, end);
    if (code != 0) return code;
  }
  return 0;
}

// Follows a flush with a packer, between its transactions: so the store is never as loose as the
// whole flush would leave it.
class Packing {
 public:
  Packing(const LmdbStore& store, LmdbPacker* packer, uint64_t transaction_keys)
      : store_(store), packer_(packer), transaction_keys_(transaction_keys) {}

  bool is_on() const { return packer_ != nullptr; }
  void CountEntry() { ++entries_; }

  // While no transaction is open. A packing that fails has changed nothing, and is not tried again
  // in this flush, which will meet itself what is wrong with the disk.
  void Follow(const LmdbPacker::Place& flushed) {
    if (packer_ == nullptr) return;
    const uint64_t leaves = entries_ / kEntriesPerLeaf;
    entries_ = 0;
    const int code = packer_->Pack(store_, flushed, leaves, transaction_keys_);
    if (store_.standby().After(code) != 0) packer_ = nullptr;
  }

 private:
  // A leaf of some tens of records has about two changes between two looks at it, in a store where
  // a flush changes all leaves as in one where it changes few. A full cache of small values writes
  // less in the end with that than with half of it, since fewer misses are written.
  static constexpr uint64_t kEntriesPerLeaf = 2;

  const LmdbStore& store_;
  LmdbPacker* packer_;  // nullptr: there is none, or no longer
  const uint64_t transaction_keys_;
  uint64_t entries_ = 0;  // since it last followed
};

int ApplyChanges(LmdbTransaction& transaction, Packing& packing, size_t keyspace,
                 const FlushPlan::Changes& changes) {
  if (const int code = ApplyAllRanges(transaction, changes.ranges); code != 0) return code;
  for (const Entry* entry : changes.entries) {
    if (packing.is_on() && transaction.IsFullFor(entry->memory())) {
      if (const int code = transaction.Commit(); code != 0) return code;
      packing.Follow({.keyspace = keyspace, .key = std::string(StoredKey(entry->key()).view())});
    }
    if (const int code = ApplyEntry(transaction, *entry); code != 0) return code;
    packing.CountEntry();
  }
  return 0;
}

int ApplyPlan(const LmdbStore& store, const FlushPlan& plan, uint64_t transaction_keys,
              Packing& packing) {
  LmdbTransaction transaction(store, transaction_keys);
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    transaction.Enter(static_cast<Keyspace>(i));
    if (const int code = ApplyChanges(transaction, packing, i, plan.changes[i]); code != 0) {
      return code;
    }
  }
  if (const int code = transaction.MakeReady(0); code != 0) return code;
  if (const int code = store.PutCovered(transaction.txn(), plan.covered); code != 0) return code;
  return transaction.Commit();
}

}  // namespace

int FlushToLmdb(const LmdbStore& store, const FlushPlan& plan, uint64_t transaction_keys,
                LmdbPacker* packer) {
  Packing packing(store, packer, transaction_keys);
  const int code = store.standby().After(ApplyPlan(store, plan, transaction_keys, packing));
  if (code == 0) packing.Follow(LmdbPacker::End());
  return code;
}

}  // namespace cartwheel::storage
