#include "server/latency_monitor.h"

#include <algorithm>

namespace cartwheel::server {

void LatencyMonitor::Add(std::string_view event, int64_t unix_s, int64_t milliseconds) {
  const auto found = series_.find(event);
  Series& series = found == series_.end() ? series_[std::string(event)] : found->second;
  series.max_ms = std::max(series.max_ms, milliseconds);
  if (!series.samples.empty() && series.samples.back().unix_s == unix_s) {
    Sample& last = series.samples.back();
    last.milliseconds = std::max(last.milliseconds, milliseconds);
    return;
  }
  series.samples.push_back({unix_s, milliseconds});
  if (series.samples.size() > kMaxSamples) series.samples.pop_front();
}

bool LatencyMonitor::Reset(std::string_view event) {
  const auto found = series_.find(event);
  if (found == series_.end()) return false;
  series_.erase(found);
  return true;
}

}  // namespace cartwheel::server
