// What a context token is bound to: which cluster gave it, and the secret that proves it.
//
// A node alone draws both at its first start and keeps them with its data, so that tokens outlive a
// restart. The members of a cluster derive them from one text that they share, so that each honours
// the tokens of the others.
//
//   "identity" in the keyspace kMeta: u8 format, u64 cluster id (little endian), 16 bytes secret,
//   u32 low half of the XXH3-64 of all that
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "cluster/context_token.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

struct Identity {
  uint64_t cluster_id = 0;
  std::array<uint8_t, 16> secret{};

  TokenKey token_key() const { return {.cluster_id = cluster_id, .secret = secret}; }
  bool operator==(const Identity&) const = default;
};

inline constexpr std::string_view kIdentityKey = "identity";  // in kMeta
inline constexpr uint8_t kIdentityFormat = 1;
inline constexpr size_t kIdentityRandomBytes = 24;

enum class IdentityFault : uint8_t { kNewerFormat, kDamaged };

std::string EncodeIdentity(const Identity& identity);
// Never trusts the bytes.
std::expected<Identity, IdentityFault> DecodeIdentity(std::string_view bytes);

// The stored identity; without one, a new one of `random`, which is of a cryptographic source and
// goes into the engine's pending batch. Fails on one that is damaged or of a newer format: another
// one in its place would refuse every token that clients hold.
std::expected<Identity, storage::Error> LoadIdentity(
    storage::Engine& engine, std::span<const uint8_t, kIdentityRandomBytes> random);

// The same wherever the text is the same. As hard to guess as the text is.
Identity DeriveIdentity(std::string_view shared_secret);

}  // namespace cartwheel::cluster
