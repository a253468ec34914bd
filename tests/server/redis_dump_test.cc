#include "server/redis_dump.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "server/crc64.h"

namespace cartwheel::server {
namespace {

constexpr size_t kLimit = 512UL << 20;

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

// A payload with a right footer around `hex`.
std::string Payload(std::string_view hex, uint8_t version = 10) {
  std::string payload = FromHex(hex);
  payload += {static_cast<char>(version), '\0'};
  uint64_t crc = Crc64(payload);
  for (int i = 0; i < 8; ++i, crc >>= 8) payload.push_back(static_cast<char>(crc));
  return payload;
}

std::string Bytes(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

std::string Repeat(std::string_view text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  return repeated;
}

// Values and what DUMP of redis-server 7.0.15 answers for them.
std::vector<std::pair<std::string, std::string>> PayloadsOfRedis() {
  return {
      {"", "00000a005d9b5c400f7fa2da"},
      {"hello", "000568656c6c6f0a006372df766534200a"},
      {"0", "00c0000a009840a778f8500308"},
      {"-128", "00c0800a009966326d2f0c5bd9"},
      {"127", "00c07f0a000db5eb315254c514"},
      {"128", "00c180000a00eb7ab3b510cf4b65"},
      {"-32769", "00c2ff7fffff0a00aee34c4d06c68536"},
      {"2147483647", "00c2ffffff7f0a002c74e59ee02eada1"},
      {"2147483648", "000a323134373438333634380a00e7b129a34c1d76ee"},
      {"007", "00033030370a007258e27b4c69bad9"},
      {std::string(20, 'x'), "001478787878787878787878787878787878787878780a005b3c81eca58cc56b"},
      {std::string(21, 'x'), "00c30615017878e00a000a00941a83676017192f"},
      {std::string(63, 'a'), "00c3093f016161e032000161610a00c7b454c16b8866cb"},
      {Bytes(64),
       "004040000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
       "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f0a008c0c07acf508b445"},
      {Repeat("foobar", 50), "00c311412c06666f6f62617266e0ff05e112070161720a00790ab52a24715c55"},
  };
}

TEST(RedisDump, GivesTheSameBytesAsRedis) {
  for (const auto& [value, payload] : PayloadsOfRedis()) {
    EXPECT_EQ(EncodeRedisDump(value), FromHex(payload)) << value;
  }
}

TEST(RedisDump, TakesThePayloadsOfRedis) {
  for (const auto& [value, payload] : PayloadsOfRedis()) {
    EXPECT_EQ(DecodeRedisDump(FromHex(payload), kLimit), value);
  }
}

TEST(RedisDump, LengthsOfEveryFormComeBack) {
  uint32_t noise = 1;
  std::string incompressible;
  for (const size_t size : {1U, 63U, 64U, 16383U, 16384U, 70000U}) {
    while (incompressible.size() < size) {
      noise = noise * 1664525 + 1013904223;
      incompressible.push_back(static_cast<char>(noise >> 24));
    }
    EXPECT_EQ(DecodeRedisDump(EncodeRedisDump(incompressible), kLimit), incompressible);
    const std::string compressible(size, 'c');
    EXPECT_EQ(DecodeRedisDump(EncodeRedisDump(compressible), kLimit), compressible);
  }
}

TEST(RedisDump, LengthsAreTakenInLongerFormsThanTheyNeed) {
  for (const std::string_view hex :
       {"000161", "00400161", "00800000000161", "0081000000000000000161", "00c302010061"}) {
    EXPECT_EQ(DecodeRedisDump(Payload(hex), kLimit), "a") << hex;
  }
}

// The compressor's table starts with what an earlier call left on the stack.
TEST(RedisDump, IsAFunctionOfTheValueAlone) {
  const std::string value = Repeat("abcabcabd-", 100);
  const std::string first = EncodeRedisDump(value);
  for (int shift = 1; shift < 40; ++shift) {
    EncodeRedisDump(value.substr(static_cast<size_t>(shift)) + Repeat("bcabdabc", shift));
    EXPECT_EQ(EncodeRedisDump(value), first);
  }
}

TEST(RedisDump, EveryFlippedBitIsAWrongVersionOrChecksum) {
  const std::string payload = EncodeRedisDump("some value");
  for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
    std::string damaged = payload;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(DecodeRedisDump(damaged, kLimit), std::unexpected(kDumpVersionOrChecksum)) << bit;
  }
}

TEST(RedisDump, EveryTruncationIsAWrongVersionOrChecksum) {
  const std::string payload = EncodeRedisDump("some value");
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_EQ(DecodeRedisDump(payload.substr(0, size), kLimit),
              std::unexpected(kDumpVersionOrChecksum));
  }
}

TEST(RedisDump, OlderVersionsAreTakenNewerOnesAreNot) {
  EXPECT_EQ(DecodeRedisDump(Payload("000161", 1), kLimit), "a");
  EXPECT_EQ(DecodeRedisDump(Payload("000161", 9), kLimit), "a");
  EXPECT_EQ(DecodeRedisDump(Payload("000161", 11), kLimit),
            std::unexpected(kDumpVersionOrChecksum));
}

TEST(RedisDump, BytesThatAreNoStringBehindARightChecksumAreABadFormat) {
  for (const std::string_view hex : {
           "",    // no type
           "00",  // no string
           "08",
           "1461",
           "ff61",      // types that do not exist
           "00056162",  // fewer bytes than the length says
           "00820161",  // a length form that does not exist
           "00c401",    // an encoding that does not exist
           "00c1ff",
           "00c2ffffff",
           "00c0",  // integers cut short
           "0040",
           "0080000000",
           "00810000",                // lengths cut short
           "0081ffffffffffffffff61",  // a length beyond everything
           "00c3",
           "00c301",
           "00c3050a0061",  // compressed, cut short
           "00c302020061",  // decompresses to less than it says
           "00c302032000",  // refers to bytes before the start
           "00c3018010000000"
           "00",        // one byte that claims to be 256 MiB
           "00c30000",  // compressed nothing
       }) {
    EXPECT_EQ(DecodeRedisDump(Payload(hex), kLimit), std::unexpected(kDumpBadFormat)) << hex;
  }
}

// A list and a set, from redis-server 7.0.15.
TEST(RedisDump, OtherTypesOfRedisAreNamedAsUnsupported) {
  for (const std::string_view hex : {"1201020a0a0000000100816102ff0a0009b9edf594ded995",
                                     "0b0a020000000100000001000a00056f61290c490534"}) {
    EXPECT_EQ(DecodeRedisDump(FromHex(hex), kLimit), std::unexpected(kDumpNotString));
  }
}

TEST(RedisDump, ValuesAboveTheLimitAreABadFormat) {
  for (const std::string_view value : {"0123456789x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    const std::string payload = EncodeRedisDump(value);
    EXPECT_EQ(DecodeRedisDump(payload, value.size()), value);
    EXPECT_EQ(DecodeRedisDump(payload, value.size() - 1), std::unexpected(kDumpBadFormat));
  }
}

}  // namespace
}  // namespace cartwheel::server
