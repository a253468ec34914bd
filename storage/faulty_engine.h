// An engine over another one whose commits and reads can be made to fail, for tests of what stands
// on an engine.
//
// Writes stay here until a commit that may succeed, so that a failed one drops the whole batch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "storage/engine.h"
#include "storage/write_batch.h"

namespace cartwheel::storage {

class FaultyEngine : public Engine {
 public:
  explicit FaultyEngine(std::unique_ptr<Engine> inner);

  // The next `count` commits of a batch that is not empty fail; after kIo all such commits do.
  void FailCommits(Error::Kind kind, uint32_t count = 1);
  // The next `count` Gets find nothing and make the turn's Commit fail.
  void FailGets(Error::Kind kind, uint32_t count = 1);

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override;
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override;
  void Put(Keyspace keyspace, std::string_view key, std::string_view value) override;
  void Delete(Keyspace keyspace, std::string_view key) override;
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) override;
  Result<void> Commit() override;
  void SyncNextCommit() override { inner_->SyncNextCommit(); }
  Result<void> Sync() override { return inner_->Sync(); }
  std::unique_ptr<Reader> NewSnapshot() override { return inner_->NewSnapshot(); }
  Usage usage() const override { return inner_->usage(); }
  std::string_view name() const override { return inner_->name(); }

 private:
  std::optional<Error> TakeFault();
  void HandOver();

  std::unique_ptr<Engine> inner_;
  WriteBatch batch_;
  Error::Kind commit_fault_ = Error::Kind::kNoSpace;
  uint32_t commits_to_fail_ = 0;
  Error::Kind get_fault_ = Error::Kind::kIo;
  uint32_t gets_to_fail_ = 0;
  std::optional<Error> failed_read_;
  std::optional<Error> final_;
};

}  // namespace cartwheel::storage
