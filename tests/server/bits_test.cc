#include "server/ops/bits.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/ops/parsers.h"
#include "tests/server/op_tester.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kNow = OpTester::kNowMs;
constexpr KeyRange kAfterFunction{.first = 2, .last = -1};

constexpr std::string_view kBadInteger = "-ERR value is not an integer or out of range\r\n";
constexpr std::string_view kBadSyntax = "-ERR syntax error\r\n";
constexpr std::string_view kBadOffset = "-ERR bit offset is not an integer or out of range\r\n";
constexpr std::string_view kWrongTypeReply =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

std::string Number(int64_t number) {
  return ":" + std::to_string(number) + "\r\n";
}

// SETBIT, GETBIT

TEST(SetBit, CountsBitsFromTheHighestOfTheFirstByte) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a 1 1"), Number(0));
  EXPECT_EQ(redis.Get("a"), "@");
  EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a 7 1"), Number(0));
  EXPECT_EQ(redis.Get("a"), "A");
  EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a 1 0"), Number(1));
  EXPECT_EQ(redis.Get("a"), "\x01");
}

TEST(SetBit, GrowsTheStringWithZeros) {
  OpTester redis;
  redis.Put("a", "x");
  EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a 31 0"), Number(0));
  EXPECT_EQ(redis.Get("a"), std::string("x\0\0\0", 4));
}

TEST(SetBit, KeepsTheExpiry) {
  OpTester redis;
  redis.Put("a", "x", kNow + 1000);
  redis.Run(ParseSetBit, "SETBIT a 0 1");
  EXPECT_EQ(redis.ExpireAtOf("a"), kNow + 1000);
}

TEST(SetBit, ABitThatIsAlreadySoChangesNothing) {
  OpTester redis;
  redis.Put("a", "\xff");
  EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a 3 1"), Number(1));
  EXPECT_EQ(redis.changes()[0].kind(), cluster::Change::Kind::kNone);
}

TEST(SetBit, TheBitIsZeroOrOne) {
  OpTester redis;
  for (const std::string_view bit : {"2", "-1", "x", "01", "1.0"}) {
    EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a 0 " + std::string(bit)),
              "-ERR bit is not an integer or out of range\r\n");
  }
}

TEST(SetBit, OffsetsEndWithTheLongestString) {
  OpTester redis;
  for (const OperationParser parser : {ParseSetBit, ParseGetBit}) {
    for (const std::string_view offset : {"4294967296", "-1", "x", "9223372036854775808"}) {
      EXPECT_EQ(redis.Run(parser, "BIT a " + std::string(offset) + " 1"), kBadOffset) << offset;
    }
  }
  redis.max_string_bytes = 100;
  EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a 800 1"), kBadOffset);
  EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a 799 1"), Number(0));
  EXPECT_EQ(redis.Get("a")->size(), 100U);
}

TEST(SetBit, TheOffsetIsCheckedBeforeTheBit) {
  OpTester redis;
  EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a x 2"), kBadOffset);
}

TEST(GetBit, PastTheEndAndOfAnAbsentKeyIsZero) {
  OpTester redis;
  redis.Put("a", "\x01");
  EXPECT_EQ(redis.Run(ParseGetBit, "GETBIT a 6"), Number(0));
  EXPECT_EQ(redis.Run(ParseGetBit, "GETBIT a 7"), Number(1));
  EXPECT_EQ(redis.Run(ParseGetBit, "GETBIT a 8"), Number(0));
  EXPECT_EQ(redis.Run(ParseGetBit, "GETBIT a 4294967295"), Number(0));
  EXPECT_EQ(redis.Run(ParseGetBit, "GETBIT missing 0"), Number(0));
}

TEST(Bits, OfAnotherTypeAreTheWrongType) {
  OpTester redis;
  redis.PutOtherType("a");
  EXPECT_EQ(redis.Run(ParseSetBit, "SETBIT a 0 1"), kWrongTypeReply);
  EXPECT_EQ(redis.Run(ParseGetBit, "GETBIT a 0"), kWrongTypeReply);
  EXPECT_EQ(redis.Run(ParseBitCount, "BITCOUNT a"), kWrongTypeReply);
  EXPECT_EQ(redis.Run(ParseBitPos, "BITPOS a 1"), kWrongTypeReply);
  EXPECT_EQ(redis.Run(ParseBitOp, "BITOP OR d missing a", kAfterFunction), kWrongTypeReply);
  EXPECT_EQ(redis.Get("a"), "?");
}

