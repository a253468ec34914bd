// Operations on strings as bit arrays; bit 0 is the most significant bit of the first byte.
#pragma once

#include <string_view>
#include <vector>

#include "server/ops/op.h"

namespace cartwheel::server {

struct SetBitOp {
  static constexpr Access kAccess = Access::kUpdate;
  uint64_t offset = 0;
  bool bit = false;
};

struct GetBitOp {
  static constexpr Access kAccess = Access::kRead;
  uint64_t offset = 0;
};

// A range in bytes or, with BIT, in bits; negative positions count from the end.
struct BitRange {
  int64_t start = 0;
  int64_t end = -1;
  bool in_bits = false;
  bool end_given = false;
  // The error reply to arguments that are no range; like Redis, only given when the key exists.
  std::string_view error;
};

struct BitCountOp {
  static constexpr Access kAccess = Access::kRead;
  BitRange range;
};

struct BitPosOp {
  static constexpr Access kAccess = Access::kRead;
  bool bit = false;
  BitRange range;
};

// Keys: destination, then the sources.
struct BitOpOp {
  static constexpr Access kAccess = Access::kUpdate;
  enum class Function : uint8_t { kAnd, kOr, kXor, kNot };
  Function function = Function::kAnd;
};

// BITFIELD, BITFIELD_RO.
struct BitFieldOp {
  enum class Overflow : uint8_t { kWrap, kSat, kFail };
  struct Step {
    enum class Kind : uint8_t { kGet, kSet, kIncrBy };
    Kind kind = Kind::kGet;
    bool is_signed = false;
    uint8_t bits = 0;  // 1..64 signed, 1..63 unsigned
    Overflow overflow = Overflow::kWrap;
    uint64_t offset = 0;  // in bits
    int64_t operand = 0;
  };
  std::vector<Step> steps;
};

void Apply(const SetBitOp& op, const OpInput& in, OpOutput& out);
void Apply(const GetBitOp& op, const OpInput& in, OpOutput& out);
void Apply(const BitCountOp& op, const OpInput& in, OpOutput& out);
void Apply(const BitPosOp& op, const OpInput& in, OpOutput& out);
void Apply(const BitOpOp& op, const OpInput& in, OpOutput& out);
void Apply(const BitFieldOp& op, const OpInput& in, OpOutput& out);

}  // namespace cartwheel::server
