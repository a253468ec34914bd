// The operations of server/ops/strings.h that work on the value that is there: APPEND, the ranges,
// the counters.
#include <gtest/gtest.h>

#include "server/ops/strings.h"
#include "tests/server/op_tester.h"

namespace cartwheel::server {
namespace {

using Kind = cluster::Change::Kind;

constexpr int64_t kLater = OpTester::kNowMs + 1000;
constexpr std::string_view kNoInteger = "-ERR value is not an integer or out of range\r\n";
constexpr std::string_view kNoFloat = "-ERR value is not a valid float\r\n";
constexpr std::string_view kOverflow = "-ERR increment or decrement would overflow\r\n";
constexpr std::string_view kNotFinite = "-ERR increment would produce NaN or Infinity\r\n";
constexpr std::string_view kTooLong =
    "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
constexpr std::string_view kOtherType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

TEST(StringEdits, RefuseOtherTypes) {
  OpTester redis;
  redis.PutOtherType("k");
  EXPECT_EQ(redis.Run(ParseAppend, "APPEND k x"), kOtherType);
  EXPECT_EQ(redis.Run(ParseStrLen, "STRLEN k"), kOtherType);
  EXPECT_EQ(redis.Run(ParseGetRange, "GETRANGE k 0 0"), kOtherType);
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k 0 x"), kOtherType);
  EXPECT_EQ(redis.Run(ParseIncr, "INCR k"), kOtherType);
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k 1"), kOtherType);
}

TEST(Append, AddsBytesAndKeepsTheExpiry) {
  OpTester redis;
  redis.Put("k", "ab", kLater);
  EXPECT_EQ(redis.Run(ParseAppend, "APPEND k cd"), ":4\r\n");
  EXPECT_EQ(redis.Get("k"), "abcd");
  EXPECT_EQ(redis.ExpireAtOf("k"), kLater);
}

TEST(Append, CreatesAnAbsentKeyEvenWithNothing) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseAppend, "APPEND k abc"), ":3\r\n");
  EXPECT_EQ(redis.Get("k"), "abc");
  EXPECT_EQ(redis.Run(ParseAppend, "APPEND empty \"\""), ":0\r\n");
  EXPECT_EQ(redis.Get("empty"), "");
}

TEST(Append, MakesNoValueLongerThanTheLimit) {
  OpTester redis;
  redis.max_string_bytes = 4;
  redis.Put("k", "ab");
  EXPECT_EQ(redis.Run(ParseAppend, "APPEND k cde"), kTooLong);
  EXPECT_EQ(redis.Get("k"), "ab");
  EXPECT_EQ(redis.Run(ParseAppend, "APPEND k cd"), ":4\r\n");
  EXPECT_EQ(redis.Run(ParseAppend, "APPEND k \"\""), ":4\r\n");
  redis.max_string_bytes = 3;  // lowered since
  EXPECT_EQ(redis.Run(ParseAppend, "APPEND k \"\""), kTooLong);
}

TEST(StrLen, CountsBytes) {
  OpTester redis;
  redis.Put("k", "abc");
  EXPECT_EQ(redis.Run(ParseStrLen, "STRLEN k"), ":3\r\n");
  EXPECT_EQ(redis.Run(ParseStrLen, "STRLEN absent"), ":0\r\n");
}

TEST(GetRange, CountsFromEitherEndAndClamps) {
  OpTester redis;
  redis.Put("k", "Hello");
  const auto range = [&](std::string_view positions) {
    return redis.Run(ParseGetRange, "GETRANGE k " + std::string(positions));
  };
  EXPECT_EQ(range("0 -1"), "$5\r\nHello\r\n");
  EXPECT_EQ(range("1 3"), "$3\r\nell\r\n");
  EXPECT_EQ(range("-3 -2"), "$2\r\nll\r\n");
  EXPECT_EQ(range("-100 1"), "$2\r\nHe\r\n");
  EXPECT_EQ(range("3 100"), "$2\r\nlo\r\n");
  EXPECT_EQ(range("3 2"), "$0\r\n\r\n");
  EXPECT_EQ(range("5 5"), "$0\r\n\r\n");
  EXPECT_EQ(range("-1 -2"), "$0\r\n\r\n");
  EXPECT_EQ(range("-9223372036854775808 9223372036854775807"), "$5\r\nHello\r\n");
}

