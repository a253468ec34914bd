#include "cluster/join.h"

#include <array>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr std::array<uint8_t, 32> kKey{1, 2, 3};
constexpr std::array<uint8_t, 32> kOtherKey{1, 2, 4};

JoinRequest Request() {
  return {.nonce = 1,
          .node = NodeId{2},
          .boot_nonce = 3,
          .cluster_id = 4,
          .holds_keys = true,
          .asked = {.host = "first", .port = 17'000},
          .address = {.host = "::1", .port = 17'001},
          .zone = "z",
          .weight = 100,
          .record = "record"};
}

JoinReply Reply() {
  return {.nonce = 1,
          .node = NodeId{9},
          .boot_nonce = 8,
          .cluster_id = 4,
          .members = 300,
          .verdict = JoinReply::Verdict::kRefused,
          .seen_host = "10.0.0.1",
          .reason = "the cluster holds keys",
          .record = {}};
}

TEST(Join, ComesBackFromItsBytes) {
  for (const JoinMessage& message : {JoinMessage(Request()), JoinMessage(Reply())}) {
    const std::string bytes = EncodeJoin(message, kKey);
    const auto decoded = DecodeJoin(bytes, kKey);
    ASSERT_TRUE(decoded.has_value()) << decoded.error();
    EXPECT_EQ(*decoded, message);
  }
}

TEST(Join, NothingIsBelievedWithoutTheSecret) {
  const std::string bytes = EncodeJoin(Request(), kKey);
  EXPECT_EQ(DecodeJoin(bytes, kOtherKey).error(),
            "its cluster-secret or cluster-name differs from ours");
  for (size_t at = 1; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(DecodeJoin(damaged, kKey).has_value()) << at;
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeJoin(bytes.substr(0, length), kKey).has_value()) << length;
  }
}

TEST(Join, WhatWouldBreakALineOrATableIsRefused) {
  const auto refused = [](auto change) {
    JoinRequest request = Request();
    change(request);
    return !DecodeJoin(EncodeJoin(request, kKey), kKey).has_value();
  };
  EXPECT_FALSE(refused([](JoinRequest&) {}));
  EXPECT_TRUE(refused([](JoinRequest& request) { request.address.host = "a\nb"; }));
  EXPECT_TRUE(refused([](JoinRequest& request) { request.address.host = std::string(256, 'a'); }));
  EXPECT_TRUE(refused([](JoinRequest& request) { request.address.port = 0; }));
  EXPECT_TRUE(refused([](JoinRequest& request) { request.zone = "a b"; }));
  EXPECT_TRUE(refused([](JoinRequest& request) { request.weight = 0; }));
  EXPECT_TRUE(refused([](JoinRequest& request) { request.weight = kMaxWeight + 1; }));
  EXPECT_TRUE(refused([](JoinRequest& request) { request.node = kNoNode; }));
  JoinReply reply = Reply();
  reply.reason = "two\r\nlines";
  EXPECT_FALSE(DecodeJoin(EncodeJoin(reply, kKey), kKey).has_value());
  reply = Reply();
  reply.cluster_id = 0;
  EXPECT_FALSE(DecodeJoin(EncodeJoin(reply, kKey), kKey).has_value());
}

TEST(Join, AnEmptyHostIsWhereItAsksFrom) {
  JoinRequest request = Request();
  request.address.host.clear();
  EXPECT_TRUE(DecodeJoin(EncodeJoin(request, kKey), kKey).has_value());
}

}  // namespace
}  // namespace cartwheel::cluster