// BITCOUNT

class BitCount : public testing::Test {
 protected:
  std::string Run(std::string_view range) {
    return redis_.Run(ParseBitCount, "BITCOUNT a " + std::string(range));
  }

  OpTester redis_;
};

TEST_F(BitCount, CountsTheWholeStringWithoutARange) {
  redis_.Put("a", "foobar");
  EXPECT_EQ(Run(""), Number(26));
  redis_.Put("a", "");
  EXPECT_EQ(Run(""), Number(0));
}

TEST_F(BitCount, RangesAreInBytesUnlessBitIsSaid) {
  redis_.Put("a", "foobar");
  EXPECT_EQ(Run("0 0"), Number(4));
  EXPECT_EQ(Run("1 1"), Number(6));
  EXPECT_EQ(Run("1 1 byte"), Number(6));
  EXPECT_EQ(Run("5 30 BIT"), Number(17));
  EXPECT_EQ(Run("1 1 bit"), Number(1));
}

TEST_F(BitCount, NegativePositionsCountFromTheEnd) {
  redis_.Put("a", "foobar");
  EXPECT_EQ(Run("-2 -1"), Number(7));
  EXPECT_EQ(Run("0 -5"), Number(10));
  EXPECT_EQ(Run("-8 -1 BIT"), Number(4));
  EXPECT_EQ(Run("-100 0"), Number(4));
}

TEST_F(BitCount, RangesPastTheEndOrBackwardsAreEmpty) {
  redis_.Put("a", "foobar");
  EXPECT_EQ(Run("6 10"), Number(0));
  EXPECT_EQ(Run("3 2"), Number(0));
  EXPECT_EQ(Run("0 1000"), Number(26));
  EXPECT_EQ(Run("9223372036854775807 9223372036854775807 BIT"), Number(0));
  EXPECT_EQ(Run("-9223372036854775808 9223372036854775807 BIT"), Number(26));
}

TEST_F(BitCount, BothEndsBeforeTheStartMakeTheFirstByteUnlessBackwards) {
  redis_.Put("a", "foobar");
  EXPECT_EQ(Run("-100 -90"), Number(4));
  EXPECT_EQ(Run("-90 -100"), Number(0));
}

TEST_F(BitCount, EveryRangeAgreesWithCountingBitByBit) {
  std::string bytes;
  for (int i = 0; i < 21; ++i) bytes.push_back(static_cast<char>(i * 73 + 5));
  redis_.Put("a", bytes);
  const int bits = static_cast<int>(bytes.size()) * 8;
  for (int first = 0; first < bits; first += 3) {
    int ones = 0;
    for (int last = first; last < bits; ++last) {
      ones += bytes[static_cast<size_t>(last / 8)] >> (7 - last % 8) & 1;
      EXPECT_EQ(Run(std::to_string(first) + " " + std::to_string(last) + " BIT"), Number(ones));
    }
  }
}

TEST_F(BitCount, ArgumentsAreOnlyCheckedWhenTheKeyExists) {
  for (const std::string_view range : {"x", "0", "0 x", "0 1 FOO", "0 1 BIT BIT"}) {
    EXPECT_EQ(Run(range), Number(0)) << range;
  }
  redis_.Put("a", "foobar");
  EXPECT_EQ(Run("0"), kBadSyntax);
  EXPECT_EQ(Run("x 1 FOO"), kBadInteger);
  EXPECT_EQ(Run("0 x FOO"), kBadInteger);
  EXPECT_EQ(Run("0 1 FOO"), kBadSyntax);
  EXPECT_EQ(Run("0 1 BIT BIT"), kBadSyntax);
  EXPECT_EQ(Run("-1 -1 FOO"), kBadSyntax);
  EXPECT_EQ(Run("-1 -2 FOO"), Number(0));
}

// BITPOS

class BitPos : public testing::Test {
 protected:
  std::string Run(std::string_view arguments) {
    return redis_.Run(ParseBitPos, "BITPOS a " + std::string(arguments));
  }

  OpTester redis_;
};

