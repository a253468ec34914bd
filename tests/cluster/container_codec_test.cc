#include "cluster/container_codec.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <xxhash.h>

#include "cluster/record_checksum.h"
#include "tests/cluster/allocation_counter.h"
#include "tests/cluster/random.h"
#include "tests/cluster/random_containers.h"

namespace cartwheel::cluster {
namespace {

constexpr std::string_view kStoreKey = "a store key";
constexpr ActorId kA{0x1122'3344'5566'7788};
constexpr ActorId kB{5};

std::string Stored(const Container& container, ActorTable& actors) {
  std::string bytes;
  EncodeStored(kStoreKey, container, actors, bytes);
  return bytes;
}

// `body` as a record whose checksum holds, so that only its contents can be wrong.
std::string Sealed(std::string body) {
  const uint32_t checksum = RecordChecksum(kStoreKey, body);
  for (int shift = 0; shift < 32; shift += 8) body.push_back(static_cast<char>(checksum >> shift));
  return body;
}

Container OneVersion(std::string_view bytes) {
  Container container;
  Put(container, {.dot = {kA, 70'000},
                  .value_dot = {kA, 70'000},
                  .hlc = Hlc::At(1'700'000'000'000),
                  .bytes = bytes});
  return container;
}

// Two actors, two versions, an expiry, a value written by another write, a counter.
Container Everything() {
  Container container = OneVersion("bytes");
  Container other = container;
  other.own_contiguous = false;
  Version version = *Winner(other, 0);
  version.dot = {kB, 9};
  version.expire_at = 1'800'000'000'000;
  Put(other, version);
  Increment(other, {kB, 10}, -3);
  Increment(other, {kB, 11}, 300);
  container = Sync(container, other);
  container.counter.Reset(other.counter);
  Increment(container, {kA, 70'001}, 1);
  return container;
}

TEST(ContainerCodec, ContainersComeBackInBothForms) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    ActorTable actors;
    Container decoded;
    const RandomContainers containers(seed, 15);
    for (Container state : containers.states()) {
      state.own_contiguous = seed % 2 == 0;
      const std::string record = Stored(state, actors);
      ASSERT_TRUE(DecodeStored(kStoreKey, record, actors, decoded));
      ASSERT_EQ(decoded, state);
      ASSERT_EQ(Stored(decoded, actors), record);

      const std::string message = MessageOf(state) + "the next";
      std::string_view in = message;
      ASSERT_TRUE(TakeFromMessage(in, decoded));
      ASSERT_EQ(in, "the next");
      ASSERT_FALSE(decoded.own_contiguous);
      state.own_contiguous = false;
      ASSERT_EQ(decoded, state);
    }
  }
}

// The stored form is a promise to every store that was ever written.
TEST(ContainerCodec, TheStoredFormNeverChanges) {
  ActorTable actors;
  actors.NumberOf(kB);
  Container container = OneVersion("hi");
  container.versions[0].hlc.bits = 0x0807'0605'0403'0201;
  container.versions[0].expire_at = 0x1615'1413'1211;
  Increment(container, {kA, 70'002}, 5);
  container.counter.ResetAll();
  Increment(container, {kA, 70'003}, -1);
  EXPECT_EQ(Stored(container, actors),
            Sealed(std::string("\x27"  // format 2, own, counter, may be hidden
                               "\x01\x01\x01\xf0\xa2\x04\x03"      // 1 actor: #1, 1: 70000, +3
                               "\x01\x01\xf0\xa2\x04"              // 1 version: #1, 70000
                               "\x01\x02\x03\x04\x05\x06\x07\x08"  // hlc
                               "\x02\x11\x12\x13\x14\x15\x16"      // string, expires
                               "\x02hi"
                               "\x01\x01\xf2\xa2\x04\x01\x05\x01"  // 1 entry: 70002, +1, 5, 1
                               "\xf2\xa2\x04\x05\x00",             // reset: 70002, 5, 0
                               44)));
}

TEST(ContainerCodec, OneVersionByOneActorTakesAbout28BytesBesideTheValue) {
  ActorTable actors;
  const std::string value(100, 'v');
  const Container container = OneVersion(value);
  EXPECT_LE(Stored(container, actors).size(), 100u + 28u);
}

TEST(ContainerCodec, EveryPrefixAndEveryFlippedBitOfARecordIsRefused) {
  ActorTable actors;
  const std::string record = Stored(Everything(), actors);
  Container out;
  for (size_t length = 0; length < record.size(); ++length) {
    EXPECT_FALSE(DecodeStored(kStoreKey, record.substr(0, length), actors, out)) << length;
    EXPECT_EQ(out, Container());
  }
  for (size_t bit = 0; bit < record.size() * 8; ++bit) {
    std::string damaged = record;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_FALSE(DecodeStored(kStoreKey, damaged, actors, out)) << bit;
  }
  EXPECT_FALSE(DecodeStored("another key", record, actors, out));
}

// A record whose checksum holds can still be cut, changed or made up.
TEST(ContainerCodec, WithARightChecksumWhatDecodesIsConsistentAndEncodesAlike) {
  ActorTable actors;
  const std::string record = Stored(Everything(), actors);
  const std::string body = record.substr(0, record.size() - kChecksumBytes);
  Container out;
  for (size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(DecodeStored(kStoreKey, Sealed(body.substr(0, length)), actors, out)) << length;
  }
  EXPECT_FALSE(DecodeStored(kStoreKey, Sealed(body + '\0'), actors, out));
  int decoded = 0;
  for (size_t bit = 0; bit < body.size() * 8; ++bit) {
    std::string changed = body;
    changed[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const std::string sealed = Sealed(changed);
    if (!DecodeStored(kStoreKey, sealed, actors, out)) continue;
    ++decoded;
    ASSERT_TRUE(out.IsConsistent()) << bit;
    ASSERT_EQ(Stored(out, actors), sealed) << bit;
  }
  EXPECT_GT(decoded, 0);
}

TEST(ContainerCodec, EveryPrefixOfAMessageIsRefusedAndEveryFlippedBitDecodesConsistently) {
  const std::string message = MessageOf(Everything());
  Container out;
  for (size_t length = 0; length < message.size(); ++length) {
    std::string_view in = std::string_view(message).substr(0, length);
    EXPECT_FALSE(TakeFromMessage(in, out)) << length;
    EXPECT_EQ(in.size(), length);
  }
  for (size_t bit = 0; bit < message.size() * 8; ++bit) {
    std::string changed = message;
    changed[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    std::string_view in = changed;
    if (!TakeFromMessage(in, out)) continue;
    ASSERT_TRUE(out.IsConsistent()) << bit;
    ASSERT_EQ(MessageOf(out) + std::string(in), changed) << bit;
  }
}

// What two peers send may each be well-formed and contradict the other.
TEST(ContainerCodec, WhatWasMergedOfDamagedMessagesCanBeStored) {
  const std::string message = MessageOf(Everything());
  const Container whole = Everything();
  for (size_t bit = 0; bit < message.size() * 8; ++bit) {
    std::string changed = message;
    changed[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    std::string_view in = changed;
    Container out;
    if (!TakeFromMessage(in, out)) continue;
    const Container merged = Sync(whole, out);
    ActorTable actors;
    const std::string record = Stored(merged, actors);
    Container decoded;
    ASSERT_TRUE(DecodeStored(kStoreKey, record, actors, decoded)) << bit;
    ASSERT_EQ(decoded, merged);
  }
}

TEST(ContainerCodec, FaultsAreNamedForWhatTheyAre) {
  ActorTable actors;
  actors.NumberOf(kA);
  const auto fault = [&actors](const std::string& record) {
    Container out;
    return DecodeStored(kStoreKey, record, actors, out).error();
  };
  EXPECT_EQ(fault("\x20"), ContainerFault::kTooShort);
  EXPECT_EQ(fault("\x30 whatever"), ContainerFault::kNewerFormat);
  EXPECT_EQ(fault("\x20 whatever"), ContainerFault::kChecksum);
  EXPECT_EQ(fault(Sealed("\x20\x01\x00")), ContainerFault::kTooShort);
  EXPECT_EQ(fault(Sealed("\x20\x01\x01\x01\x05\x00\x00")), ContainerFault::kUnknownActor);
  const std::vector<std::string> malformed = {
      {"\x10\x00\x00", 3},                  // an earlier format
      {"\x28\x00\x00", 3},                  // a flag that does not exist
      {"\x20\x00\x00", 3},                  // nothing is live, and it does not say so
      {"\x20\x01\x00\x00\x00", 5},          // an actor without intervals
      {"\x20\x01\x00\x01\x00\x00\x00", 7},  // an interval from 0
      {"\x22\x00\x00\x00", 4},              // a counter without entries
      {"\x20\x80\x00\x00", 4},              // a number in a longer form
      {"\x20\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 15},  // not in the context
  };
  for (const std::string& body : malformed) {
    EXPECT_EQ(fault(Sealed(body)), ContainerFault::kMalformed) << testing::PrintToString(body);
  }
  for (int i = 0; i <= static_cast<int>(ContainerFault::kMalformed); ++i) {
    EXPECT_FALSE(Describe(static_cast<ContainerFault>(i)).empty());
  }
}

TEST(ContainerCodecDeathTest, AnExpiryOutside48BitsIsABugOfTheCaller) {
  Container container = OneVersion("v");
  container.versions[0].expire_at = kMaxExpireAt + 1;
  ActorTable actors;
  EXPECT_DEATH(Stored(container, actors), "expiry fits");
}

// A SET and a GET of a key with one version, as a node that runs does them.
TEST(ContainerCodec, WritingAndReadingOneVersionNeedsNoAllocation) {
  ActorTable actors;
  const std::string bytes(100, 'v');
  std::string record = Stored(OneVersion(bytes), actors);
  std::string out = record + std::string(100, ' ');
  Container container;
  const auto set_and_get = [&](uint64_t number) {
    ASSERT_TRUE(DecodeStored(kStoreKey, record, actors, container));
    DiscardAll(container);
    Put(container, {.dot = {kA, number}, .value_dot = {kA, number}, .hlc = {}, .bytes = bytes});
    EncodeStored(kStoreKey, container, actors, out);
    std::swap(record, out);
    ASSERT_TRUE(DecodeStored(kStoreKey, record, actors, container));
    ASSERT_EQ(Winner(container, 0)->bytes.size(), bytes.size());
  };
  set_and_get(70'001);
  set_and_get(70'002);
  const size_t before = AllocationCount();
  for (uint64_t number = 70'003; number < 70'100; ++number) set_and_get(number);
  EXPECT_EQ(AllocationCount(), before);
}

}  // namespace
}  // namespace cartwheel::cluster
