#include <string>

#include <gtest/gtest.h>

#include "server/ops/strings.h"
#include "tests/server/op_tester.h"

namespace cartwheel::server {
namespace {

std::string RunLcs(OpTester& redis, std::string_view options) {
  return redis.Run(ParseLcs, "LCS a b " + std::string(options), kTwoKeys);
}

OpTester WithValues(std::string_view a, std::string_view b) {
  OpTester redis;
  redis.Put("a", a);
  redis.Put("b", b);
  return redis;
}

std::string LcsOf(std::string_view a, std::string_view b) {
  OpTester redis = WithValues(a, b);
  return RunLcs(redis, "");
}

TEST(Lcs, RepliesTheSubsequence) {
  EXPECT_EQ(LcsOf("ohmytext", "mynewtext"), "$6\r\nmytext\r\n");
  EXPECT_EQ(LcsOf("same", "same"), "$4\r\nsame\r\n");
  EXPECT_EQ(LcsOf("abc", "xyz"), "$0\r\n\r\n");
}

TEST(Lcs, OfSeveralItPicksTheOneRedisPicks) {
  EXPECT_EQ(LcsOf("ab", "ba"), "$1\r\nb\r\n");
  EXPECT_EQ(LcsOf("abcbdab", "bdcaba"), "$4\r\nbdab\r\n");
}

TEST(Lcs, AbsentKeysAreEmpty) {
  OpTester redis;
  EXPECT_EQ(RunLcs(redis, ""), "$0\r\n\r\n");
  EXPECT_EQ(RunLcs(redis, "LEN"), ":0\r\n");
  EXPECT_EQ(RunLcs(redis, "IDX"), "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
  redis.Put("a", "text");
  EXPECT_EQ(RunLcs(redis, ""), "$0\r\n\r\n");
}

TEST(Lcs, LenRepliesTheLength) {
  OpTester redis = WithValues("ohmytext", "mynewtext");
  EXPECT_EQ(RunLcs(redis, "len"), ":6\r\n");
}

TEST(Lcs, IdxRepliesTheMatchesLastFirst) {
  OpTester redis = WithValues("ohmytext", "mynewtext");
  EXPECT_EQ(RunLcs(redis, "IDX"),
            "*4\r\n$7\r\nmatches\r\n*2\r\n"
            "*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
            "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n"
            "$3\r\nlen\r\n:6\r\n");
}

TEST(Lcs, IdxIsAMapInResp3) {
  OpTester redis = WithValues("x", "y");
  redis.protocol = resp::Protocol::kResp3;
  EXPECT_EQ(RunLcs(redis, "IDX"), "%2\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
}

TEST(Lcs, MinMatchLenHidesShorterMatchesButNotTheLength) {
  OpTester redis = WithValues("ohmytext", "mynewtext");
  EXPECT_EQ(RunLcs(redis, "IDX MINMATCHLEN 4 WITHMATCHLEN"),
            "*4\r\n$7\r\nmatches\r\n*1\r\n"
            "*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
            "$3\r\nlen\r\n:6\r\n");
  EXPECT_EQ(RunLcs(redis, "IDX MINMATCHLEN 5"), "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:6\r\n");
}

TEST(Lcs, NegativeMinMatchLenIsNone) {
  OpTester redis = WithValues("ohmytext", "mynewtext");
  EXPECT_EQ(RunLcs(redis, "IDX MINMATCHLEN -1"), RunLcs(redis, "IDX"));
}

TEST(Lcs, MinMatchLenAndWithMatchLenAreForIdxOnly) {
  OpTester redis = WithValues("ohmytext", "mynewtext");
  EXPECT_EQ(RunLcs(redis, "MINMATCHLEN 100 WITHMATCHLEN"), "$6\r\nmytext\r\n");
}

TEST(Lcs, RefusesBadOptions) {
  OpTester redis;
  EXPECT_EQ(RunLcs(redis, "IDX LEN"),
            "-ERR If you want both the length and indexes, please just use IDX.\r\n");
  EXPECT_EQ(RunLcs(redis, "foo"), "-ERR syntax error\r\n");
  EXPECT_EQ(RunLcs(redis, "MINMATCHLEN"), "-ERR syntax error\r\n");
  EXPECT_EQ(RunLcs(redis, "MINMATCHLEN x"), "-ERR value is not an integer or out of range\r\n");
}

TEST(Lcs, RefusesOtherTypes) {
  OpTester redis;
  redis.PutOtherType("b");
  EXPECT_EQ(RunLcs(redis, ""), "-ERR The specified keys must contain string values\r\n");
}

TEST(Lcs, RefusesTablesBeyondTheLimit) {
  OpTester redis = WithValues("abc", "abcd");
  redis.max_string_bytes = 4 * 5 * 4;
  EXPECT_EQ(RunLcs(redis, "LEN"), ":3\r\n");
  redis.max_string_bytes = 4 * 5 * 4 - 1;
  EXPECT_EQ(RunLcs(redis, "LEN"),
            "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n");
}

// The sizes are refused before a byte is looked at, so there need be no such strings.
std::string LcsOfSizes(size_t a, size_t b) {
  const std::optional<cluster::Value> values[] = {
      cluster::Value{.bytes = std::string_view("", a)},
      cluster::Value{.bytes = std::string_view("", b)},
  };
  cluster::Change changes[2];
  std::string bytes;
  resp::ReplyWriter reply(bytes, resp::Protocol::kResp2);
  OpOutput out{.changes = changes, .reply = reply};
  Apply(LcsOp{}, {.keys = {}, .values = values, .now_ms = 0, .max_string_bytes = SIZE_MAX}, out);
  return bytes;
}

TEST(Lcs, RefusesStringsWhosePositionsDoNotFit) {
  EXPECT_EQ(LcsOfSizes(UINT32_MAX - 1, 1), "-ERR String too long for LCS\r\n");
  EXPECT_EQ(LcsOfSizes(1, UINT32_MAX - 1), "-ERR String too long for LCS\r\n");
}

TEST(Lcs, RefusesTablesThatNoMachineHolds) {
  EXPECT_EQ(LcsOfSizes(UINT32_MAX - 2, UINT32_MAX - 2),
            "-ERR Insufficient memory, failed allocating transient memory for LCS\r\n");
}

}  // namespace
}  // namespace cartwheel::server
