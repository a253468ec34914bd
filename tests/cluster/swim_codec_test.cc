#include "cluster/swim_codec.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/mac.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

constexpr uint64_t kCluster = 77;

std::array<uint8_t, 32> KeyOf(uint8_t fill) {
  std::array<uint8_t, 32> key;
  key.fill(fill);
  return key;
}

SwimMessage With(decltype(SwimPacket::body) body, std::vector<Rumor> rumors = {}) {
  return {.cluster_id = kCluster,
          .from = NodeId{3},
          .boot_nonce = 12,
          .epoch = 5,
          .packet = {.body = body, .rumors = std::move(rumors)}};
}

std::vector<SwimMessage> OneOfEach() {
  return {
      With(SwimPing{.sequence = 1, .target = NodeId{9}}),
      With(SwimAck{.sequence = 2}, {{NodeId{4}, 100, Health::kSuspect, NodeId{5}}}),
      With(SwimPingRequest{.sequence = UINT64_MAX, .target = NodeId{UINT64_MAX}}),
      With(SwimNack{.sequence = 0},
           {{NodeId{4}, 0, Health::kAlive}, {NodeId{5}, 7, Health::kDead}}),
      With(SwimGossip{}),
      With(SwimPushPull{.wants_answer = true}),
      With(SwimPushPull{.wants_answer = false}),
  };
}

TEST(SwimCodec, EveryPacketComesBackAsItWas) {
  const auto key = KeyOf(1);
  for (const SwimMessage& message : OneOfEach()) {
    const auto decoded = DecodeSwim(EncodeSwim(message, key), kCluster, key);
    ASSERT_TRUE(decoded.has_value()) << Describe(decoded.error());
    EXPECT_EQ(*decoded, message);
  }
}

TEST(SwimCodec, AnOrdinaryPacketFitsIntoADatagram) {
  std::vector<Rumor> rumors(50, {NodeId{4}, 100, Health::kSuspect, NodeId{5}});
  EXPECT_LE(EncodeSwim(With(SwimPing{}, rumors), KeyOf(1)).size(), 1400U);
}

TEST(SwimCodec, AnotherClustersIsToldFromAForgedOne) {
  const std::string bytes = EncodeSwim(With(SwimGossip{}), KeyOf(1));
  EXPECT_EQ(DecodeSwim(bytes, kCluster + 1, KeyOf(1)).error(), SwimFault::kOtherCluster);
  EXPECT_EQ(DecodeSwim(bytes, kCluster, KeyOf(2)).error(), SwimFault::kForged);
}

TEST(SwimCodec, ALaterVersionsIsToldFromDamage) {
  std::string bytes = EncodeSwim(With(SwimGossip{}), KeyOf(1));
  bytes[0] = 2;
  EXPECT_EQ(DecodeSwim(bytes, kCluster, KeyOf(1)).error(), SwimFault::kNewerFormat);
}

TEST(SwimCodec, NoBitMayChangeAndNoByteMayBeMissing) {
  const auto key = KeyOf(1);
  for (const SwimMessage& message : OneOfEach()) {
    const std::string bytes = EncodeSwim(message, key);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(DecodeSwim(bytes.substr(0, size), kCluster, key).has_value());
    }
    EXPECT_FALSE(DecodeSwim(bytes + '\0', kCluster, key).has_value());
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
      EXPECT_FALSE(DecodeSwim(damaged, kCluster, key).has_value()) << bit;
    }
  }
}

// Signed rightly, as by a member that has gone mad.
TEST(SwimCodec, WhatMakesNoSenseIsRefusedThoughItIsSigned) {
  const auto key = KeyOf(1);
  const auto decodes = [&](const SwimMessage& message) {
    return DecodeSwim(EncodeSwim(message, key), kCluster, key).has_value();
  };
  EXPECT_TRUE(decodes(With(SwimGossip{}, {{NodeId{4}, 1, Health::kAlive}})));
  EXPECT_FALSE(decodes(With(SwimGossip{}, {{kNoNode, 1, Health::kAlive}})));
  EXPECT_FALSE(decodes(With(SwimGossip{}, {{NodeId{4}, UINT64_MAX, Health::kAlive}})));
  EXPECT_FALSE(decodes(With(SwimGossip{}, {{NodeId{4}, 1, static_cast<Health>(3)}})));
  SwimMessage nobodys = With(SwimGossip{});
  nobodys.from = kNoNode;
  EXPECT_FALSE(decodes(nobodys));
}

TEST(SwimCodec, RandomBytesAreRefused) {
  Random random(3);
  const auto key = KeyOf(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string body = EncodeSwim(With(SwimGossip{}), key).substr(0, 33);
    const size_t more = random.Below(60);
    for (size_t byte = 0; byte < more; ++byte) body += static_cast<char>(random.Below(8));
    const Mac mac = HmacSha256(key, body);
    body.append(reinterpret_cast<const char*>(mac.data()), 16);
    const auto decoded = DecodeSwim(body, kCluster, key);
    if (!decoded) continue;
    EXPECT_EQ(EncodeSwim(*decoded, key), body) << "it has one form";
  }
}

// RFC 4231, test case 2.
TEST(Mac, IsTheOneOfTheStandard) {
  const std::string key = "Jefe";
  const Mac mac = HmacSha256({reinterpret_cast<const uint8_t*>(key.data()), key.size()},
                             "what do ya want for nothing?");
  EXPECT_EQ(mac[0], 0x5b);
  EXPECT_EQ(mac[1], 0xdc);
  EXPECT_EQ(mac[30], 0x38);
  EXPECT_EQ(mac[31], 0x43);
}

}  // namespace
}  // namespace cartwheel::cluster