TEST_F(BitPos, FindsTheFirstBit) {
  redis_.Put("a", "\xff\xf0");
  EXPECT_EQ(Run("0"), Number(12));
  EXPECT_EQ(Run("1"), Number(0));
  redis_.Put("a", std::string(20, '\0') + "\x10");
  EXPECT_EQ(Run("1"), Number(163));
  EXPECT_EQ(Run("0"), Number(0));
  redis_.Put("a", std::string(20, '\xff') + "\xef");
  EXPECT_EQ(Run("0"), Number(163));
}

TEST_F(BitPos, AnAbsentKeyIsZerosForEver) {
  EXPECT_EQ(Run("0"), Number(0));
  EXPECT_EQ(Run("1"), Number(-1));
  EXPECT_EQ(Run("0 5 6"), Number(0));
}

TEST_F(BitPos, AnEmptyStringHoldsNoBits) {
  redis_.Put("a", "");
  EXPECT_EQ(Run("0"), Number(-1));
  EXPECT_EQ(Run("1"), Number(-1));
  EXPECT_EQ(Run("0 0"), Number(-1));
}

TEST_F(BitPos, ZerosFollowAStringOfOnesUnlessAnEndIsGiven) {
  redis_.Put("a", "\xff\xff\xff");
  EXPECT_EQ(Run("0"), Number(24));
  EXPECT_EQ(Run("0 1"), Number(24));
  EXPECT_EQ(Run("0 0 -1"), Number(-1));
  EXPECT_EQ(Run("0 0 100"), Number(-1));
  EXPECT_EQ(Run("0 0 23 BIT"), Number(-1));
}

TEST_F(BitPos, NoOneIsMinusOne) {
  redis_.Put("a", std::string(3, '\0'));
  EXPECT_EQ(Run("1"), Number(-1));
  EXPECT_EQ(Run("1 1"), Number(-1));
}

TEST_F(BitPos, PositionsAreOfTheWholeStringAlsoInARange) {
  redis_.Put("a", std::string("\xff\x00\xf0\x00", 4));
  EXPECT_EQ(Run("1 1"), Number(16));
  EXPECT_EQ(Run("1 -2 -1 BYTE"), Number(16));
  EXPECT_EQ(Run("0 2 3"), Number(20));
  EXPECT_EQ(Run("0 17 30 BIT"), Number(20));
  EXPECT_EQ(Run("1 9 15 BIT"), Number(-1));
  EXPECT_EQ(Run("1 -15 -1 BIT"), Number(17));
}

TEST_F(BitPos, EmptyRangesHoldNeitherBit) {
  redis_.Put("a", "\x0f");
  EXPECT_EQ(Run("0 1"), Number(-1));
  EXPECT_EQ(Run("1 1"), Number(-1));
  EXPECT_EQ(Run("0 5 2 BIT"), Number(-1));
}

TEST_F(BitPos, BothEndsBeforeTheStartMakeTheFirstByteEvenBackwards) {
  redis_.Put("a", "\x0f\xff");
  EXPECT_EQ(Run("1 -5 -10"), Number(4));
  EXPECT_EQ(Run("0 -100 -90"), Number(0));
}

TEST_F(BitPos, EveryRangeAgreesWithLookingBitByBit) {
  std::string bytes(19, '\0');
  for (const size_t byte : {4U, 13U, 18U}) bytes[byte] = '\x12';
  redis_.Put("a", bytes);
  const int bits = static_cast<int>(bytes.size()) * 8;
  for (int last = 0; last < bits; ++last) {
    int expected = -1;
    for (int first = last; first >= 0; --first) {
      const bool one = (bytes[static_cast<size_t>(first / 8)] >> (7 - first % 8) & 1) != 0;
      if (one) expected = first;
      EXPECT_EQ(Run("1 " + std::to_string(first) + " " + std::to_string(last) + " BIT"),
                Number(expected));
    }
  }
}

TEST_F(BitPos, TheBitIsAlwaysCheckedTheRangeOnlyWhenTheKeyExists) {
  EXPECT_EQ(Run("2"), "-ERR The bit argument must be 1 or 0.\r\n");
  EXPECT_EQ(Run("x"), kBadInteger);
  EXPECT_EQ(Run("1 x"), Number(-1));
  redis_.Put("a", "\x0f");
  EXPECT_EQ(Run("1 x"), kBadInteger);
  EXPECT_EQ(Run("1 0 x"), kBadInteger);
  EXPECT_EQ(Run("1 x 0 FOO"), kBadInteger);
  EXPECT_EQ(Run("1 0 x FOO"), kBadSyntax);
  EXPECT_EQ(Run("1 0 x BIT"), kBadInteger);
  EXPECT_EQ(Run("1 0 0 BIT 0"), kBadSyntax);
}

