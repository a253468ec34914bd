#include "cluster/context_token.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/cluster/random_containers.h"

namespace cartwheel::cluster {
namespace {

constexpr std::array<uint8_t, 16> kSecret = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr TokenKey kTokenKey{.cluster_id = 42, .secret = kSecret};
constexpr KeyRef kRef{3, "a key"};

Seen SomeSeen() {
  const RandomContainers containers(5, 40);
  return SeenOf(containers.states().back());
}

TEST(ContextToken, WhatWasSeenComesBack) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const RandomContainers containers(seed, 10);
    for (const Container& state : containers.states()) {
      const Seen seen = SeenOf(state);
      EXPECT_EQ(ReadContextToken(kTokenKey, kRef, MakeContextToken(kTokenKey, kRef, seen)), seen);
    }
  }
}

TEST(ContextToken, WhoHasSeenNothingHasATokenToo) {
  EXPECT_EQ(ReadContextToken(kTokenKey, kRef, MakeContextToken(kTokenKey, kRef, {})), Seen{});
}

TEST(ContextToken, AnotherKeyDatabaseClusterOrSecretRefusesIt) {
  const std::string token = MakeContextToken(kTokenKey, kRef, SomeSeen());
  EXPECT_FALSE(ReadContextToken(kTokenKey, {3, "a kez"}, token));
  EXPECT_FALSE(ReadContextToken(kTokenKey, {3, ""}, token));
  EXPECT_FALSE(ReadContextToken(kTokenKey, {2, "a key"}, token));
  EXPECT_FALSE(ReadContextToken({.cluster_id = 43, .secret = kSecret}, kRef, token));
  auto secret = kSecret;
  secret[15] ^= 1;
  EXPECT_FALSE(ReadContextToken({.cluster_id = 42, .secret = secret}, kRef, token));
}

TEST(ContextToken, EveryFlippedBitAndEveryPrefixIsRefused) {
  for (const Seen& seen : {SomeSeen(), Seen{}}) {
    const std::string token = MakeContextToken(kTokenKey, kRef, seen);
    for (size_t bit = 0; bit < token.size() * 8; ++bit) {
      std::string changed = token;
      changed[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      EXPECT_FALSE(ReadContextToken(kTokenKey, kRef, changed)) << bit;
    }
    for (size_t length = 0; length < token.size(); ++length) {
      EXPECT_FALSE(ReadContextToken(kTokenKey, kRef, token.substr(0, length))) << length;
    }
    EXPECT_FALSE(ReadContextToken(kTokenKey, kRef, token + '\0'));
  }
}

// A token of today has to be read for ever. The last four bytes are those of a SipHash-2-4 that was
// computed by another implementation, which gives its authors' test vectors.
TEST(ContextToken, TheFormNeverChanges) {
  const std::string token = MakeContextToken(kTokenKey, kRef, {});
  EXPECT_EQ(token, std::string("\x01\x4d\xe2\xe9\x59"
                               "\x20\x00\x00"
                               "\x59\xb1\xf9\x44",
                               12));
}

}  // namespace
}  // namespace cartwheel::cluster