TEST(GetRange, EndBeforeTheFirstByteIsTheFirstByte) {
  OpTester redis;
  redis.Put("k", "Hello");
  EXPECT_EQ(redis.Run(ParseGetRange, "GETRANGE k 0 -100"), "$1\r\nH\r\n");
  EXPECT_EQ(redis.Run(ParseGetRange, "GETRANGE k -200 -100"), "$1\r\nH\r\n");
  EXPECT_EQ(redis.Run(ParseGetRange, "GETRANGE k -100 -200"), "$0\r\n\r\n");
}

TEST(GetRange, OfNothingIsEmpty) {
  OpTester redis;
  redis.Put("empty", "");
  EXPECT_EQ(redis.Run(ParseGetRange, "GETRANGE empty 0 -1"), "$0\r\n\r\n");
  EXPECT_EQ(redis.Run(ParseGetRange, "GETRANGE absent 0 -1"), "$0\r\n\r\n");
}

TEST(GetRange, RefusesPositionsThatAreNoIntegers) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseGetRange, "GETRANGE k a 0"), kNoInteger);
  EXPECT_EQ(redis.Run(ParseGetRange, "GETRANGE k 0 a"), kNoInteger);
}

TEST(SetRange, OverwritesAndKeepsTheExpiry) {
  OpTester redis;
  redis.Put("k", "Hello World", kLater);
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k 6 Redis"), ":11\r\n");
  EXPECT_EQ(redis.Get("k"), "Hello Redis");
  EXPECT_EQ(redis.ExpireAtOf("k"), kLater);
}

TEST(SetRange, FillsTheGapWithZeros) {
  OpTester redis;
  redis.Put("k", "ab");
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k 1 xyz"), ":4\r\n");
  EXPECT_EQ(redis.Get("k"), "axyz");
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k 5 z"), ":6\r\n");
  EXPECT_EQ(redis.Get("k"), std::string("axyz\0z", 6));
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE new 2 z"), ":3\r\n");
  EXPECT_EQ(redis.Get("new"), std::string("\0\0z", 3));
}

TEST(SetRange, NothingChangesNothing) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE absent 5000 \"\""), ":0\r\n");
  EXPECT_EQ(redis.Get("absent"), std::nullopt);
  redis.Put("k", "abc");
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k 9223372036854775807 \"\""), ":3\r\n");
  EXPECT_EQ(redis.changes()[0].kind(), Kind::kNone);
}

TEST(SetRange, MakesNoValueLongerThanTheLimit) {
  OpTester redis;
  redis.max_string_bytes = 4;
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k 3 xy"), kTooLong);
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k 5 x"), kTooLong);
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k 9223372036854775807 xx"), kTooLong);
  EXPECT_EQ(redis.Get("k"), std::nullopt);
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k 2 xy"), ":4\r\n");
}

TEST(SetRange, RefusesNegativeOffsetsAndOtherText) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k -1 x"), "-ERR offset is out of range\r\n");
  EXPECT_EQ(redis.Run(ParseSetRange, "SETRANGE k a x"), kNoInteger);
}

TEST(Incr, CountsFromZeroAndKeepsTheExpiry) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseIncr, "INCR new"), ":1\r\n");
  EXPECT_EQ(redis.Get("new"), "1");
  EXPECT_EQ(redis.Run(ParseDecr, "DECR down"), ":-1\r\n");
  redis.Put("k", "10", kLater);
  EXPECT_EQ(redis.Run(ParseIncr, "INCR k"), ":11\r\n");
  EXPECT_EQ(redis.Run(ParseDecr, "DECR k"), ":10\r\n");
  EXPECT_EQ(redis.Run(ParseIncrBy, "INCRBY k -3"), ":7\r\n");
  EXPECT_EQ(redis.Run(ParseDecrBy, "DECRBY k -5"), ":12\r\n");
  EXPECT_EQ(redis.Get("k"), "12");
  EXPECT_EQ(redis.ExpireAtOf("k"), kLater);
}

