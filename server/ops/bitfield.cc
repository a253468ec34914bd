// BITFIELD: integers of any width up to 64 bits at any bit of a string, highest bit first.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "server/ops/bits.h"
#include "server/ops/string_value.h"

namespace cartwheel::server {
namespace {

using cluster::Change;
using cluster::Value;
using Step = BitFieldOp::Step;

// A field's bits, right-aligned; bits past the end of the string are zero.
uint64_t ReadField(std::string_view bytes, const Step& step) {
  uint64_t field = 0;
  for (uint64_t bit = step.offset; bit < step.offset + step.bits; ++bit) {
    const uint64_t byte = bit / 8 < bytes.size() ? static_cast<uint8_t>(bytes[bit / 8]) : 0;
    field = field << 1 | (byte >> (7 - bit % 8) & 1);
  }
  return field;
}

// The string holds the whole field.
void WriteField(std::string& bytes, const Step& step, uint64_t field) {
  for (unsigned i = 0; i < step.bits; ++i) {
    const uint64_t bit = step.offset + i;
    const auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    const auto cleared = static_cast<uint8_t>(static_cast<uint8_t>(bytes[bit / 8]) & ~mask);
    const bool one = (field >> (step.bits - 1U - i) & 1) != 0;
    bytes[bit / 8] = static_cast<char>(one ? cleared | mask : cleared);
  }
}

// The low bits of `number` as the number that the step's type sees in them.
int64_t Truncate(const Step& step, uint64_t number) {
  const unsigned unused = 64U - step.bits;
  const uint64_t shifted = number << unused;
  if (!step.is_signed) return static_cast<int64_t>(shifted >> unused);
  return static_cast<int64_t>(shifted) >> unused;
}

struct Bounds {
  int64_t min;
  int64_t max;
};

Bounds BoundsOf(const Step& step) {
  if (!step.is_signed) return {.min = 0, .max = static_cast<int64_t>((1ULL << step.bits) - 1)};
  const auto max = static_cast<int64_t>((1ULL << (step.bits - 1U)) - 1);
  return {.min = -max - 1, .max = max};
}

// What a step wants to store, before its type limits it.
struct Wanted {
  uint64_t low_bits;  // of the exact result
  enum class Fit : uint8_t { kFits, kTooSmall, kTooBig } fit;
};

// Unsigned SET reads its operand as 64 unsigned bits, so that a negative one is too big.
Wanted WantedBySet(const Step& step) {
  const auto [min, max] = BoundsOf(step);
  const auto low_bits = static_cast<uint64_t>(step.operand);
  const bool too_small = step.operand < min;
  if (too_small && step.is_signed) return {low_bits, Wanted::Fit::kTooSmall};
  return {low_bits, too_small || step.operand > max ? Wanted::Fit::kTooBig : Wanted::Fit::kFits};
}

Wanted WantedByIncrement(const Step& step, int64_t old) {
  const auto [min, max] = BoundsOf(step);
  const uint64_t low_bits = static_cast<uint64_t>(old) + static_cast<uint64_t>(step.operand);
  int64_t sum = 0;
  const bool overflows = __builtin_add_overflow(old, step.operand, &sum);
  if (overflows ? step.operand > 0 : sum > max) return {low_bits, Wanted::Fit::kTooBig};
  if (overflows || sum < min) return {low_bits, Wanted::Fit::kTooSmall};
  return {low_bits, Wanted::Fit::kFits};
}

// nullopt: OVERFLOW FAIL leaves the field as it is.
std::optional<int64_t> Limit(const Step& step, const Wanted& wanted) {
  const bool fits = wanted.fit == Wanted::Fit::kFits;
  if (fits || step.overflow == BitFieldOp::Overflow::kWrap) return Truncate(step, wanted.low_bits);
  if (step.overflow == BitFieldOp::Overflow::kFail) return std::nullopt;
  const auto [min, max] = BoundsOf(step);
  return wanted.fit == Wanted::Fit::kTooBig ? max : min;
}

void ApplyWrite(const Step& step, std::string& bytes, resp::ReplyWriter& reply) {
  const int64_t old = Truncate(step, ReadField(bytes, step));
  const bool is_set = step.kind == Step::Kind::kSet;
  const auto next = Limit(step, is_set ? WantedBySet(step) : WantedByIncrement(step, old));
  if (!next) return reply.Null();
  WriteField(bytes, step, static_cast<uint64_t>(*next));
  reply.Integer(is_set ? old : *next);
}

// The bytes that hold every field the steps write; 0 when none writes.
size_t BytesWritten(const BitFieldOp& op) {
  size_t bytes = 0;
  for (const Step& step : op.steps) {
    if (step.kind == Step::Kind::kGet) continue;
    bytes = std::max<size_t>(bytes, (step.offset + step.bits - 1) / 8 + 1);
  }
  return bytes;
}

void ApplyReads(const BitFieldOp& op, std::string_view bytes, resp::ReplyWriter& reply) {
  for (const Step& step : op.steps) reply.Integer(Truncate(step, ReadField(bytes, step)));
}

}  // namespace

// Steps see the effects of those before them. As in Redis the string grows to hold every field that
// is to be written even when OVERFLOW FAIL then leaves them alone.
void Apply(const BitFieldOp& op, const OpInput& in, OpOutput& out) {
  const std::optional<Value>& value = in.values[0];
  if (!CheckString(value, out)) return;
  const std::string_view old = BytesOf(value);
  out.reply.Array(op.steps.size());
  const size_t written = BytesWritten(op);
  if (written == 0) return ApplyReads(op, old, out.reply);

  std::string bytes(old);
  if (bytes.size() < written) bytes.resize(written);
  for (const Step& step : op.steps) {
    if (step.kind == Step::Kind::kGet) {
      out.reply.Integer(Truncate(step, ReadField(bytes, step)));
    } else {
      ApplyWrite(step, bytes, out.reply);
    }
  }
  if (value && bytes == old) return;
  out.changes[0] = Change::PutOwned(std::move(bytes), ExpiryOf(value));
}

}  // namespace cartwheel::server
