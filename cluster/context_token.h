// A context as clients carry it: opaque bytes that DYN.GET gives and DYN.SET takes back, perhaps
// days later, through another node, from a session store.
//
//   u8  format
//   u32 low half of XXH3-64 of cluster id, database, key
//   ... context: varint counts and differences, full actor ids
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

#include "cluster/context.h"
#include "cluster/value.h"

namespace cartwheel::cluster {

// Fixed for the life of a cluster.
struct TokenKey {
  uint64_t cluster_id = 0;
  std::span<const uint8_t, 16> secret;
};

// The empty context has a token too, so that a first write can carry one.
std::string MakeContextToken(const TokenKey& token_key, const KeyRef& ref, const Context& context);

// nullopt: not a token of this cluster and key.
std::optional<Context> ReadContextToken(const TokenKey& token_key, const KeyRef& ref,
                                        std::string_view token);

}  // namespace cartwheel::cluster
