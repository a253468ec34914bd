#include "storage/faulty_engine.h"

#include <utility>

#include "storage/merging_cursor.h"

namespace cartwheel::storage {

FaultyEngine::FaultyEngine(std::unique_ptr<Engine> inner) : inner_(std::move(inner)) {}

void FaultyEngine::FailCommits(Error::Kind kind, uint32_t count) {
  commit_fault_ = kind;
  commits_to_fail_ = count;
}

void FaultyEngine::FailGets(Error::Kind kind, uint32_t count) {
  get_fault_ = kind;
  gets_to_fail_ = count;
}

std::optional<std::string_view> FaultyEngine::Get(Keyspace keyspace, std::string_view key) {
  if (gets_to_fail_ > 0) {
    --gets_to_fail_;
    failed_read_ = Error{get_fault_, "injected fault: the read failed", true};
    return std::nullopt;
  }
  const WriteBatch::Found found = batch_.Find(keyspace, key);
  if (found.state == WriteBatch::State::kValue) return found.value;
  if (found.state == WriteBatch::State::kDeleted) return std::nullopt;
  return inner_->Get(keyspace, key);
}

std::unique_ptr<Cursor> FaultyEngine::NewCursor(Keyspace keyspace) {
  return std::make_unique<MergingCursor>(batch_, keyspace, inner_->NewCursor(keyspace));
}

void FaultyEngine::Put(Keyspace keyspace, std::string_view key, std::string_view value) {
  batch_.Put(keyspace, key, value);
}

void FaultyEngine::Delete(Keyspace keyspace, std::string_view key) {
  batch_.Delete(keyspace, key);
}

void FaultyEngine::DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) {
  batch_.DeleteRange(keyspace, begin, end);
}

Result<void> FaultyEngine::Commit() {
  const std::optional<Error> fault = TakeFault();
  if (fault) {
    batch_.Clear();
    return std::unexpected(*fault);
  }
  HandOver();
  batch_.Clear();
  return inner_->Commit();
}

// The error that this commit meets, if any.
std::optional<Error> FaultyEngine::TakeFault() {
  if (failed_read_) return std::exchange(failed_read_, std::nullopt);
  if (final_ && !batch_.empty()) return final_;
  if (commits_to_fail_ == 0 || batch_.empty()) return std::nullopt;
  --commits_to_fail_;
  Error fault{commit_fault_, "injected fault: the commit failed"};
  if (commit_fault_ == Error::Kind::kIo) final_ = fault;
  return fault;
}

void FaultyEngine::HandOver() {
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    const auto keyspace = static_cast<Keyspace>(i);
    for (const auto& [begin, end] : batch_.ranges(keyspace)) {
      inner_->DeleteRange(keyspace, begin, end);
    }
    for (const auto& [key, value] : batch_.entries(keyspace)) {
      if (value) {
        inner_->Put(keyspace, key, *value);
      } else {
        inner_->Delete(keyspace, key);
      }
    }
  }
}

}  // namespace cartwheel::storage
