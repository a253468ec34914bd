// What a client has seen of a key, as the client carries it: opaque bytes that DYN.GET gives and
// DYN.SET takes back, perhaps days later, through another node, from a session store.
//
//   u8  format
//   u32 low half of XXH3-64 of the key, seeded with the XXH3-64 of u64 cluster id, u8 database
//   ... the context and the counter's totals: a container without versions in its message form
//   u32 first bytes of SipHash-2-4 over all that, keyed by the cluster's secret
//
// A token of another key, another cluster, or with a bit changed is refused: superseding versions
// that its bearer has not read would lose them silently.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cluster/container.h"
#include "cluster/value.h"

namespace cartwheel::cluster {

// Fixed for the life of a cluster.
struct TokenKey {
  uint64_t cluster_id = 0;
  std::span<const uint8_t, 16> secret;
};

// The token of who has seen nothing exists too, so that a first write can carry one.
std::string MakeContextToken(const TokenKey& token_key, const KeyRef& ref, const Seen& seen);

// nullopt: not a token of this cluster and key.
std::optional<Seen> ReadContextToken(const TokenKey& token_key, const KeyRef& ref,
                                     std::string_view token);

}  // namespace cartwheel::cluster
