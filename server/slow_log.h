// The last commands that took at least `slowlog-log-slower-than` microseconds, newest first.
// Arguments are cut as Redis cuts them: 32 at most, 128 bytes each.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "server/ops/op.h"

namespace cartwheel::server {

class SlowLog {
 public:
  struct Entry {
    uint64_t id;
    int64_t unix_s;
    int64_t microseconds;
    std::vector<std::string> args;
    std::string client_address;
    std::string client_name;
  };

  void Add(int64_t unix_s, int64_t microseconds, Args args, std::string_view client_address,
           std::string_view client_name, size_t max_entries);
  void Clear() { entries_.clear(); }
  const std::deque<Entry>& entries() const { return entries_; }

 private:
  uint64_t next_id_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace cartwheel::server
