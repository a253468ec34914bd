#include "cluster/gaps.h"

namespace cartwheel::cluster {

bool Gaps::Look(Partition partition, NodeId owner, const ReceivedDots& told,
                const ReceivedDots& own, int64_t now_us) {
  const auto watch = watches_.find({partition, owner});
  if (watch == watches_.end()) {
    if (!own.Includes(told)) watches_.emplace(std::pair(partition, owner), Watch{told, now_us});
    return false;
  }
  const bool has_come = own.Includes(watch->second.told);
  const bool is_late = !has_come && now_us - watch->second.since_us >= options_.after_us;
  if (!has_come && !is_late) return false;
  watches_.erase(watch);
  if (!own.Includes(told)) watches_.emplace(std::pair(partition, owner), Watch{told, now_us});
  return is_late;
}

}  // namespace cartwheel::cluster
