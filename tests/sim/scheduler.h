// What happens next: events in the order of their virtual times, and of one time in the order in
// which they were scheduled, so that a run depends on nothing but its seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace cartwheel::sim {

inline constexpr int64_t kNever = INT64_MAX;

template <typename Event>
class Scheduler {
 public:
  // Microseconds since the run began.
  int64_t now_us() const { return now_us_; }

  // A time that has passed means now.
  void At(int64_t at_us, Event event) {
    heap_.push_back({std::max(at_us, now_us_), next_order_++, std::move(event)});
    std::ranges::push_heap(heap_, Later{});
  }
  void After(int64_t delay_us, Event event) { At(now_us_ + delay_us, std::move(event)); }

  // The next event up to `until_us`, whose time it then is; nullopt: none, and it is `until_us`.
  std::optional<Event> Next(int64_t until_us) {
    if (heap_.empty() || heap_.front().at_us > until_us) {
      now_us_ = std::max(now_us_, until_us);
      return std::nullopt;
    }
    std::ranges::pop_heap(heap_, Later{});
    Entry entry = std::move(heap_.back());
    heap_.pop_back();
    now_us_ = entry.at_us;
    return std::move(entry.event);
  }

 private:
  struct Entry {
    int64_t at_us;
    uint64_t order;
    Event event;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.at_us != b.at_us ? a.at_us > b.at_us : a.order > b.order;
    }
  };

  std::vector<Entry> heap_;
  int64_t now_us_ = 0;
  uint64_t next_order_ = 0;
};

}  // namespace cartwheel::sim
