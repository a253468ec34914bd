// Small text helpers that Redis defines for its commands: numbers as clients may write them, glob
// patterns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cartwheel::server {

// Redis's strict integer (string2ll): optional '-', digits without leading zeros or '+', the whole
// text.
std::optional<int64_t> ParseInteger(std::string_view text);

// A finite or infinite number as strtold takes it, the whole text, no leading space; NaN is
// refused.
std::optional<long double> ParseLongDouble(std::string_view text);

// Redis's human form of a long double: 17 digits after the point, trailing zeros removed.
std::string FormatLongDouble(long double value);

// Redis's glob (stringmatchlen): * ? [abc] [^a] [a-z] and \ to take a character as it is. Linear in
// the text for patterns without nested stars; steps are bounded, so that a hostile pattern costs at
// most text * pattern comparisons.
bool GlobMatch(std::string_view pattern, std::string_view text);

// What Redis shows of a client's own words in an error: at most `most` bytes, and none from a NUL
// on.
std::string_view ShownInError(std::string_view words, size_t most = std::string_view::npos);

// As MONITOR shows an argument: in double quotes, bytes that are no printable ASCII escaped.
std::string Quoted(std::string_view bytes);

bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string ToLower(std::string_view text);

}  // namespace cartwheel::server
