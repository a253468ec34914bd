// RENAME, RENAMENX, COPY, MOVE, DUMP and RESTORE: values that go from one place to another.
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/ops/keys.h"
#include "server/ops/parsers.h"
#include "server/redis_dump.h"
#include "tests/server/op_tester.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kNow = OpTester::kNowMs;

constexpr std::string_view kNil = "$-1\r\n";
constexpr std::string_view kYes = ":1\r\n";
constexpr std::string_view kNo = ":0\r\n";
constexpr std::string_view kOk = "+OK\r\n";
constexpr std::string_view kBadInteger = "-ERR value is not an integer or out of range\r\n";
constexpr std::string_view kBadSyntax = "-ERR syntax error\r\n";
constexpr std::string_view kTheSame = "-ERR source and destination objects are the same\r\n";
constexpr std::string_view kBadDatabase = "-ERR DB index is out of range\r\n";
constexpr std::string_view kNotInt32 =
    "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n";
constexpr std::string_view kBadRestoreTime = "-ERR invalid expire time in 'restore' command\r\n";

TEST(Rename, MovesValueAndExpiryOverTheDestination) {
  OpTester redis;
  redis.Put("a", "from", kNow + 1000);
  redis.Put("b", "to", kNow + 2000);
  EXPECT_EQ(redis.Run(ParseRename, "RENAME a b", kTwoKeys), kOk);
  EXPECT_EQ(redis.Get("a"), std::nullopt);
  EXPECT_EQ(redis.Get("b"), "from");
  EXPECT_EQ(redis.ExpireAtOf("b"), kNow + 1000);
}

TEST(Rename, LeavesNoExpiryOfTheDestinationBehind) {
  OpTester redis;
  redis.Put("a", "from");
  redis.Put("b", "to", kNow + 2000);
  EXPECT_EQ(redis.Run(ParseRename, "RENAME a b", kTwoKeys), kOk);
  EXPECT_EQ(redis.ExpireAtOf("b"), cluster::kNoExpiry);
}

TEST(Rename, OfAnAbsentKeyIsAnErrorEvenToItself) {
  OpTester redis;
  redis.Put("b", "to");
  EXPECT_EQ(redis.Run(ParseRename, "RENAME a b", kTwoKeys), "-ERR no such key\r\n");
  EXPECT_EQ(redis.Run(ParseRename, "RENAME a a", kTwoKeys), "-ERR no such key\r\n");
  EXPECT_EQ(redis.Run(ParseRenameNx, "RENAMENX a b", kTwoKeys), "-ERR no such key\r\n");
  EXPECT_EQ(redis.Get("b"), "to");
}

TEST(Rename, ToItselfChangesNothing) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1000);
  EXPECT_EQ(redis.Run(ParseRename, "RENAME a a", kTwoKeys), kOk);
  EXPECT_EQ(redis.Run(ParseRenameNx, "RENAMENX a a", kTwoKeys), kNo);
  EXPECT_EQ(redis.Get("a"), "1");
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 1000);
}

TEST(Rename, NxNeedsTheDestinationAbsent) {
  OpTester redis;
  redis.Put("a", "from", kNow + 1000);
  redis.Put("b", "to");
  EXPECT_EQ(redis.Run(ParseRenameNx, "RENAMENX a b", kTwoKeys), kNo);
  EXPECT_EQ(redis.Get("a"), "from");
  EXPECT_EQ(redis.Get("b"), "to");
  EXPECT_EQ(redis.Run(ParseRenameNx, "RENAMENX a c", kTwoKeys), kYes);
  EXPECT_EQ(redis.Get("a"), std::nullopt);
  EXPECT_EQ(redis.ExpireAtOf("c"), kNow + 1000);
}

// The store may move the source's bytes as soon as the source is deleted.
TEST(Rename, TheDestinationDoesNotBorrowFromTheSource) {
  const std::string bytes = "value";
  const std::vector<std::optional<cluster::Value>> values{cluster::Value{.bytes = bytes}, {}};
  const std::vector<cluster::KeyRef> keys{{0, "a"}, {0, "b"}};
  std::vector<cluster::Change> changes(2);
  std::string text;
  resp::ReplyWriter reply(text, resp::Protocol::kResp2);
  OpOutput out{.changes = changes, .reply = reply};
  Apply(RenameOp{}, {.keys = keys, .values = values, .now_ms = kNow, .max_string_bytes = 100}, out);
  EXPECT_EQ(changes[1].bytes(), bytes);
  EXPECT_NE(changes[1].bytes().data(), bytes.data());
}

