#include "server/ops/keys.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/any_record.h"
#include "cluster/store_key.h"
#include "server/ops/parsers.h"
#include "tests/server/op_tester.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kNow = OpTester::kNowMs;
constexpr KeyRange kSecondWord{.first = 2, .last = 2};

constexpr std::string_view kNil = "$-1\r\n";
constexpr std::string_view kYes = ":1\r\n";
constexpr std::string_view kNo = ":0\r\n";
constexpr std::string_view kBadInteger = "-ERR value is not an integer or out of range\r\n";
constexpr std::string_view kBadSyntax = "-ERR syntax error\r\n";

std::string BadExpireTime(std::string_view command) {
  return "-ERR invalid expire time in '" + std::string(command) + "' command\r\n";
}

// DEL, EXISTS, TYPE

TEST(Del, CountsTheKeysThatWent) {
  OpTester redis;
  redis.Put("a", "1");
  redis.Put("b", "2");
  EXPECT_EQ(redis.Run(ParseDel, "DEL a missing b", kAllKeys), ":2\r\n");
  EXPECT_EQ(redis.Get("a"), std::nullopt);
  EXPECT_EQ(redis.Get("b"), std::nullopt);
}

TEST(Del, CountsAKeyNamedTwiceOnce) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseDel, "DEL a a", kAllKeys), kYes);
  EXPECT_EQ(redis.Get("a"), std::nullopt);
}

TEST(Exists, CountsAKeyNamedTwiceTwice) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseExists, "EXISTS a missing a", kAllKeys), ":2\r\n");
  EXPECT_EQ(redis.Run(ParseExists, "EXISTS missing", kAllKeys), kNo);
}

TEST(Exists, DoesNotSeeExpiredKeys) {
  OpTester redis;
  redis.Put("a", "1", kNow);
  EXPECT_EQ(redis.Run(ParseExists, "EXISTS a", kAllKeys), kNo);
}

TEST(Type, IsStringOrNone) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseType, "TYPE a"), "+string\r\n");
  EXPECT_EQ(redis.Run(ParseType, "TYPE missing"), "+none\r\n");
}

// TTL, PTTL, EXPIRETIME, PEXPIRETIME

TEST(Ttl, IsMinusTwoWithoutAKeyAndMinusOneWithoutAnExpiry) {
  OpTester redis;
  redis.Put("a", "1");
  for (const OperationParser parser : {ParseTtl, ParsePTtl, ParseExpireTime, ParsePExpireTime}) {
    EXPECT_EQ(redis.Run(parser, "TTL missing"), ":-2\r\n");
    EXPECT_EQ(redis.Run(parser, "TTL a"), ":-1\r\n");
  }
}

TEST(Ttl, RoundsToTheNearestSecond) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1499);
  EXPECT_EQ(redis.Run(ParseTtl, "TTL a"), ":1\r\n");
  redis.Put("a", "1", kNow + 1500);
  EXPECT_EQ(redis.Run(ParseTtl, "TTL a"), ":2\r\n");
  redis.Put("a", "1", kNow + 499);
  EXPECT_EQ(redis.Run(ParseTtl, "TTL a"), ":0\r\n");
}

TEST(Ttl, PTtlIsExact) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1499);
  EXPECT_EQ(redis.Run(ParsePTtl, "PTTL a"), ":1499\r\n");
}

TEST(Ttl, ExpireTimeIsAbsoluteAndRoundedPExpireTimeExact) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1501);
  EXPECT_EQ(redis.Run(ParseExpireTime, "EXPIRETIME a"), ":1700000002\r\n");
  EXPECT_EQ(redis.Run(ParsePExpireTime, "PEXPIRETIME a"), ":1700000001501\r\n");
}

// EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT

TEST(Expire, SetsTheExpiryInItsOwnUnit) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 10"), kYes);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10'000);
  EXPECT_EQ(redis.Run(ParsePExpire, "PEXPIRE a 10"), kYes);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10);
  EXPECT_EQ(redis.Run(ParseExpireAt, "EXPIREAT a 1700000100"), kYes);
  EXPECT_EQ(redis.ExpireAtOf("a"), 1'700'000'100'000);
  EXPECT_EQ(redis.Run(ParsePExpireAt, "PEXPIREAT a 1700000100001"), kYes);
  EXPECT_EQ(redis.ExpireAtOf("a"), 1'700'000'100'001);
  EXPECT_EQ(redis.Get("a"), "1");
}

TEST(Expire, OfAnAbsentKeyIsZero) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE missing 10"), kNo);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE missing -10"), kNo);
}

