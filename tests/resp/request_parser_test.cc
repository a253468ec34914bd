#include "resp/request_parser.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::resp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Status = RequestParser::Status;

// What a stream of bytes says: its requests, then perhaps an error.
struct Outcome {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << testing::PrintToString(outcome.requests) << " error '" << outcome.error << "'";
}

// Feeds `pieces` as a connection does, keeping what is not consumed. Every call gets the bytes in a
// new exact-size buffer, so a view into an older one or a read past the end is caught by ASan.
Outcome Feed(const std::vector<std::string_view>& pieces, const RequestLimits& limits = {}) {
  Outcome outcome;
  RequestParser parser;
  std::string pending;
  for (const std::string_view piece : pieces) {
    pending += piece;
    for (;;) {
      const auto buffer = std::make_unique<char[]>(pending.size());
      pending.copy(buffer.get(), pending.size());
      const Status status = parser.Parse({buffer.get(), pending.size()}, limits);
      if (status == Status::kError) {
        outcome.error = parser.error();
        return outcome;
      }
      if (status == Status::kIncomplete) break;
      outcome.requests.emplace_back(parser.args().begin(), parser.args().end());
      pending.erase(0, parser.consumed());
    }
  }
  return outcome;
}

std::vector<std::string> Args(std::string_view bytes) {
  const Outcome outcome = Feed({bytes});
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.requests.size(), 1U) << bytes;
  return outcome.requests.size() == 1 ? outcome.requests[0] : std::vector<std::string>();
}

std::string ErrorOf(std::string_view bytes, const RequestLimits& limits = {}) {
  return Feed({bytes}, limits).error;
}

std::string Bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

const std::string kNul(1, '\0');

TEST(RequestParser, ReadsAnArrayOfBulkStrings) {
  EXPECT_THAT(Args("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"), ElementsAre("ECHO", ""));
  EXPECT_THAT(Args("*1\r\n" + Bulk("a\r\n" + kNul + "b")), ElementsAre("a\r\n" + kNul + "b"));
}

TEST(RequestParser, ViewsPointIntoTheInput) {
  const std::string input = "*1\r\n$4\r\nPING\r\n";
  RequestParser parser;
  ASSERT_EQ(parser.Parse(input, {}), Status::kComplete);
  EXPECT_EQ(parser.args()[0].data(), input.data() + 8);
  EXPECT_EQ(parser.consumed(), input.size());
}

TEST(RequestParser, TakesOneRequestOfAPipelineAtATime) {
  const std::string input = "*1\r\n$4\r\nPING\r\nPING x\n*1\r\n$4\r\nQUIT\r\n";
  EXPECT_THAT(Feed({input}).requests,
              ElementsAre(ElementsAre("PING"), ElementsAre("PING", "x"), ElementsAre("QUIT")));
}

TEST(RequestParser, CountsBelowOneAreAnEmptyRequest) {
  EXPECT_THAT(Args("*0\r\n"), IsEmpty());
  EXPECT_THAT(Args("*-1\r\n"), IsEmpty());
  EXPECT_THAT(Args("*-9223372036854775808\r\n"), IsEmpty());
  EXPECT_THAT(Args("\r\n"), IsEmpty());
  EXPECT_THAT(Args("\n"), IsEmpty());
  EXPECT_THAT(Args(" \t \n"), IsEmpty());
}

TEST(RequestParser, LineEndsAreNotLookedAtBeyondTheirFirstByte) {
  EXPECT_THAT(Args("*1\rX$4\rYPINGab"), ElementsAre("PING"));
}

TEST(RequestParser, EmptyInputIsIncomplete) {
  RequestParser parser;
  EXPECT_EQ(parser.Parse("", {}), Status::kIncomplete);
  EXPECT_EQ(parser.bytes_needed(), 0U);
}

TEST(RequestParser, SaysHowManyBytesALargeArgumentNeeds) {
  const std::string head = "*2\r\n$3\r\nGET\r\n$1000\r\n";
  RequestParser parser;
  EXPECT_EQ(parser.Parse(head.substr(0, head.size() - 1), {}), Status::kIncomplete);
  EXPECT_EQ(parser.bytes_needed(), 0U);
  EXPECT_EQ(parser.Parse(head, {}), Status::kIncomplete);
  EXPECT_EQ(parser.bytes_needed(), head.size() + 1002);
  EXPECT_EQ(parser.Parse(head + std::string(1002, 'x'), {}), Status::kComplete);
  EXPECT_EQ(parser.bytes_needed(), 0U);
}

