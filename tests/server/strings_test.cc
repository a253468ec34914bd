#include "server/ops/strings.h"

#include <gtest/gtest.h>

#include "tests/server/op_tester.h"

namespace cartwheel::server {
namespace {

using Kind = cluster::Change::Kind;

constexpr int64_t kNow = OpTester::kNowMs;
constexpr std::string_view kNil = "$-1\r\n";
constexpr std::string_view kOk = "+OK\r\n";
constexpr std::string_view kSyntax = "-ERR syntax error\r\n";
constexpr std::string_view kNoInteger = "-ERR value is not an integer or out of range\r\n";
constexpr std::string_view kOtherType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
constexpr std::string_view kSetTime = "-ERR invalid expire time in 'set' command\r\n";
constexpr std::string_view kGetExTime = "-ERR invalid expire time in 'getex' command\r\n";
constexpr KeyRange kPairs{.first = 1, .last = -1, .step = 2};

TEST(Get, RepliesTheBytesOrNull) {
  OpTester redis;
  redis.Put("a", std::string_view("x\0\r\n", 4));
  EXPECT_EQ(redis.Run(ParseGet, "GET a"), std::string_view("$4\r\nx\0\r\n\r\n", 10));
  EXPECT_EQ(redis.changes()[0].kind(), Kind::kNone);
  EXPECT_EQ(redis.Run(ParseGet, "GET absent"), kNil);
  redis.protocol = resp::Protocol::kResp3;
  EXPECT_EQ(redis.Run(ParseGet, "GET absent"), "_\r\n");
}

TEST(Get, RefusesOtherTypes) {
  OpTester redis;
  redis.PutOtherType("a");
  EXPECT_EQ(redis.Run(ParseGet, "GET a"), kOtherType);
}

TEST(Set, OverwritesAnythingAndRemovesTheExpiry) {
  OpTester redis;
  redis.Put("a", "old", kNow + 1000);
  EXPECT_EQ(redis.Run(ParseSet, "SET a new"), kOk);
  EXPECT_EQ(redis.Get("a"), "new");
  EXPECT_EQ(redis.ExpireAtOf("a"), cluster::kNoExpiry);
  redis.PutOtherType("b");
  EXPECT_EQ(redis.Run(ParseSet, "SET b new"), kOk);
  EXPECT_EQ(redis.Get("b"), "new");
}

TEST(Set, PlainOneBorrowsItsValue) {
  OpTester redis;
  redis.Run(ParseSet, "SET a value");
  ASSERT_EQ(redis.access(), Access::kBlindWrite);
  const auto& op = std::get<SetOp>(redis.request().operation);
  EXPECT_EQ(redis.changes()[0].bytes().data(), op.value.data());
}

TEST(Set, TakesTimesInEveryForm) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 EX 10"), kOk);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10'000);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 px 10"), kOk);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 ExAt 2000000000"), kOk);
  EXPECT_EQ(redis.ExpireAtOf("a"), 2'000'000'000'000);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 PXAT 2000000000001"), kOk);
  EXPECT_EQ(redis.ExpireAtOf("a"), 2'000'000'000'001);
}

TEST(Set, KeepTtlKeepsTheExpiry) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1000);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 2 KEEPTTL"), kOk);
  EXPECT_EQ(redis.Get("a"), "2");
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 1000);
  EXPECT_EQ(redis.Run(ParseSet, "SET new 2 KEEPTTL"), kOk);
  EXPECT_EQ(redis.ExpireAtOf("new"), cluster::kNoExpiry);
}

TEST(Set, TimeThatHasPassedDeletesTheKey) {
  for (const std::string_view line :
       {"SET a 1 EXAT 1", "SET a 1 PXAT 1", "SET a 1 PXAT 1700000000000"}) {
    OpTester redis;
    redis.Put("a", "old");
    EXPECT_EQ(redis.Run(ParseSet, line), kOk) << line;
    EXPECT_EQ(redis.changes()[0].kind(), Kind::kDelete) << line;
    EXPECT_EQ(redis.Get("a"), std::nullopt) << line;
  }
}

TEST(Set, RefusesTimesThatAreNotPositiveOrCannotBeStored) {
  OpTester redis;
  for (const std::string_view options :
       {"EX 0", "EX -1", "PX 0", "PX -1", "EXAT 0", "PXAT -5", "EX 9223372036854775807",
        "PX 9223372036854775807", "EXAT 9223372036854775", "PXAT 281474976710656",
        "PX 281474976710655", "NX EX 0", "GET PX 0"}) {
    EXPECT_EQ(redis.Run(ParseSet, "SET a 1 " + std::string(options)), kSetTime) << options;
    EXPECT_EQ(redis.Get("a"), std::nullopt);
  }
}

TEST(Set, TakesTheLastTimeThatCanBeStored) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 PXAT 281474976710655"), kOk);
  EXPECT_EQ(redis.ExpireAtOf("a"), cluster::kMaxExpireAt);
  const auto longest = std::to_string(cluster::kMaxExpireAt - kNow);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 PX " + longest), kOk);
  EXPECT_EQ(redis.ExpireAtOf("a"), cluster::kMaxExpireAt);
}

