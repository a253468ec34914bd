#include "cluster/own_writes.h"

#include <algorithm>

namespace cartwheel::cluster {

void OwnWrites::Note(const WriteRange& range) {
  const auto [at, is_new] = of_actor_.try_emplace(range.actor, range);
  if (!is_new) {
    at->second.first = std::min(at->second.first, range.first);
    at->second.last = std::max(at->second.last, range.last);
  } else if (of_actor_.size() > kMostRanges) {
    of_actor_.erase(at);
    complete_ = false;
  }
}

std::vector<WriteRange> OwnWrites::Ranges() const {
  std::vector<WriteRange> ranges;
  ranges.reserve(of_actor_.size());
  for (const auto& [actor, range] : of_actor_) ranges.push_back(range);
  std::ranges::sort(ranges);
  return ranges;
}

}  // namespace cartwheel::cluster
