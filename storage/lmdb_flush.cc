#include "storage/lmdb_flush.h"

#include <algorithm>
#include <string>

#include "storage/long_key_bucket.h"
#include "storage/page_faults.h"

namespace cartwheel::storage {
namespace {

// A transaction holds what it writes in memory: a page for each of its keys at worst, and values
// that are larger than that themselves. The limit of the keys is one of the bytes, too.
constexpr uint64_t kMostTransactionBytes = 32ULL << 20;
constexpr uint64_t kBytesPerKey = 4096;
// When so much may have been mapped on the way to the keys it is let go of, or a flush would show
// as memory in use as large as the store. Looked at after so many keys, since asking is a system
// call.
constexpr uint64_t kMostMapped = 4ULL << 20;
constexpr uint64_t kKeysPerLook = 64;

// The write transaction under way, with a cursor in one keyspace: puts in key order mostly land on
// the page where the cursor stands, without a way down from the root.
class Transaction {
 public:
  Transaction(const LmdbStore& store, uint64_t max_keys)
      : store_(store),
        max_keys_(max_keys),
        max_bytes_(std::min(max_keys, kMostTransactionBytes / kBytesPerKey) * kBytesPerKey) {}

  // Everything later is in `keyspace`.
  void Enter(Keyspace keyspace) {
    keyspace_ = keyspace;
    cursor_.reset();
  }
  MDB_dbi dbi() const { return store_.dbi(keyspace_); }
  MDB_txn* txn() const { return txn_.get(); }
  MDB_cursor* cursor() const { return cursor_.get(); }

  // Commits when full; there is a transaction and a cursor afterwards.
  int MakeReady(uint64_t bytes) {
    if (keys_ >= max_keys_ || (keys_ > 0 && bytes_ + bytes > max_bytes_)) {
      if (const int code = Commit(); code != 0) return code;
    }
    ++keys_;
    bytes_ += bytes;
    if (keys_ % kKeysPerLook == 0) ReleaseMapped();
    if (txn_ == nullptr) {
      if (const int code = store_.standby().Hold(); code != 0) return code;
      MDB_txn* begun = nullptr;
      if (const int code = mdb_txn_begin(store_.env(), nullptr, 0, &begun); code != 0) return code;
      txn_.reset(begun);
    }
    if (cursor_ != nullptr) return 0;
    MDB_cursor* opened = nullptr;
    const int code = mdb_cursor_open(txn_.get(), dbi(), &opened);
    cursor_.reset(opened);
    return code;
  }

  int Commit() {
    cursor_.reset();
    keys_ = 0;
    bytes_ = 0;
    if (txn_ == nullptr) return 0;
    const int code = mdb_txn_commit(txn_.release());
    if (code == 0) store_.standby().LetGo();
    Release();
    return code;
  }

 private:
  void ReleaseMapped() {
    if ((PageFaultsOfThread() - faults_) * kMappedPerFault >= kMostMapped) Release();
  }
  void Release() {
    store_.ReleasePages();
    faults_ = PageFaultsOfThread();
  }

  const LmdbStore& store_;
  const uint64_t max_keys_;
  const uint64_t max_bytes_;
  Keyspace keyspace_ = Keyspace::kData;
  uint64_t keys_ = 0;
  uint64_t bytes_ = 0;
  uint64_t faults_ = PageFaultsOfThread();  // when it last let go
  LmdbTxn txn_;
  LmdbCursor cursor_;  // goes before its transaction
};

int ApplyToBucket(Transaction& transaction, std::string_view stored, const Entry& entry) {
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

int ApplyEntry(Transaction& transaction, const Entry& entry) {
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
int ApplyRange(Transaction& transaction, std::string_view begin, std::string_view end) {
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

int DropAll(Transaction& transaction) {
  if (const int code = transaction.MakeReady(0); code != 0) return code;
  return mdb_drop(transaction.txn(), transaction.dbi(), 0);
}

// Ranges that touch go as one: pieces of a whole keyspace cost as much as the keys that it had, the
// whole next to nothing.
int ApplyAllRanges(Transaction& transaction, const RangeMap& ranges) {
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

int ApplyChanges(Transaction& transaction, const FlushPlan::Changes& changes) {
  if (const int code = ApplyAllRanges(transaction, changes.ranges); code != 0) return code;
  for (const Entry* entry : changes.entries) {
    if (const int code = ApplyEntry(transaction, *entry); code != 0) return code;
  }
  return 0;
}

int ApplyPlan(const LmdbStore& store, const FlushPlan& plan, uint64_t transaction_keys) {
  Transaction transaction(store, transaction_keys);
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    transaction.Enter(static_cast<Keyspace>(i));
    if (const int code = ApplyChanges(transaction, plan.changes[i]); code != 0) return code;
  }
  if (const int code = transaction.MakeReady(0); code != 0) return code;
  if (const int code = store.PutCovered(transaction.txn(), plan.covered); code != 0) return code;
  return transaction.Commit();
}

}  // namespace

int FlushToLmdb(const LmdbStore& store, const FlushPlan& plan, uint64_t transaction_keys) {
  const int code = ApplyPlan(store, plan, transaction_keys);
  if (code == 0) return 0;
  // Whatever the reason was, there is no second try then.
  if (store.standby().IsNeeded()) return MDB_PANIC;
  store.standby().LetGo();
  return code;
}

}  // namespace cartwheel::storage