TEST(RequestParser, InlineArgumentsAreSplitAtBlanks) {
  EXPECT_THAT(Args(" SET\t k  v \r\n"), ElementsAre("SET", "k", "v"));
  EXPECT_THAT(Args("PING\n"), ElementsAre("PING"));
  EXPECT_THAT(Args("\v\fECHO x\r\n"), ElementsAre("ECHO", "x"));
  EXPECT_THAT(Args("ECHO a\vb\r\n"), ElementsAre("ECHO", "a\vb"));
  EXPECT_THAT(Args("ECHO a\rb\n"), ElementsAre("ECHO", "a", "b"));
  EXPECT_THAT(Args("ECHO a\\n\n"), ElementsAre("ECHO", "a\\n"));
  EXPECT_THAT(Args("ECHO a" + kNul + "b\n"), ElementsAre("ECHO", "a" + kNul + "b"));
}

TEST(RequestParser, DoubleQuotesKnowEscapes) {
  EXPECT_THAT(Args("ECHO \"a b\" \"\" \"\\x41\\x0Az\" \"\\n\\r\\t\\b\\a\\q\\\"\\\\\"\r\n"),
              ElementsAre("ECHO", "a b", "", "A\nz", "\n\r\t\b\aq\"\\"));
  EXPECT_THAT(Args("\"\\xZZ\" \"\\x4\" \"\\x\"\n"), ElementsAre("xZZ", "x4", "x"));
  EXPECT_THAT(Args("ECHO a\"b c\"\r\n"), ElementsAre("ECHO", "ab c"));
  EXPECT_THAT(Args("\"it's\"\v\"x\"\n"), ElementsAre("it's", "x"));
}

TEST(RequestParser, SingleQuotesKnowOnlyTheirOwnEscape) {
  EXPECT_THAT(Args("ECHO 'a\\'b' '\\n\"\\\\ ' ''\n"), ElementsAre("ECHO", "a'b", "\\n\"\\\\ ", ""));
}

TEST(RequestParser, UnbalancedQuotesAreAnError) {
  for (const std::string line :
       {"\"a", "'a", "\"a\"b", "'a'b", "\"a\\", "'a\\'", "a\"", "\"\"\""}) {
    EXPECT_EQ(ErrorOf(line + "\r\n"), "ERR Protocol error: unbalanced quotes in request") << line;
  }
}

TEST(RequestParser, CountsAreSpelledStrictly) {
  for (const std::string count : {"", "03", "-0", "+1", " 1", "1 ", "1x", "-", "2147483648",
                                  "99999999999999999999", "-9223372036854775809"}) {
    EXPECT_EQ(ErrorOf("*" + count + "\r\n"), "ERR Protocol error: invalid multibulk length")
        << count;
  }
  EXPECT_EQ(ErrorOf("*2147483647\r\n"), "");
}

TEST(RequestParser, LengthsAreSpelledStrictly) {
  for (const std::string length : {"", "04", "-1", "+1", " 1", "1x", "536870913",
                                   "9223372036854775807", "99999999999999999999"}) {
    EXPECT_EQ(ErrorOf("*1\r\n$" + length + "\r\n"), "ERR Protocol error: invalid bulk length")
        << length;
  }
  EXPECT_EQ(ErrorOf("*1\r\n$536870912\r\n"), "");
}

TEST(RequestParser, ArgumentsMustBeBulkStrings) {
  EXPECT_EQ(ErrorOf("*1\r\nxyz"), "");  // judged when its line is there, as in Redis
  EXPECT_EQ(ErrorOf("*1\r\nxyz\r\n"), "ERR Protocol error: expected '$', got 'x'");
  EXPECT_EQ(ErrorOf("*1\r\n:1\r\n"), "ERR Protocol error: expected '$', got ':'");
  EXPECT_EQ(ErrorOf("*1\r\n\r\n"), "ERR Protocol error: expected '$', got '\r'");
}

TEST(RequestParser, LinesHaveALimit) {
  constexpr size_t kMax = 64UL << 10;
  EXPECT_EQ(ErrorOf(std::string(kMax, 'x')), "");
  EXPECT_EQ(ErrorOf(std::string(kMax, 'x') + "\n"), "");
  EXPECT_EQ(ErrorOf(std::string(kMax + 1, 'x')), "ERR Protocol error: too big inline request");
  EXPECT_EQ(ErrorOf(std::string(kMax + 1, 'x') + "\n"),
            "ERR Protocol error: too big inline request");
  EXPECT_EQ(ErrorOf("*" + std::string(kMax - 1, '1')), "");
  EXPECT_EQ(ErrorOf("*" + std::string(kMax, '1')),
            "ERR Protocol error: too big mbulk count string");
  EXPECT_EQ(ErrorOf("*1\r\n$" + std::string(kMax - 1, '1')), "");
  EXPECT_EQ(ErrorOf("*1\r\n$" + std::string(kMax, '1')),
            "ERR Protocol error: too big bulk count string");
}

