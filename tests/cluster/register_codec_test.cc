#include "cluster/register_codec.h"

#include <gtest/gtest.h>

#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

const Ballot kBallot{.round = 3, .node = NodeId{7}, .nonce = 99};
const Ballot kOther{.round = 2, .node = NodeId{8}, .nonce = 5};
const Record kRecord{
    .epoch = 12, .voters = {NodeId{7}, NodeId{8}, NodeId{9}}, .bytes = std::string("a\0b", 3)};

std::vector<RegisterMessage> OneOfEach() {
  return {Prepare{.epoch = 12, .ballot = kBallot},
          Promise{.epoch = 12, .ballot = kBallot, .accepted = {}, .record = {}},
          Promise{.epoch = 12, .ballot = kBallot, .accepted = kOther, .record = kRecord},
          Accept{.ballot = kBallot, .record = kRecord},
          Accepted{.epoch = 12, .ballot = kBallot},
          Rejected{.epoch = 12, .ballot = kOther, .promised = kBallot},
          Chosen{kRecord},
          Pull{11}};
}

TEST(RegisterCodec, MessagesComeBack) {
  for (const RegisterMessage& message : OneOfEach()) {
    const std::string bytes = EncodeRegisterMessage(message);
    const auto decoded = DecodeRegisterMessage(bytes);
    ASSERT_TRUE(decoded.has_value()) << decoded.error();
    EXPECT_EQ(*decoded, message);
    for (size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(DecodeRegisterMessage(bytes.substr(0, length)).has_value());
    }
    EXPECT_FALSE(DecodeRegisterMessage(bytes + "x").has_value());
  }
}

TEST(RegisterCodec, WhatIsAcceptedHasVoters) {
  Record without = kRecord;
  without.voters.clear();
  const auto decoded =
      DecodeRegisterMessage(EncodeRegisterMessage(Accept{.ballot = kBallot, .record = without}));
  EXPECT_FALSE(decoded.has_value());
  Record unsorted = kRecord;
  std::swap(unsorted.voters[0], unsorted.voters[1]);
  EXPECT_FALSE(DecodeRegisterMessage(EncodeRegisterMessage(Chosen{unsorted})).has_value());
}

TEST(RegisterCodec, TheStateComesBack) {
  for (const bool accepted : {false, true}) {
    Register::State state{.chosen = kRecord, .promised = kBallot, .accepted = {}, .record = {}};
    if (accepted) {
      state.accepted = kBallot;
      state.record = kRecord;
    }
    const auto decoded = DecodeRegisterState(EncodeRegisterState(state));
    ASSERT_TRUE(decoded.has_value()) << decoded.error();
    EXPECT_EQ(*decoded, state);
  }
}

TEST(RegisterCodec, ADamagedStateIsToldApartFromALaterOne) {
  const std::string bytes = EncodeRegisterState(
      {.chosen = kRecord, .promised = kBallot, .accepted = kBallot, .record = kRecord});
  for (size_t at = 1; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    const auto decoded = DecodeRegisterState(damaged);
    ASSERT_FALSE(decoded.has_value()) << at;
    EXPECT_EQ(decoded.error(), "it is damaged");
  }
  std::string later = bytes;
  later[0] = 2;
  EXPECT_EQ(DecodeRegisterState(later).error(), "it was written by a later version");
  EXPECT_EQ(DecodeRegisterState("").error(), "it is empty");
  EXPECT_EQ(DecodeRegisterState("\1").error(), "it is damaged");
}

}  // namespace
}  // namespace cartwheel::cluster
