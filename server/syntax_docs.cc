#include "server/syntax_docs.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/text.h"

namespace cartwheel::server {
namespace {

using Arguments = std::vector<ArgumentDoc>;

constexpr std::string_view kKeys[] = {"key",    "key1",        "key2",   "newkey",
                                      "source", "destination", "destkey"};
constexpr std::string_view kIntegers[] = {
    "bit",    "client-id", "count",     "cursor", "db",      "decrement",    "destination-db",
    "end",    "frequency", "increment", "index",  "length",  "milliseconds", "numreplicas",
    "offset", "protover",  "seconds",   "start",  "timeout", "ttl"};

std::string_view TypeOf(std::string_view value) {
  auto is_one_of = [value](const auto& names) {
    return std::ranges::find(names, value) != std::end(names);
  };
  if (is_one_of(kKeys)) return "key";
  if (is_one_of(kIntegers)) return "integer";
  if (value == "float-increment") return "double";
  if (value == "pattern") return "pattern";
  if (value.starts_with("unix-time")) return "unix-time";
  return "string";
}

bool IsToken(std::string_view word) {
  return std::ranges::none_of(word, [](char c) { return c >= 'a' && c <= 'z'; });
}

// One argument out of a sequence of them; a block has the names of what it requires.
ArgumentDoc Joined(Arguments sequence) {
  if (sequence.size() == 1) return std::move(sequence.front());
  ArgumentDoc block{.name = {}, .type = "block"};
  for (const ArgumentDoc& argument : sequence) {
    if (argument.optional) continue;
    if (!block.name.empty()) block.name += '_';
    block.name += argument.name;
  }
  if (block.name.empty()) block.name = sequence.front().name;
  block.arguments = std::move(sequence);
  return block;
}

// `[x ...]` behind `arguments`, of which it may repeat the last.
void Repeat(Arguments& arguments, Arguments repeated) {
  auto tail_begin = [&] { return arguments.end() - static_cast<std::ptrdiff_t>(repeated.size()); };
  if (repeated.size() <= arguments.size() &&
      std::equal(repeated.begin(), repeated.end(), tail_begin())) {
    arguments.erase(tail_begin(), arguments.end());
    arguments.push_back(Joined(std::move(repeated)));
    arguments.back().multiple = true;
    arguments.back().multiple_token = !arguments.back().token.empty();
    return;
  }
  ArgumentDoc joined = Joined(std::move(repeated));
  if (!arguments.empty() &&
      arguments.back().name == joined.name) {  // "ID client-id [client-id ...]"
    arguments.back().multiple = true;
    return;
  }
  joined.optional = true;
  joined.multiple = true;
  arguments.push_back(std::move(joined));
}

// Recursive descent over the notation of the header.
class SyntaxParser {
 public:
  explicit SyntaxParser(std::string_view text) : text_(text) { Next(); }

  std::optional<Arguments> ParseAll() {
    Arguments arguments = ParseSequence();
    if (!ok_ || !word_.empty()) return std::nullopt;
    return arguments;
  }

 private:
  static constexpr std::string_view kMarks = "[]<>|";

  void Next() {
    text_.remove_prefix(std::min(text_.find_first_not_of(' '), text_.size()));
    size_t length = 0;
    if (!text_.empty() && kMarks.contains(text_.front())) {
      length = 1;
    } else {
      length = std::min(text_.find_first_of(" []<>|"), text_.size());
    }
    word_ = text_.substr(0, length);
    text_.remove_prefix(length);
  }

  bool AtWord() const {
    return !word_.empty() && word_ != "..." && !kMarks.contains(word_.front());
  }

  void Expect(std::string_view mark) {
    if (word_ != mark) ok_ = false;
    Next();
  }

  Arguments ParseSequence() {
    Arguments arguments;
    while (ok_) {
      if (word_ == "[") {
        ParseBracket(arguments);
      } else if (word_ == "<") {
        arguments.push_back(ParseChoice());
      } else if (!AtWord()) {
        break;
      } else if (IsToken(word_)) {
        arguments.push_back(ParseToken());
      } else {
        arguments.push_back(ParseValue());
      }
    }
    return arguments;
  }

  ArgumentDoc ParseValue() {
    std::string_view word = std::exchange(word_, {});
    Next();
    return {.name = std::string(word), .type = TypeOf(word)};
  }

  ArgumentDoc ParseToken() {
    std::string_view token = std::exchange(word_, {});
    Next();
    Arguments values;
    if (word_ == "<") {
      values.push_back(ParseChoice());
    } else {
      while (AtWord() && !IsToken(word_)) values.push_back(ParseValue());
    }
    if (values.empty()) return {.name = ToLower(token), .type = "pure-token", .token = token};
    ArgumentDoc argument = Joined(std::move(values));
    if (!argument.arguments.empty()) argument.name = ToLower(token);
    argument.token = token;
    return argument;
  }

  ArgumentDoc ParseChoice() {
    Expect("<");
    ArgumentDoc choice = ParseAlternatives(ParseSequence());
    Expect(">");
    return choice;
  }

  void ParseBracket(Arguments& arguments) {
    Expect("[");
    Arguments sequence = ParseSequence();
    if (sequence.empty()) ok_ = false;
    if (!ok_) return;
    if (word_ == "...") {
      Next();
      Repeat(arguments, std::move(sequence));
    } else {
      arguments.push_back(ParseAlternatives(std::move(sequence)));
      arguments.back().optional = true;
    }
    Expect("]");
  }

  // The rest of `x | y | z`, of which `first` has been parsed.
  ArgumentDoc ParseAlternatives(Arguments first) {
    ArgumentDoc choice{.name = "option", .type = "oneof"};
    Arguments sequence = std::move(first);
    while (ok_) {
      if (sequence.empty()) {
        ok_ = false;
        break;
      }
      choice.arguments.push_back(Joined(std::move(sequence)));
      if (word_ != "|") break;
      Next();
      sequence = ParseSequence();
    }
    if (choice.arguments.size() == 1) return std::move(choice.arguments.front());
    return choice;
  }

  std::string_view text_;  // behind word_
  std::string_view word_;  // the word or mark to look at; empty at the end
  bool ok_ = true;
};

// Numbers the keys: with two specifications the first key has its own.
void NumberKeys(Arguments& arguments, bool two_specs, int& next) {
  for (ArgumentDoc& argument : arguments) {
    if (argument.type == "key") {
      argument.key_spec_index = next;
      if (two_specs) next = 1;
    }
    NumberKeys(argument.arguments, two_specs, next);
  }
}

}  // namespace

std::optional<std::vector<ArgumentDoc>> ParseSyntax(std::string_view syntax) {
  return SyntaxParser(syntax).ParseAll();
}

std::vector<ArgumentDoc> ArgumentsOf(const Command& command) {
  Arguments arguments = ParseSyntax(command.syntax).value_or(Arguments{});
  int next = 0;
  NumberKeys(arguments, command.keys.flags_of_rest != 0, next);
  return arguments;
}

}  // namespace cartwheel::server
