#include "resp/lookahead.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::resp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kSet = "*3\r\n$3\r\nSET\r\n$3\r\none\r\n$1\r\n1\r\n";
constexpr std::string_view kGet = "*2\r\n$3\r\nGET\r\n$3\r\ntwo\r\n";
constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";

TEST(LookAhead, FindsTheFirstArgumentOfEachRequest) {
  const std::string input = std::string(kSet).append(kPing).append(kGet);
  std::vector<std::string_view> keys;
  EXPECT_EQ(LookAhead(input, 16, keys), input.size());
  EXPECT_THAT(keys, ElementsAre("one", "two"));
}

TEST(LookAhead, LooksAtSoManyRequestsAndNoMore) {
  const std::string input = std::string(kSet).append(kGet);
  std::vector<std::string_view> keys;
  EXPECT_EQ(LookAhead(input, 1, keys), kSet.size());
  EXPECT_THAT(keys, ElementsAre("one"));
}

TEST(LookAhead, EveryCutOfARequestEndsItBeforeThatRequest) {
  const std::string input = std::string(kGet).append(kSet);
  std::vector<std::string_view> keys;
  for (size_t length = kGet.size(); length < input.size(); ++length) {
    EXPECT_EQ(LookAhead(std::string_view(input).substr(0, length), 16, keys), kGet.size());
    EXPECT_THAT(keys, ElementsAre("two")) << length;
  }
}

TEST(LookAhead, WhatIsNoPlainArrayEndsIt) {
  std::vector<std::string_view> keys;
  for (const std::string_view input :
       {"GET inline\r\n", "*2\r\n$-1\r\n", "*-1\r\n", "*2\r\n:1\r\n$1\r\na\r\n", "*\r\n",
        "*2\n$3\r\n", "*1\r\n$999999999999\r\n", "", "*",
        "*2\r\n$3\r\nGET\r\n$99999999\r\nshort\r\n"}) {
    keys = {"left over"};
    EXPECT_EQ(LookAhead(input, 16, keys), 0) << input;
    EXPECT_THAT(keys, IsEmpty()) << input;
  }
}

TEST(LookAhead, AnEmptyRequestIsPassedOver) {
  std::vector<std::string_view> keys;
  EXPECT_EQ(LookAhead("*0\r\n", 16, keys), 4);
  EXPECT_THAT(keys, IsEmpty());
}

}  // namespace
}  // namespace cartwheel::resp
