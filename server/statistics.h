// Counters behind INFO; CONFIG RESETSTAT clears them. Names follow INFO's fields.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/duration_histogram.h"

namespace cartwheel::server {

struct CommandStatistics {
  uint64_t calls = 0;
  int64_t microseconds = 0;
  uint64_t rejected_calls = 0;  // refused before they ran (arity, NOAUTH, OOM ...)
  uint64_t failed_calls = 0;    // ran and answered an error
  std::unique_ptr<DurationHistogram>
      latency;  // made at the first call; null with latency-tracking no
};

struct Statistics {
  uint64_t total_connections_received = 0;
  uint64_t rejected_connections = 0;
  uint64_t total_commands_processed = 0;
  uint64_t total_net_input_bytes = 0;
  uint64_t total_net_output_bytes = 0;
  uint64_t total_error_replies = 0;
  uint64_t expired_keys = 0;
  uint64_t evicted_keys = 0;
  uint64_t keyspace_hits = 0;
  uint64_t keyspace_misses = 0;
  uint64_t dyn_contexts_refused = 0;
  uint64_t siblings_limit_refused = 0;
  uint64_t conflicts_noted = 0;
  std::array<uint64_t, 3>
      siblings_shown{};  // reads of a key that had one, two, three or more of them
  uint64_t client_query_buffer_limit_disconnections = 0;
  uint64_t client_output_buffer_limit_disconnections = 0;
  uint64_t total_reads_processed = 0;   // Receive calls
  uint64_t total_writes_processed = 0;  // outputs handed to a socket
  uint64_t commits = 0;                 // turns that made writes durable
  uint64_t commit_failures = 0;
  int64_t commit_microseconds = 0;
  std::vector<CommandStatistics> commands;              // by IndexOf(command)
  std::map<std::string, uint64_t, std::less<>> errors;  // by error code; at most kMaxErrorCodes
  static constexpr size_t kMaxErrorCodes = 128;

  void CountError(std::string_view reply);  // the text after '-'
  // An error reply of a DYN command.
  void CountDynRefusal(std::string_view error) {
    if (error.starts_with("BADCTX")) ++dyn_contexts_refused;
    if (error.starts_with("SIBLINGSLIMIT")) ++siblings_limit_refused;
  }
  // A read of a key that has `siblings` of them: 0 and 1 are the same, as plain reads see it.
  void CountSiblings(size_t siblings) {
    ++siblings_shown[std::clamp<size_t>(siblings, 1, siblings_shown.size()) - 1];
  }
};

// A rate over the last 16 samples of 100 ms, as Redis's instantaneous_* fields.
class Rate {
 public:
  void Sample(uint64_t total, int64_t monotonic_us);
  double per_second() const;

 private:
  static constexpr size_t kSamples = 16;
  std::array<double, kSamples> samples_{};
  size_t next_ = 0;
  uint64_t last_total_ = 0;
  int64_t last_us_ = 0;
};

}  // namespace cartwheel::server