TEST(Expire, ATimeThatHasPassedDeletesTheKeyAndAnswersOne) {
  const auto expect_deleted = [](OperationParser parser, std::string_view line) {
    OpTester redis;
    redis.Put("a", "1");
    EXPECT_EQ(redis.Run(parser, line), kYes) << line;
    EXPECT_EQ(redis.changes()[0].kind(), cluster::Change::Kind::kDelete) << line;
  };
  expect_deleted(ParseExpire, "EXPIRE a 0");
  expect_deleted(ParseExpire, "EXPIRE a -1");
  expect_deleted(ParseExpireAt, "EXPIREAT a 1700000000");
  expect_deleted(ParseExpireAt, "EXPIREAT a -5");
  expect_deleted(ParsePExpireAt, "PEXPIREAT a 1699999999999");
  expect_deleted(ParsePExpire, "PEXPIRE a -9223372036854775808");
}

TEST(Expire, NxNeedsAKeyWithoutExpiryXxOneWithIt) {
  OpTester redis;
  redis.Put("never", "1");
  redis.Put("later", "1", kNow + 5000);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE never 10 XX"), kNo);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE later 10 nx"), kNo);
  EXPECT_EQ(redis.ExpireAtOf("never"), cluster::kNoExpiry);
  EXPECT_EQ(redis.ExpireAtOf("later"), kNow + 5000);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE never 10 nx"), kYes);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE later 10 xx"), kYes);
  EXPECT_EQ(redis.ExpireAtOf("never"), kNow + 10'000);
  EXPECT_EQ(redis.ExpireAtOf("later"), kNow + 10'000);
}

TEST(Expire, GtAndLtCompareWithTheOldExpiryStrictly) {
  OpTester redis;
  redis.Put("a", "1", kNow + 5000);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 5 GT"), kNo);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 5 LT"), kNo);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 4 GT"), kNo);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 6 LT"), kNo);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 5000);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 6 GT"), kYes);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 6000);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 4 LT"), kYes);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 4000);
}

TEST(Expire, NoExpiryIsLaterThanEveryTime) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 10 GT"), kNo);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 10 XX LT"), kNo);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 10 GT XX"), kNo);
  EXPECT_EQ(redis.ExpireAtOf("a"), cluster::kNoExpiry);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 10 LT"), kYes);
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 10'000);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 9 LT XX"), kYes);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 10 XX GT"), kYes);
}

TEST(Expire, AConditionThatFailsKeepsAKeyFromBeingDeleted) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a -1 XX"), kNo);
  EXPECT_EQ(redis.Get("a"), "1");
}

TEST(Expire, OptionsThatExcludeEachOtherAreRefused) {
  OpTester redis;
  for (const std::string_view options : {"NX XX", "NX GT", "LT NX", "NX GT LT"}) {
    EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 10 " + std::string(options)),
              "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
  }
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 10 GT LT"),
            "-ERR GT and LT options at the same time are not compatible\r\n");
}

TEST(Expire, OptionsAreCheckedBeforeTheTime) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a x Foo"), "-ERR Unsupported option Foo\r\n");
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a x NX"), kBadInteger);
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 1.5"), kBadInteger);
}

TEST(Expire, ATimeThatOverflowsNamesTheCommandEvenWithoutAKey) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a 9223372036854775807"), BadExpireTime("expire"));
  EXPECT_EQ(redis.Run(ParseExpire, "EXPIRE a -9223372036854775808"), BadExpireTime("expire"));
  EXPECT_EQ(redis.Run(ParsePExpire, "PEXPIRE a 9223372036854775807"), BadExpireTime("pexpire"));
  EXPECT_EQ(redis.Run(ParseExpireAt, "EXPIREAT a 9223372036854775807"), BadExpireTime("expireat"));
  EXPECT_EQ(redis.Run(ParsePExpireAt, "PEXPIREAT a 9223372036854775807"),
            BadExpireTime("pexpireat"));
}

TEST(Expire, TheLastTimeIsWhatARecordCanHold) {
  OpTester redis;
  redis.Put("a", "1");
  const std::string line = "PEXPIREAT a ";
  EXPECT_EQ(redis.Run(ParsePExpireAt, line + std::to_string(cluster::kMaxExpireAt)), kYes);
  EXPECT_EQ(redis.ExpireAtOf("a"), cluster::kMaxExpireAt);
  EXPECT_EQ(redis.Run(ParsePExpireAt, line + std::to_string(cluster::kMaxExpireAt + 1)),
            BadExpireTime("pexpireat"));
}

TEST(Persist, RemovesTheExpiryAndSaysWhetherThereWasOne) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1000);
  EXPECT_EQ(redis.Run(ParsePersist, "PERSIST a"), kYes);
  EXPECT_EQ(redis.ExpireAtOf("a"), cluster::kNoExpiry);
  EXPECT_EQ(redis.Get("a"), "1");
  EXPECT_EQ(redis.Run(ParsePersist, "PERSIST a"), kNo);
  EXPECT_EQ(redis.Run(ParsePersist, "PERSIST missing"), kNo);
}

