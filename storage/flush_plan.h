// What one flush changes in the base store: of some generations the newest entry of each key and
// the ranges deleted below them.
#pragma once

#include <array>
#include <vector>

#include "storage/engine.h"
#include "storage/entry.h"
#include "storage/generation.h"
#include "storage/log_format.h"
#include "storage/range_map.h"

namespace cartwheel::storage {

struct FlushPlan {
  // First the ranges apply, then the entries, which are sorted by key, tombstones among them.
  struct Changes {
    RangeMap ranges;
    std::vector<const Entry*> entries;
  };
  std::array<Changes, kKeyspaceCount> changes;
  LogPosition covered = 0;  // the log position up to which the plan has everything
};

// Of sealed generations, oldest first, at least one. Views their entries. For a helper thread.
FlushPlan MakeFlushPlan(const std::vector<Generation*>& generations);

}  // namespace cartwheel::storage
