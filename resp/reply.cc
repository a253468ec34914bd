#include "resp/reply.h"

#include <charconv>
#include <string_view>

namespace cartwheel::resp {

namespace {

void AppendQuoted(std::string_view bytes, std::string& out) {
  constexpr std::string_view kEscaped = "\\\"\n\r\t\a\b";
  constexpr std::string_view kLetters = "\\\"nrtab";
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  out += '"';
  for (const char c : bytes) {
    const size_t escape = kEscaped.find(c);
    if (escape != std::string_view::npos) {
      out += '\\';
      out += kLetters[escape];
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += "\\x";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    }
  }
  out += '"';
}

void AppendDouble(double value, std::string& out) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  out.append("(double) ").append(buffer, end);
}

void Append(const Reply& reply, const std::string& indent, std::string& out);

// One element a line, numbered; `indent` is what stands left of every line but the first.
void AppendElements(const Reply& reply, char mark, std::string_view empty,
                    const std::string& indent, std::string& out) {
  if (reply.elements.empty()) {
    out += empty;
    return;
  }
  const size_t step = reply.type == Reply::Type::kMap ? 2 : 1;
  const size_t width = std::to_string(reply.elements.size() / step).size();
  const std::string inner = indent + std::string(width + 2, ' ');
  for (size_t i = 0; i + step <= reply.elements.size(); i += step) {
    const std::string index = std::to_string(i / step + 1);
    if (i > 0) out.append("\n").append(indent);
    out.append(width - index.size(), ' ').append(index).append({mark, ' '});
    Append(reply.elements[i], inner, out);
    if (step == 2) {
      out += " => ";
      Append(reply.elements[i + 1], inner, out);
    }
  }
}

void Append(const Reply& reply, const std::string& indent, std::string& out) {
  switch (reply.type) {
    case Reply::Type::kSimpleString:
    case Reply::Type::kVerbatim: out += reply.text; return;
    case Reply::Type::kError: out.append("(error) ").append(reply.text); return;
    case Reply::Type::kInteger:
      out.append("(integer) ").append(std::to_string(reply.integer));
      return;
    case Reply::Type::kBulk: AppendQuoted(reply.text, out); return;
    case Reply::Type::kNull: out += "(nil)"; return;
    case Reply::Type::kNullArray: out += "(nil array)"; return;
    case Reply::Type::kDouble: AppendDouble(reply.number, out); return;
    case Reply::Type::kBoolean: out += reply.integer != 0 ? "(true)" : "(false)"; return;
    case Reply::Type::kBigNumber: out.append("(big number) ").append(reply.text); return;
    case Reply::Type::kArray: AppendElements(reply, ')', "(empty array)", indent, out); return;
    case Reply::Type::kMap: AppendElements(reply, '#', "(empty hash)", indent, out); return;
    case Reply::Type::kSet: AppendElements(reply, '~', "(empty set)", indent, out); return;
    case Reply::Type::kPush: AppendElements(reply, '>', "(empty push)", indent, out); return;
  }
}

}  // namespace

std::string ToString(const Reply& reply) {
  std::string out;
  Append(reply, "", out);
  return out;
}

}  // namespace cartwheel::resp
