#include "server/text.h"

#include <limits>

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

constexpr long double kInfinity = std::numeric_limits<long double>::infinity();

TEST(ParseInteger, TakesTheWholeRange) {
  EXPECT_EQ(ParseInteger("0"), 0);
  EXPECT_EQ(ParseInteger("7"), 7);
  EXPECT_EQ(ParseInteger("-1"), -1);
  EXPECT_EQ(ParseInteger("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseInteger("-9223372036854775808"), INT64_MIN);
}

TEST(ParseInteger, RefusesWhatDoesNotFit) {
  EXPECT_EQ(ParseInteger("9223372036854775808"), std::nullopt);
  EXPECT_EQ(ParseInteger("-9223372036854775809"), std::nullopt);
  EXPECT_EQ(ParseInteger("99999999999999999999999"), std::nullopt);
}

TEST(ParseInteger, RefusesEveryOtherSpelling) {
  for (const std::string_view text :
       {"", "-", "+1", "01", "00", "-0", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "abc", "1a"}) {
    EXPECT_EQ(ParseInteger(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseInteger(std::string_view("1\0", 2)), std::nullopt);
}

TEST(ParseLongDouble, TakesWhatStrtoldTakes) {
  EXPECT_EQ(ParseLongDouble("3"), 3.0L);
  EXPECT_EQ(ParseLongDouble("+3"), 3.0L);
  EXPECT_EQ(ParseLongDouble("-0.5"), -0.5L);
  EXPECT_EQ(ParseLongDouble(".5"), 0.5L);
  EXPECT_EQ(ParseLongDouble("5.0e3"), 5000.0L);
  EXPECT_EQ(ParseLongDouble("0x10"), 16.0L);
  EXPECT_EQ(ParseLongDouble("007"), 7.0L);
}

TEST(ParseLongDouble, TakesInfinityButNotNaN) {
  EXPECT_EQ(ParseLongDouble("inf"), kInfinity);
  EXPECT_EQ(ParseLongDouble("-Infinity"), -kInfinity);
  EXPECT_EQ(ParseLongDouble("nan"), std::nullopt);
  EXPECT_EQ(ParseLongDouble("-nan(1)"), std::nullopt);
}

TEST(ParseLongDouble, TakesDenormalsAndRefusesWhatOverflowsOrVanishes) {
  const std::optional<long double> denormal = ParseLongDouble("1e-4950");
  ASSERT_TRUE(denormal.has_value());
  EXPECT_GT(*denormal, 0.0L);
  EXPECT_EQ(ParseLongDouble("1e5000"), std::nullopt);
  EXPECT_EQ(ParseLongDouble("-1e5000"), std::nullopt);
  EXPECT_EQ(ParseLongDouble("1e-5000"), std::nullopt);
}

TEST(ParseLongDouble, RefusesSpacesAndOtherText) {
  for (const std::string_view text : {"", " 1", "\t1", "1 ", "1x", "x", "-", "."}) {
    EXPECT_EQ(ParseLongDouble(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseLongDouble(std::string_view("1\0", 2)), std::nullopt);
}

TEST(ParseLongDouble, RefusesMoreThan5119Characters) {
  EXPECT_EQ(ParseLongDouble(std::string(5119, '0')), 0.0L);
  EXPECT_EQ(ParseLongDouble(std::string(5120, '0')), std::nullopt);
}

TEST(FormatLongDouble, Has17DigitsAfterThePointWithoutTrailingZeros) {
  EXPECT_EQ(FormatLongDouble(0.0L), "0");
  EXPECT_EQ(FormatLongDouble(10.0L), "10");
  EXPECT_EQ(FormatLongDouble(-1.5L), "-1.5");
  EXPECT_EQ(FormatLongDouble(1.0L / 3.0L), "0.33333333333333333");
  EXPECT_EQ(FormatLongDouble(1e18L), "1000000000000000000");
}

TEST(FormatLongDouble, NeverWritesMinusZero) {
  EXPECT_EQ(FormatLongDouble(-0.0L), "0");
  EXPECT_EQ(FormatLongDouble(-1e-20L), "0");
}

TEST(FormatLongDouble, WritesTheLargestNumberAndInfinity) {
  EXPECT_EQ(FormatLongDouble(std::numeric_limits<long double>::max()).size(), 4933U);
  EXPECT_EQ(FormatLongDouble(kInfinity), "inf");
  EXPECT_EQ(FormatLongDouble(-kInfinity), "-inf");
}

TEST(GlobMatch, TakesPlainTextAsItIs) {
  EXPECT_TRUE(GlobMatch("hello", "hello"));
  EXPECT_FALSE(GlobMatch("hello", "hell"));
  EXPECT_FALSE(GlobMatch("hell", "hello"));
  EXPECT_FALSE(GlobMatch("Hello", "hello"));
}

TEST(GlobMatch, OnlyTheEmptyPatternTakesTheEmptyText) {
  EXPECT_TRUE(GlobMatch("", ""));
  EXPECT_FALSE(GlobMatch("*", ""));
  EXPECT_FALSE(GlobMatch("", "a"));
}

TEST(GlobMatch, QuestionMarkTakesOneCharacter) {
  EXPECT_TRUE(GlobMatch("h?llo", "hallo"));
  EXPECT_FALSE(GlobMatch("h?llo", "hllo"));
  EXPECT_FALSE(GlobMatch("?", "ab"));
}

TEST(GlobMatch, StarTakesAnyNumberOfCharacters) {
  EXPECT_TRUE(GlobMatch("*", "anything"));
  EXPECT_TRUE(GlobMatch("h*o", "ho"));
  EXPECT_TRUE(GlobMatch("h*o", "heeeello"));
  EXPECT_TRUE(GlobMatch("hello***", "hello"));
  EXPECT_TRUE(GlobMatch("*a*b*", "xxaxxbxx"));
  EXPECT_TRUE(GlobMatch("*ab", "aab"));
  EXPECT_TRUE(GlobMatch("a*bc*d", "abbcbcd"));
  EXPECT_FALSE(GlobMatch("*a*b*", "bbba"));
  EXPECT_FALSE(GlobMatch("*ab?", "aab"));
}

TEST(GlobMatch, ClassTakesOneOfItsCharacters) {
  EXPECT_TRUE(GlobMatch("h[ae]llo", "hallo"));
  EXPECT_TRUE(GlobMatch("h[ae]llo", "hello"));
  EXPECT_FALSE(GlobMatch("h[ae]llo", "hillo"));
  EXPECT_FALSE(GlobMatch("[]", "]"));
}

TEST(GlobMatch, ClassMayBeNegated) {
  EXPECT_TRUE(GlobMatch("h[^e]llo", "hallo"));
  EXPECT_FALSE(GlobMatch("h[^e]llo", "hello"));
  EXPECT_TRUE(GlobMatch("[a^]", "^"));
  EXPECT_TRUE(GlobMatch("[^]", "x"));
}

TEST(GlobMatch, ClassHasRangesWithTheirEndsInEitherOrder) {
  EXPECT_TRUE(GlobMatch("[a-c]", "b"));
  EXPECT_TRUE(GlobMatch("[c-a]", "b"));
  EXPECT_FALSE(GlobMatch("[a-c]", "d"));
  EXPECT_TRUE(GlobMatch("[\x80-\xff]", "\xc0"));
  EXPECT_TRUE(GlobMatch("[a-\xff]", "\xc0"));
}

TEST(GlobMatch, RangeTakesAnyEndEvenTheClosingBracket) {
  EXPECT_TRUE(GlobMatch("[a-]", "_"));  // between ']' and 'a'
  EXPECT_FALSE(GlobMatch("[a-]", "-"));
  EXPECT_TRUE(GlobMatch("[a-", "-"));  // too short for a range
}

TEST(GlobMatch, ClassThatDoesNotEndGoesToTheEndOfThePattern) {
  EXPECT_TRUE(GlobMatch("[abc", "b"));
  EXPECT_FALSE(GlobMatch("[", "["));
  EXPECT_TRUE(GlobMatch("[^", "x"));
  EXPECT_TRUE(GlobMatch("[a\\", "\\"));
}

TEST(GlobMatch, BackslashTakesACharacterAsItIs) {
  EXPECT_TRUE(GlobMatch("h\\*llo", "h*llo"));
  EXPECT_FALSE(GlobMatch("h\\*llo", "hello"));
  EXPECT_TRUE(GlobMatch("[\\]]", "]"));
  EXPECT_TRUE(GlobMatch("[\\^]", "^"));
  EXPECT_TRUE(GlobMatch("a\\", "a\\"));
}

TEST(GlobMatch, TakesEveryByte) {
  const std::string_view zero("a\0b", 3);
  EXPECT_TRUE(GlobMatch(zero, zero));
  EXPECT_TRUE(GlobMatch("a?b", zero));
  EXPECT_FALSE(GlobMatch("a", zero));
}

// Going back to every star would take longer than the world is old.
TEST(GlobMatch, HostilePatternEnds) {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "a*";
  EXPECT_FALSE(GlobMatch(pattern + "b", std::string(100'000, 'a')));
}

TEST(EqualsIgnoreCase, FoldsAsciiLettersOnly) {
  EXPECT_TRUE(EqualsIgnoreCase("KeepTTL", "keepttl"));
  EXPECT_TRUE(EqualsIgnoreCase("", ""));
  EXPECT_FALSE(EqualsIgnoreCase("ex", "e"));
  EXPECT_FALSE(EqualsIgnoreCase("[", "{"));
  EXPECT_FALSE(EqualsIgnoreCase("\xc4", "\xe4"));
}

TEST(ShownInError, EndsAtANulOrTheLimit) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(ShownInError("ab\0c"sv), "ab");
  EXPECT_EQ(ShownInError("\0"sv), "");
  EXPECT_EQ(ShownInError("abcdef", 3), "abc");
  EXPECT_EQ(ShownInError("a\0bcdef"sv, 3), "a");
}

TEST(ToLower, FoldsAsciiLettersOnly) {
  EXPECT_EQ(ToLower("GET-Z@[\xc4"), "get-z@[\xc4");
}

}  // namespace
}  // namespace cartwheel::server
