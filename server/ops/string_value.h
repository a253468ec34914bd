// What the operations on strings and on bits share: a key's bytes, once its type is known.
#pragma once

#include "server/errors.h"
#include "server/ops/op.h"

namespace cartwheel::server {

inline bool HoldsOtherType(const std::optional<cluster::Value>& value) {
  return value && value->type != cluster::Type::kString;
}

// False, with the error replied, when the key holds no string. An absent key is fine.
inline bool CheckString(const std::optional<cluster::Value>& value, OpOutput& out) {
  if (!HoldsOtherType(value)) return true;
  out.reply.Error(kWrongType);
  return false;
}

// An absent key reads as the empty string.
inline std::string_view BytesOf(const std::optional<cluster::Value>& value) {
  return value ? value->bytes : std::string_view();
}

// The expiry that a key keeps when its bytes change.
inline cluster::ExpireAt ExpiryOf(const std::optional<cluster::Value>& value) {
  return value ? value->expire_at : cluster::kNoExpiry;
}

}  // namespace cartwheel::server
