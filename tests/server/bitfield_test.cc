#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "server/ops/bits.h"
#include "server/ops/parsers.h"
#include "tests/server/op_tester.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kNow = OpTester::kNowMs;

constexpr std::string_view kBadInteger = "-ERR value is not an integer or out of range\r\n";
constexpr std::string_view kBadSyntax = "-ERR syntax error\r\n";
constexpr std::string_view kBadOffset = "-ERR bit offset is not an integer or out of range\r\n";
constexpr std::string_view kNil = "*1\r\n$-1\r\n";

// The reply to steps that give these numbers.
template <typename... Numbers>
std::string List(Numbers... numbers) {
  std::string reply = "*" + std::to_string(sizeof...(numbers)) + "\r\n";
  ((reply += ":" + std::to_string(numbers) + "\r\n"), ...);
  return reply;
}

class BitField : public testing::Test {
 protected:
  std::string Run(std::string_view steps) {
    return redis_.Run(ParseBitField, "BITFIELD a " + std::string(steps));
  }

  std::string RunReadOnly(std::string_view steps) {
    return redis_.Run(ParseBitFieldRo, "BITFIELD_RO a " + std::string(steps));
  }

  OpTester redis_;
};

TEST_F(BitField, GetReadsHighestBitFirstAtAnyBit) {
  redis_.Put("a", "\x12\x34");
  EXPECT_EQ(Run("GET u8 0 GET u4 4 GET u8 4 GET u16 0 GET u1 3"), List(0x12, 0x2, 0x23, 0x1234, 1));
}

TEST_F(BitField, SignedFieldsExtendTheirHighestBit) {
  redis_.Put("a", "\xf0");
  EXPECT_EQ(Run("GET i8 0 GET u8 0 GET i4 0 GET i4 4 GET i1 0"), List(-16, 240, -1, 0, -1));
}

TEST_F(BitField, BitsPastTheEndAndOfAnAbsentKeyAreZero) {
  EXPECT_EQ(Run("GET u8 0"), List(0));
  redis_.Put("a", "\xff");
  EXPECT_EQ(Run("GET u16 0 GET i16 0 GET u8 100 GET u8 4"), List(0xff00, -256, 0, 0xf0));
  EXPECT_EQ(redis_.changes()[0].kind(), cluster::Change::Kind::kNone);
}

TEST_F(BitField, SetAnswersTheOldNumber) {
  EXPECT_EQ(Run("SET u8 0 200 SET u8 0 100"), List(0, 200));
  EXPECT_EQ(redis_.Get("a"), "d");
  EXPECT_EQ(Run("SET i8 0 -1 GET i8 0 GET u8 0"), List(100, -1, 255));
}

TEST_F(BitField, SetTouchesOnlyItsField) {
  redis_.Put("a", "\xff\xff\xff");
  EXPECT_EQ(Run("SET u5 6 9"), List(31));
  EXPECT_EQ(redis_.Get("a"), "\xfd\x3f\xff");
}

TEST_F(BitField, IncrByAnswersTheNewNumber) {
  EXPECT_EQ(Run("INCRBY u8 0 10 INCRBY u8 0 -3 INCRBY i8 8 -5"), List(10, 7, -5));
  EXPECT_EQ(redis_.Get("a"), "\x07\xfb");
}

TEST_F(BitField, StepsSeeThoseBeforeThem) {
  EXPECT_EQ(Run("SET u8 0 5 GET u8 0 INCRBY u8 0 2 GET u8 0"), List(0, 5, 7, 7));
}

TEST_F(BitField, HashOffsetsAreMultiplesOfTheWidth) {
  EXPECT_EQ(Run("SET u8 #0 1 SET u8 #1 2 SET u8 #2 3 GET u24 0"), List(0, 0, 0, 0x010203));
  EXPECT_EQ(Run("GET u4 #5"), List(3));
}

TEST_F(BitField, WritesGrowTheStringAndKeepTheExpiry) {
  redis_.Put("a", "x", kNow + 1000);
  EXPECT_EQ(Run("SET u8 24 1"), List(0));
  EXPECT_EQ(redis_.Get("a"), std::string("x\0\0\x01", 4));
  EXPECT_EQ(redis_.ExpireAtOf("a"), kNow + 1000);
}

