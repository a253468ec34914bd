// Deadlines that come mostly in order, as those of requests do that all wait equally long: of a few
// kinds, each in its lane. The others go through a heap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

namespace cartwheel::cluster {

// Entries come out in the order of (time, what), whatever the order in which they were put in.
template <typename What>
class DeadlineQueue {
 public:
  void Add(int64_t at_us, What what) {
    const Entry entry(at_us, what);
    for (Lane& lane : lanes_) {
      if (!lane.empty() && entry < lane.back()) continue;
      lane.push_back(entry);
      return;
    }
    heap_.push(entry);
  }

  // nullopt: there is none.
  std::optional<int64_t> Next() const {
    const Entry* const first = First();
    return first == nullptr ? std::nullopt : std::optional(first->first);
  }

  // Takes one that is due; nullopt: none is.
  std::optional<What> TakeDue(int64_t now_us) {
    const Entry* const first = First();
    if (first == nullptr || first->first > now_us) return std::nullopt;
    const What what = first->second;
    for (Lane& lane : lanes_) {
      if (lane.empty() || &lane.front() != first) continue;
      lane.pop_front();
      return what;
    }
    heap_.pop();
    return what;
  }

 private:
  using Entry = std::pair<int64_t, What>;
  using Lane = std::deque<Entry>;

  const Entry* First() const {
    const Entry* first = heap_.empty() ? nullptr : &heap_.top();
    for (const Lane& lane : lanes_) {
      if (!lane.empty() && (first == nullptr || lane.front() < *first)) first = &lane.front();
    }
    return first;
  }

  std::array<Lane, 3> lanes_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap_;
};

}  // namespace cartwheel::cluster
