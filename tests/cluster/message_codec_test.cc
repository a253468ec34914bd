#include "cluster/message_codec.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/container_codec.h"
#include "tests/cluster/random_containers.h"
#include "tests/cluster/sample_messages.h"

namespace cartwheel::cluster {
namespace {

using Status = FrameReader::Status;

std::expected<Message, std::string> Decoded(std::string_view bytes) {
  FrameReader reader;
  EXPECT_EQ(reader.Parse(bytes), Status::kComplete);
  EXPECT_EQ(reader.consumed(), bytes.size());
  return DecodeMessage(reader.frame());
}

std::string FrameOf(uint8_t type, std::string_view payload) {
  std::string out;
  const size_t begin = BeginFrame(out);
  out += payload;
  EndFrame(type, begin, out);
  return out;
}

TEST(MessageCodec, EveryMessageComesBackAsItWas) {
  for (const Message& message : SampleMessages()) {
    const std::string bytes = Encoded(message);
    const auto decoded = Decoded(bytes);
    ASSERT_TRUE(decoded.has_value()) << message.index() << ": " << decoded.error();
    EXPECT_EQ(*decoded, message) << message.index();
  }
}

TEST(MessageCodec, AnyContainerComesBackAsItWas) {
  const RandomContainers containers(5, 300);
  for (const Container& container : containers.states()) {
    const Message message = ReadReply{.complete = true, .container = container};
    const std::string bytes = Encoded(message);
    const auto decoded = Decoded(bytes);
    ASSERT_TRUE(decoded.has_value());
    ASSERT_EQ(MessageOf(*std::get<ReadReply>(*decoded).container), MessageOf(container));
  }
}

TEST(MessageCodec, NoRecordIsNotAnEmptyContainer) {
  const std::string none = Encoded(ReadReply{});
  const std::string empty = Encoded(ReadReply{.container = Container{}});
  EXPECT_FALSE(std::get<ReadReply>(*Decoded(none)).container.has_value());
  EXPECT_TRUE(std::get<ReadReply>(*Decoded(empty)).container.has_value());
}

TEST(MessageCodec, ManyFramesStandOneBehindTheOther) {
  std::string bytes;
  for (const Message& message : SampleMessages()) bytes += Encoded(message);
  FrameReader reader;
  std::string_view rest = bytes;
  for (const Message& message : SampleMessages()) {
    ASSERT_EQ(reader.Parse(rest), Status::kComplete);
    EXPECT_EQ(*DecodeMessage(reader.frame()), message);
    rest.remove_prefix(reader.consumed());
  }
  EXPECT_TRUE(rest.empty());
}

TEST(MessageCodec, LookingAheadFindsTheKeysOfWholeFrames) {
  const std::string read = Encoded(Read{.ref = {2, "asked"}});
  const std::string copy = Encoded(Replicate{.ref = {0, "brought"}});
  const std::string bytes = read + Encoded(Ping{7}) + copy;
  std::vector<KeyRef> keys = {{0, "of an earlier call"}};
  EXPECT_EQ(LookAhead(bytes, 16, keys), 3U);
  EXPECT_EQ(keys, (std::vector<KeyRef>{{2, "asked"}, {0, "brought"}}));
  EXPECT_EQ(LookAhead(bytes, 2, keys), 2U);
  EXPECT_EQ(keys.size(), 1U);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_LT(LookAhead(std::string_view(bytes).substr(0, size), 16, keys), 3U);
  }
}

// The first nodes said nothing of clients, the next ones had no challenge.
bool EndsAnEarlierHello(size_t size, size_t whole) {
  return size == 44 || size == whole - std::tuple_size_v<Challenge>;
}

TEST(MessageCodec, ACutPayloadIsRefusedAndSoIsALongerOne) {
  for (const Message& message : SampleMessages()) {
    const std::string bytes = Encoded(message);
    const auto type = static_cast<uint8_t>(bytes[4]);
    const std::string_view payload = std::string_view(bytes).substr(kFrameHead);
    for (size_t size = 0; size < payload.size(); ++size) {
      const std::string cut = FrameOf(type, payload.substr(0, size));
      const auto decoded = Decoded(cut);
      if (message.index() == 0 && EndsAnEarlierHello(size, payload.size())) continue;
      EXPECT_FALSE(decoded.has_value()) << message.index() << " cut to " << size;
    }
    const std::string longer = FrameOf(type, std::string(payload) + '\0');
    // A Hello may go on.
    EXPECT_EQ(Decoded(longer).has_value(), message.index() == 0) << message.index();
  }
}

TEST(MessageCodec, AnIllFormedMessageIsOneLineForTheLog) {
  const std::string bytes = FrameOf(2, "abc");
  EXPECT_EQ(Decoded(bytes).error(), "an ill-formed Replicate of 3 bytes");
}

TEST(MessageCodec, AnUnknownTypeIsToldFromAnIllFormedMessage) {
  for (const uint8_t type : {0, 100, 255}) {
    const std::string bytes = FrameOf(type, "of a later version");
    const auto decoded = Decoded(bytes);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*decoded, Message(UnknownMessage{type}));
  }
}

TEST(MessageCodec, WhatALaterVersionAddedToHelloIsPassedOver) {
  const Hello hello{.newest_protocol = 4, .cluster_id = 7, .node = NodeId{9}};
  const std::string bytes = Encoded(hello);
  const std::string longer = FrameOf(1, bytes.substr(kFrameHead) + "more");
  EXPECT_EQ(*Decoded(longer), Message(hello));
}

