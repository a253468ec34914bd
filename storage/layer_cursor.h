// A cursor over what is below a layer as the layer leaves it: keys of both in order, the layer's
// entries instead of those below, nothing that the layer deletes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "storage/engine.h"
#include "storage/key_order.h"
#include "storage/layer.h"

namespace cartwheel::storage {

class LayerCursor : public Cursor {
 public:
  // Borrows the layer; a change of it invalidates the cursor. `below` is a cursor of the same
  // keyspace.
  LayerCursor(const Layer& layer, std::unique_ptr<Cursor> below);

  void StopAt(std::string_view end) override;
  void Seek(std::string_view key) override;
  void Next() override;
  bool Valid() const override { return source_ != Source::kNone; }
  std::string_view key() const override;
  std::string_view value() const override;

 private:
  enum class Source : uint8_t { kNone, kLayer, kBelow };

  bool IsAskedFor(std::string_view key) const { return end_.empty() || KeyOrder()(key, end_); }
  bool AtEntry() const { return entry_.Valid() && IsAskedFor(entry_.entry().key()); }
  bool AtBelow() const { return !rest_deleted_ && below_->Valid() && IsAskedFor(below_->key()); }
  void SkipDeletedBelow();
  void Settle();

  const Layer& layer_;
  Layer::Iterator entry_;
  std::unique_ptr<Cursor> below_;
  bool rest_deleted_ = false;  // a range without an end covers all that is left below
  Source source_ = Source::kNone;
  std::string end_;
};

}  // namespace cartwheel::storage
