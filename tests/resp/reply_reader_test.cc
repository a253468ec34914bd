#include "resp/reply_reader.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cartwheel::resp {
namespace {

using Status = ReplyReader::Status;
using Type = Reply::Type;

Reply Read(std::string_view bytes) {
  auto replies = ReadReplies(bytes);
  EXPECT_TRUE(replies.has_value()) << bytes;
  if (!replies) return {};
  EXPECT_EQ(replies->size(), 1U);
  return replies->front();
}

std::string ErrorOf(std::string_view bytes, const ReplyLimits& limits = {}) {
  const auto replies = ReadReplies(bytes, limits);
  return replies ? "" : replies.error();
}

TEST(ReplyReader, ReadsScalars) {
  EXPECT_EQ(Read("+OK\r\n"), (Reply{.type = Type::kSimpleString, .text = "OK"}));
  EXPECT_EQ(Read("-ERR x\r\n"), (Reply{.type = Type::kError, .text = "ERR x"}));
  EXPECT_EQ(Read("!5\r\nERR\r\n\r\n"), (Reply{.type = Type::kError, .text = "ERR\r\n"}));
  EXPECT_EQ(Read(":-42\r\n"), (Reply{.type = Type::kInteger, .integer = -42}));
  EXPECT_EQ(Read("$4\r\na\r\nb\r\n"), (Reply{.type = Type::kBulk, .text = "a\r\nb"}));
  EXPECT_EQ(Read("$0\r\n\r\n"), (Reply{.type = Type::kBulk, .text = ""}));
  EXPECT_EQ(Read("$-1\r\n"), (Reply{.type = Type::kNull}));
  EXPECT_EQ(Read("_\r\n"), (Reply{.type = Type::kNull}));
  EXPECT_EQ(Read("*-1\r\n"), (Reply{.type = Type::kNullArray}));
  EXPECT_EQ(Read(",1e-3\r\n"), (Reply{.type = Type::kDouble, .number = 0.001}));
  EXPECT_EQ(Read(",-inf\r\n"), (Reply{.type = Type::kDouble, .number = -INFINITY}));
  EXPECT_TRUE(std::isnan(Read(",nan\r\n").number));
  EXPECT_EQ(Read("#t\r\n"), (Reply{.type = Type::kBoolean, .integer = 1}));
  EXPECT_EQ(Read("(-123\r\n"), (Reply{.type = Type::kBigNumber, .text = "-123"}));
  EXPECT_EQ(Read("=7\r\ntxt:abc\r\n"),
            (Reply{.type = Type::kVerbatim, .text = "abc", .format = "txt"}));
}

TEST(ReplyReader, ReadsAggregates) {
  const Reply one{.type = Type::kInteger, .integer = 1};
  const Reply two{.type = Type::kInteger, .integer = 2};
  EXPECT_EQ(Read("*0\r\n"), (Reply{.type = Type::kArray}));
  EXPECT_EQ(Read("*2\r\n:1\r\n:2\r\n"), (Reply{.type = Type::kArray, .elements = {one, two}}));
  EXPECT_EQ(Read("%1\r\n:1\r\n:2\r\n"), (Reply{.type = Type::kMap, .elements = {one, two}}));
  EXPECT_EQ(Read("~1\r\n>1\r\n:2\r\n"),
            (Reply{.type = Type::kSet, .elements = {{.type = Type::kPush, .elements = {two}}}}));
}

TEST(ReplyReader, MalformedRepliesAreErrors) {
  for (const char* bytes :
       {":01\r\n",   ":\r\n",     ",x\r\n",  "#x\r\n",  "(1x\r\n", "(-\r\n",         "_x\r\n",
        "$-2\r\n",   "$x\r\n",    "*-2\r\n", "%-1\r\n", "!-1\r\n", "=3\r\nabc\r\n",  "$?\r\n",
        "$1\r\nabc", "+a\rb\r\n", "\r\n",    "?1\r\n",  "|1\r\n",  "=4\r\ntxt-\r\n", "PONG\r\n"}) {
    ReplyReader reader;
    EXPECT_EQ(reader.Parse(bytes, {}), Status::kError) << bytes;
    EXPECT_EQ(reader.Parse("+OK\r\n", {}), Status::kError) << "an error is final";
    EXPECT_NE(reader.error(), "");
  }
}

TEST(ReplyReader, LimitsAreErrors) {
  const ReplyLimits limits{
      .max_bulk_bytes = 4, .max_line_bytes = 8, .max_depth = 2, .max_values = 4};
  EXPECT_EQ(ErrorOf("$4\r\nabcd\r\n", limits), "");
  EXPECT_EQ(ErrorOf("$5\r\n", limits), "too long a string");
  EXPECT_EQ(ErrorOf("+1234567\r\n", limits), "");
  EXPECT_EQ(ErrorOf("+12345678\r\n", limits), "too long a line");
  EXPECT_EQ(ErrorOf("+12345678", limits), "too long a line");
  EXPECT_EQ(ErrorOf("*1\r\n*1\r\n*0\r\n", limits), "");
  EXPECT_EQ(ErrorOf("*1\r\n*1\r\n*1\r\n", limits), "nested too deeply");
  EXPECT_EQ(ErrorOf("*3\r\n:1\r\n:2\r\n:3\r\n", limits), "");
  EXPECT_EQ(ErrorOf("*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n", limits), "too many values");
  EXPECT_EQ(ErrorOf("*5\r\n", limits), "too many values");
}

TEST(ReplyReader, AnIncompleteLastReplyIsAnError) {
  EXPECT_EQ(ErrorOf("+OK\r\n*1\r\n"), "the last reply is incomplete");
}

TEST(ReplyReader, AnySplitGivesTheSameReply) {
  const std::string bytes =
      "*6\r\n+a\r\n%1\r\n$3\r\nk\r\n\r\n*2\r\n:1\r\n,2.5\r\n=5\r\ntxt:x\r\n~2\r\n_\r\n#t\r\n"
      "$-1\r\n*0\r\n";
  const Reply whole = Read(bytes);
  ReplyReader byte_by_byte;
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    const std::string head = bytes.substr(0, cut);
    ASSERT_EQ(byte_by_byte.Parse(head, {}), Status::kIncomplete) << cut;
    ReplyReader reader;
    ASSERT_EQ(reader.Parse(head, {}), Status::kIncomplete) << cut;
    ASSERT_EQ(reader.Parse(bytes, {}), Status::kComplete) << cut;
    EXPECT_EQ(reader.reply(), whole) << cut;
    EXPECT_EQ(reader.consumed(), bytes.size());
  }
  ASSERT_EQ(byte_by_byte.Parse(bytes, {}), Status::kComplete);
  EXPECT_EQ(byte_by_byte.reply(), whole);
}

TEST(ReplyReader, RepliesFollowEachOther) {
  const auto replies = ReadReplies("+OK\r\n*1\r\n:1\r\n$-1\r\n");
  ASSERT_TRUE(replies.has_value());
  ASSERT_EQ(replies->size(), 3U);
  EXPECT_EQ((*replies)[1].elements.size(), 1U);
  EXPECT_EQ((*replies)[2].type, Type::kNull);
}

}  // namespace
}  // namespace cartwheel::resp
