// The syntax of redis.conf: lines, comments, words, quotes and escapes.
//
// Invariant: SplitWords(QuoteWord(w)) is the one word w, whatever bytes w holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cartwheel::server {

// The lines without their '\n'; a text that ends in '\n' has no empty last line.
std::vector<std::string_view> SplitLines(std::string_view text);

// The line without blanks at both ends, "" for a comment or an empty line.
std::string_view OptionText(std::string_view line);

// The words of a line, as Redis splits them: blanks separate; "..." takes \n \r \t \a \b, \xHH and
// \ before any other byte; '...' takes only \'. nullopt: a quote is not closed, or something other
// than a blank follows the closing one.
std::optional<std::vector<std::string>> SplitWords(std::string_view line);

// The word as it can stand in a line, in quotes only where needed.
std::string QuoteWord(std::string_view word);

}  // namespace cartwheel::server
