#include "cluster/victim_pool.h"

#include <algorithm>

namespace cartwheel::cluster {

void VictimPool::Offer(std::string_view store_key, uint64_t coldness) {
  const bool full = victims_.size() >= most_;
  if (full && victims_.front().coldness >= coldness) return;
  const auto known = std::ranges::find(victims_, store_key, &Victim::store_key);
  if (known != victims_.end()) {
    victims_.erase(known);
  } else if (full) {
    victims_.erase(victims_.begin());
  }
  // Before its equals: of those that came to be in it together, the first is taken first.
  const auto at = std::ranges::lower_bound(victims_, coldness, {}, &Victim::coldness);
  victims_.insert(at, {.store_key = std::string(store_key), .coldness = coldness});
}

std::optional<Victim> VictimPool::Take() {
  if (victims_.empty()) return std::nullopt;
  Victim coldest = std::move(victims_.back());
  victims_.pop_back();
  return coldest;
}

}  // namespace cartwheel::cluster
