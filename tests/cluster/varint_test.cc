#include "cluster/varint.h"

#include <string>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

std::string Encoded(uint64_t number) {
  char bytes[kMaxVarintBytes];
  return {bytes, PutVarint(number, bytes)};
}

// Whether `bytes` are one varint and nothing else.
bool Decodes(const std::string& bytes, uint64_t& number) {
  const char* const end = bytes.data() + bytes.size();
  return TakeVarint(bytes.data(), end, number) == end;
}

TEST(Varint, NumbersComeBack) {
  for (int shift = 0; shift < 64; ++shift) {
    for (const uint64_t offset : {0, 1, 2}) {
      const uint64_t number = (uint64_t{1} << shift) - 1 + offset;
      uint64_t decoded = 0;
      EXPECT_TRUE(Decodes(Encoded(number), decoded)) << number;
      EXPECT_EQ(decoded, number);
    }
  }
}

TEST(Varint, SmallNumbersAreShort) {
  EXPECT_EQ(Encoded(0).size(), 1u);
  EXPECT_EQ(Encoded(127).size(), 1u);
  EXPECT_EQ(Encoded(128).size(), 2u);
  EXPECT_EQ(Encoded(~uint64_t{0}).size(), 10u);
}

TEST(Varint, WhatIsCutShortIsRefused) {
  const std::string bytes = Encoded(~uint64_t{0});
  uint64_t number = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(TakeVarint(bytes.data(), bytes.data() + length, number), nullptr);
  }
}

TEST(Varint, OnlyTheShortestFormIsRead) {
  uint64_t number = 0;
  EXPECT_FALSE(Decodes(std::string("\x80\x00", 2), number));
  EXPECT_FALSE(Decodes(std::string("\xff\x80\x00", 3), number));
}

TEST(Varint, MoreThan64BitsAreRefused) {
  uint64_t number = 0;
  EXPECT_FALSE(Decodes(std::string(9, '\xff') + "\x02", number));
  EXPECT_FALSE(Decodes(std::string(9, '\xff') + "\x81\x01", number));
  EXPECT_FALSE(Decodes(std::string(20, '\xff'), number));
}

}  // namespace
}  // namespace cartwheel::cluster