TEST(Set, RefusesTimesThatAreNoIntegers) {
  OpTester redis;
  for (const std::string_view time : {"foo", "1.5", "010", "\"\"", "9223372036854775808"}) {
    EXPECT_EQ(redis.Run(ParseSet, "SET a 1 EX " + std::string(time)), kNoInteger) << time;
  }
}

TEST(Set, RefusesOptionsThatExcludeEachOther) {
  OpTester redis;
  for (const std::string_view options :
       {"NX XX", "XX NX", "EX 10 PX 10", "EX 10 EXAT 10", "PX 10 PXAT 10", "EX 10 KEEPTTL",
        "KEEPTTL EX 10", "KEEPTTL PXAT 10"}) {
    EXPECT_EQ(redis.Run(ParseSet, "SET a 1 " + std::string(options)), kSyntax) << options;
  }
}

TEST(Set, RefusesUnknownOptionsAndMissingTimes) {
  OpTester redis;
  for (const std::string_view options : {"EX", "NX PXAT", "PERSIST", "foo", "\"\"", "EX 1 2"}) {
    EXPECT_EQ(redis.Run(ParseSet, "SET a 1 " + std::string(options)), kSyntax) << options;
  }
}

TEST(Set, SyntaxErrorsComeBeforeTheTimes) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 EX foo bar"), kSyntax);
}

TEST(Set, RepeatedOptionCountsAsItsLast) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 NX NX KEEPTTL KEEPTTL GET GET"), kNil);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 EX foo EX 10"), kOk);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10'000);
}

TEST(Set, NxSetsOnlyAbsentKeys) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 NX"), kOk);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 2 nx"), kNil);
  EXPECT_EQ(redis.changes()[0].kind(), Kind::kNone);
  EXPECT_EQ(redis.Get("a"), "1");
}

TEST(Set, XxSetsOnlyPresentKeys) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 XX"), kNil);
  EXPECT_EQ(redis.Get("a"), std::nullopt);
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseSet, "SET a 2 xx"), kOk);
  EXPECT_EQ(redis.Get("a"), "2");
}

TEST(Set, GetRepliesTheOldValue) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 GET"), kNil);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 2 GET EX 10"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.Get("a"), "2");
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10'000);
}

TEST(Set, GetRepliesTheOldValueWhetherOrNotTheConditionHolds) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 XX GET"), kNil);
  EXPECT_EQ(redis.Get("a"), std::nullopt);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 NX GET"), kNil);
  EXPECT_EQ(redis.Get("a"), "1");
  EXPECT_EQ(redis.Run(ParseSet, "SET a 2 NX GET"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.Get("a"), "1");
  EXPECT_EQ(redis.Run(ParseSet, "SET a 2 XX GET"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.Get("a"), "2");
}

TEST(Set, OnlyGetLooksAtTheType) {
  OpTester redis;
  redis.PutOtherType("a");
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 GET"), kOtherType);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 NX GET"), kOtherType);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 NX"), kNil);
  EXPECT_EQ(redis.Run(ParseSet, "SET a 1 XX"), kOk);
}

TEST(SetEx, SetsWithATime) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSetEx, "SETEX a 10 v"), kOk);
  EXPECT_EQ(redis.access(), Access::kBlindWrite);
  EXPECT_EQ(redis.Get("a"), "v");
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10'000);
  EXPECT_EQ(redis.Run(ParsePSetEx, "PSETEX a 10 w"), kOk);
  EXPECT_EQ(redis.Get("a"), "w");
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10);
}

TEST(SetEx, NamesTheCommandOfABadTime) {
  OpTester redis;
  for (const std::string_view time : {"0", "-1", "9223372036854775807", "281474976710"}) {
    EXPECT_EQ(redis.Run(ParseSetEx, "SETEX a " + std::string(time) + " v"),
              "-ERR invalid expire time in 'setex' command\r\n")
        << time;
  }
  for (const std::string_view time : {"0", "-1", "281474976710655"}) {
    EXPECT_EQ(redis.Run(ParsePSetEx, "PSETEX a " + std::string(time) + " v"),
              "-ERR invalid expire time in 'psetex' command\r\n")
        << time;
  }
  EXPECT_EQ(redis.Run(ParseSetEx, "SETEX a foo v"), kNoInteger);
  EXPECT_EQ(redis.Run(ParsePSetEx, "PSETEX a foo v"), kNoInteger);
}

TEST(SetNx, SetsOnlyAbsentKeys) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSetNx, "SETNX a 1"), ":1\r\n");
  EXPECT_EQ(redis.Run(ParseSetNx, "SETNX a 2"), ":0\r\n");
  EXPECT_EQ(redis.Get("a"), "1");
  redis.PutOtherType("b");
  EXPECT_EQ(redis.Run(ParseSetNx, "SETNX b 2"), ":0\r\n");
}

