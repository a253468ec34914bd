#include "cluster/slot.h"

#include <string>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

// One bit at a time, straight from the definition of the polynomial.
uint16_t BitwiseCrc16(std::string_view bytes) {
  uint16_t crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<uint16_t>(static_cast<uint8_t>(c) << 8);
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
  }
  return crc;
}

TEST(Slot, Crc16HasTheCheckValueOfTheSpecification) {
  EXPECT_EQ(Crc16("123456789"), 0x31C3);
}

TEST(Slot, Crc16OfNothingIsZero) {
  EXPECT_EQ(Crc16(""), 0);
}

TEST(Slot, Crc16MatchesTheBitwiseDefinitionAtEveryLength) {
  std::string bytes;
  for (int length = 0; length < 300; ++length) {
    EXPECT_EQ(Crc16(bytes), BitwiseCrc16(bytes)) << "length " << length;
    bytes.push_back(static_cast<char>(length * 167 + 13));
  }
}

// Answers of CLUSTER KEYSLOT of Redis 7.
TEST(Slot, SlotsAreThoseOfRedisCluster) {
  EXPECT_EQ(SlotOf("foo"), 12182);
  EXPECT_EQ(SlotOf("bar"), 5061);
  EXPECT_EQ(SlotOf("hello"), 866);
  EXPECT_EQ(SlotOf("somekey"), 11058);
  EXPECT_EQ(SlotOf("foo{hash_tag}"), 2515);
  EXPECT_EQ(SlotOf(""), 0);
}

TEST(Slot, KeysWithOneHashTagShareASlot) {
  EXPECT_EQ(SlotOf("{user1000}.following"), SlotOf("{user1000}.followers"));
  EXPECT_EQ(SlotOf("{user1000}.following"), SlotOf("user1000"));
}

TEST(Slot, HashTagIsWhatStandsBetweenTheFirstBraces) {
  EXPECT_EQ(HashTag("plain"), "plain");
  EXPECT_EQ(HashTag("a{b}c"), "b");
  EXPECT_EQ(HashTag("{b}"), "b");
  EXPECT_EQ(HashTag("foo{bar}{zap}"), "bar");
  EXPECT_EQ(HashTag("foo{{bar}}zap"), "{bar");
  EXPECT_EQ(HashTag("}a{b}"), "b");
}

TEST(Slot, AnEmptyOrOpenHashTagMeansTheWholeKey) {
  EXPECT_EQ(HashTag("foo{}{bar}"), "foo{}{bar}");
  EXPECT_EQ(HashTag("{}"), "{}");
  EXPECT_EQ(HashTag("foo{bar"), "foo{bar");
  EXPECT_EQ(HashTag("foo}bar"), "foo}bar");
  EXPECT_EQ(HashTag("}{"), "}{");
  EXPECT_EQ(HashTag(""), "");
}

}  // namespace
}  // namespace cartwheel::cluster
