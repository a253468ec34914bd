// LATENCY LATEST/HISTORY: events that took longer than `latency-monitor-threshold` ms. Events here:
// "command", "fast-command", "commit", "expire-cycle". One sample a second and event (the worst),
// 160 samples each, as Redis.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace cartwheel::server {

class LatencyMonitor {
 public:
  struct Sample {
    int64_t unix_s;
    int64_t milliseconds;
  };
  struct Series {
    std::deque<Sample> samples;  // oldest first
    int64_t max_ms = 0;
  };

  void Add(std::string_view event, int64_t unix_s, int64_t milliseconds);
  // Forgets an event's samples; false if there were none.
  bool Reset(std::string_view event);
  const std::map<std::string, Series, std::less<>>& series() const { return series_; }

 private:
  static constexpr size_t kMaxSamples = 160;
  std::map<std::string, Series, std::less<>> series_;
};

}  // namespace cartwheel::server
