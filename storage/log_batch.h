// The operations of one turn on their way to the log.
//
// Keys and small values are copied into one buffer that is kept from turn to turn; large values are
// only referred to, wherever they stay until Clear.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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
  // Whether it deletes, and puts nothing but what every change puts into kMeta.
  bool only_frees() const { return deletes_ && !puts_; }
  uint64_t bytes() const { return bytes_.size() + large_bytes_; }  // encoded

  // What one record holds, in pieces; views of the batch.
  struct Payload {
    std::vector<std::string_view> pieces;
    uint64_t bytes = 0;
  };
  // Of as many records as the batch needs; each holds whole operations.
  std::vector<Payload> Payloads() const;
  // The same for a batch of one record without large values, which nearly all are: the payload.
  std::optional<std::string_view> Single() const {
    if (!large_.empty() || !ends_.empty()) return std::nullopt;
    return bytes_;
  }

 private:
  // A record ends behind the operation that fills it to here.
  static constexpr uint64_t kRecordBytes = 64ULL << 20;

  // A value that belongs before bytes_[at].
  struct Large {
    size_t at;
    std::string_view value;
  };
  struct End {
    size_t at = 0;
    size_t large = 0;  // the number of large values before it
  };

  void EndOperation();
  Payload Between(End from, End to) const;

  std::string bytes_;
  std::vector<Large> large_;
  std::vector<End> ends_;
  uint64_t large_bytes_ = 0;
  uint64_t last_end_ = 0;  // of a record, in bytes()
  bool deletes_ = false;
  bool puts_ = false;
};

}  // namespace cartwheel::storage
