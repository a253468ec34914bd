// Turns a client's bytes into requests: RESP arrays of bulk strings, or inline commands.
//
// The parser owns no bytes and knows no sockets. The caller keeps the bytes of an incomplete
// request and offers them again, longer; the parser resumes where it stopped, so every byte is
// looked at once however the input is cut. Arguments are views into the caller's bytes. A protocol
// error is final.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cartwheel::resp {

// Redis's limits and their defaults (networking.c, redis.conf).
struct RequestLimits {
  size_t max_bulk_bytes = 512UL << 20;  // proto-max-bulk-len
  size_t max_inline_bytes =
      64UL << 10;                // PROTO_INLINE_MAX_SIZE, also for "*n" and "$n" lines; >= 32
  int64_t max_args = INT32_MAX;  // elements of one request
  // Until a client has authenticated, it may send at most 10 arguments of 16 KiB.
  bool authenticated = true;
};

class RequestParser {
 public:
  enum class Status : uint8_t { kComplete, kIncomplete, kError };

  // Parses one request from `input`, which must start at the request's first byte: after kComplete,
  // drop consumed() bytes before the next call; after kIncomplete, call again with the same bytes
  // and more behind them (they may have moved). An empty request ("\r\n", "*0\r\n") is complete
  // with no arguments. As in Redis, the byte behind a header's '\r' and the two behind an argument
  // are not looked at; unlike in Redis, a NUL in a line is a byte like any other. A call with an
  // empty input releases what an unusually large request has allocated.
  Status Parse(std::string_view input, const RequestLimits& limits);

  // The request's arguments after kComplete: views into the `input` of that call (or, for quoted
  // inline arguments, into the parser), valid until the next Parse or until the input goes away.
  std::span<const std::string_view> args() const { return args_; }

  // Bytes of `input` that the request took, after kComplete.
  size_t consumed() const { return position_; }

  // After kIncomplete: the length the input needs at least, counted from the request's first byte,
  // so that the caller can make room for a large argument once. 0 when it cannot be told.
  size_t bytes_needed() const { return bytes_needed_; }

  // After kError: Redis's text without the leading '-', for example "ERR Protocol error: expected
  // '$', got 'x'".
  const std::string& error() const { return error_; }

 private:
  enum class State : uint8_t { kStart, kInline, kCount, kBulkHeader, kBulkBody, kDone, kFailed };

  struct Slice {
    size_t offset;
    size_t length;
  };

  // What follows the type byte of a "*n" or "$n" line.
  struct Header {
    int64_t number;
    bool valid;
  };

  void Reset();
  Status ParseInline(std::string_view input, const RequestLimits& limits);
  Status ParseMultibulk(std::string_view input, const RequestLimits& limits);
  Status ParseCount(std::string_view input, const RequestLimits& limits);
  Status ParseBulkHeader(std::string_view input, const RequestLimits& limits);
  Status ParseBulkBody(std::string_view input);
  Status ReadHeader(std::string_view input, const RequestLimits& limits, const char* too_big,
                    Header& header);
  Status FindLineEnd(std::string_view input, char last, const RequestLimits& limits,
                     const char* too_big, size_t& line_end);
  bool SplitInline(std::string_view line);
  Status Fail(std::string_view message);
  Status Finish(std::string_view input);

  State state_ = State::kStart;
  size_t position_ = 0;     // everything before it is parsed
  size_t scanned_ = 0;      // the line that starts at position_ does not end before it
  int64_t args_left_ = 0;   // of a multibulk request
  size_t bulk_length_ = 0;  // of the argument being read
  size_t bytes_needed_ = 0;
  std::vector<Slice> slices_;           // a multibulk request's arguments: the input may move
  std::vector<std::string_view> args_;  // filled when the request is complete
  std::string unquoted_;                // inline arguments whose bytes differ from the input's
  std::string error_;
};

}  // namespace cartwheel::resp