// To the byte, as nodes of different versions have to agree on it.
TEST(MessageCodec, TheFormOfHelloNeverChanges) {
  Hello hello{.oldest_protocol = 1,
              .newest_protocol = 2,
              .cluster_id = 3,
              .node = NodeId{4},
              .boot_nonce = 5,
              .epoch = 6,
              .capabilities = 7,
              .challenge = {}};
  std::string payload("\x01\0\x02\0", 4);
  for (char i = 3; i <= 7; ++i) payload += i + std::string(7, '\0');
  EXPECT_EQ(*Decoded(FrameOf(1, payload)), Message(hello)) << "of the first nodes";
  payload += std::string(3, '\0');
  EXPECT_EQ(*Decoded(FrameOf(1, payload)), Message(hello)) << "of those that prove nothing";
  hello.challenge = {1, 2};
  payload += "\x01\x02" + std::string(14, '\0');
  EXPECT_EQ(*Decoded(FrameOf(1, payload)), Message(hello));
  const std::string bytes = Encoded(hello);
  ASSERT_EQ(bytes.size(), kFrameHead + 63);
  EXPECT_EQ(bytes.substr(0, 5), std::string_view("\x3f\0\0\0\x01", 5));
  EXPECT_EQ(bytes.substr(kFrameHead), payload);
}

TEST(MessageCodec, FieldsOutOfRangeAreRefused) {
  const auto refused = [](const Message& message) {
    const std::string bytes = Encoded(message);
    return !Decoded(bytes).has_value();
  };
  EXPECT_TRUE(refused(Hello{.node = kNoNode}));
  EXPECT_TRUE(refused(Hello{.node = NodeId{1}, .client_host = "two words"}));
  EXPECT_TRUE(refused(Hello{.oldest_protocol = 2, .newest_protocol = 1, .node = NodeId{1}}));
  EXPECT_TRUE(refused(Read{.ref = {kMaxDatabases, "key"}, .session_dots = {}}));
  EXPECT_TRUE(refused(Read{.session_dots = {{ActorId{}, 1}}}));
  EXPECT_TRUE(refused(Read{.session_dots = {{ActorId{1}, 0}}}));
  EXPECT_TRUE(refused(Read{.session_dots = {{ActorId{1}, kMaxDotNumber + 1}}}));
  EXPECT_TRUE(refused(ReplicateReply{.refusal = Refusal{8}}));
  const WriteRange range{.partition = 3, .actor = ActorId{7}, .first = 5, .last = 9};
  const auto asks = [&](WriteRange other) {
    return !refused(AskReceived{.id = {}, .writes = {range, other}});
  };
  EXPECT_TRUE(asks({.partition = 3, .actor = ActorId{8}, .first = 1, .last = 1}));
  EXPECT_FALSE(asks(range)) << "twice";
  EXPECT_FALSE(asks({.partition = 2, .actor = ActorId{8}, .first = 1, .last = 1})) << "order";
  EXPECT_FALSE(asks({.partition = kPartitions, .actor = ActorId{8}, .first = 1, .last = 1}));
  EXPECT_FALSE(asks({.partition = 4, .actor = ActorId{}, .first = 1, .last = 1}));
  EXPECT_FALSE(asks({.partition = 4, .actor = ActorId{8}, .first = 0, .last = 1}));
  EXPECT_FALSE(asks({.partition = 4, .actor = ActorId{8}, .first = 2, .last = 1}));
  EXPECT_FALSE(asks({.partition = 4, .actor = ActorId{8}, .first = 1, .last = kMaxDotNumber + 1}));
  EXPECT_TRUE(refused(ReceivedReply{.id = {}, .held = {4, 4}}));
  EXPECT_TRUE(refused(ReceivedReply{.id = {}, .held = {kPartitions}}));
  EXPECT_TRUE(refused(FormerReply{.id = {}, .kept = {4, 4}}));
  EXPECT_TRUE(refused(AskFormer{.id = {}, .actors = {{4, 1, ActorId{}}}}));
  EXPECT_TRUE(refused(AskFormer{.id = {}, .actors = {{kPartitions, 1, ActorId{1}}}}));
  EXPECT_FALSE(refused(Forward{.session = {}, .arguments = {"GET"}}));
  EXPECT_TRUE(refused(Forward{.session = {}, .arguments = {}}));
  EXPECT_TRUE(refused(Forward{.resp = 1, .session = {}, .arguments = {"GET"}}));
  EXPECT_TRUE(refused(Forward{.resp = 4, .session = {}, .arguments = {"GET"}}));
  EXPECT_TRUE(refused(Forward{.levels = {.r = 4}, .session = {}, .arguments = {"GET"}}));
}

TEST(MessageCodec, TheNewestProtocolThatBothSpeakIsSpoken) {
  const auto of = [](uint16_t oldest, uint16_t newest) {
    return Hello{.oldest_protocol = oldest, .newest_protocol = newest};
  };
  EXPECT_EQ(CommonProtocol(of(1, 3), of(2, 5)), 3);
  EXPECT_EQ(CommonProtocol(of(2, 5), of(1, 3)), 3);
  EXPECT_EQ(CommonProtocol(of(1, 1), of(1, 1)), 1);
  EXPECT_EQ(CommonProtocol(of(1, 2), of(3, 4)), std::nullopt);
}

}  // namespace
}  // namespace cartwheel::cluster
