#include "server/config_text.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

std::string Bytes(std::string_view literal) {
  return std::string(literal);
}

TEST(ConfigText, SplitsLinesWithAndWithoutALastNewline) {
  EXPECT_THAT(SplitLines("a\n\nb"), ElementsAre("a", "", "b"));
  EXPECT_THAT(SplitLines("a\nb\n"), ElementsAre("a", "b"));
  EXPECT_THAT(SplitLines(""), IsEmpty());
}

TEST(ConfigText, CommentsAndEmptyLinesHoldNoOption) {
  EXPECT_EQ(OptionText("# port 1"), "");
  EXPECT_EQ(OptionText("  \t# port 1"), "");
  EXPECT_EQ(OptionText(" \t\r"), "");
  EXPECT_EQ(OptionText(""), "");
}

TEST(ConfigText, BlanksAndCarriageReturnsAroundAnOptionDoNotCount) {
  EXPECT_EQ(OptionText("\t port 1 \r"), "port 1");
}

TEST(ConfigText, AnyBlankSeparatesWords) {
  EXPECT_THAT(SplitWords("save  3600\t1\v2"), Optional(ElementsAre("save", "3600", "1", "2")));
  EXPECT_THAT(SplitWords(""), Optional(IsEmpty()));
}

TEST(ConfigText, DoubleQuotesTakeEscapes) {
  EXPECT_THAT(SplitWords(R"("a b" "\n\r\t\a\b" "\"\\\q")"),
              Optional(ElementsAre("a b", "\n\r\t\a\b", "\"\\q")));
  EXPECT_THAT(SplitWords(R"("\x00\xfFz")"), Optional(ElementsAre(Bytes({"\0\xffz", 3}))));
}

TEST(ConfigText, AnIncompleteHexEscapeIsAnX) {
  EXPECT_THAT(SplitWords(R"("\xg1" "\x1")"), Optional(ElementsAre("xg1", "x1")));
}

TEST(ConfigText, SingleQuotesTakeOnlyTheQuoteItself) {
  EXPECT_THAT(SplitWords(R"('a "b\n' 'it\'s')"), Optional(ElementsAre("a \"b\\n", "it's")));
}

TEST(ConfigText, AQuoteMayOpenInsideAWord) {
  EXPECT_THAT(SplitWords(R"(a"b c")"), Optional(ElementsAre("ab c")));
}

TEST(ConfigText, UnbalancedQuotesAreNoWords) {
  for (const char* line : {"\"a", "'a", "\"a\\", "\"a\\\"", "\"a\"b", "'a'b", "'a\\'"}) {
    EXPECT_EQ(SplitWords(line), std::nullopt) << line;
  }
}

TEST(ConfigText, WordsAreQuotedOnlyWhereNeeded) {
  EXPECT_EQ(QuoteWord("/var/lib/x"), "/var/lib/x");
  EXPECT_EQ(QuoteWord("back\\slash"), "back\\slash");
  EXPECT_EQ(QuoteWord("grün"), "grün");
  EXPECT_EQ(QuoteWord(""), "\"\"");
  EXPECT_EQ(QuoteWord("a b"), "\"a b\"");
  EXPECT_EQ(QuoteWord("a\"\\\n"), R"("a\"\\\x0a")");
}

TEST(ConfigText, EveryByteSurvivesQuotingAndSplitting) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string alone(1, static_cast<char>(byte));
    EXPECT_THAT(SplitWords(QuoteWord(alone)), Optional(ElementsAre(alone))) << byte;
    const std::string between = "a " + alone + "1";
    EXPECT_THAT(SplitWords(QuoteWord(between)), Optional(ElementsAre(between))) << byte;
  }
}

}  // namespace
}  // namespace cartwheel::server
