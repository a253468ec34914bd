#include "resp/reply_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "resp/integer.h"

namespace cartwheel::resp {

namespace {

// RESP3 doubles: decimal, with or without an exponent, "inf", "-inf" or "nan".
std::optional<double> ParseDouble(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool IsBigNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

ReplyReader::Status ReplyReader::Parse(std::string_view input, const ReplyLimits& limits) {
  if (state_ == State::kDone) Reset();
  if (state_ == State::kFailed) return Status::kError;
  while (state_ != State::kDone) {
    const Status status = state_ == State::kLine ? ReadLine(input, limits) : ReadBulk(input);
    if (status != Status::kComplete) return status;
  }
  return Status::kComplete;
}

void ReplyReader::Reset() {
  state_ = State::kLine;
  position_ = 0;
  scanned_ = 0;
  values_ = 0;
  reply_ = Reply();
}

ReplyReader::Status ReplyReader::ReadLine(std::string_view input, const ReplyLimits& limits) {
  const size_t from = std::max(position_, scanned_);
  const size_t to = std::min(input.size(), position_ + limits.max_line_bytes + 1);
  const void* found = from < to ? std::memchr(input.data() + from, '\r', to - from) : nullptr;
  if (found == nullptr) {
    if (input.size() > position_ + limits.max_line_bytes) return Fail("too long a line");
    scanned_ = std::max(from, to);
    return Status::kIncomplete;
  }
  const auto line_end = static_cast<size_t>(static_cast<const char*>(found) - input.data());
  scanned_ = line_end;
  if (line_end + 1 == input.size()) return Status::kIncomplete;
  if (line_end == position_ || input[line_end + 1] != '\n') return Fail("malformed line");
  const size_t start = std::exchange(position_, line_end + 2);
  if (++values_ > limits.max_values) return Fail("too many values");
  return ReadValue(input[start], input.substr(start + 1, line_end - start - 1), limits);
}

ReplyReader::Status ReplyReader::ReadValue(char kind, std::string_view text,
                                           const ReplyLimits& limits) {
  using Type = Reply::Type;
  const std::optional<int64_t> integer = kind == ':' ? ParseInteger(text) : std::nullopt;
  const std::optional<double> number = kind == ',' ? ParseDouble(text) : std::nullopt;
  switch (kind) {
    case '+': return Add({.type = Type::kSimpleString, .text = std::string(text)});
    case '-': return Add({.type = Type::kError, .text = std::string(text)});
    case ':':
      if (!integer) return Fail("malformed integer");
      return Add({.type = Type::kInteger, .integer = *integer});
    case ',':
      if (!number) return Fail("malformed double");
      return Add({.type = Type::kDouble, .number = *number});
    case '#':
      if (text != "t" && text != "f") return Fail("malformed boolean");
      return Add({.type = Type::kBoolean, .integer = text == "t" ? 1 : 0});
    case '(':
      if (!IsBigNumber(text)) return Fail("malformed big number");
      return Add({.type = Type::kBigNumber, .text = std::string(text)});
    case '_':
      if (!text.empty()) return Fail("malformed null");
      return Add({.type = Type::kNull});
    case '$': return OpenBulk(Type::kBulk, text, limits);
    case '!': return OpenBulk(Type::kError, text, limits);
    case '=': return OpenBulk(Type::kVerbatim, text, limits);
    case '*': return OpenAggregate(Type::kArray, text, limits);
    case '%': return OpenAggregate(Type::kMap, text, limits);
    case '~': return OpenAggregate(Type::kSet, text, limits);
    case '>': return OpenAggregate(Type::kPush, text, limits);
    default: return Fail("unknown type byte");
  }
}

ReplyReader::Status ReplyReader::OpenBulk(Reply::Type type, std::string_view length,
                                          const ReplyLimits& limits) {
  if (type == Reply::Type::kBulk && length == "-1") return Add({.type = Reply::Type::kNull});
  const std::optional<int64_t> bytes = ParseInteger(length);
  if (!bytes || *bytes < 0) return Fail("malformed length");
  if (static_cast<uint64_t>(*bytes) > limits.max_bulk_bytes) return Fail("too long a string");
  bulk_type_ = type;
  bulk_length_ = static_cast<size_t>(*bytes);
  state_ = State::kBulk;
  return Status::kComplete;
}

ReplyReader::Status ReplyReader::ReadBulk(std::string_view input) {
  const size_t end = position_ + bulk_length_;
  if (input.size() < end + 2) return Status::kIncomplete;
  if (input.substr(end, 2) != "\r\n") return Fail("string longer than its length");
  std::string_view text = input.substr(position_, bulk_length_);
  position_ = end + 2;
  state_ = State::kLine;
  Reply value;
  value.type = bulk_type_;
  if (bulk_type_ == Reply::Type::kVerbatim) {
    constexpr size_t kFormatBytes = 3;
    if (text.size() <= kFormatBytes || text[kFormatBytes] != ':') {
      return Fail("malformed verbatim string");
    }
    value.format = text.substr(0, kFormatBytes);
    text.remove_prefix(kFormatBytes + 1);
  }
  value.text = text;
  return Add(std::move(value));
}

ReplyReader::Status ReplyReader::OpenAggregate(Reply::Type type, std::string_view length,
                                               const ReplyLimits& limits) {
  if (type == Reply::Type::kArray && length == "-1") return Add({.type = Reply::Type::kNullArray});
  const std::optional<int64_t> count = ParseInteger(length);
  if (!count || *count < 0) return Fail("malformed length");
  if (static_cast<uint64_t>(*count) > limits.max_values) return Fail("too many values");
  if (*count == 0) return Add({.type = type});
  if (open_.size() == limits.max_depth) return Fail("nested too deeply");
  const size_t values_each = type == Reply::Type::kMap ? 2 : 1;
  Aggregate aggregate{{}, static_cast<size_t>(*count) * values_each};
  aggregate.reply.type = type;
  open_.push_back(std::move(aggregate));
  return Status::kComplete;
}

// Puts a finished value where it belongs, which may finish the aggregates around it.
ReplyReader::Status ReplyReader::Add(Reply value) {
  while (!open_.empty()) {
    Aggregate& innermost = open_.back();
    innermost.reply.elements.push_back(std::move(value));
    if (--innermost.missing > 0) return Status::kComplete;
    value = std::move(innermost.reply);
    open_.pop_back();
  }
  reply_ = std::move(value);
  state_ = State::kDone;
  return Status::kComplete;
}

ReplyReader::Status ReplyReader::Fail(std::string_view message) {
  error_ = message;
  open_.clear();
  state_ = State::kFailed;
  return Status::kError;
}

std::expected<std::vector<Reply>, std::string> ReadReplies(std::string_view bytes,
                                                           const ReplyLimits& limits) {
  std::vector<Reply> replies;
  ReplyReader reader;
  while (!bytes.empty()) {
    switch (reader.Parse(bytes, limits)) {
      case ReplyReader::Status::kError: return std::unexpected(reader.error());
      case ReplyReader::Status::kIncomplete: return std::unexpected("the last reply is incomplete");
      case ReplyReader::Status::kComplete: break;
    }
    bytes.remove_prefix(reader.consumed());
    replies.push_back(std::move(reader.reply()));
  }
  return replies;
}

}  // namespace cartwheel::resp
