#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "server/errors.h"
#include "server/ops/parsers.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

constexpr std::string_view kBitOffset = "ERR bit offset is not an integer or out of range";
constexpr std::string_view kBitValue = "ERR bit is not an integer or out of range";
constexpr std::string_view kFieldType =
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 "
    "is.";

std::unexpected<std::string> Fail(std::string_view error) {
  return std::unexpected(std::string(error));
}

// A bit's number, which must lie in the longest string there may be.
std::optional<uint64_t> ParseBitOffset(std::string_view text, const ParseContext& context) {
  const std::optional<int64_t> offset = ParseInteger(text);
  if (!offset || *offset < 0) return std::nullopt;
  const auto bit = static_cast<uint64_t>(*offset);
  return bit / 8 < context.max_string_bytes ? std::optional(bit) : std::nullopt;
}

// "BIT" or "BYTE"; false for anything else.
bool ParseUnit(std::string_view text, BitRange& range) {
  range.in_bits = EqualsIgnoreCase(text, "bit");
  return range.in_bits || EqualsIgnoreCase(text, "byte");
}

std::string_view ParseInto(std::string_view text, int64_t& number) {
  const std::optional<int64_t> parsed = ParseInteger(text);
  if (!parsed) return kNotInteger;
  number = *parsed;
  return {};
}

// [start end [BYTE|BIT]] of BITCOUNT, complaints in Redis's order: a range that is empty whatever
// the length is answered before its unit is looked at.
BitRange ParseCountRange(Args args) {
  BitRange range;
  if (args.empty()) return range;
  if (args.size() == 1 || args.size() > 3) {
    range.error = kSyntaxError;
    return range;
  }
  range.end_given = true;
  range.error = ParseInto(args[0], range.start);
  if (range.error.empty()) range.error = ParseInto(args[1], range.end);
  const bool empty = range.start < 0 && range.end < 0 && range.start > range.end;
  if (range.error.empty() && args.size() == 3 && !ParseUnit(args[2], range) && !empty) {
    range.error = kSyntaxError;
  }
  return range;
}

// [start [end [BYTE|BIT]]] of BITPOS, complaints in Redis's order.
BitRange ParsePositionRange(Args args) {
  BitRange range;
  if (args.empty()) return range;
  if (args.size() > 3) {
    range.error = kSyntaxError;
    return range;
  }
  range.error = ParseInto(args[0], range.start);
  if (range.error.empty() && args.size() == 3 && !ParseUnit(args[2], range)) {
    range.error = kSyntaxError;
  }
  if (range.error.empty() && args.size() >= 2) {
    range.end_given = true;
    range.error = ParseInto(args[1], range.end);
  }
  return range;
}

// u1..u63, i1..i64
bool ParseFieldType(std::string_view text, BitFieldOp::Step& step) {
  if (text.empty() || (text[0] != 'i' && text[0] != 'u')) return false;
  step.is_signed = text[0] == 'i';
  const std::optional<int64_t> bits = ParseInteger(text.substr(1));
  if (!bits || *bits < 1 || *bits > (step.is_signed ? 64 : 63)) return false;
  step.bits = static_cast<uint8_t>(*bits);
  return true;
}

// An offset in bits or, after '#', in fields of the step's width. A step that writes must end
// within the longest string there may be.
bool ParseFieldOffset(std::string_view text, const ParseContext& context, BitFieldOp::Step& step) {
  const bool in_fields = text.starts_with('#');
  const auto offset = ParseBitOffset(text.substr(in_fields ? 1 : 0), context);
  if (!offset) return false;
  step.offset = *offset * (in_fields ? step.bits : 1);
  const bool writes = step.kind != BitFieldOp::Step::Kind::kGet;
  const uint64_t last_bit = step.offset + (writes ? step.bits - 1U : 0U);
  return last_bit / 8 < context.max_string_bytes;
}

std::optional<BitFieldOp::Overflow> ParseOverflow(std::string_view text) {
  if (EqualsIgnoreCase(text, "wrap")) return BitFieldOp::Overflow::kWrap;
  if (EqualsIgnoreCase(text, "sat")) return BitFieldOp::Overflow::kSat;
  if (EqualsIgnoreCase(text, "fail")) return BitFieldOp::Overflow::kFail;
  return std::nullopt;
}

std::optional<BitFieldOp::Step::Kind> ParseStepKind(std::string_view text) {
  if (EqualsIgnoreCase(text, "get")) return BitFieldOp::Step::Kind::kGet;
  if (EqualsIgnoreCase(text, "set")) return BitFieldOp::Step::Kind::kSet;
  if (EqualsIgnoreCase(text, "incrby")) return BitFieldOp::Step::Kind::kIncrBy;
  return std::nullopt;
}

