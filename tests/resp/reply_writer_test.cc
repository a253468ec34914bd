#include "resp/reply_writer.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "resp/reply_reader.h"

namespace cartwheel::resp {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <typename Write>
std::string Written(Protocol protocol, Write write) {
  std::string out;
  ReplyWriter writer(out, protocol);
  write(writer);
  EXPECT_EQ(writer.size(), out.size());
  return out;
}

template <typename Write>
std::string Resp2(Write write) {
  return Written(Protocol::kResp2, write);
}

template <typename Write>
std::string Resp3(Write write) {
  return Written(Protocol::kResp3, write);
}

TEST(ReplyWriter, TypesThatBothProtocolsShare) {
  const auto write = [](ReplyWriter& w) {
    w.Ok();
    w.SimpleString("QUEUED");
    w.Error("ERR two\r\nlines");
    w.Integer(-12);
    w.Bulk("a\r\nb");
    w.BulkInteger(1000);
    w.Array(2);
    w.Raw(":1\r\n:2\r\n");
  };
  const std::string expected =
      "+OK\r\n+QUEUED\r\n-ERR two  lines\r\n:-12\r\n$4\r\na\r\nb\r\n$4\r\n1000\r\n"
      "*2\r\n:1\r\n:2\r\n";
  EXPECT_EQ(Resp2(write), expected);
  EXPECT_EQ(Resp3(write), expected);
}

TEST(ReplyWriter, ErrorsLoseTheLineEndsAtTheirEnd) {
  const auto write = [](ReplyWriter& w) {
    w.Error("ERR what is \r\n\n");
    w.Error("");
  };
  EXPECT_EQ(Resp2(write), "-ERR what is \r\n-\r\n");
}

TEST(ReplyWriter, Integers) {
  for (const int64_t value : {INT64_MIN, INT64_C(-1), INT64_C(0), INT64_C(9), INT64_C(10),
                              INT64_C(99), INT64_C(100), INT64_MAX}) {
    EXPECT_EQ(Resp2([&](ReplyWriter& w) { w.Integer(value); }),
              ":" + std::to_string(value) + "\r\n");
  }
}

TEST(ReplyWriter, Nulls) {
  const auto write = [](ReplyWriter& w) {
    w.Null();
    w.NullArray();
  };
  EXPECT_EQ(Resp2(write), "$-1\r\n*-1\r\n");
  EXPECT_EQ(Resp3(write), "_\r\n_\r\n");
}

TEST(ReplyWriter, Aggregates) {
  const auto write = [](ReplyWriter& w) {
    w.Map(3);
    w.Set(12);
    w.Push(0);
  };
  EXPECT_EQ(Resp2(write), "*6\r\n*12\r\n*0\r\n");
  EXPECT_EQ(Resp3(write), "%3\r\n~12\r\n>0\r\n");
}

TEST(ReplyWriter, ScalarsThatResp2LacksBecomeItsOwn) {
  const auto write = [](ReplyWriter& w) {
    w.Boolean(true);
    w.Boolean(false);
    w.BigNumber("-12345678901234567890");
    w.Verbatim("a\nb", "txt");
  };
  EXPECT_EQ(Resp2(write), ":1\r\n:0\r\n$21\r\n-12345678901234567890\r\n$3\r\na\nb\r\n");
  EXPECT_EQ(Resp3(write), "#t\r\n#f\r\n(-12345678901234567890\r\n=7\r\ntxt:a\nb\r\n");
}

// As redis-server 7.0 answers ZRANGE WITHSCORES.
TEST(ReplyWriter, DoublesHaveSeventeenDigits) {
  const auto resp3 = [](double value) { return Resp3([=](ReplyWriter& w) { w.Double(value); }); };
  EXPECT_EQ(resp3(0.1), ",0.10000000000000001\r\n");
  EXPECT_EQ(resp3(3), ",3\r\n");
  EXPECT_EQ(resp3(-0.0), ",-0\r\n");
  EXPECT_EQ(resp3(1e-7), ",9.9999999999999995e-08\r\n");
  EXPECT_EQ(resp3(1e20), ",1e+20\r\n");
  EXPECT_EQ(resp3(1e300), ",1.0000000000000001e+300\r\n");
  EXPECT_EQ(resp3(123456.789), ",123456.789\r\n");
  EXPECT_EQ(resp3(-std::numeric_limits<double>::denorm_min()), ",-4.9406564584124654e-324\r\n");
  EXPECT_EQ(resp3(kInfinity), ",inf\r\n");
  EXPECT_EQ(resp3(-kInfinity), ",-inf\r\n");
  EXPECT_EQ(resp3(kNan), ",nan\r\n");
  EXPECT_EQ(resp3(-kNan), ",nan\r\n");
  EXPECT_EQ(Resp2([](ReplyWriter& w) { w.Double(0.1); }), "$19\r\n0.10000000000000001\r\n");
  EXPECT_EQ(Resp2([](ReplyWriter& w) { w.Double(-kInfinity); }), "$4\r\n-inf\r\n");
}

void WriteEverything(ReplyWriter& w) {
  w.Map(2);
  w.Bulk("key");
  w.Array(7);
  w.Integer(1);
  w.Double(0.1);
  w.Boolean(true);
  w.Null();
  w.NullArray();
  w.Set(1);
  w.Verbatim("text", "txt");
  w.Array(0);
  w.SimpleString("second");
  w.Push(3);
  w.Error("ERR x");
  w.BigNumber("123");
  w.Bulk("");
}

TEST(ReplyWriter, AReaderGetsBackWhatWasMeant) {
  const auto resp3 = ReadReplies(Resp3(WriteEverything));
  ASSERT_TRUE(resp3.has_value()) << resp3.error();
  ASSERT_EQ(resp3->size(), 1U);
  EXPECT_EQ(ToString(resp3->front()),
            "1# \"key\" => 1) (integer) 1\n"
            "   2) (double) 0.1\n"
            "   3) (true)\n"
            "   4) (nil)\n"
            "   5) (nil)\n"
            "   6) 1~ text\n"
            "   7) (empty array)\n"
            "2# second => 1> (error) ERR x\n"
            "   2> (big number) 123\n"
            "   3> \"\"");
  const auto resp2 = ReadReplies(Resp2(WriteEverything));
  ASSERT_TRUE(resp2.has_value()) << resp2.error();
  ASSERT_EQ(resp2->size(), 1U);
  EXPECT_EQ(ToString(resp2->front()),
            "1) \"key\"\n"
            "2) 1) (integer) 1\n"
            "   2) \"0.10000000000000001\"\n"
            "   3) (integer) 1\n"
            "   4) (nil)\n"
            "   5) (nil array)\n"
            "   6) 1) \"text\"\n"
            "   7) (empty array)\n"
            "3) second\n"
            "4) 1) (error) ERR x\n"
            "   2) \"123\"\n"
            "   3) \"\"");
}

}  // namespace
}  // namespace cartwheel::resp