TEST(Copy, CopiesValueAndExpiry) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1000);
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b", kTwoKeys), kYes);
  EXPECT_EQ(redis.Get("a"), "1");
  EXPECT_EQ(redis.Get("b"), "1");
  EXPECT_EQ(redis.ExpireAtOf("b"), kNow + 1000);
}

TEST(Copy, OfAnAbsentKeyIsZero) {
  OpTester redis;
  redis.Put("b", "2");
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b REPLACE", kTwoKeys), kNo);
  EXPECT_EQ(redis.Get("b"), "2");
}

TEST(Copy, OverAKeyNeedsReplace) {
  OpTester redis;
  redis.Put("a", "1");
  redis.Put("b", "2", kNow + 1000);
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b", kTwoKeys), kNo);
  EXPECT_EQ(redis.Get("b"), "2");
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b replace", kTwoKeys), kYes);
  EXPECT_EQ(redis.Get("b"), "1");
  EXPECT_EQ(redis.ExpireAtOf("b"), cluster::kNoExpiry);
}

TEST(Copy, IntoAnotherDatabaseMayKeepTheName) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a a db 15", kTwoKeys), kYes);
  EXPECT_EQ(redis.Get("a", 0), "1");
  EXPECT_EQ(redis.Get("a", 15), "1");
}

TEST(Copy, ToItselfIsAnError) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a a", kTwoKeys), kTheSame);
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a a DB 0 REPLACE", kTwoKeys), kTheSame);
}

TEST(Copy, OptionsAreChecked) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b FOO", kTwoKeys), kBadSyntax);
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b DB", kTwoKeys), kBadSyntax);
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b DB x", kTwoKeys), kBadInteger);
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b DB 2147483648", kTwoKeys), kNotInt32);
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b DB 16", kTwoKeys), kBadDatabase);
  EXPECT_EQ(redis.Run(ParseCopy, "COPY a b DB -1", kTwoKeys), kBadDatabase);
}

TEST(Move, TakesValueAndExpiryToTheOtherDatabase) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1000);
  EXPECT_EQ(redis.Run(ParseMove, "MOVE a 3"), kYes);
  EXPECT_EQ(redis.Get("a", 0), std::nullopt);
  EXPECT_EQ(redis.Get("a", 3), "1");
  EXPECT_EQ(redis.ExpireAtOf("a", 3), kNow + 1000);
}

TEST(Move, OfAnAbsentKeyOrOverAPresentOneIsZero) {
  OpTester redis;
  redis.Put("a", "1", kNow + 1000, 0);
  redis.Put("a", "2", cluster::kNoExpiry, 3);
  EXPECT_EQ(redis.Run(ParseMove, "MOVE a 3"), kNo);
  EXPECT_EQ(redis.Run(ParseMove, "MOVE missing 3"), kNo);
  EXPECT_EQ(redis.Get("a", 0), "1");
  EXPECT_EQ(redis.Get("a", 3), "2");
}

TEST(Move, TheDatabaseIsCheckedBeforeTheKey) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseMove, "MOVE missing 0"), kTheSame);
  EXPECT_EQ(redis.Run(ParseMove, "MOVE missing 16"), kBadDatabase);
  EXPECT_EQ(redis.Run(ParseMove, "MOVE missing -1"), kBadDatabase);
  EXPECT_EQ(redis.Run(ParseMove, "MOVE missing x"), kBadInteger);
  EXPECT_EQ(redis.Run(ParseMove, "MOVE missing -2147483649"), kNotInt32);
}

TEST(Dump, IsThePayloadOfTheValue) {
  OpTester redis;
  redis.Put("a", "hello");
  const std::string payload = EncodeRedisDump("hello");
  EXPECT_EQ(redis.Run(ParseDump, "DUMP a"),
            "$" + std::to_string(payload.size()) + "\r\n" + payload + "\r\n");
  EXPECT_EQ(redis.Run(ParseDump, "DUMP missing"), kNil);
}

class Restore : public testing::Test {
 protected:
  // RESTORE a `ttl` `payload` `options`
  std::string Run(std::string_view ttl, std::string_view payload,
                  const std::vector<std::string>& options = {}) {
    std::vector<std::string> args{"RESTORE", "a", std::string(ttl), std::string(payload)};
    args.insert(args.end(), options.begin(), options.end());
    return redis_.RunArgs(ParseRestore, args);
  }

  OpTester redis_;
  const std::string payload_ = EncodeRedisDump("value");
};

TEST_F(Restore, BringsTheValueBackForEver) {
  EXPECT_EQ(Run("0", payload_), kOk);
  EXPECT_EQ(redis_.Get("a"), "value");
  EXPECT_EQ(redis_.ExpireAtOf("a"), cluster::kNoExpiry);
}

