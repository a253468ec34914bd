#include "resp/reply.h"

#include <string>

#include <gtest/gtest.h>

namespace cartwheel::resp {
namespace {

using Type = Reply::Type;

TEST(Reply, StringsAreQuotedAsRedisCliDoes) {
  const std::string bytes = std::string("a\"\\\n\r\t\a\b\x7f") + '\0' + "\xc3\xa9~";
  EXPECT_EQ(ToString({.type = Type::kBulk, .text = bytes}),
            "\"a\\\"\\\\\\n\\r\\t\\a\\b\\x7f\\x00\\xc3\\xa9~\"");
}

TEST(Reply, NumbersAlignInLongArrays) {
  Reply array{.type = Type::kArray};
  for (int i = 1; i <= 10; ++i) array.elements.push_back({.type = Type::kInteger, .integer = i});
  array.elements[8] = {.type = Type::kArray, .elements = {array.elements[0], array.elements[1]}};
  const std::string text = ToString(array);
  EXPECT_TRUE(text.starts_with(" 1) (integer) 1\n 2) (integer) 2\n")) << text;
  EXPECT_TRUE(text.ends_with(" 9) 1) (integer) 1\n    2) (integer) 2\n10) (integer) 10")) << text;
}

TEST(Reply, EmptyAggregatesAndNulls) {
  EXPECT_EQ(ToString({.type = Type::kArray}), "(empty array)");
  EXPECT_EQ(ToString({.type = Type::kMap}), "(empty hash)");
  EXPECT_EQ(ToString({.type = Type::kSet}), "(empty set)");
  EXPECT_EQ(ToString({.type = Type::kPush}), "(empty push)");
  EXPECT_EQ(ToString({.type = Type::kNull}), "(nil)");
  EXPECT_EQ(ToString({.type = Type::kNullArray}), "(nil array)");
}

TEST(Reply, ScalarsSayTheirType) {
  EXPECT_EQ(ToString({.type = Type::kError, .text = "ERR x"}), "(error) ERR x");
  EXPECT_EQ(ToString({.type = Type::kInteger, .integer = -1}), "(integer) -1");
  EXPECT_EQ(ToString({.type = Type::kDouble, .number = 0.1}), "(double) 0.1");
  EXPECT_EQ(ToString({.type = Type::kBoolean, .integer = 0}), "(false)");
  EXPECT_EQ(ToString({.type = Type::kVerbatim, .text = "x", .format = "txt"}), "x");
}

}  // namespace
}  // namespace cartwheel::resp
