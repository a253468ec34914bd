#include "server/text.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "resp/integer.h"

namespace cartwheel::server {

namespace {

// Redis takes no longer text for a number. The longest that is written, the smallest long double
// with 17 digits after the point, has 4952 characters.
constexpr size_t kLongDoubleChars = 5120;

// ASCII only, whatever the locale.
char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// C's isspace in the "C" locale.
bool IsSpace(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Ends are taken in either order. Bytes count as unsigned (Redis: as the platform's char).
bool InRange(char c, char first, char last) {
  const auto [low, high] =
      std::minmax({static_cast<unsigned char>(first), static_cast<unsigned char>(last)});
  const auto byte = static_cast<unsigned char>(c);
  return low <= byte && byte <= high;
}

// Matches `c` against the class whose '[' stands before pattern[at] and moves `at` behind its ']'.
// A class that does not end goes to the end of the pattern. A range takes any end, even ']'.
bool MatchClass(std::string_view pattern, size_t& at, char c) {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  for (; at < pattern.size() && pattern[at] != ']'; ++at) {
    const size_t left = pattern.size() - at;
    if (pattern[at] == '\\' && left >= 2) {
      found |= pattern[++at] == c;
    } else if (left >= 3 && pattern[at + 1] == '-') {
      found |= InRange(c, pattern[at], pattern[at + 2]);
      at += 2;
    } else {
      found |= pattern[at] == c;
    }
  }
  if (at < pattern.size()) ++at;
  return found != negated;
}

// Matches `c` against the one element at pattern[at], which is no star, and moves `at` behind it.
bool MatchElement(std::string_view pattern, size_t& at, char c) {
  switch (pattern[at++]) {
    case '?': return true;
    case '[': return MatchClass(pattern, at, c);
    case '\\':
      if (at < pattern.size()) return pattern[at++] == c;
      [[fallthrough]];  // at the end of the pattern it stands for itself
    default: return pattern[at - 1] == c;
  }
}

}  // namespace

std::optional<int64_t> ParseInteger(std::string_view text) {
  return resp::ParseInteger(text);
}

std::optional<long double> ParseLongDouble(std::string_view text) {
  // strtold and not from_chars: Redis takes hexadecimal digits and a leading '+' too.
  char buffer[kLongDoubleChars];
  if (text.empty() || text.size() >= sizeof(buffer) || IsSpace(text[0])) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  char* stop = nullptr;
  errno = 0;
  const long double value = std::strtold(buffer, &stop);
  if (stop != buffer + text.size() || std::isnan(value)) return std::nullopt;
  // A denormal number sets ERANGE too, but was read.
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

std::string FormatLongDouble(long double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[kLongDoubleChars];
  const int length = std::snprintf(buffer, sizeof(buffer), "%.17Lf", value);
  std::string_view text(buffer, static_cast<size_t>(length));
  text.remove_suffix(text.size() - 1 - text.find_last_not_of('0'));
  if (text.ends_with('.')) text.remove_suffix(1);
  return text == "-0" ? "0" : std::string(text);
}

// An element takes exactly one character, so when a match fails behind a star only the last star
// needs to take one more: one place to go back to, no recursion.
bool GlobMatch(std::string_view pattern, std::string_view text) {
  if (text.empty()) return pattern.empty();  // as in Redis, not even "*" takes the empty text
  size_t p = 0;
  size_t t = 0;
  size_t behind_star = std::string_view::npos;
  size_t star_end = 0;  // of the text that the last star takes
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      behind_star = ++p;
      star_end = t;
      if (p == pattern.size()) return true;
    } else if (p < pattern.size() && MatchElement(pattern, p, text[t])) {
      ++t;
    } else if (behind_star == std::string_view::npos) {
      return false;
    } else {
      p = behind_star;
      t = ++star_end;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view ShownInError(std::string_view words, size_t most) {
  return words.substr(0, std::min(most, words.find('\0')));
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), Lower);
  return lower;
}

std::string Quoted(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : bytes) {
    switch (c) {
      case '\\':
      case '"': out.append({'\\', c}); break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\a': out += "\\a"; break;
      case '\b': out += "\\b"; break;
      default:
        if (c >= 0x20 && c < 0x7f) {
          out += c;
        } else {
          auto byte = static_cast<unsigned char>(c);
          out.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
        }
    }
  }
  out += '"';
  return out;
}

}  // namespace cartwheel::server