TEST_F(BitField, AWriteOfTheSameNumberChangesNothing) {
  redis_.Put("a", "x");
  EXPECT_EQ(Run("SET u8 0 120 INCRBY u8 0 0"), List(120, 120));
  EXPECT_EQ(redis_.changes()[0].kind(), cluster::Change::Kind::kNone);
}

TEST_F(BitField, NoStepsAnswerAnEmptyListAndMakeNoKey) {
  EXPECT_EQ(Run(""), "*0\r\n");
  EXPECT_EQ(Run("OVERFLOW SAT"), "*0\r\n");
  EXPECT_EQ(redis_.Get("a"), std::nullopt);
}

TEST_F(BitField, WrapIsTheDefaultOverflow) {
  EXPECT_EQ(Run("SET u8 0 257 GET u8 0"), List(0, 1));
  EXPECT_EQ(Run("SET u8 0 255 INCRBY u8 0 2 INCRBY u8 0 -3"), List(1, 1, 254));
  EXPECT_EQ(Run("SET i8 0 127 INCRBY i8 0 1 INCRBY i8 0 -1"), List(-2, -128, 127));
  EXPECT_EQ(Run("SET i8 0 128 GET i8 0"), List(127, -128));
  EXPECT_EQ(Run("SET u8 0 -1 GET u8 0"), List(128, 255));
}

TEST_F(BitField, SatStopsAtTheBounds) {
  EXPECT_EQ(Run("OVERFLOW SAT INCRBY u8 0 300 INCRBY u8 0 -300"), List(255, 0));
  EXPECT_EQ(Run("OVERFLOW SAT INCRBY i8 0 300 INCRBY i8 0 -300"), List(127, -128));
  EXPECT_EQ(Run("OVERFLOW SAT SET i8 0 200 GET i8 0"), List(-128, 127));
  EXPECT_EQ(Run("OVERFLOW SAT SET i8 0 -200 GET i8 0"), List(127, -128));
}

// Redis reads the operand as 64 unsigned bits.
TEST_F(BitField, SatSetOfANegativeUnsignedIsTheMaximum) {
  EXPECT_EQ(Run("OVERFLOW SAT SET u8 0 -1 GET u8 0"), List(0, 255));
}

TEST_F(BitField, FailAnswersNilAndLeavesTheField) {
  redis_.Put("a", "\xff");
  EXPECT_EQ(Run("OVERFLOW FAIL INCRBY u8 0 1"), kNil);
  EXPECT_EQ(Run("OVERFLOW FAIL SET u8 0 256"), kNil);
  EXPECT_EQ(Run("OVERFLOW FAIL INCRBY i8 0 -128"), kNil);
  EXPECT_EQ(redis_.Get("a"), "\xff");
  redis_.protocol = resp::Protocol::kResp3;
  EXPECT_EQ(Run("OVERFLOW FAIL INCRBY u8 0 1"), "*1\r\n_\r\n");
}

TEST_F(BitField, FailStillMakesRoomForTheField) {
  EXPECT_EQ(Run("OVERFLOW FAIL INCRBY u8 8 300"), kNil);
  EXPECT_EQ(redis_.Get("a"), std::string(2, '\0'));
}

TEST_F(BitField, OverflowHoldsForTheStepsAfterIt) {
  EXPECT_EQ(Run("INCRBY u2 0 5 OVERFLOW SAT INCRBY u2 2 5 overflow wrap INCRBY u2 4 5"),
            List(1, 3, 1));
}

TEST_F(BitField, TheWidestFieldsOverflowToo) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(Run("SET i64 1 9223372036854775807 GET i64 1"), List(0, kMax));
  EXPECT_EQ(Run("OVERFLOW SAT INCRBY i64 1 1"), List(kMax));
  EXPECT_EQ(Run("OVERFLOW FAIL INCRBY i64 1 1"), kNil);
  EXPECT_EQ(Run("INCRBY i64 1 1"), List(kMin));
  EXPECT_EQ(Run("OVERFLOW SAT INCRBY i64 1 -1"), List(kMin));
  EXPECT_EQ(Run("INCRBY i64 1 -1"), List(kMax));
  EXPECT_EQ(Run("SET u63 1 -1 INCRBY u63 1 1"), List(kMax / 2, 0));
  EXPECT_EQ(Run("OVERFLOW SAT INCRBY u63 1 9223372036854775807 INCRBY u63 1 1"), List(kMax, kMax));
  EXPECT_EQ(Run("OVERFLOW SAT INCRBY u63 1 -9223372036854775808"), List(0));
}

