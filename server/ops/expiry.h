// What the operations that set an expiry share: from the time a command gives to the one stored.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cluster/value.h"
#include "server/ops/op.h"

namespace cartwheel::server {

inline std::string InvalidExpireTime(std::string_view command_name) {
  return "ERR invalid expire time in '" + std::string(command_name) + "' command";
}

// The expiry that `option` asks for; `current` is what the key has. nullopt: beyond what is stored.
// `option.ms` must be within 1 .. kMaxExpireAt where it counts, so that the sum cannot overflow.
inline std::optional<cluster::ExpireAt> ResolveExpiry(const ExpiryOption& option,
                                                      cluster::ExpireAt current, int64_t now_ms) {
  cluster::ExpireAt expire_at = cluster::kNoExpiry;
  switch (option.kind) {
    case ExpiryOption::Kind::kNone:
    case ExpiryOption::Kind::kPersist: break;
    case ExpiryOption::Kind::kKeep: expire_at = current; break;
    case ExpiryOption::Kind::kRelative: expire_at = now_ms + option.ms; break;
    case ExpiryOption::Kind::kAbsolute: expire_at = option.ms; break;
  }
  if (expire_at > cluster::kMaxExpireAt) return std::nullopt;
  return expire_at;
}

inline bool HasPassed(cluster::ExpireAt expire_at, int64_t now_ms) {
  return expire_at != cluster::kNoExpiry && expire_at <= now_ms;
}

}  // namespace cartwheel::server
