// Deleting records that have expired, which nobody asked for.
#include <algorithm>
#include <utility>

#include "cluster/local_store.h"

namespace cartwheel::cluster {

// Before this time every node takes a value as expired, unless the node is alone: two clocks may
// differ by the offset either way from what a third one tells them.
int64_t LocalStore::ReapingUntil(int64_t now_ms) const {
  return ownership_.alone ? now_ms : now_ms - 2 * HybridClock::kMaxOffsetMs;
}

std::vector<LocalStore::Reaped> LocalStore::Reap(int64_t now_ms, size_t limit) {
  std::vector<Reaped> reaped;
  for (const std::string& bytes : expiry_index_.Expired(reap_after_, ReapingUntil(now_ms), limit)) {
    if (auto gone = TakeByEntry(bytes, now_ms, true)) {
      reaped.push_back({gone->database, std::move(gone->key)});
    }
    if (!ownership_.alone) reap_after_ = bytes;
  }
  return reaped;
}

std::optional<int64_t> LocalStore::NextExpiry() {
  // Most turns of a store without expiries end here, without a cursor.
  const bool none = std::ranges::all_of(counts_, [](const Counts& c) { return c.expires == 0; });
  if (none) return std::nullopt;
  const auto earliest = expiry_index_.Earliest(reap_after_);
  if (!earliest) return std::nullopt;
  return *earliest + 1 - ReapingUntil(0);
}

}  // namespace cartwheel::cluster
