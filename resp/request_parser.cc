#include "resp/request_parser.h"

#include <algorithm>
#include <cstring>

#include "resp/integer.h"

namespace cartwheel::resp {

namespace {

// Redis's limits for clients that have not authenticated yet.
constexpr int64_t kUnauthenticatedArgs = 10;
constexpr int64_t kUnauthenticatedBulkBytes = 16384;

// What a parser keeps between requests, so that ordinary ones allocate nothing and one huge request
// does not tie up memory for the rest of the connection.
constexpr size_t kKeptArgs = 1024;
constexpr size_t kKeptUnquotedBytes = 4096;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// C's isspace in the "C" locale.
bool IsSpace(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Value of a hexadecimal digit, or -1.
int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

char UnescapeLetter(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

// Appends the content of the quoted text that starts behind its opening `quote` at line[at] and
// moves `at` behind the closing one. False if it does not end, or ends and goes on without a blank.
bool Unquote(std::string_view line, char quote, size_t& at, std::string& out) {
  while (at < line.size()) {
    const char c = line[at++];
    if (c == quote) return at == line.size() || IsSpace(line[at]);
    if (c != '\\' || at == line.size()) {
      out.push_back(c);
    } else if (quote == '\'') {  // knows only one escape
      const bool escaped = line[at] == '\'';
      out.push_back(escaped ? '\'' : '\\');
      if (escaped) ++at;
    } else if (line[at] == 'x' && at + 2 < line.size() && HexValue(line[at + 1]) >= 0 &&
               HexValue(line[at + 2]) >= 0) {
      out.push_back(static_cast<char>(HexValue(line[at + 1]) * 16 + HexValue(line[at + 2])));
      at += 3;
    } else {
      out.push_back(UnescapeLetter(line[at++]));
    }
  }
  return false;
}

}  // namespace

RequestParser::Status RequestParser::Parse(std::string_view input, const RequestLimits& limits) {
  bytes_needed_ = 0;
  if (state_ == State::kDone) Reset();
  if (state_ == State::kStart) {
    if (input.empty()) return Status::kIncomplete;
    state_ = input[0] == '*' ? State::kCount : State::kInline;
  }
  if (state_ == State::kFailed) return Status::kError;
  if (state_ == State::kInline) return ParseInline(input, limits);
  return ParseMultibulk(input, limits);
}

void RequestParser::Reset() {
  state_ = State::kStart;
  position_ = 0;
  scanned_ = 0;
  slices_.clear();
  args_.clear();
  unquoted_.clear();
  if (slices_.capacity() > kKeptArgs) slices_ = {};
  if (args_.capacity() > kKeptArgs) args_ = {};
  if (unquoted_.capacity() > kKeptUnquotedBytes) unquoted_ = {};
}

RequestParser::Status RequestParser::ParseMultibulk(std::string_view input,
                                                    const RequestLimits& limits) {
  if (state_ == State::kCount) {
    const Status status = ParseCount(input, limits);
    if (status != Status::kComplete) return status;
  }
  while (args_left_ > 0) {
    if (state_ == State::kBulkHeader) {
      const Status status = ParseBulkHeader(input, limits);
      if (status != Status::kComplete) return status;
    }
    const Status status = ParseBulkBody(input);
    if (status != Status::kComplete) return status;
  }
  return Finish(input);
}

RequestParser::Status RequestParser::ParseCount(std::string_view input,
                                                const RequestLimits& limits) {
  Header count;
  const Status status = ReadHeader(input, limits, "too big mbulk count string", count);
  if (status != Status::kComplete) return status;
  if (!count.valid || count.number > limits.max_args) return Fail("invalid multibulk length");
  if (count.number > kUnauthenticatedArgs && !limits.authenticated) {
    return Fail("unauthenticated multibulk length");
  }
  args_left_ = count.number;  // nothing is reserved: it is only a claim
  state_ = State::kBulkHeader;
  return Status::kComplete;
}

RequestParser::Status RequestParser::ParseBulkHeader(std::string_view input,
                                                     const RequestLimits& limits) {
  const size_t start = position_;
  Header length;
  const Status status = ReadHeader(input, limits, "too big bulk count string", length);
  if (status != Status::kComplete) return status;
  if (input[start] != '$') {
    return Fail(std::string("expected '$', got '") + input[start] + "'");
  }
  if (!length.valid || length.number < 0 ||
      static_cast<uint64_t>(length.number) > limits.max_bulk_bytes) {
    return Fail("invalid bulk length");
  }
  if (length.number > kUnauthenticatedBulkBytes && !limits.authenticated) {
    return Fail("unauthenticated bulk length");
  }
  bulk_length_ = static_cast<size_t>(length.number);
  state_ = State::kBulkBody;
  return Status::kComplete;
}

RequestParser::Status RequestParser::ParseBulkBody(std::string_view input) {
  // Redis takes any two bytes for the line end behind the argument; so do we.
  const size_t end = position_ + bulk_length_ + 2;
  if (input.size() < end) {
    bytes_needed_ = end;
    return Status::kIncomplete;
  }
  slices_.push_back({position_, bulk_length_});
  position_ = end;
  --args_left_;
  state_ = State::kBulkHeader;
  return Status::kComplete;
}

// Reads the line at position_: a type byte, which the caller judges, and a number. kComplete moves
// position_ behind the line, also when the number is not valid.
RequestParser::Status RequestParser::ReadHeader(std::string_view input, const RequestLimits& limits,
                                                const char* too_big, Header& header) {
  // Nearly every header is a type byte, one to eight digits and "\r\n", all there.
  constexpr size_t kFastDigits = 8;
  const size_t first = position_ + 1;
  const size_t digits_end = std::min(first + kFastDigits, input.size());
  size_t at = first;
  int64_t number = 0;
  while (at < digits_end && IsDigit(input[at])) number = number * 10 + (input[at++] - '0');
  if (at > first && at + 1 < input.size() && input[at] == '\r' &&
      (input[first] != '0' || at == first + 1)) {
    header = {number, true};
    position_ = at + 2;
    return Status::kComplete;
  }

  size_t line_end;
  const Status status = FindLineEnd(input, '\r', limits, too_big, line_end);
  if (status != Status::kComplete) return status;
  if (line_end + 1 >= input.size()) {  // the '\n', which Redis takes unseen, must be there too
    scanned_ = line_end;
    return Status::kIncomplete;
  }
  // A line that begins with its '\r' has no type byte either; the caller sees that.
  const size_t digits_start = std::min(first, line_end);
  const std::optional<int64_t> parsed =
      ParseInteger(input.substr(digits_start, line_end - digits_start));
  header = {parsed.value_or(0), parsed.has_value()};
  position_ = line_end + 2;
  return Status::kComplete;
}

// Finds `last`, the byte that ends the line at position_. A line is too big by its own length, not
// by what has arrived, so the answer does not depend on how the input was cut.
RequestParser::Status RequestParser::FindLineEnd(std::string_view input, char last,
                                                 const RequestLimits& limits, const char* too_big,
                                                 size_t& line_end) {
  const size_t from = std::max(scanned_, position_);
  const size_t to = std::min(input.size(), position_ + limits.max_inline_bytes + 1);
  const void* found = from < to ? std::memchr(input.data() + from, last, to - from) : nullptr;
  if (found != nullptr) {
    line_end = static_cast<size_t>(static_cast<const char*>(found) - input.data());
    return Status::kComplete;
  }
  if (input.size() > position_ + limits.max_inline_bytes) return Fail(too_big);
  scanned_ = std::max(from, to);
  return Status::kIncomplete;
}

RequestParser::Status RequestParser::ParseInline(std::string_view input,
                                                 const RequestLimits& limits) {
  size_t line_end;
  const Status status = FindLineEnd(input, '\n', limits, "too big inline request", line_end);
  if (status != Status::kComplete) return status;
  std::string_view line = input.substr(0, line_end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!SplitInline(line)) return Fail("unbalanced quotes in request");
  position_ = line_end + 1;
  state_ = State::kDone;
  return Status::kComplete;
}

// Splits a line into args_ as Redis does: quotes may open anywhere in an argument and close it;
// "double" ones know \n \r \t \b \a \xHH and \anything, 'single' ones only \'.
bool RequestParser::SplitInline(std::string_view line) {
  for (size_t at = 0;;) {
    while (at < line.size() && IsSpace(line[at])) ++at;
    if (at == line.size()) return true;
    const size_t start = at;
    at = std::min(line.find_first_of(" \t\r\n\"'", at), line.size());
    if (at == line.size() || IsSpace(line[at])) {
      args_.push_back(line.substr(start, at - start));
      continue;
    }
    // Unquoting never makes text longer, so views into unquoted_ survive the appends of this line.
    unquoted_.reserve(line.size());
    const size_t unquoted_start = unquoted_.size();
    unquoted_.append(line.substr(start, at - start));
    const char quote = line[at++];
    if (!Unquote(line, quote, at, unquoted_)) return false;
    args_.push_back(std::string_view(unquoted_).substr(unquoted_start));
  }
}

RequestParser::Status RequestParser::Fail(std::string_view message) {
  error_ = "ERR Protocol error: ";
  error_ += message;
  state_ = State::kFailed;
  args_.clear();
  return Status::kError;
}

RequestParser::Status RequestParser::Finish(std::string_view input) {
  args_.reserve(slices_.size());
  for (const Slice& slice : slices_) {
    args_.emplace_back(input.data() + slice.offset, slice.length);
  }
  state_ = State::kDone;
  return Status::kComplete;
}

}  // namespace cartwheel::resp
