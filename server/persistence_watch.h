// What changes in how the engine keeps its data: lines for the operator's log, each said once, and
// figures of INFO that only somebody who looks all the time can know.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/now.h"
#include "storage/engine.h"

namespace cartwheel::server {

class PersistenceWatch {
 public:
  struct Line {
    bool warning;  // else a notice
    std::string text;
  };

  // To be called several times a second; returns what is new since the last call.
  std::vector<Line> Observe(const storage::Persistence& state, bool writes_wait, Now now);

  // Seconds since the flush that runs was first seen; -1 when none runs.
  int64_t flush_runs_for_s(Now now) const;
  // Of the log when the last flush had ended; at first, of the log at the start.
  uint64_t log_bytes_after_flush() const { return log_bytes_after_flush_; }

 private:
  void ObserveFlush(const storage::Persistence& state, Now now, std::vector<Line>& lines);
  void ObserveWait(const storage::Persistence& state, bool writes_wait, Now now,
                   std::vector<Line>& lines);

  bool began_ = false;
  uint64_t flushes_ = 0;
  uint64_t sync_errors_ = 0;
  std::string flush_error_;
  int64_t flush_began_us_ = -1;
  uint64_t log_bytes_after_flush_ = 0;
  bool waited_ = false;
  int64_t last_wait_line_us_ = INT64_MIN;
  uint64_t waits_unsaid_ = 0;
};

// What the start found in the log: a line of figures and, if there is any, of torn bytes and of
// damage. Empty when there was nothing to replay.
std::vector<PersistenceWatch::Line> DescribeReplay(const storage::Persistence& state);

}  // namespace cartwheel::server
