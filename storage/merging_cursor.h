// A cursor over committed data as a batch will leave it: keys of both in order, the batch's entries
// instead of committed ones, nothing that the batch deletes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "storage/engine.h"
#include "storage/key_order.h"
#include "storage/write_batch.h"

namespace cartwheel::storage {

class MergingCursor : public Cursor {
 public:
  // Borrows `batch`; a change of it invalidates the cursor. `committed` is a cursor of the same
  // keyspace.
  MergingCursor(const WriteBatch& batch, Keyspace keyspace, std::unique_ptr<Cursor> committed);

  void StopAt(std::string_view end) override;
  void Seek(std::string_view key) override;
  void Next() override;
  bool Valid() const override { return source_ != Source::kNone; }
  std::string_view key() const override;
  std::string_view value() const override;

 private:
  enum class Source : uint8_t { kNone, kBatch, kCommitted };

  bool IsAskedFor(std::string_view key) const { return end_.empty() || KeyOrder()(key, end_); }
  bool AtCommitted() const {
    return !rest_deleted_ && committed_->Valid() && IsAskedFor(committed_->key());
  }
  bool AtEntry() const {
    return entry_ != batch_.entries(keyspace_).end() && IsAskedFor(entry_->first);
  }
  void SkipDeletedCommitted();
  void Settle();

  const WriteBatch& batch_;
  const Keyspace keyspace_;
  std::unique_ptr<Cursor> committed_;
  bool rest_deleted_ = false;  // a range without an end covers all that is left of `committed_`
  WriteBatch::Entries::const_iterator entry_;
  Source source_ = Source::kNone;
  std::string end_;
};

}  // namespace cartwheel::storage