// The words after a step's name: type, offset and, for what writes, an operand.
std::expected<void, std::string> ParseStep(Args words, const ParseContext& context,
                                           BitFieldOp::Step& step) {
  if (!ParseFieldType(words[0], step)) return Fail(kFieldType);
  if (!ParseFieldOffset(words[1], context, step)) return Fail(kBitOffset);
  if (step.kind == BitFieldOp::Step::Kind::kGet) return {};
  const std::optional<int64_t> operand = ParseInteger(words[2]);
  if (!operand) return Fail(kNotInteger);
  step.operand = *operand;
  return {};
}

std::expected<BitFieldOp, std::string> ParseSteps(Args words, const ParseContext& context) {
  BitFieldOp op;
  auto overflow = BitFieldOp::Overflow::kWrap;
  while (!words.empty()) {
    if (EqualsIgnoreCase(words[0], "overflow") && words.size() >= 2) {
      const auto parsed = ParseOverflow(words[1]);
      if (!parsed) return Fail("ERR Invalid OVERFLOW type specified");
      overflow = *parsed;
      words = words.subspan(2);
      continue;
    }
    const auto kind = ParseStepKind(words[0]);
    const size_t taken = kind == BitFieldOp::Step::Kind::kGet ? 3 : 4;
    if (!kind || words.size() < taken) return Fail(kSyntaxError);
    BitFieldOp::Step step{.kind = *kind, .overflow = overflow};
    if (auto parsed = ParseStep(words.subspan(1), context, step); !parsed) {
      return std::unexpected(parsed.error());
    }
    op.steps.push_back(step);
    words = words.subspan(taken);
  }
  return op;
}

}  // namespace

// SETBIT key offset bit
ParseResult ParseSetBit(Args args, const ParseContext& context, OperationRequest& request) {
  const auto offset = ParseBitOffset(args[2], context);
  if (!offset) return Fail(kBitOffset);
  const std::optional<int64_t> bit = ParseInteger(args[3]);
  if (!bit || (*bit != 0 && *bit != 1)) return Fail(kBitValue);
  request.operation = SetBitOp{.offset = *offset, .bit = *bit == 1};
  return {};
}

// GETBIT key offset
ParseResult ParseGetBit(Args args, const ParseContext& context, OperationRequest& request) {
  const auto offset = ParseBitOffset(args[2], context);
  if (!offset) return Fail(kBitOffset);
  request.operation = GetBitOp{.offset = *offset};
  return {};
}

// BITCOUNT key [start end [BYTE|BIT]]
ParseResult ParseBitCount(Args args, const ParseContext&, OperationRequest& request) {
  request.operation = BitCountOp{.range = ParseCountRange(args.subspan(2))};
  return {};
}

// BITPOS key bit [start [end [BYTE|BIT]]]
ParseResult ParseBitPos(Args args, const ParseContext&, OperationRequest& request) {
  const std::optional<int64_t> bit = ParseInteger(args[2]);
  if (!bit) return Fail(kNotInteger);
  if (*bit != 0 && *bit != 1) return Fail("ERR The bit argument must be 1 or 0.");
  request.operation = BitPosOp{.bit = *bit == 1, .range = ParsePositionRange(args.subspan(3))};
  return {};
}

// BITOP AND|OR|XOR|NOT destination source [source ...]
ParseResult ParseBitOp(Args args, const ParseContext&, OperationRequest& request) {
  BitOpOp op;
  if (EqualsIgnoreCase(args[1], "and")) {
    op.function = BitOpOp::Function::kAnd;
  } else if (EqualsIgnoreCase(args[1], "or")) {
    op.function = BitOpOp::Function::kOr;
  } else if (EqualsIgnoreCase(args[1], "xor")) {
    op.function = BitOpOp::Function::kXor;
  } else if (EqualsIgnoreCase(args[1], "not")) {
    op.function = BitOpOp::Function::kNot;
  } else {
    return Fail(kSyntaxError);
  }
  if (op.function == BitOpOp::Function::kNot && args.size() != 4) {
    return Fail("ERR BITOP NOT must be called with a single source key.");
  }
  request.operation = op;
  return {};
}

// BITFIELD key [GET type offset | [OVERFLOW WRAP|SAT|FAIL] SET type offset value
//   | INCRBY type offset increment ...]
ParseResult ParseBitField(Args args, const ParseContext& context, OperationRequest& request) {
  auto op = ParseSteps(args.subspan(2), context);
  if (!op) return std::unexpected(std::move(op.error()));
  request.operation = *std::move(op);
  return {};
}

// BITFIELD_RO key [GET type offset ...]
ParseResult ParseBitFieldRo(Args args, const ParseContext& context, OperationRequest& request) {
  auto op = ParseSteps(args.subspan(2), context);
  if (!op) return std::unexpected(std::move(op.error()));
  for (const BitFieldOp::Step& step : op->steps) {
    if (step.kind != BitFieldOp::Step::Kind::kGet) {
      return Fail("ERR BITFIELD_RO only supports the GET subcommand");
    }
  }
  request.operation = *std::move(op);
  return {};
}

}  // namespace cartwheel::server
