// What writes cost more because trees follow them: the same store with trees and without, in turns.
#pragma once

#include <cstdint>

namespace cartwheel {

struct TreeCostPlan {
  uint64_t keys = 1'000'000;
  uint64_t writes = 100'000;  // of a block
  uint64_t blocks = 12;       // with trees, and as many without
};

// Prints a table. Of the durable engine the data is in a new directory under $TMPDIR or /tmp, which
// it removes.
void MeasureTreeCost(const TreeCostPlan& plan);

}  // namespace cartwheel
