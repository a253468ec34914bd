// What only an operator may decide: a version that was received here and is gone without a trace
// was lost by this node's disk, or was removed and forgotten, and the other owner's disk went back
// in time. Comparisons that come by themselves leave such records alone; CLUSTER REPAIR restores
// them. The id of a comparison says which it is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cluster/local_store.h"
#include "cluster/message.h"

namespace cartwheel::cluster {

inline constexpr uint64_t kAskedForBit = uint64_t{1} << 60;

inline bool IsAskedFor(RequestId id) {
  return (static_cast<uint64_t>(id) & kAskedForBit) != 0;
}

// Without the records that have something which is gone here without a trace.
inline std::vector<Fetched::Item> WithoutTraceless(const std::vector<Fetched::Item>& items,
                                                   Partition partition, LocalStore& store) {
  std::vector<Fetched::Item> rest;
  rest.reserve(items.size());
  const auto is_traceless = [&](const Container& here, Dot dot) {
    return store.HasReceived(partition, dot) && !here.context.Covers(dot);
  };
  for (const Fetched::Item& item : items) {
    const auto found = store.ReadContainer(item.ref);
    const Container here = found ? **found : Container{};
    const Container& theirs = item.container;
    const bool leaves =
        std::ranges::any_of(theirs.versions,
                            [&](const Version& each) { return is_traceless(here, each.dot); }) ||
        std::ranges::any_of(theirs.counter.entries(), [&](const Counter::Entry& each) {
          return each.IsLive() && is_traceless(here, each.last());
        });
    if (!leaves) rest.push_back(item);
  }
  return rest;
}

}  // namespace cartwheel::cluster
