#include "cluster/expiry_index.h"

#include "cluster/encoding.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

constexpr size_t kTimeBytes = 6;

}  // namespace

ExpiryEntry ExpiryEntry::Decode(std::string_view bytes) {
  if (bytes.size() < kTimeBytes) return {};
  return {static_cast<ExpireAt>(LoadBig<kTimeBytes>(bytes.data())), bytes.substr(kTimeBytes)};
}

std::string_view ExpiryIndex::Key(ExpireAt expire_at, std::string_view store_key) {
  key_.resize(kTimeBytes);
  StoreBig<kTimeBytes>(static_cast<uint64_t>(expire_at), key_.data());
  key_.append(store_key);
  return key_;
}

void ExpiryIndex::Add(ExpireAt expire_at, std::string_view store_key) {
  engine_->Put(Keyspace::kExpiry, Key(expire_at, store_key), {});
}

void ExpiryIndex::Remove(ExpireAt expire_at, std::string_view store_key) {
  engine_->Delete(Keyspace::kExpiry, Key(expire_at, store_key));
}

bool ExpiryIndex::Contains(ExpireAt expire_at, std::string_view store_key) {
  return engine_->Get(Keyspace::kExpiry, Key(expire_at, store_key)).has_value();
}

std::unique_ptr<storage::Cursor> ExpiryIndex::Behind(std::string_view after) {
  auto cursor = engine_->NewCursor(Keyspace::kExpiry);
  cursor->Seek(after);
  if (!after.empty() && cursor->Valid() && cursor->key() == after) cursor->Next();
  return cursor;
}

std::optional<ExpireAt> ExpiryIndex::Earliest(std::string_view after) {
  const auto cursor = Behind(after);
  if (!cursor->Valid()) return std::nullopt;
  return ExpiryEntry::Decode(cursor->key()).expire_at;
}

std::vector<std::string> ExpiryIndex::First(std::string_view after, size_t limit) {
  return Expired(after, kMaxExpireAt + 1, limit);
}

std::vector<std::string> ExpiryIndex::Expired(std::string_view after, int64_t now_ms,
                                              size_t limit) {
  std::vector<std::string> entries;
  for (const auto cursor = Behind(after); cursor->Valid() && entries.size() < limit;
       cursor->Next()) {
    // Not IsExpired: what reads as time 0 is no entry and has to go.
    if (ExpiryEntry::Decode(cursor->key()).expire_at >= now_ms) break;
    entries.emplace_back(cursor->key());
  }
  return entries;
}

void ExpiryIndex::RemoveEntry(std::string_view entry) {
  engine_->Delete(Keyspace::kExpiry, entry);
}

void ExpiryIndex::RemoveDatabase(Database database) {
  // A write invalidates the cursor, so look and delete in turns of a size that memory does not
  // feel.
  constexpr size_t kTurn = 1024;
  std::vector<std::string> doomed;
  std::string from;
  do {
    doomed.clear();
    const auto cursor = engine_->NewCursor(Keyspace::kExpiry);
    for (cursor->Seek(from); cursor->Valid() && doomed.size() < kTurn; cursor->Next()) {
      const auto parts = DecodeStoreKey(ExpiryEntry::Decode(cursor->key()).store_key);
      if (parts && parts->database == database) doomed.emplace_back(cursor->key());
    }
    for (const std::string& entry : doomed) RemoveEntry(entry);
    if (!doomed.empty()) from = doomed.back();
  } while (doomed.size() == kTurn);
}

}  // namespace cartwheel::cluster
