// Operations on keys whatever they hold.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "server/ops/op.h"

namespace cartwheel::server {

// DEL, UNLINK: the reply is the number of keys that went.
struct DelOp {
  static constexpr Access kAccess = Access::kUpdate;
};

// EXISTS counts a key named twice twice; TOUCH too.
struct ExistsOp {
  static constexpr Access kAccess = Access::kRead;
};

struct TypeOp {
  static constexpr Access kAccess = Access::kRead;
};

// TTL, PTTL, EXPIRETIME, PEXPIRETIME: -2 no key, -1 no expiry.
struct TtlOp {
  static constexpr Access kAccess = Access::kRead;
  bool milliseconds = false;
  bool absolute = false;
};

// EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT. A time that has passed deletes the key.
struct ExpireOp {
  static constexpr Access kAccess = Access::kUpdate;
  enum class Condition : uint8_t {
    kNone,
    kIfNone,
    kIfAny,
    kIfGreater,
    kIfLess,
    kIfAnyAndGreater,
    kIfAnyAndLess
  };
  int64_t time = 0;  // as given
  bool seconds = true;
  bool absolute = false;
  Condition condition = Condition::kNone;
  std::string_view command_name = "expire";
};

struct PersistOp {
  static constexpr Access kAccess = Access::kUpdate;
};

// Keys: source, destination.
struct RenameOp {
  static constexpr Access kAccess = Access::kUpdate;
  bool only_if_absent = false;
};

// Keys: source, destination (in another database with DB n).
struct CopyOp {
  static constexpr Access kAccess = Access::kUpdate;
  bool replace = false;
};

// Keys: source, the same key in the target database.
struct MoveOp {
  static constexpr Access kAccess = Access::kUpdate;
};

struct ObjectOp {
  static constexpr Access kAccess = Access::kRead;
  enum class Question : uint8_t { kEncoding, kIdleTime, kRefCount, kFreq };
  Question question = Question::kEncoding;
};

// MEMORY USAGE: the bytes the record takes in the store, nil without a key.
struct MemoryUsageOp {
  static constexpr Access kAccess = Access::kRead;
};

// DUMP: Redis's own serialization (RDB string object, RDB version, CRC64).
struct DumpOp {
  static constexpr Access kAccess = Access::kRead;
};

struct RestoreOp {
  static constexpr Access kAccess = Access::kUpdate;
  // Decoded from the payload; or the error reply to a TTL or payload that is wrong, which is only
  // given when no key is in the way.
  std::expected<std::string, std::string_view> value;
  int64_t ttl_ms = 0;  // as given; 0: none
  bool absolute = false;
  bool replace = false;
};

void Apply(const DelOp& op, const OpInput& in, OpOutput& out);
void Apply(const ExistsOp& op, const OpInput& in, OpOutput& out);
void Apply(const TypeOp& op, const OpInput& in, OpOutput& out);
void Apply(const TtlOp& op, const OpInput& in, OpOutput& out);
void Apply(const ExpireOp& op, const OpInput& in, OpOutput& out);
void Apply(const PersistOp& op, const OpInput& in, OpOutput& out);
void Apply(const RenameOp& op, const OpInput& in, OpOutput& out);
void Apply(const CopyOp& op, const OpInput& in, OpOutput& out);
void Apply(const MoveOp& op, const OpInput& in, OpOutput& out);
void Apply(const ObjectOp& op, const OpInput& in, OpOutput& out);
void Apply(const MemoryUsageOp& op, const OpInput& in, OpOutput& out);
void Apply(const DumpOp& op, const OpInput& in, OpOutput& out);
void Apply(const RestoreOp& op, const OpInput& in, OpOutput& out);

}  // namespace cartwheel::server
