#include "cluster/identity.h"

#include <algorithm>
#include <cstring>

#include <xxhash.h>

#include "cluster/encoding.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

constexpr size_t kIdBytes = 8;
constexpr size_t kSecretBytes = 16;
constexpr size_t kSecretAt = 1 + kIdBytes;
constexpr size_t kChecksumAt = kSecretAt + kSecretBytes;
constexpr size_t kStoredBytes = kChecksumAt + 4;
static_assert(kIdentityRandomBytes == kIdBytes + kSecretBytes);

uint32_t Checksum(const char* bytes) {
  return static_cast<uint32_t>(XXH3_64bits(bytes, kChecksumAt));
}

// Of id and secret, one after the other.
Identity FromBytes(const char* bytes) {
  Identity identity;
  identity.cluster_id = LoadLittle<kIdBytes>(bytes);
  std::memcpy(identity.secret.data(), bytes + kIdBytes, kSecretBytes);
  return identity;
}

storage::Error IdentityError(const storage::Engine& engine, IdentityFault fault) {
  const std::string what =
      std::string(engine.name()) + " store: the identity that context tokens are bound to ";
  if (fault == IdentityFault::kNewerFormat) {
    return {storage::Error::Kind::kNewerFormat,
            what + "was written by a later version; start that version on this store"};
  }
  return {storage::Error::Kind::kCorrupt,
          what +
              "is damaged; restore the store from a copy, or set cluster-secret, which takes its "
              "place"};
}

}  // namespace

std::string EncodeIdentity(const Identity& identity) {
  std::string bytes(kStoredBytes, '\0');
  bytes[0] = static_cast<char>(kIdentityFormat);
  StoreLittle<kIdBytes>(identity.cluster_id, bytes.data() + 1);
  std::memcpy(bytes.data() + kSecretAt, identity.secret.data(), kSecretBytes);
  StoreLittle<4>(Checksum(bytes.data()), bytes.data() + kChecksumAt);
  return bytes;
}

std::expected<Identity, IdentityFault> DecodeIdentity(std::string_view bytes) {
  if (bytes.empty()) return std::unexpected(IdentityFault::kDamaged);
  // Before all else, as a later format may have another length. Format 0 never existed.
  const auto format = static_cast<uint8_t>(bytes[0]);
  if (format > kIdentityFormat) return std::unexpected(IdentityFault::kNewerFormat);
  if (format == 0 || bytes.size() != kStoredBytes ||
      LoadLittle<4>(bytes.data() + kChecksumAt) != Checksum(bytes.data())) {
    return std::unexpected(IdentityFault::kDamaged);
  }
  return FromBytes(bytes.data() + 1);
}

std::expected<Identity, storage::Error> LoadIdentity(
    storage::Engine& engine, std::span<const uint8_t, kIdentityRandomBytes> random) {
  if (const auto stored = engine.Get(Keyspace::kMeta, kIdentityKey)) {
    const auto identity = DecodeIdentity(*stored);
    if (!identity) return std::unexpected(IdentityError(engine, identity.error()));
    return *identity;
  }
  char bytes[kIdentityRandomBytes];
  std::ranges::copy(random, bytes);
  const Identity identity = FromBytes(bytes);
  engine.Put(Keyspace::kMeta, kIdentityKey, EncodeIdentity(identity));
  return identity;
}

Identity DeriveIdentity(std::string_view shared_secret) {
  // Two hashes with seeds of their own, so that neither tells of the other.
  constexpr XXH64_hash_t kIdSeed = 1;
  constexpr XXH64_hash_t kSecretSeed = 2;
  char bytes[kIdentityRandomBytes];
  StoreLittle<kIdBytes>(XXH3_64bits_withSeed(shared_secret.data(), shared_secret.size(), kIdSeed),
                        bytes);
  const XXH128_hash_t secret =
      XXH3_128bits_withSeed(shared_secret.data(), shared_secret.size(), kSecretSeed);
  StoreLittle<8>(secret.low64, bytes + kIdBytes);
  StoreLittle<8>(secret.high64, bytes + kIdBytes + 8);
  return FromBytes(bytes);
}

}  // namespace cartwheel::cluster
