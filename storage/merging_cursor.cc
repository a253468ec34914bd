#include "storage/merging_cursor.h"

#include <utility>

namespace cartwheel::storage {

MergingCursor::MergingCursor(const WriteBatch& batch, Keyspace keyspace,
                             std::unique_ptr<Cursor> committed)
    : batch_(batch),
      keyspace_(keyspace),
      committed_(std::move(committed)),
      entry_(batch.entries(keyspace).end()) {}

void MergingCursor::StopAt(std::string_view end) {
  end_ = end;
  committed_->StopAt(end);
}

void MergingCursor::Seek(std::string_view key) {
  entry_ = batch_.entries(keyspace_).lower_bound(key);
  committed_->Seek(key);
  rest_deleted_ = false;
  Settle();
}

void MergingCursor::Next() {
  if (source_ == Source::kBatch) {
    ++entry_;
  } else {
    committed_->Next();
  }
  Settle();
}

std::string_view MergingCursor::key() const {
  return source_ == Source::kBatch ? std::string_view(entry_->first) : committed_->key();
}

std::string_view MergingCursor::value() const {
  return source_ == Source::kBatch ? std::string_view(*entry_->second) : committed_->value();
}

// Leaves the committed cursor on a key that no range covers.
void MergingCursor::SkipDeletedCommitted() {
  while (AtCommitted()) {
    const auto* range = batch_.CoveringRange(keyspace_, committed_->key());
    if (range == nullptr) return;
    rest_deleted_ = range->second.empty();
    if (!rest_deleted_) committed_->Seek(range->second);
  }
}

// Shows the smaller of both keys; of equal ones the batch's.
void MergingCursor::Settle() {
  for (;;) {
    SkipDeletedCommitted();
    if (!AtEntry()) {
      source_ = AtCommitted() ? Source::kCommitted : Source::kNone;
      return;
    }
    if (AtCommitted() && KeyOrder()(committed_->key(), entry_->first)) {
      source_ = Source::kCommitted;
      return;
    }
    if (AtCommitted() && committed_->key() == entry_->first) committed_->Next();
    if (entry_->second) {
      source_ = Source::kBatch;
      return;
    }
    ++entry_;
  }
}

}  // namespace cartwheel::storage
