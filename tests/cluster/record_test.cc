#include "cluster/record.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <xxhash.h>

#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

std::string StoreKey(std::string_view key) {
  std::string out;
  EncodeStoreKey({0, key}, out);
  return out;
}

std::string Record(std::string_view store_key, const Value& value) {
  std::string out;
  EncodeRecord(store_key, value, out);
  return out;
}

// `body` as a record whose checksum holds, so that only its contents can be wrong.
std::string Sealed(std::string_view store_key, std::string body) {
  const auto seed = XXH3_64bits(store_key.data(), store_key.size());
  const auto checksum = static_cast<uint32_t>(XXH3_64bits_withSeed(body.data(), body.size(), seed));
  for (int shift = 0; shift < 32; shift += 8) body.push_back(static_cast<char>(checksum >> shift));
  return body;
}

Value Plain(std::string_view bytes) {
  return {Type::kString, bytes, kNoExpiry, kNow};
}
Value Expiring(std::string_view bytes) {
  return {Type::kString, bytes, kNow + 5000, kNow};
}

TEST(Record, ValuesComeBackAsTheyWentIn) {
  const std::string store_key = StoreKey("key");
  for (const size_t length : {0, 1, 3, 100, 239, 240, 241, 4096, 1 << 20}) {
    const std::string bytes(length, '\xa5');
    for (const Value& value : {Plain(bytes), Expiring(bytes)}) {
      const std::string record = Record(store_key, value);
      const auto decoded = DecodeRecord(store_key, record);
      ASSERT_TRUE(decoded.has_value()) << Describe(decoded.error());
      EXPECT_EQ(*decoded, value);
    }
  }
}

TEST(Record, TimesReachTheirLimits) {
  const std::string store_key = StoreKey("key");
  const Value value{Type::kString, "v", kMaxExpireAt, kMaxExpireAt};
  EXPECT_EQ(DecodeRecord(store_key, Record(store_key, value)), value);
  const Value zero{Type::kString, "v", 1, 0};
  EXPECT_EQ(DecodeRecord(store_key, Record(store_key, zero)), zero);
}

TEST(RecordDeathTest, TimesOutside48BitsAreABugOfTheCaller) {
  std::string out;
  EXPECT_DEATH(EncodeRecord("k", {Type::kString, "", kMaxExpireAt + 1, 0}, out), "expiry fits");
  EXPECT_DEATH(EncodeRecord("k", {Type::kString, "", -1, 0}, out), "expiry fits");
  EXPECT_DEATH(EncodeRecord("k", {Type::kString, "", 0, -1}, out), "write time fits");
}

TEST(Record, TheValueIsAViewIntoTheRecord) {
  const std::string store_key = StoreKey("key");
  const std::string record = Record(store_key, Plain("bytes"));
  EXPECT_EQ(DecodeRecord(store_key, record)->bytes.data(), record.data() + 8);
}

// The stored form is a promise to every store that was ever written.
TEST(Record, TheStoredFormNeverChanges) {
  const Value value{Type::kString, "hi", 0x0605'0403'0201, 0x1615'1413'1211};
  EXPECT_EQ(Record("store key", value), Sealed("store key", std::string("\x10\x01"
                                                                        "\x11\x12\x13\x14\x15\x16"
                                                                        "\x01\x02\x03\x04\x05\x06"
                                                                        "hi",
                                                                        16)));
}

TEST(Record, EveryFlippedBitOfARecordIsFound) {
  const std::string store_key = StoreKey("key");
  for (const Value& value : {Plain("some bytes"), Expiring("some bytes"), Plain("")}) {
    const std::string record = Record(store_key, value);
    for (size_t bit = 0; bit < record.size() * 8; ++bit) {
      std::string damaged = record;
      damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      EXPECT_FALSE(DecodeRecord(store_key, damaged).has_value()) << "bit " << bit;
    }
  }
}

TEST(Record, EveryFlippedBitOfAStoreKeyIsFound) {
  const std::string store_key = StoreKey("a key of some length");
  const std::string record = Record(store_key, Expiring("some bytes"));
  for (size_t bit = 0; bit < store_key.size() * 8; ++bit) {
    std::string damaged = store_key;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const auto decoded = DecodeRecord(damaged, record);
    ASSERT_FALSE(decoded.has_value()) << "bit " << bit;
    EXPECT_EQ(decoded.error(), RecordFault::kChecksum);
  }
}

TEST(Record, EveryTruncationIsFound) {
  const std::string store_key = StoreKey("key");
  for (const Value& value : {Plain("some bytes"), Expiring("some bytes"), Expiring("")}) {
    const std::string record = Record(store_key, value);
    for (size_t length = 0; length < record.size(); ++length) {
      EXPECT_FALSE(DecodeRecord(store_key, record.substr(0, length)).has_value()) << length;
    }
  }
}

TEST(Record, ARecordUnderAnotherKeyIsFoundOut) {
  const std::string record = Record(StoreKey("key"), Plain("bytes"));
  EXPECT_EQ(DecodeRecord(StoreKey("yek"), record).error(), RecordFault::kChecksum);
}

TEST(Record, FaultsAreNamedForWhatTheyAre) {
  const std::string key = StoreKey("key");
  const std::string times(6, '\x01');
  const auto fault = [&](const std::string& body) { return DecodeRecord(key, body).error(); };
  EXPECT_EQ(fault("short"), RecordFault::kTooShort);
  EXPECT_EQ(fault(Sealed(key, "\x20" + std::string(20, '\0'))), RecordFault::kNewerFormat);
  EXPECT_EQ(fault(std::string("\x20", 1) + std::string(20, '\0')), RecordFault::kNewerFormat);
  EXPECT_EQ(fault(Sealed(key, std::string(20, '\0'))), RecordFault::kChecksum);
  EXPECT_EQ(fault(Sealed(key, "\x11" + std::string(1, '\0') + times)), RecordFault::kUnknownType);
  EXPECT_EQ(fault(Sealed(key, "\x10\x02" + times)), RecordFault::kUnknownFlags);
  EXPECT_EQ(fault(Sealed(key, "\x10\x01" + times)), RecordFault::kTooShort);
}

TEST(Record, AnExpiryOfNeverHasOneStoredFormOnly) {
  const std::string key = StoreKey("key");
  const std::string body = "\x10\x01" + std::string(6, '\x01') + std::string(6, '\0') + "bytes";
  EXPECT_EQ(DecodeRecord(key, Sealed(key, body)).error(), RecordFault::kUnknownFlags);
}

TEST(Record, PeekingTellsTheExpiryWithoutTheChecksum) {
  std::string record = Record("k", Expiring("some bytes"));
  record.back() ^= 1;
  EXPECT_EQ(PeekExpiry(record), kNow + 5000);
  EXPECT_EQ(PeekExpiry(Record("k", Plain("some bytes"))), kNoExpiry);
  for (size_t length = 0; length < 14; ++length) {
    EXPECT_EQ(PeekExpiry(record.substr(0, length)), kNoExpiry) << length;
  }
}

TEST(Record, EveryFaultHasItsOwnLine) {
  std::vector<std::string_view> lines;
  for (const auto fault :
       {RecordFault::kTooShort, RecordFault::kNewerFormat, RecordFault::kUnknownType,
        RecordFault::kUnknownFlags, RecordFault::kChecksum}) {
    const std::string_view line = Describe(fault);
    EXPECT_FALSE(line.empty());
    for (const std::string_view other : lines) EXPECT_NE(line, other);
    lines.push_back(line);
  }
}

}  // namespace
}  // namespace cartwheel::cluster
