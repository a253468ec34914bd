// Operations on strings.
#pragma once

#include <string>

#include "server/ops/op.h"

namespace cartwheel::server {

struct GetOp {
  static constexpr Access kAccess = Access::kRead;
};

// SET, SETEX, PSETEX, GETSET.
struct SetOp {
  enum class Condition : uint8_t { kNone, kIfAbsent, kIfPresent };
  std::string_view value;
  ExpiryOption expiry;
  Condition condition = Condition::kNone;
  bool return_old = false;                // GET
  std::string_view command_name = "set";  // for "invalid expire time in '...' command"
};

struct SetNxOp {
  static constexpr Access kAccess = Access::kUpdate;
  std::string_view value;
};

struct GetDelOp {
  static constexpr Access kAccess = Access::kUpdate;
};

struct GetExOp {
  static constexpr Access kAccess = Access::kUpdate;
  ExpiryOption expiry;
  std::string expiry_error;  // the reply if there is a key to expire: Redis looks for it first
};

struct MGetOp {
  static constexpr Access kAccess = Access::kRead;
};

struct MSetOp {
  static constexpr Access kAccess = Access::kBlindWrite;
  Args pairs;  // key, value, key, value ...
};

struct MSetNxOp {
  static constexpr Access kAccess = Access::kUpdate;
  Args pairs;
};

struct AppendOp {
  static constexpr Access kAccess = Access::kUpdate;
  std::string_view suffix;
};

struct StrLenOp {
  static constexpr Access kAccess = Access::kRead;
};

// GETRANGE, SUBSTR. Negative positions count from the end.
struct GetRangeOp {
  static constexpr Access kAccess = Access::kRead;
  int64_t start = 0;
  int64_t end = 0;
};

struct SetRangeOp {
  static constexpr Access kAccess = Access::kUpdate;
  int64_t offset = 0;  // >= 0
  std::string_view patch;
};

// INCR, DECR, INCRBY, DECRBY.
struct IncrByOp {
  static constexpr Access kAccess = Access::kUpdate;
  int64_t delta = 1;
};

struct IncrByFloatOp {
  static constexpr Access kAccess = Access::kUpdate;
  long double delta = 0;
};

// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]
struct LcsOp {
  static constexpr Access kAccess = Access::kRead;
  bool length_only = false;
  bool indexes = false;
  bool with_match_length = false;
  int64_t min_match_length = 0;
};

void Apply(const GetOp& op, const OpInput& in, OpOutput& out);
void Apply(const SetOp& op, const OpInput& in, OpOutput& out);
void Apply(const SetNxOp& op, const OpInput& in, OpOutput& out);
void Apply(const GetDelOp& op, const OpInput& in, OpOutput& out);
void Apply(const GetExOp& op, const OpInput& in, OpOutput& out);
void Apply(const MGetOp& op, const OpInput& in, OpOutput& out);
void Apply(const MSetOp& op, const OpInput& in, OpOutput& out);
void Apply(const MSetNxOp& op, const OpInput& in, OpOutput& out);
void Apply(const AppendOp& op, const OpInput& in, OpOutput& out);
void Apply(const StrLenOp& op, const OpInput& in, OpOutput& out);
void Apply(const GetRangeOp& op, const OpInput& in, OpOutput& out);
void Apply(const SetRangeOp& op, const OpInput& in, OpOutput& out);
void Apply(const IncrByOp& op, const OpInput& in, OpOutput& out);
void Apply(const IncrByFloatOp& op, const OpInput& in, OpOutput& out);
void Apply(const LcsOp& op, const OpInput& in, OpOutput& out);

}  // namespace cartwheel::server