TEST(Incr, RefusesStoredTextThatIsNoStrictInteger) {
  OpTester redis;
  for (const std::string_view text :
       {"", " 1", "1 ", "+1", "01", "-0", "1.0", "abc", "9223372036854775808"}) {
    redis.Put("k", text);
    EXPECT_EQ(redis.Run(ParseIncr, "INCR k"), kNoInteger) << text;
    EXPECT_EQ(redis.Get("k"), text);
  }
}

TEST(Incr, RefusesStepsThatAreNoStrictIntegers) {
  OpTester redis;
  for (const std::string_view step : {"a", "1.5", "+1", "01", "9223372036854775808"}) {
    EXPECT_EQ(redis.Run(ParseIncrBy, "INCRBY k " + std::string(step)), kNoInteger) << step;
    EXPECT_EQ(redis.Run(ParseDecrBy, "DECRBY k " + std::string(step)), kNoInteger) << step;
  }
}

TEST(Incr, RefusesToOverflow) {
  OpTester redis;
  redis.Put("max", "9223372036854775807");
  redis.Put("min", "-9223372036854775808");
  EXPECT_EQ(redis.Run(ParseIncr, "INCR max"), kOverflow);
  EXPECT_EQ(redis.Run(ParseDecr, "DECR min"), kOverflow);
  EXPECT_EQ(redis.Run(ParseDecrBy, "DECRBY max -1"), kOverflow);
  EXPECT_EQ(redis.Get("max"), "9223372036854775807");
  EXPECT_EQ(redis.Run(ParseIncrBy, "INCRBY max -9223372036854775808"), ":-1\r\n");
}

TEST(DecrBy, OfTheSmallestIntegerOverflows) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseDecrBy, "DECRBY k -9223372036854775808"),
            "-ERR decrement would overflow\r\n");
  EXPECT_EQ(redis.Run(ParseDecrBy, "DECRBY k 9223372036854775807"), ":-9223372036854775807\r\n");
}

TEST(IncrByFloat, AddsAndKeepsTheExpiry) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT new 3.0e3"), "$4\r\n3000\r\n");
  redis.Put("k", "10.50", kLater);
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k 0.1"), "$4\r\n10.6\r\n");
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k -5"), "$3\r\n5.6\r\n");
  EXPECT_EQ(redis.Get("k"), "5.6");
  EXPECT_EQ(redis.ExpireAtOf("k"), kLater);
}

TEST(IncrByFloat, Has17DigitsAfterThePoint) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k 0.33333333333333333333"),
            "$19\r\n0.33333333333333333\r\n");
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT tiny -1e-20"), "$1\r\n0\r\n");
}

TEST(IncrByFloat, RefusesTextThatIsNoNumber) {
  OpTester redis;
  for (const std::string_view text : {"a", "\" 1\"", "\"1 \"", "\"\"", "nan", "1e5000"}) {
    EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k " + std::string(text)), kNoFloat) << text;
  }
  redis.Put("k", "a");
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k 1"), kNoFloat);
  redis.Put("k", "");
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k 1"), kNoFloat);
}

TEST(IncrByFloat, RefusesResultsThatAreNotFinite) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k inf"), kNotFinite);
  redis.Put("k", "inf");
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k -inf"), kNotFinite);
  redis.Put("k", "1e4932");
  EXPECT_EQ(redis.Run(ParseIncrByFloat, "INCRBYFLOAT k 1e4932"), kNotFinite);
}

}  // namespace
}  // namespace cartwheel::server
