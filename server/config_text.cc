#include "server/config_text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace cartwheel::server {
namespace {

constexpr std::string_view kBlanks(" \t\n\r\v\f\0", 7);

bool IsBlank(char c) {
  return kBlanks.contains(c);
}

// One pass over a line. Each Take... function starts behind the opening quote.
class WordSplitter {
 public:
  explicit WordSplitter(std::string_view line) : rest_(line) {}

  std::optional<std::vector<std::string>> Split() {
    std::vector<std::string> words;
    while (SkipBlanks()) {
      if (!TakeWord()) return std::nullopt;
      words.push_back(std::move(word_));
      word_.clear();
    }
    return words;
  }

 private:
  bool SkipBlanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
    return !rest_.empty();
  }

  char Next() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  // A quote may open inside a word, and closing it ends the word.
  bool TakeWord() {
    while (!rest_.empty() && !IsBlank(rest_.front())) {
      const char c = Next();
      if (c == '"') return TakeDoubleQuoted();
      if (c == '\'') return TakeSingleQuoted();
      word_ += c;
    }
    return true;
  }

  bool TakeDoubleQuoted() {
    while (!rest_.empty()) {
      const char c = Next();
      if (c == '"') return AtEndOfWord();
      if (c != '\\') {
        word_ += c;
      } else if (rest_.empty()) {
        return false;
      } else {
        TakeEscape();
      }
    }
    return false;
  }

  bool TakeSingleQuoted() {
    while (!rest_.empty()) {
      const char c = Next();
      if (c == '\'') return AtEndOfWord();
      const bool escaped_quote = c == '\\' && rest_.starts_with('\'');
      word_ += escaped_quote ? Next() : c;
    }
    return false;
  }

  void TakeEscape() {
    const char c = Next();
    switch (c) {
      case 'n': word_ += '\n'; return;
      case 'r': word_ += '\r'; return;
      case 't': word_ += '\t'; return;
      case 'a': word_ += '\a'; return;
      case 'b': word_ += '\b'; return;
      case 'x':
        if (TakeHexByte()) return;
        [[fallthrough]];
      default: word_ += c;
    }
  }

  bool TakeHexByte() {
    if (rest_.size() < 2) return false;
    uint8_t byte = 0;
    const char* end = rest_.data() + 2;
    const auto [stop, error] = std::from_chars(rest_.data(), end, byte, 16);
    if (error != std::errc() || stop != end) return false;
    word_ += static_cast<char>(byte);
    rest_.remove_prefix(2);
    return true;
  }

  bool AtEndOfWord() const { return rest_.empty() || IsBlank(rest_.front()); }

  std::string_view rest_;
  std::string word_;
};

bool CanStandBare(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte > ' ' && byte != 0x7f && c != '"' && c != '\'';
  });
}

void AppendEscaped(char c, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<uint8_t>(c);
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (byte < ' ' || byte == 0x7f) {
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  } else {
    out += c;
  }
}

}  // namespace

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string_view OptionText(std::string_view line) {
  const size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos || line[begin] == '#') return {};
  return line.substr(begin, line.find_last_not_of(kBlanks) + 1 - begin);
}

std::optional<std::vector<std::string>> SplitWords(std::string_view line) {
  return WordSplitter(line).Split();
}

std::string QuoteWord(std::string_view word) {
  if (CanStandBare(word)) return std::string(word);
  std::string quoted = "\"";
  for (const char c : word) AppendEscaped(c, quoted);
  quoted += '"';
  return quoted;
}

}  // namespace cartwheel::server
