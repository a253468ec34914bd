// The durable engine's last commit, held still: the generations that were not flushed when it was
// taken, on a view of the base store as it was then.
//
// A flush that goes on below it changes nothing it sees: what the flush puts into the base store,
// the generations above have too.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "storage/base_store.h"
#include "storage/memory_table.h"

namespace cartwheel::storage {

class DurableSnapshot : public Reader {
 public:
  // The table was just sealed. A read that fails stores its error in `failure`. Counts itself in
  // `live` while it lives; must not outlive any of these.
  DurableSnapshot(MemoryTable& table, BaseStore& base, std::optional<Error>& failure,
                  uint32_t& live);
  ~DurableSnapshot() override;
  DurableSnapshot(const DurableSnapshot&) = delete;
  DurableSnapshot& operator=(const DurableSnapshot&) = delete;

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override;
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override;

 private:
  bool Readable();

  MemoryTable& table_;
  std::optional<Error>& failure_;
  uint32_t& live_;
  std::vector<Generation*> generations_;  // oldest first
  std::unique_ptr<BaseReader> base_;
  bool begun_;
  std::optional<Error> why_not_;  // it must not begin later: it would show a later state
};

}  // namespace cartwheel::storage
