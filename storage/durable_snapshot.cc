#include "storage/durable_snapshot.h"

#include <ranges>
#include <utility>

#include "storage/layer_cursor.h"

namespace cartwheel::storage {
namespace {

// Finds nothing.
class EmptyCursor : public Cursor {
 public:
  void Seek(std::string_view) override {}
  void Next() override {}
  bool Valid() const override { return false; }
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
};

}  // namespace

DurableSnapshot::DurableSnapshot(MemoryTable& table, BaseStore& base, std::optional<Error>& failure,
                                 uint32_t& live)
    : table_(table),
      failure_(failure),
      live_(live),
      generations_(table.Unflushed()),
      base_(base.NewReader(failure)),
      begun_(base_->Begin()) {
  if (!begun_) why_not_ = failure;
  for (Generation* generation : generations_) table_.Pin(*generation);
  ++live_;
}

DurableSnapshot::~DurableSnapshot() {
  for (Generation* generation : generations_) table_.Unpin(*generation);
  --live_;
}

bool DurableSnapshot::Readable() {
  if (!begun_) failure_ = why_not_;
  return begun_;
}

std::optional<std::string_view> DurableSnapshot::Get(Keyspace keyspace, std::string_view key) {
  if (!Readable()) return std::nullopt;
  for (const Generation* generation : generations_ | std::views::reverse) {
    const Layer& layer = generation->layer(keyspace);
    if (const Entry* entry = layer.Find(key); entry != nullptr) {
      if (entry->is_tombstone()) return std::nullopt;
      return entry->value();
    }
    if (layer.ranges().Covering(key) != nullptr) return std::nullopt;
  }
  return base_->Get(keyspace, key);
}

std::unique_ptr<Cursor> DurableSnapshot::NewCursor(Keyspace keyspace) {
  if (!Readable()) return std::make_unique<EmptyCursor>();
  std::unique_ptr<Cursor> cursor = base_->NewCursor(keyspace);
  for (const Generation* generation : generations_) {
    cursor = std::make_unique<LayerCursor>(generation->layer(keyspace), std::move(cursor));
  }
  return cursor;
}

}  // namespace cartwheel::storage
