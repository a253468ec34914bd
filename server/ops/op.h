// What every operation has in common: what it is given, what it leaves, how it treats its keys.
//
// An operation is the parsed form of a command that works on keys. Applying it is a pure function
//   (values of its keys, operation, time) -> (changes of its keys, reply)
// so that the same operation runs for a client, inside EXEC, at another node's coordinator and in
// the simulator. It sees no engine, no session and no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "cluster/value.h"
#include "resp/reply_writer.h"

namespace cartwheel::server {

using Args = std::span<const std::string_view>;  // args[0] is the command's name as sent

// How the first key was used, for whoever asks (OBJECT).
struct KeyUse {
  bool tracks_frequency = false;
  uint8_t frequency = 0;
  std::optional<int64_t> idle_ms{};  // nullopt: not used since the start
};

struct OpInput {
  std::span<const cluster::KeyRef> keys;
  // One for each key, in order; nullopt: absent or expired. Left empty for Access::kBlindWrite.
  std::span<const std::optional<cluster::Value>> values;
  int64_t now_ms;
  size_t max_string_bytes;  // proto-max-bulk-len: no operation makes a longer value
  KeyUse use{};
};

struct OpOutput {
  std::span<cluster::Change>
      changes;               // one for each key, kNone at first; may borrow from the operation
  resp::ReplyWriter& reply;  // exactly one reply is written
};

// How an operation treats its keys' values: what decides which quorums it needs.
enum class Access : uint8_t {
  kRead,        // reads, never changes
  kBlindWrite,  // changes without looking
  kUpdate,      // reads, then may change
};

// An expiry as a command gives it; relative ones are fixed by the time of application.
struct ExpiryOption {
  enum class Kind : uint8_t {
    kNone,      // not given: a SET removes the expiry
    kKeep,      // KEEPTTL
    kPersist,   // PERSIST (GETEX)
    kRelative,  // ms from now
    kAbsolute,  // Unix ms
  };
  Kind kind = Kind::kNone;
  int64_t ms = 0;

  bool operator==(const ExpiryOption&) const = default;
};

}  // namespace cartwheel::server