// BITOP

class BitOp : public testing::Test {
 protected:
  std::string Run(std::string_view arguments) {
    return redis_.Run(ParseBitOp, "BITOP " + std::string(arguments), kAfterFunction);
  }

  OpTester redis_;
};

TEST_F(BitOp, CombinesBitByBit) {
  redis_.Put("a", "\x0c\xff");
  redis_.Put("b", "\x0a\x0f");
  EXPECT_EQ(Run("AND d a b"), Number(2));
  EXPECT_EQ(redis_.Get("d"), "\x08\x0f");
  EXPECT_EQ(Run("or d a b"), Number(2));
  EXPECT_EQ(redis_.Get("d"), "\x0e\xff");
  EXPECT_EQ(Run("Xor d a b"), Number(2));
  EXPECT_EQ(redis_.Get("d"), "\x06\xf0");
  EXPECT_EQ(Run("NOT d a"), Number(2));
  EXPECT_EQ(redis_.Get("d"), std::string("\xf3\x00", 2));
}

TEST_F(BitOp, ShorterSourcesEndInZeros) {
  redis_.Put("long", "abc");
  redis_.Put("short", "a");
  EXPECT_EQ(Run("AND d long short"), Number(3));
  EXPECT_EQ(redis_.Get("d"), std::string("a\0\0", 3));
  EXPECT_EQ(Run("AND d short long"), Number(3));
  EXPECT_EQ(redis_.Get("d"), std::string("a\0\0", 3));
  EXPECT_EQ(Run("OR d short long"), Number(3));
  EXPECT_EQ(redis_.Get("d"), "abc");
  EXPECT_EQ(Run("XOR d short long"), Number(3));
  EXPECT_EQ(redis_.Get("d"), std::string("\0bc", 3));
}

TEST_F(BitOp, AbsentSourcesAreZeros) {
  redis_.Put("a", "abc");
  EXPECT_EQ(Run("AND d missing a"), Number(3));
  EXPECT_EQ(redis_.Get("d"), std::string(3, '\0'));
  EXPECT_EQ(Run("OR d a missing"), Number(3));
  EXPECT_EQ(redis_.Get("d"), "abc");
}

TEST_F(BitOp, OneSourceIsCopied) {
  redis_.Put("a", "abc");
  EXPECT_EQ(Run("AND d a"), Number(3));
  EXPECT_EQ(redis_.Get("d"), "abc");
}

TEST_F(BitOp, AnEmptyResultDeletesTheDestination) {
  redis_.Put("d", "old");
  redis_.Put("empty", "");
  EXPECT_EQ(Run("OR d missing empty"), Number(0));
  EXPECT_EQ(redis_.Get("d"), std::nullopt);
  EXPECT_EQ(Run("NOT d missing"), Number(0));
  EXPECT_EQ(redis_.changes()[0].kind(), cluster::Change::Kind::kNone);
}

TEST_F(BitOp, TheDestinationMayBeASource) {
  redis_.Put("a", "\x0c");
  redis_.Put("b", "\x0a");
  EXPECT_EQ(Run("XOR a a b a"), Number(1));
  EXPECT_EQ(redis_.Get("a"), "\x0a");
}

TEST_F(BitOp, TheDestinationLosesItsExpiryAndItsTypeDoesNotMatter) {
  redis_.Put("a", "x", kNow + 1000);
  redis_.Put("d", "old", kNow + 1000);
  EXPECT_EQ(Run("OR d a"), Number(1));
  EXPECT_EQ(redis_.ExpireAtOf("d"), cluster::kNoExpiry);
  redis_.PutOtherType("other");
  EXPECT_EQ(Run("OR other a"), Number(1));
  EXPECT_EQ(redis_.Get("other"), "x");
}

TEST_F(BitOp, FunctionsAreCheckedAndNotTakesOneSource) {
  EXPECT_EQ(Run("NAND d a b"), kBadSyntax);
  EXPECT_EQ(Run("NOT d a b"), "-ERR BITOP NOT must be called with a single source key.\r\n");
}

}  // namespace
}  // namespace cartwheel::server
