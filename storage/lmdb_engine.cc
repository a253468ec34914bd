#include "storage/lmdb_engine.h"

#include <cerrno>
#include <optional>
#include <sys/stat.h>
#include <utility>

#include "storage/lmdb_reader.h"
#include "storage/lmdb_store.h"
#include "storage/lmdb_writer.h"
#include "storage/merging_cursor.h"
#include "storage/posix_file.h"
#include "storage/read_cache.h"
#include "storage/write_batch.h"

namespace cartwheel::storage {
namespace {

class LmdbEngine : public Engine {
 public:
  LmdbEngine(LmdbStore store, uint64_t cache_bytes)
      : store_(std::move(store)), reader_(store_, failed_read_), cache_(cache_bytes) {}

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override;
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override;
  void Put(Keyspace keyspace, std::string_view key, std::string_view value) override {
    batch_.Put(keyspace, key, value);
  }
  void Delete(Keyspace keyspace, std::string_view key) override { batch_.Delete(keyspace, key); }
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) override {
    batch_.DeleteRange(keyspace, begin, end);
  }
  Result<void> Commit() override;
  std::unique_ptr<Reader> NewSnapshot() override;
  Usage usage() const override;
  std::string_view name() const override { return "lmdb"; }

 private:
  friend class LmdbSnapshot;

  std::optional<std::string_view> GetCommittedRecord(std::string_view key);
  Result<void> CommitBatch();
  void UpdateCache();
  Error ErrorOfCommit(int code) const;
  struct stat DataFileStatus() const;

  LmdbStore store_;
  std::optional<Error> failed_read_;  // of this turn
  std::optional<Error> final_;        // the disk failed
  LmdbReader reader_;
  WriteBatch batch_;
  ReadCache cache_;  // of Keyspace::kData as of the last commit; snapshots never look at it
  uint32_t live_snapshots_ = 0;
};

class LmdbSnapshot : public Reader {
 public:
  explicit LmdbSnapshot(LmdbEngine& engine)
      : engine_(engine), reader_(engine.store_, engine.failed_read_), begun_(reader_.Begin()) {
    if (!begun_) why_ = *engine.failed_read_;
    ++engine_.live_snapshots_;
  }
  ~LmdbSnapshot() override { --engine_.live_snapshots_; }
  LmdbSnapshot(const LmdbSnapshot&) = delete;
  LmdbSnapshot& operator=(const LmdbSnapshot&) = delete;

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override {
    if (begun_) return reader_.Get(keyspace, key);
    engine_.failed_read_ = why_;
    return std::nullopt;
  }
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override;

 private:
  LmdbEngine& engine_;
  LmdbReader reader_;
  const bool begun_;  // else it must not begin later: it would show a later state
  Error why_;
};

// Finds nothing.
class EmptyCursor : public Cursor {
 public:
  void Seek(std::string_view) override {}
  void Next() override {}
  bool Valid() const override { return false; }
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
};

std::unique_ptr<Cursor> LmdbSnapshot::NewCursor(Keyspace keyspace) {
  if (begun_) return reader_.NewCursor(keyspace);
  engine_.failed_read_ = why_;
  return std::make_unique<EmptyCursor>();
}

std::optional<std::string_view> LmdbEngine::Get(Keyspace keyspace, std::string_view key) {
  if (!batch_.empty()) {
    const WriteBatch::Found found = batch_.Find(keyspace, key);
    if (found.state == WriteBatch::State::kValue) return found.value;
    if (found.state == WriteBatch::State::kDeleted) return std::nullopt;
  }
  return keyspace == Keyspace::kData ? GetCommittedRecord(key) : reader_.Get(keyspace, key);
}

std::optional<std::string_view> LmdbEngine::GetCommittedRecord(std::string_view key) {
  if (const auto cached = cache_.Get(key)) return cached;
  const auto value = reader_.Get(Keyspace::kData, key);
  if (value) cache_.Insert(key, *value);
  return value;
}

std::unique_ptr<Cursor> LmdbEngine::NewCursor(Keyspace keyspace) {
  return std::make_unique<MergingCursor>(batch_, keyspace, reader_.NewCursor(keyspace));
}

Result<void> LmdbEngine::Commit() {
  reader_.EndTurn();
  cache_.ReleaseViews();
  if (batch_.empty() && !failed_read_) [[likely]]
    return {};
  auto committed = CommitBatch();
  if (committed) UpdateCache();
  batch_.Clear();
  failed_read_.reset();
  return committed;
}

Result<void> LmdbEngine::CommitBatch() {
  if (failed_read_) {
    failed_read_->of_read = true;
    return std::unexpected(*failed_read_);
  }
  if (final_) return std::unexpected(*final_);
  int code = CommitToLmdb(store_, batch_);
  // Growing moves the map, and a snapshot's values are views into it.
  while (code == MDB_MAP_FULL && live_snapshots_ == 0 && store_.Grow()) {
    code = CommitToLmdb(store_, batch_);
  }
  if (code == 0) return {};
  Error error = ErrorOfCommit(code);
  if (error.kind == Error::Kind::kIo) final_ = error;
  return std::unexpected(std::move(error));
}

void LmdbEngine::UpdateCache() {
  // Ranges are rare (FLUSHDB, FLUSHALL), and looking for what they cover would walk the whole
  // cache.
  if (!batch_.ranges(Keyspace::kData).empty()) return cache_.Clear();
  for (const auto& [key, value] : batch_.entries(Keyspace::kData)) {
    if (value) {
      cache_.Replace(key, *value);
    } else {
      cache_.Erase(key);
    }
  }
}

Error LmdbEngine::ErrorOfCommit(int code) const {
  // LMDB reports a write cut short by a full disk as EIO as well.
  constexpr uint64_t kProbeBytes = 1 << 20;
  const auto size = static_cast<uint64_t>(DataFileStatus().st_size);
  if (code == EIO && IsFull(store_.directory(), size, kProbeBytes)) code = ENOSPC;
  return LmdbError(code, store_.data_file());
}

std::unique_ptr<Reader> LmdbEngine::NewSnapshot() {
  return std::make_unique<LmdbSnapshot>(*this);
}

Usage LmdbEngine::usage() const {
  return {batch_.bytes() + cache_.bytes(), static_cast<uint64_t>(DataFileStatus().st_blocks) * 512};
}

struct stat LmdbEngine::DataFileStatus() const {
  struct stat status{};
  // Fails only when the file was removed under us; then it takes no space that anyone could see.
  if (::stat(store_.data_file().c_str(), &status) != 0) return {};
  return status;
}

}  // namespace

Result<std::unique_ptr<Engine>> OpenLmdbEngine(const std::string& directory,
                                               const LmdbOptions& options) {
  Result<LmdbStore> store = LmdbStore::Open(directory, options);
  if (!store) return std::unexpected(store.error());
  return std::make_unique<LmdbEngine>(*std::move(store), options.cache_bytes);
}

}  // namespace cartwheel::storage
