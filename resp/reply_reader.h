// Reads RESP2 and RESP3 replies into values: a client's half of the protocol.
//
// Like RequestParser it owns no bytes, knows no sockets and resumes where it stopped. It is strict:
// every line ends with "\r\n", and what ReplyWriter never writes (attributes, streamed aggregates)
// is an error. An error is final.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "resp/reply.h"

namespace cartwheel::resp {

struct ReplyLimits {
  size_t max_bulk_bytes = 512UL << 20;  // as a request's
  size_t max_line_bytes = 64UL << 10;   // simple strings, errors, numbers
  size_t max_depth = 32;                // aggregates inside aggregates; EXEC of COMMAND takes 6
  size_t max_values = 1UL << 20;        // of one reply: 3 bytes of input make a Reply of 100
};

class ReplyReader {
 public:
  enum class Status : uint8_t { kComplete, kIncomplete, kError };

  // Reads one reply from `input`, which must start at the reply's first byte: after kComplete, drop
  // consumed() bytes before the next call; after kIncomplete, call again with the same bytes and
  // more behind them (they may have moved).
  Status Parse(std::string_view input, const ReplyLimits& limits);

  // After kComplete, until the next Parse; may be moved from.
  Reply& reply() { return reply_; }

  // Bytes of `input` that the reply took, after kComplete.
  size_t consumed() const { return position_; }

  // After kError: what is wrong, for people.
  const std::string& error() const { return error_; }

 private:
  enum class State : uint8_t { kLine, kBulk, kDone, kFailed };

  struct Aggregate {
    Reply reply;
    size_t missing;  // elements
  };

  void Reset();
  Status ReadLine(std::string_view input, const ReplyLimits& limits);
  Status ReadBulk(std::string_view input);
  Status ReadValue(char kind, std::string_view text, const ReplyLimits& limits);
  Status OpenBulk(Reply::Type type, std::string_view length, const ReplyLimits& limits);
  Status OpenAggregate(Reply::Type type, std::string_view length, const ReplyLimits& limits);
  Status Add(Reply value);
  Status Fail(std::string_view message);

  State state_ = State::kLine;
  size_t position_ = 0;  // everything before it is read
  size_t scanned_ = 0;   // the line that starts at position_ does not end before it
  size_t values_ = 0;
  size_t bulk_length_ = 0;
  Reply::Type bulk_type_ = Reply::Type::kBulk;
  std::vector<Aggregate> open_;  // from the outermost to the innermost
  Reply reply_;
  std::string error_;
};

// All replies in `bytes`, which must end with the last one's last byte; or what is wrong.
std::expected<std::vector<Reply>, std::string> ReadReplies(std::string_view bytes,
                                                           const ReplyLimits& limits = {});

}  // namespace cartwheel::resp
