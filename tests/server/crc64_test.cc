#include "server/crc64.h"

#include <string>

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

uint64_t BitByBit(std::string_view bytes) {
  uint64_t crc = 0;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x95ac9329ac4bc9b5 : 0);
  }
  return crc;
}

TEST(Crc64, HasTheCheckValueOfRedis) {
  EXPECT_EQ(Crc64("123456789"), 0xe9c6d914c4b8d9caU);
}

TEST(Crc64, OfNothingIsZero) {
  EXPECT_EQ(Crc64(""), 0U);
}

TEST(Crc64, AgreesWithTheDefinitionAtEveryLength) {
  std::string bytes;
  for (int length = 0; length <= 40; ++length) {
    EXPECT_EQ(Crc64(bytes), BitByBit(bytes)) << length;
    bytes.push_back(static_cast<char>(length * 37 + 11));
  }
}

}  // namespace
}  // namespace cartwheel::server
