#include "storage/layer_cursor.h"

#include <utility>

#include "storage/key_order.h"

namespace cartwheel::storage {

LayerCursor::LayerCursor(const Layer& layer, std::unique_ptr<Cursor> below)
    : layer_(layer), entry_(layer), below_(std::move(below)) {}

void LayerCursor::StopAt(std::string_view end) {
  end_ = end;
  below_->StopAt(end);
}

void LayerCursor::Seek(std::string_view key) {
  entry_.Seek(key);
  below_->Seek(key);
  rest_deleted_ = false;
  Settle();
}

void LayerCursor::Next() {
  if (source_ == Source::kLayer) {
    entry_.Next();
  } else {
    below_->Next();
  }
  Settle();
}

std::string_view LayerCursor::key() const {
  return source_ == Source::kLayer ? entry_.entry().key() : below_->key();
}

std::string_view LayerCursor::value() const {
  return source_ == Source::kLayer ? entry_.entry().value() : below_->value();
}

// Leaves the cursor below on a key that no range covers.
void LayerCursor::SkipDeletedBelow() {
  while (!layer_.ranges().empty() && AtBelow()) {
    const auto* range = layer_.ranges().Covering(below_->key());
    if (range == nullptr) return;
    rest_deleted_ = range->second.end.empty();
    if (!rest_deleted_) below_->Seek(range->second.end);
  }
}

// Shows the smaller of both keys; of equal ones the layer's.
void LayerCursor::Settle() {
  for (;; entry_.Next()) {
    SkipDeletedBelow();
    if (!AtEntry()) {
      source_ = AtBelow() ? Source::kBelow : Source::kNone;
      return;
    }
    const Entry& entry = entry_.entry();
    if (AtBelow() && KeyOrder()(below_->key(), entry.key())) {
      source_ = Source::kBelow;
      return;
    }
    if (AtBelow() && below_->key() == entry.key()) below_->Next();
    if (!entry.is_tombstone()) {
      source_ = Source::kLayer;
      return;
    }
  }
}

}  // namespace cartwheel::storage
