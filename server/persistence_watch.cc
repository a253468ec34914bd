#include "server/persistence_watch.h"

#include <fmt/format.h>

#include "server/info_text.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kWaitLinePeriodUs = 10'000'000;
constexpr double kMicrosPerSecond = 1e6;

// 1234567 as 1,234,567.
std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string Seconds(int64_t microseconds) {
  return fmt::format("{:.1f} s", static_cast<double>(microseconds) / kMicrosPerSecond);
}

}  // namespace

std::vector<PersistenceWatch::Line> PersistenceWatch::Observe(const storage::Persistence& state,
                                                              bool writes_wait, Now now) {
  std::vector<Line> lines;
  if (!began_) {
    began_ = true;
    log_bytes_after_flush_ = state.log_bytes;
  }
  ObserveFlush(state, now, lines);
  if (state.sync_errors > sync_errors_) {
    lines.push_back({true,
                     "the log cannot be forced to the disk: what was written since the last sync "
                     "may not survive a power loss, and writes are refused from now on; check the "
                     "disk, then restart the server"});
  }
  sync_errors_ = state.sync_errors;
  ObserveWait(state, writes_wait, now, lines);
  return lines;
}

void PersistenceWatch::ObserveFlush(const storage::Persistence& state, Now now,
                                    std::vector<Line>& lines) {
  if (!state.flush_running) {
    flush_began_us_ = -1;
  } else if (flush_began_us_ < 0) {
    flush_began_us_ = now.monotonic_us;
  }
  if (state.flushes > flushes_) {
    log_bytes_after_flush_ = state.log_bytes;
    lines.push_back(
        {false, fmt::format("flushed {} changed keys to the data file in {}",
                            Grouped(state.last_flush_entries), Seconds(state.last_flush_us))});
  }
  flushes_ = state.flushes;
  if (state.last_flush_error == flush_error_) return;
  if (state.last_flush_error.empty()) {
    lines.push_back({false, "the data file takes changes again"});
  } else {
    lines.push_back({true,
                     "the changes in the log could not be flushed to the data file; log and memory "
                     "keep them: " +
                         state.last_flush_error});
  }
  flush_error_ = state.last_flush_error;
}

void PersistenceWatch::ObserveWait(const storage::Persistence& state, bool writes_wait, Now now,
                                   std::vector<Line>& lines) {
  const bool begins = writes_wait && !waited_;
  waited_ = writes_wait;
  if (!begins) return;
  ++waits_unsaid_;
  if (last_wait_line_us_ != INT64_MIN &&
      now.monotonic_us - last_wait_line_us_ < kWaitLinePeriodUs) {
    return;
  }
  last_wait_line_us_ = now.monotonic_us;
  std::string text = "clients that write wait for the disk: " + FormatBytes(state.dirty_bytes) +
                     " of changes are not yet in the data file, " +
                     FormatBytes(state.unsynced_bytes) + " of the log not yet forced to the disk";
  if (waits_unsaid_ > 1) text += fmt::format(" ({} times since this was last said)", waits_unsaid_);
  lines.push_back({true, std::move(text)});
  waits_unsaid_ = 0;
}

int64_t PersistenceWatch::flush_runs_for_s(Now now) const {
  if (flush_began_us_ < 0) return -1;
  return (now.monotonic_us - flush_began_us_) / static_cast<int64_t>(kMicrosPerSecond);
}

std::vector<PersistenceWatch::Line> DescribeReplay(const storage::Persistence& state) {
  std::vector<PersistenceWatch::Line> lines;
  if (state.replayed_batches > 0) {
    lines.push_back(
        {false, fmt::format("replayed {} batches, {}, in {}", Grouped(state.replayed_batches),
                            FormatBytes(state.replayed_bytes), Seconds(state.replay_us))});
  }
  if (state.torn_bytes > 0) {
    lines.push_back(
        {false, fmt::format("cut off {} bytes that a crash left unfinished at the end of the log; "
                            "they were never forced to the disk",
                            Grouped(state.torn_bytes))});
  }
  if (state.damaged_bytes > 0) {
    lines.push_back({true, fmt::format("THE LOG IS DAMAGED: {} bytes that had been forced to the "
                                       "disk cannot be read, and the changes in them are lost; "
                                       "everything else was replayed. Check the disk, and compare "
                                       "with a backup",
                                       Grouped(state.damaged_bytes))});
  }
  for (const std::string& place : state.damage) lines.push_back({true, "damaged: " + place});
  return lines;
}

}  // namespace cartwheel::server