TEST_F(Restore, TheTtlIsInMillisecondsFromNowOrWithAbsTtlInUnixTime) {
  EXPECT_EQ(Run("1500", payload_), kOk);
  EXPECT_EQ(redis_.ExpireAtOf("a"), kNow + 1500);
  EXPECT_EQ(Run("1700000009999", payload_, {"absttl", "replace"}), kOk);
  EXPECT_EQ(redis_.ExpireAtOf("a"), 1'700'000'009'999);
  EXPECT_EQ(Run("0", payload_, {"ABSTTL", "REPLACE"}), kOk);
  EXPECT_EQ(redis_.ExpireAtOf("a"), cluster::kNoExpiry);
}

TEST_F(Restore, ATtlThatHasPassedLeavesNoKey) {
  EXPECT_EQ(Run("1600000000000", payload_, {"ABSTTL"}), kOk);
  EXPECT_EQ(redis_.Get("a"), std::nullopt);
  redis_.Put("a", "old");
  EXPECT_EQ(Run("1600000000000", payload_, {"ABSTTL", "REPLACE"}), kOk);
  EXPECT_EQ(redis_.Get("a"), std::nullopt);
}

TEST_F(Restore, OverAKeyNeedsReplace) {
  redis_.Put("a", "old", kNow + 1000);
  EXPECT_EQ(Run("0", payload_), "-BUSYKEY Target key name already exists.\r\n");
  EXPECT_EQ(redis_.Get("a"), "old");
  EXPECT_EQ(Run("0", payload_, {"REPLACE"}), kOk);
  EXPECT_EQ(redis_.Get("a"), "value");
  EXPECT_EQ(redis_.ExpireAtOf("a"), cluster::kNoExpiry);
}

TEST_F(Restore, ComplainsOfOptionsThenTheKeyThenTheTtlThenThePayload) {
  redis_.Put("a", "old");
  EXPECT_EQ(Run("x", "damaged", {"FOO"}), kBadSyntax);
  EXPECT_EQ(Run("x", "damaged"), "-BUSYKEY Target key name already exists.\r\n");
  EXPECT_EQ(Run("x", "damaged", {"REPLACE"}), kBadInteger);
  EXPECT_EQ(Run("-1", "damaged", {"REPLACE"}), "-ERR Invalid TTL value, must be >= 0\r\n");
  EXPECT_EQ(Run("0", "damaged", {"REPLACE"}),
            "-ERR DUMP payload version or checksum are wrong\r\n");
  EXPECT_EQ(redis_.Get("a"), "old");
}

TEST_F(Restore, ATtlBeyondWhatARecordCanHoldIsRefused) {
  EXPECT_EQ(Run("9223372036854775807", payload_), kBadRestoreTime);
  EXPECT_EQ(Run(std::to_string(cluster::kMaxExpireAt + 1), payload_, {"ABSTTL"}), kBadRestoreTime);
  EXPECT_EQ(Run(std::to_string(cluster::kMaxExpireAt), payload_, {"ABSTTL"}), kOk);
  EXPECT_EQ(redis_.ExpireAtOf("a"), cluster::kMaxExpireAt);
}

TEST_F(Restore, IdleTimeAndFreqAreCheckedAndOtherwiseIgnored) {
  EXPECT_EQ(Run("0", payload_, {"idletime", "100"}), kOk);
  EXPECT_EQ(Run("0", payload_, {"FREQ", "255", "REPLACE"}), kOk);
  EXPECT_EQ(Run("0", payload_, {"IDLETIME", "-1"}),
            "-ERR Invalid IDLETIME value, must be >= 0\r\n");
  EXPECT_EQ(Run("0", payload_, {"FREQ", "256"}),
            "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n");
  EXPECT_EQ(Run("0", payload_, {"FREQ", "-1"}),
            "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n");
  EXPECT_EQ(Run("0", payload_, {"FREQ", "x"}), kBadInteger);
  EXPECT_EQ(Run("0", payload_, {"IDLETIME"}), kBadSyntax);
  EXPECT_EQ(Run("0", payload_, {"IDLETIME", "1", "FREQ", "1"}), kBadSyntax);
  EXPECT_EQ(Run("0", payload_, {"FREQ", "1", "IDLETIME", "1"}), kBadSyntax);
}

TEST_F(Restore, AValueAboveProtoMaxBulkLenIsABadFormat) {
  redis_.max_string_bytes = 4;
  EXPECT_EQ(Run("0", payload_), "-ERR Bad data format\r\n");
}

}  // namespace
}  // namespace cartwheel::server
