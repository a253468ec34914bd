#include "resp/integer.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace cartwheel::resp {
namespace {

TEST(Integer, ReadsWhatPrintingGives) {
  for (const int64_t value : {INT64_MIN, INT64_C(-10), INT64_C(-1), INT64_C(0), INT64_C(7),
                              INT64_C(10), INT64_C(123456789), INT64_MAX}) {
    EXPECT_EQ(ParseInteger(std::to_string(value)), value);
  }
}

TEST(Integer, RefusesEveryOtherSpelling) {
  for (const char* text : {"", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1.0", "0x1", "--1",
                           "9223372036854775808", "-9223372036854775809"}) {
    EXPECT_EQ(ParseInteger(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace cartwheel::resp