TEST(RequestParser, LimitsComeFromTheCaller) {
  RequestLimits limits;
  limits.max_bulk_bytes = 100;
  limits.max_args = 2;
  EXPECT_EQ(ErrorOf("*2\r\n$100\r\n", limits), "");
  EXPECT_EQ(ErrorOf("*2\r\n$101\r\n", limits), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(ErrorOf("*3\r\n", limits), "ERR Protocol error: invalid multibulk length");
}

TEST(RequestParser, UnauthenticatedClientsMaySendLittle) {
  RequestLimits limits;
  limits.authenticated = false;
  EXPECT_EQ(ErrorOf("*10\r\n$16384\r\n", limits), "");
  EXPECT_EQ(ErrorOf("*11\r\n", limits), "ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(ErrorOf("*1\r\n$16385\r\n", limits), "ERR Protocol error: unauthenticated bulk length");
  EXPECT_EQ(ErrorOf("*1\r\n$536870913\r\n", limits), "ERR Protocol error: invalid bulk length");
}

TEST(RequestParser, AnErrorIsFinal) {
  RequestParser parser;
  ASSERT_EQ(parser.Parse("*x\r\n", {}), Status::kError);
  EXPECT_EQ(parser.Parse("PING\r\n", {}), Status::kError);
  EXPECT_EQ(parser.error(), "ERR Protocol error: invalid multibulk length");
  EXPECT_THAT(parser.args(), IsEmpty());
}

TEST(RequestParser, RequestsBeforeAnErrorAreStillRead) {
  const Outcome outcome = Feed({"PING\r\n*1\r\n!\r\n"});
  EXPECT_THAT(outcome.requests, ElementsAre(ElementsAre("PING")));
  EXPECT_EQ(outcome.error, "ERR Protocol error: expected '$', got '!'");
}

TEST(RequestParser, ManyArgumentsAfterFewAndFewAfterMany) {
  std::string many = "*5000\r\n";
  for (int i = 0; i < 5000; ++i) many += Bulk(std::to_string(i));
  const Outcome outcome = Feed({"PING\r\n", many, "PING\r\n", many});
  ASSERT_EQ(outcome.requests.size(), 4U);
  EXPECT_EQ(outcome.requests[1].size(), 5000U);
  EXPECT_EQ(outcome.requests[1][4999], "4999");
  EXPECT_THAT(outcome.requests[2], ElementsAre("PING"));
  EXPECT_EQ(outcome.requests[3], outcome.requests[1]);
}

class RequestParserCut : public testing::TestWithParam<std::string> {};

TEST_P(RequestParserCut, AnySplitGivesTheSameRequests) {
  const std::string bytes_owned = GetParam();
  const std::string_view bytes = bytes_owned;
  const Outcome whole = Feed({bytes});
  for (size_t i = 0; i <= bytes.size(); ++i) {
    for (size_t j = i; j <= bytes.size(); ++j) {
      EXPECT_EQ(Feed({bytes.substr(0, i), bytes.substr(i, j - i), bytes.substr(j)}), whole)
          << "cut at " << i << " and " << j;
    }
  }
  std::vector<std::string_view> single_bytes;
  for (size_t i = 0; i < bytes.size(); ++i) single_bytes.push_back(bytes.substr(i, 1));
  EXPECT_EQ(Feed(single_bytes), whole);
}

INSTANTIATE_TEST_SUITE_P(
    Requests, RequestParserCut,
    testing::Values("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n\r\n*1\r\n$4\r\nx\r\n\r\n",
                    "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n",
                    "ECHO \"a\\x41 \\\"\" 'b\\'c' d\r\nPING\n\r\n\nPING x\r\n", "*000000001\r\n",
                    "*1234567890\r\n$5\r\nhello\r\n$-3\r\n", "*1\r\n$00\r\n", "*1\r\n\r\n", "*\r\n",
                    "PING\r\n*2\r\n$1\r\na\r\n+OK\r\n", "\"open\r\nPING\r\n",
                    "*1\n\r\n$4\r\nPING\r\n", "*1\r\n$000000000000000000000000000004\r\nPING\r\n"));

TEST(RequestParser, LongLinesAreTooBigHoweverTheyAreCut) {
  RequestLimits limits;
  limits.max_inline_bytes = 32;
  for (const std::string start : {"", "*", "*1\r\n$"}) {
    for (const char* end : {"\r\n", "\n", ""}) {
      for (size_t length = 29; length < 36; ++length) {
        const std::string bytes = start + std::string(length, '1') + end;
        const std::string_view view = bytes;
        const Outcome whole = Feed({view}, limits);
        for (size_t cut = 0; cut <= view.size(); ++cut) {
          EXPECT_EQ(Feed({view.substr(0, cut), view.substr(cut)}, limits), whole)
              << start << " " << length << " cut at " << cut;
        }
      }
    }
  }
}

}  // namespace
}  // namespace cartwheel::resp