TEST_F(BitField, EveryWidthAtEveryBitKeepsItsNeighbours) {
  for (unsigned bits = 1; bits <= 63; ++bits) {
    for (unsigned offset = 0; offset < 8; ++offset) {
      redis_.Put("a", std::string(9, '\xff'));
      const std::string field = "u" + std::to_string(bits) + " " + std::to_string(offset);
      const auto all_ones = static_cast<int64_t>((uint64_t{1} << bits) - 1);
      EXPECT_EQ(Run("SET " + field + " 0 GET " + field), List(all_ones, 0));
      EXPECT_EQ(redis_.Run(ParseBitCount, "BITCOUNT a"), ":" + std::to_string(72 - bits) + "\r\n");
    }
  }
}

TEST_F(BitField, TypesAreI1ToI64AndU1ToU63) {
  for (const std::string_view type :
       {"u64", "i65", "u0", "i0", "x8", "u", "8", "u08", "u-1", "U8"}) {
    EXPECT_EQ(Run("GET " + std::string(type) + " 0"),
              "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not "
              "supported but i64 is.\r\n")
        << type;
  }
  EXPECT_EQ(Run("GET u63 0 GET i64 0 GET u1 0 GET i1 0"), List(0, 0, 0, 0));
}

TEST_F(BitField, OffsetsEndWithTheLongestString) {
  for (const std::string_view offset :
       {"x", "#x", "#", "-1", "#-1", "4294967296", "#536870912", "#1152921504606846976"}) {
    EXPECT_EQ(Run("GET u8 " + std::string(offset)), kBadOffset) << offset;
  }
  EXPECT_EQ(Run("GET u8 4294967295"), List(0));
}

// Redis would let the last field make the string a few bytes longer than proto-max-bulk-len.
TEST_F(BitField, AWriteMustEndWithinTheLongestString) {
  redis_.max_string_bytes = 100;
  EXPECT_EQ(Run("SET u8 793 1"), kBadOffset);
  EXPECT_EQ(Run("INCRBY u8 #100 1"), kBadOffset);
  EXPECT_EQ(Run("GET u8 793"), List(0));
  EXPECT_EQ(Run("SET u8 792 1"), List(0));
  EXPECT_EQ(redis_.Get("a")->size(), 100U);
}

TEST_F(BitField, StepsAreChecked) {
  EXPECT_EQ(Run("FOO u8 0"), kBadSyntax);
  EXPECT_EQ(Run("GET u8"), kBadSyntax);
  EXPECT_EQ(Run("SET u8 0"), kBadSyntax);
  EXPECT_EQ(Run("INCRBY u8 0"), kBadSyntax);
  EXPECT_EQ(Run("OVERFLOW"), kBadSyntax);
  EXPECT_EQ(Run("OVERFLOW FOO"), "-ERR Invalid OVERFLOW type specified\r\n");
  EXPECT_EQ(Run("SET u8 0 x"), kBadInteger);
  EXPECT_EQ(Run("INCRBY u8 0 1.5"), kBadInteger);
}

TEST_F(BitField, AnErrorInALaterStepKeepsTheEarlierOnesFromHappening) {
  EXPECT_EQ(Run("SET u8 0 1 GET u64 0").substr(0, 5), "-ERR ");
  EXPECT_EQ(redis_.Get("a"), std::nullopt);
}

TEST_F(BitField, OfAnotherTypeIsTheWrongType) {
  redis_.PutOtherType("a");
  const std::string reply =
      "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
  EXPECT_EQ(Run("SET u8 0 1"), reply);
  EXPECT_EQ(RunReadOnly("GET u8 0"), reply);
}

TEST_F(BitField, ReadOnlyTakesGetAlone) {
  redis_.Put("a", "x");
  EXPECT_EQ(RunReadOnly("GET u8 0 OVERFLOW SAT GET i4 0"), List(120, 7));
  EXPECT_EQ(redis_.access(), Access::kRead);
  for (const std::string_view steps : {"SET u8 0 1", "GET u8 0 INCRBY u8 0 1"}) {
    EXPECT_EQ(RunReadOnly(steps), "-ERR BITFIELD_RO only supports the GET subcommand\r\n");
  }
  EXPECT_EQ(RunReadOnly("SET u8 0 x"), kBadInteger);
  EXPECT_EQ(redis_.Get("a"), "x");
}

}  // namespace
}  // namespace cartwheel::server
