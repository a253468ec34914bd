#include "storage/lmdb_reader.h"

#include <utility>

#include "storage/long_key_bucket.h"

namespace cartwheel::storage {
namespace {

// Shows buckets of long keys key by key.
class LmdbStoreCursor : public Cursor {
 public:
  // `cursor` may be null: then nothing is found.
  LmdbStoreCursor(LmdbCursor cursor, const LmdbStore& store, std::optional<Error>& failure)
      : cursor_(std::move(cursor)), store_(store), failure_(failure) {}

  void Seek(std::string_view key) override {
    const StoredKey stored(key);
    MDB_val at = ToVal(stored.view());
    // LMDB has no empty keys and refuses to look for one.
    Move(at, key.empty() ? MDB_FIRST : MDB_SET_RANGE);
    if (!valid_ || !in_bucket_ || key_ == key || at_ != stored.view()) return;
    while (valid_ && in_bucket_ && at_ == stored.view() && key_ < key) Next();
  }

  void Next() override {
    if (in_bucket_) {
      record_.Next();
      if (ShowRecord()) return;
    }
    MDB_val at;
    Move(at, MDB_NEXT);
  }

  bool Valid() const override { return valid_; }
  std::string_view key() const override { return key_; }
  std::string_view value() const override { return value_; }

 private:
  void Move(MDB_val& at, MDB_cursor_op where) {
    valid_ = false;
    in_bucket_ = false;
    if (cursor_ == nullptr) return;
    MDB_val value;
    const int code = mdb_cursor_get(cursor_.get(), &at, &value, where);
    if (code == MDB_NOTFOUND) return;
    if (code != 0) {
      failure_ = LmdbError(code, store_.data_file());
      return;
    }
    at_ = ToView(at);
    in_bucket_ = at_.size() == kStoredLongKeyBytes;
    if (in_bucket_) {
      record_ = BucketReader(ToView(value));
      ShowRecord();
      return;
    }
    key_ = at_;
    value_ = ToView(value);
    valid_ = true;
  }

  bool ShowRecord() {
    valid_ = record_.Valid();
    if (record_.malformed()) failure_ = LmdbError(MDB_CORRUPTED, store_.data_file());
    key_ = record_.key();
    value_ = record_.value();
    return valid_;
  }

  LmdbCursor cursor_;
  const LmdbStore& store_;
  std::optional<Error>& failure_;
  bool valid_ = false;
  bool in_bucket_ = false;
  std::string_view at_;  // as stored
  BucketReader record_;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace

void LmdbReader::EndTurn() {
  if (!active_) return;
  mdb_txn_reset(txn_.get());
  active_ = false;
}

MDB_txn* LmdbReader::Txn() {
  if (active_) return txn_.get();
  int code;
  if (txn_ == nullptr) {
    MDB_txn* begun = nullptr;
    code = mdb_txn_begin(store_.env(), nullptr, MDB_RDONLY, &begun);
    txn_.reset(begun);
  } else {
    code = mdb_txn_renew(txn_.get());
  }
  if (code == MDB_PANIC && store_.standby().held() != nullptr) return store_.standby().held();
  if (code != 0) {
    failure_ = LmdbError(code, store_.data_file());
    return nullptr;
  }
  active_ = true;
  return txn_.get();
}

std::optional<std::string_view> LmdbReader::Get(Keyspace keyspace, std::string_view key) {
  MDB_txn* txn = Txn();
  if (txn == nullptr || key.empty()) return std::nullopt;
  const StoredKey stored(key);
  MDB_val at = ToVal(stored.view());
  MDB_val value;
  const int code = mdb_get(txn, store_.dbi(keyspace), &at, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  if (code != 0) {
    failure_ = LmdbError(code, store_.data_file());
    return std::nullopt;
  }
  if (!stored.is_bucket()) [[likely]]
    return ToView(value);
  BucketReader record(ToView(value));
  while (record.Valid() && record.key() != key) record.Next();
  if (record.malformed()) failure_ = LmdbError(MDB_CORRUPTED, store_.data_file());
  if (!record.Valid()) return std::nullopt;
  return record.value();
}

std::unique_ptr<Cursor> LmdbReader::NewCursor(Keyspace keyspace) {
  MDB_cursor* cursor = nullptr;
  if (MDB_txn* txn = Txn(); txn != nullptr) {
    const int code = mdb_cursor_open(txn, store_.dbi(keyspace), &cursor);
    if (code != 0) failure_ = LmdbError(code, store_.data_file());
  }
  return std::make_unique<LmdbStoreCursor>(LmdbCursor(cursor), store_, failure_);
}

}  // namespace cartwheel::storage
