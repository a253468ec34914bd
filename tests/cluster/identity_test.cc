#include "cluster/identity.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;
using ::testing::HasSubstr;

constexpr std::array<uint8_t, kIdentityRandomBytes> Random(uint8_t first) {
  std::array<uint8_t, kIdentityRandomBytes> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(first + i);
  return bytes;
}

TEST(Identity, IsDrawnOnceAndKept) {
  const auto engine = storage::NewMemoryEngine();
  const auto first = LoadIdentity(*engine, Random(1));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->cluster_id, 0x0807060504030201U);
  EXPECT_EQ(first->secret[0], 9);
  EXPECT_EQ(first->secret[15], 24);
  ASSERT_TRUE(engine->Commit().has_value());
  EXPECT_EQ(LoadIdentity(*engine, Random(99)).value(), *first);
}

TEST(Identity, EveryFlippedBitAndEveryPrefixIsDamage) {
  const std::string bytes = EncodeIdentity({.cluster_id = 42, .secret = {1, 2, 3}});
  ASSERT_EQ(DecodeIdentity(bytes), (Identity{.cluster_id = 42, .secret = {1, 2, 3}}));
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_FALSE(DecodeIdentity(changed).has_value()) << bit;
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeIdentity(bytes.substr(0, length)).has_value()) << length;
  }
  EXPECT_FALSE(DecodeIdentity(bytes + '\0').has_value());
}

TEST(Identity, ADamagedOneIsNamedAndNotReplaced) {
  const auto engine = storage::NewMemoryEngine();
  engine->Put(Keyspace::kMeta, kIdentityKey, std::string("\x01") + "nonsense");
  const auto damaged = LoadIdentity(*engine, Random(1));
  ASSERT_FALSE(damaged.has_value());
  EXPECT_EQ(damaged.error().kind, storage::Error::Kind::kCorrupt);
  EXPECT_THAT(damaged.error().message,
              HasSubstr("memory store: the identity that context tokens are bound to is damaged"));
  EXPECT_THAT(damaged.error().message, HasSubstr("cluster-secret"));
}

TEST(Identity, OneOfALaterVersionIsNotTakenForDamage) {
  const auto engine = storage::NewMemoryEngine();
  engine->Put(Keyspace::kMeta, kIdentityKey, "\x02 of the future");
  const auto newer = LoadIdentity(*engine, Random(1));
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().kind, storage::Error::Kind::kNewerFormat);
}

TEST(Identity, OfASharedSecretIsTheSameEverywhere) {
  EXPECT_EQ(DeriveIdentity("a long text"), DeriveIdentity("a long text"));
  EXPECT_NE(DeriveIdentity("a long text"), DeriveIdentity("a long texu"));
  // For ever: tokens live in session stores.
  const Identity known = DeriveIdentity("a long text");
  EXPECT_EQ(known.cluster_id, 16420285992413789335U);
  EXPECT_EQ(known.secret[0], 0x97);
}

}  // namespace
}  // namespace cartwheel::cluster
