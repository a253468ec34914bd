#include "resp/reply_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace cartwheel::resp {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

// The digits of a number, without an allocation.
class Digits {
 public:
  explicit Digits(int64_t value) {
    end_ = std::to_chars(buffer_, buffer_ + sizeof(buffer_), value).ptr;
  }

  // 17 significant digits, as printf's "%.17g": every double survives the way there and back.
  explicit Digits(double value) {
    if (std::isnan(value)) value = std::fabs(value);  // clients know no "-nan"
    constexpr int kSignificantDigits = 17;
    end_ = std::to_chars(buffer_, buffer_ + sizeof(buffer_), value, std::chars_format::general,
                         kSignificantDigits)
               .ptr;
  }

  std::string_view text() const { return {buffer_, static_cast<size_t>(end_ - buffer_)}; }

 private:
  // The longest: 20 for an int64_t; sign, 17 digits, point and "e-308" for a double.
  char buffer_[32];
  char* end_;
};

}  // namespace

void ReplyWriter::SimpleString(std::string_view text) {
  out_.push_back('+');
  out_.append(text);
  out_.append(kLineEnd);
}

void ReplyWriter::Error(std::string_view text) {
  out_.push_back('-');
  const size_t start = out_.size();
  out_.append(text.substr(0, text.find_last_not_of(kLineEnd) + 1));
  std::replace_if(
      out_.begin() + static_cast<std::ptrdiff_t>(start), out_.end(),
      [](char c) { return c == '\r' || c == '\n'; }, ' ');
  out_.append(kLineEnd);
}

void ReplyWriter::Integer(int64_t value) {
  Header(':', value);
}

void ReplyWriter::Bulk(std::string_view bytes) {
  Header('$', static_cast<int64_t>(bytes.size()));
  out_.append(bytes);
  out_.append(kLineEnd);
}

void ReplyWriter::BulkInteger(int64_t value) {
  Bulk(Digits(value).text());
}

void ReplyWriter::Verbatim(std::string_view text, std::string_view format) {
  if (!resp3()) return Bulk(text);
  Header('=', static_cast<int64_t>(format.size() + 1 + text.size()));
  out_.append(format);
  out_.push_back(':');
  out_.append(text);
  out_.append(kLineEnd);
}

void ReplyWriter::Double(double value) {
  const Digits digits(value);
  if (!resp3()) return Bulk(digits.text());
  out_.push_back(',');
  out_.append(digits.text());
  out_.append(kLineEnd);
}

void ReplyWriter::Boolean(bool value) {
  if (!resp3()) return Integer(value ? 1 : 0);
  out_.append(value ? "#t\r\n" : "#f\r\n", 4);
}

void ReplyWriter::BigNumber(std::string_view digits) {
  if (!resp3()) return Bulk(digits);
  out_.push_back('(');
  out_.append(digits);
  out_.append(kLineEnd);
}

void ReplyWriter::Null() {
  out_.append(resp3() ? "_\r\n" : "$-1\r\n");
}

void ReplyWriter::NullArray() {
  out_.append(resp3() ? "_\r\n" : "*-1\r\n");
}

void ReplyWriter::Array(size_t length) {
  Header('*', static_cast<int64_t>(length));
}

void ReplyWriter::Map(size_t pairs) {
  if (!resp3()) return Array(2 * pairs);
  Header('%', static_cast<int64_t>(pairs));
}

void ReplyWriter::Set(size_t length) {
  Header(resp3() ? '~' : '*', static_cast<int64_t>(length));
}

void ReplyWriter::Push(size_t length) {
  Header(resp3() ? '>' : '*', static_cast<int64_t>(length));
}

void ReplyWriter::Header(char kind, int64_t number) {
  char line[24];  // type byte, at most 20 characters of number, "\r\n"
  line[0] = kind;
  char* end = line + 2;
  if (number >= 0 && number < 10) {
    line[1] = static_cast<char>('0' + number);
  } else {
    end = std::to_chars(line + 1, line + sizeof(line), number).ptr;
  }
  std::memcpy(end, kLineEnd.data(), kLineEnd.size());
  out_.append(line, static_cast<size_t>(end - line) + kLineEnd.size());
}

}  // namespace cartwheel::resp
