#include "storage/key_order.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

TEST(KeyOrder, IsOneOrderOfAllKeys) {
  const std::vector<std::string> keys = FewKeys();
  const KeyOrder less;
  for (const std::string& a : keys) {
    for (const std::string& b : keys) {
      ASSERT_EQ(static_cast<int>(less(a, b)) + static_cast<int>(less(b, a)), a == b ? 0 : 1);
      if (!less(a, b)) continue;
      for (const std::string& c : keys) {
        if (less(b, c)) {
          ASSERT_TRUE(less(a, c));
        }
      }
    }
  }
}

TEST(KeyOrder, IsThatOfTheBytesUnlessTwoLongKeysShareTheirFirst400) {
  for (const std::string& a : FewKeys()) {
    for (const std::string& b : FewKeys()) {
      const bool special =
          IsLongKey(a) && IsLongKey(b) && a.substr(0, 400) == b.substr(0, 400) && a != b;
      if (!special) {
        ASSERT_EQ(KeyOrder()(a, b), a < b);
      } else if (LongKeyHash(a) == LongKeyHash(b)) {
        ASSERT_EQ(KeyOrder()(a, b), a < b);
      } else {
        ASSERT_EQ(KeyOrder()(a, b), LongKeyHash(a) < LongKeyHash(b));
      }
    }
  }
}

TEST(KeyOrder, AKeyOf400BytesStandsBeforeAllThatGoOnFromIt) {
  const std::string prefix(400, 'm');
  for (const char next : std::string_view("\0a\xff", 3)) {
    EXPECT_TRUE(KeyOrder()(prefix, prefix + next));
    EXPECT_FALSE(KeyOrder()(prefix + next, prefix));
  }
}

TEST(KeyOrder, TheHashOfLongKeysIsThatOfTheFileFormat) {
  EXPECT_EQ(LongKeyHash(std::string(401, 'k')), 1'093'601'222U);
  EXPECT_EQ(LongKeyHash(std::string(3000, '\xff')), 499'667'562U);
}

TEST(KeyOrder, ARangeHasItsBeginAndNotItsEnd) {
  EXPECT_TRUE(InRange("b", "b", "d"));
  EXPECT_TRUE(InRange("c", "b", "d"));
  EXPECT_FALSE(InRange("d", "b", "d"));
  EXPECT_FALSE(InRange("a", "b", ""));
  EXPECT_TRUE(InRange("\xff", "b", ""));
  EXPECT_TRUE(IsEmptyRange("b", "b"));
  EXPECT_TRUE(IsEmptyRange("c", "b"));
  EXPECT_FALSE(IsEmptyRange("b", std::string("b\0", 2)));
  EXPECT_FALSE(IsEmptyRange("b", "")) << "an empty end is no bound";
  EXPECT_FALSE(IsEmptyRange("", ""));
}

}  // namespace
}  // namespace cartwheel::storage
