// The operations of one turn on their way to the log.
//
// Small keys and values are copied into one buffer that is kept from turn to turn; large values are
// only referred to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/log_format.h"

namespace cartwheel::storage {

class LogBatch {
 public:
  // Values from this size on are not copied: they must stay until Clear.
  static constexpr size_t kLargeValueBytes = 64 << 10;

  void Put(Keyspace keyspace, std::string_view key, std::string_view value);
  void Delete(Keyspace keyspace, std::string_view key);
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end);
  // Keeps the buffer's memory up to a bound.
  void Clear();

  bool empty() const { return bytes_.empty(); }
  uint64_t bytes() const { return bytes_.size() + large_bytes_; }  // encoded

 private:
  friend class Log;
  friend class RecordWriter;

  void Begin(LogOperation::Kind kind, Keyspace keyspace, std::string_view key);

  // A value that belongs before bytes_[at].
  struct Large {
    size_t at;
    std::string_view value;
  };
  std::string bytes_;
  std::vector<Large> large_;
  std::vector<size_t> ends_;  // where a record may end: after an operation, every 64 MiB or so
  uint64_t large_bytes_ = 0;
};

}  // namespace cartwheel::storage