// OBJECT, MEMORY USAGE

TEST(Object, EveryQuestionAboutAnAbsentKeyIsAnsweredWithNull) {
  OpTester redis;
  for (const OperationParser parser :
       {ParseObjectEncoding, ParseObjectIdleTime, ParseObjectRefCount, ParseObjectFreq}) {
    EXPECT_EQ(redis.Run(parser, "OBJECT QUESTION missing", kSecondWord), kNil);
  }
  redis.protocol = resp::Protocol::kResp3;
  EXPECT_EQ(redis.Run(ParseObjectEncoding, "OBJECT ENCODING missing", kSecondWord), "_\r\n");
}

TEST(Object, EncodingFollowsFromTheBytes) {
  OpTester redis;
  const auto expect_encoding = [&](std::string_view value, std::string_view encoding) {
    redis.Put("a", value);
    EXPECT_EQ(redis.Run(ParseObjectEncoding, "OBJECT ENCODING a", kSecondWord),
              "$" + std::to_string(encoding.size()) + "\r\n" + std::string(encoding) + "\r\n")
        << value;
  };
  expect_encoding("0", "int");
  expect_encoding("-12", "int");
  expect_encoding("9223372036854775807", "int");
  expect_encoding("-9223372036854775808", "int");
  expect_encoding("9223372036854775808", "embstr");
  expect_encoding("007", "embstr");
  expect_encoding("-0", "embstr");
  expect_encoding("", "embstr");
  expect_encoding(std::string(44, 'x'), "embstr");
  expect_encoding(std::string(45, 'x'), "raw");
}

TEST(Object, RefCountIsOne) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseObjectRefCount, "OBJECT REFCOUNT a", kSecondWord), kYes);
}

TEST(Object, IdleTimeIsTheSecondsSinceTheLastWrite) {
  const auto idle_seconds = [](int64_t written_at_ms) {
    const std::vector<std::optional<cluster::Value>> values{
        cluster::Value{.bytes = "1", .written_at_ms = written_at_ms}};
    const std::vector<cluster::KeyRef> keys{{0, "a"}};
    std::vector<cluster::Change> changes(1);
    std::string text;
    resp::ReplyWriter reply(text, resp::Protocol::kResp2);
    OpOutput out{.changes = changes, .reply = reply};
    Apply(ObjectOp{.question = ObjectOp::Question::kIdleTime},
          {.keys = keys, .values = values, .now_ms = kNow, .max_string_bytes = 100}, out);
    return text;
  };
  EXPECT_EQ(idle_seconds(kNow - 2999), ":2\r\n");
  EXPECT_EQ(idle_seconds(kNow), kNo);
  EXPECT_EQ(idle_seconds(kNow + 5000), kNo) << "written by a node whose clock is ahead";
}

TEST(Object, FreqSaysThatFrequenciesAreNotTracked) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseObjectFreq, "OBJECT FREQ a", kSecondWord),
            "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please "
            "note that when switching between policies at runtime LRU and LFU data will take some "
            "time to adjust.\r\n");
}

TEST(MemoryUsage, IsTheSizeOfTheRecordAndItsStoreKey) {
  OpTester redis;
  for (const cluster::ExpireAt expire_at : {cluster::kNoExpiry, kNow + 1000}) {
    redis.Put("key", "some value", expire_at);
    std::string store_key;
    cluster::EncodeStoreKey({0, "key"}, store_key);
    const size_t record = cluster::RecordBytesOf({.bytes = "some value", .expire_at = expire_at});
    EXPECT_EQ(redis.Run(ParseMemoryUsage, "MEMORY USAGE key", kSecondWord),
              ":" + std::to_string(store_key.size() + record) + "\r\n");
  }
}

TEST(MemoryUsage, OfAnAbsentKeyIsNull) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseMemoryUsage, "MEMORY USAGE a", kSecondWord), kNil);
}

TEST(MemoryUsage, SamplesMustBeANumberNotBelowZero) {
  OpTester redis;
  const auto run = [&](std::string_view options) {
    return redis.Run(ParseMemoryUsage, "MEMORY USAGE a " + std::string(options), kSecondWord);
  };
  EXPECT_EQ(run("SAMPLES 0"), kNil);
  EXPECT_EQ(run("samples 5 SAMPLES 6"), kNil);
  EXPECT_EQ(run("SAMPLES"), kBadSyntax);
  EXPECT_EQ(run("SAMPLES -1"), kBadSyntax);
  EXPECT_EQ(run("SAMPLES x"), kBadInteger);
  EXPECT_EQ(run("FOO 1"), kBadSyntax);
}

}  // namespace
}  // namespace cartwheel::server