TEST(GetSet, RepliesTheOldValueAndRemovesTheExpiry) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseGetSet, "GETSET a 1"), kNil);
  redis.Put("a", "1", kNow + 1000);
  EXPECT_EQ(redis.Run(ParseGetSet, "GETSET a 2"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.Get("a"), "2");
  EXPECT_EQ(redis.ExpireAtOf("a"), cluster::kNoExpiry);
  redis.PutOtherType("b");
  EXPECT_EQ(redis.Run(ParseGetSet, "GETSET b 2"), kOtherType);
}

TEST(GetDel, RepliesAndDeletes) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseGetDel, "GETDEL a"), kNil);
  EXPECT_EQ(redis.changes()[0].kind(), Kind::kNone);
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseGetDel, "GETDEL a"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.Get("a"), std::nullopt);
  redis.PutOtherType("b");
  EXPECT_EQ(redis.Run(ParseGetDel, "GETDEL b"), kOtherType);
  EXPECT_EQ(redis.Get("b"), "?");
}

TEST(GetEx, WithoutOptionsChangesNothing) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1000);
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX a"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.changes()[0].kind(), Kind::kNone);
}

TEST(GetEx, SetsTheExpiryAndLeavesTheValue) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX a EX 10"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.changes()[0].kind(), Kind::kExpire);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10'000);
  redis.Run(ParseGetEx, "GETEX a px 10");
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10);
  redis.Run(ParseGetEx, "GETEX a EXAT 2000000000");
  EXPECT_EQ(redis.ExpireAtOf("a"), 2'000'000'000'000);
  redis.Run(ParseGetEx, "GETEX a PXAT 2000000000001");
  EXPECT_EQ(redis.ExpireAtOf("a"), 2'000'000'000'001);
}

TEST(GetEx, PersistRemovesTheExpiry) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1000);
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX a PERSIST"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.ExpireAtOf("a"), cluster::kNoExpiry);
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX a PERSIST PERSIST"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.changes()[0].kind(), Kind::kNone);
}

TEST(GetEx, TimeThatHasPassedDeletesTheKey) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX a EXAT 1"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.changes()[0].kind(), Kind::kDelete);
  EXPECT_EQ(redis.Get("a"), std::nullopt);
}

TEST(GetEx, RefusesSetsOptionsAndCombinations) {
  OpTester redis;
  for (const std::string_view options :
       {"NX", "XX", "GET", "KEEPTTL", "EX", "EX 1 PX 1", "EX 1 PERSIST", "PERSIST EX 1", "foo"}) {
    EXPECT_EQ(redis.Run(ParseGetEx, "GETEX absent " + std::string(options)), kSyntax) << options;
  }
}

TEST(GetEx, LooksForTheKeyBeforeItLooksAtTheTime) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX absent EX 0"), kNil);
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX absent EX foo"), kNil);
  redis.PutOtherType("other");
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX other EX 0"), kOtherType);
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX a EX 0"), kGetExTime);
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX a PX 281474976710655"), kGetExTime);
  EXPECT_EQ(redis.Run(ParseGetEx, "GETEX a EX foo"), kNoInteger);
  EXPECT_EQ(redis.changes()[0].kind(), Kind::kNone);
}

TEST(MGet, RepliesNullForAbsentKeysAndOtherTypes) {
  OpTester redis;
  redis.Put("a", "1");
  redis.PutOtherType("b");
  EXPECT_EQ(redis.Run(ParseMGet, "MGET a b absent a", kAllKeys),
            "*4\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$1\r\n1\r\n");
}

TEST(MSet, SetsAllAndRemovesExpiries) {
  OpTester redis;
  redis.Put("a", "old", kNow + 1000);
  redis.PutOtherType("b");
  EXPECT_EQ(redis.Run(ParseMSet, "MSET a 1 b 2", kPairs), kOk);
  EXPECT_EQ(redis.Get("a"), "1");
  EXPECT_EQ(redis.ExpireAtOf("a"), cluster::kNoExpiry);
  EXPECT_EQ(redis.Get("b"), "2");
}

TEST(MSet, LastOfADoubleKeyWins) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseMSet, "MSET a 1 a 2", kPairs), kOk);
  EXPECT_EQ(redis.Get("a"), "2");
}

TEST(MSet, RefusesAKeyWithoutValue) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseMSet, "MSET a 1 b", kPairs),
            "-ERR wrong number of arguments for 'mset' command\r\n");
  EXPECT_EQ(redis.Run(ParseMSetNx, "MSETNX a 1 b", kPairs),
            "-ERR wrong number of arguments for 'msetnx' command\r\n");
  EXPECT_EQ(redis.Get("a"), std::nullopt);
}

TEST(MSetNx, SetsAllOrNothing) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseMSetNx, "MSETNX a 1 b 2 a 3", kPairs), ":1\r\n");
  EXPECT_EQ(redis.Get("a"), "3");
  EXPECT_EQ(redis.Get("b"), "2");
  EXPECT_EQ(redis.Run(ParseMSetNx, "MSETNX c 1 a 4", kPairs), ":0\r\n");
  EXPECT_EQ(redis.Get("c"), std::nullopt);
  EXPECT_EQ(redis.Get("a"), "3");
}

}  // namespace
}  // namespace cartwheel::server
