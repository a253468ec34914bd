#include "server/ops/bits.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "server/ops/string_value.h"

namespace cartwheel::server {
namespace {

using cluster::Change;
using cluster::Value;

static_assert(std::endian::native == std::endian::little, "Bit 0 is the first byte's highest");

constexpr uint64_t kWordBits = 64;

bool BitAt(std::string_view bytes, uint64_t bit) {
  return (static_cast<uint8_t>(bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0;
}

// 64 bits from a byte boundary, the first of them highest.
uint64_t WordAt(std::string_view bytes, uint64_t bit) {
  uint64_t word = 0;
  std::memcpy(&word, bytes.data() + bit / 8, sizeof(word));
  return std::byteswap(word);
}

struct BitSpan {
  uint64_t first;
  uint64_t last;

  bool HoldsWordAt(uint64_t bit) const { return bit % 8 == 0 && bit + kWordBits - 1 <= last; }
};

// The bits that `range` selects; nullopt for none. A position before the start is the start.
std::optional<BitSpan> Resolve(const BitRange& range, std::string_view bytes) {
  const auto total = static_cast<int64_t>(bytes.size()) * (range.in_bits ? 8 : 1);
  const int64_t start = std::max<int64_t>(0, range.start < 0 ? range.start + total : range.start);
  const int64_t end =
      std::min(total - 1, std::max<int64_t>(0, range.end < 0 ? range.end + total : range.end));
  if (start > end) return std::nullopt;
  const auto first = static_cast<uint64_t>(start);
  const auto last = static_cast<uint64_t>(end);
  if (range.in_bits) return BitSpan{.first = first, .last = last};
  return BitSpan{.first = first * 8, .last = last * 8 + 7};
}

uint64_t CountOnes(std::string_view bytes, const BitSpan& span) {
  uint64_t ones = 0;
  for (uint64_t bit = span.first; bit <= span.last;) {
    if (span.HoldsWordAt(bit)) {
      ones += static_cast<uint64_t>(std::popcount(WordAt(bytes, bit)));
      bit += kWordBits;
    } else {
      ones += BitAt(bytes, bit) ? 1 : 0;
      ++bit;
    }
  }
  return ones;
}

std::optional<uint64_t> FindFirst(bool wanted, std::string_view bytes, const BitSpan& span) {
  for (uint64_t bit = span.first; bit <= span.last;) {
    if (span.HoldsWordAt(bit)) {
      const uint64_t word = wanted ? WordAt(bytes, bit) : ~WordAt(bytes, bit);
      if (word != 0) return bit + static_cast<uint64_t>(std::countl_zero(word));
      bit += kWordBits;
    } else {
      if (BitAt(bytes, bit) == wanted) return bit;
      ++bit;
    }
  }
  return std::nullopt;
}

// Combines `source`, as if zeros followed it, into `result`, which is at least as long.
void Combine(BitOpOp::Function function, std::string_view source, std::string& result) {
  switch (function) {
    case BitOpOp::Function::kAnd:
      for (size_t i = 0; i < source.size(); ++i) result[i] &= source[i];
      std::fill(result.begin() + static_cast<std::ptrdiff_t>(source.size()), result.end(), '\0');
      return;
    case BitOpOp::Function::kOr:
      for (size_t i = 0; i < source.size(); ++i) result[i] |= source[i];
      return;
    case BitOpOp::Function::kXor:
      for (size_t i = 0; i < source.size(); ++i) result[i] ^= source[i];
      return;
    case BitOpOp::Function::kNot:
      for (char& byte : result) byte = static_cast<char>(~byte);
      return;
  }
}

}  // namespace

void Apply(const SetBitOp& op, const OpInput& in, OpOutput& out) {
  const std::optional<Value>& value = in.values[0];
  if (!CheckString(value, out)) return;
  const std::string_view old = BytesOf(value);
  const uint64_t byte = op.offset / 8;
  const bool grows = byte >= old.size();
  const bool old_bit = !grows && BitAt(old, op.offset);
  out.reply.Integer(old_bit ? 1 : 0);
  if (!grows && old_bit == op.bit) return;

  std::string bytes(old);
  if (grows) bytes.resize(byte + 1);
  const auto mask = static_cast<uint8_t>(0x80 >> (op.offset % 8));
  const auto cleared = static_cast<uint8_t>(static_cast<uint8_t>(bytes[byte]) & ~mask);
  bytes[byte] = static_cast<char>(op.bit ? cleared | mask : cleared);
  out.changes[0] = Change::PutOwned(std::move(bytes), ExpiryOf(value));
}

void Apply(const GetBitOp& op, const OpInput& in, OpOutput& out) {
  const std::optional<Value>& value = in.values[0];
  if (!CheckString(value, out)) return;
  const bool bit = value && op.offset / 8 < value->bytes.size() && BitAt(value->bytes, op.offset);
  out.reply.Integer(bit ? 1 : 0);
}

void Apply(const BitCountOp& op, const OpInput& in, OpOutput& out) {
  const std::optional<Value>& value = in.values[0];
  if (!value) return out.reply.Integer(0);
  if (!CheckString(value, out)) return;
  if (!op.range.error.empty()) return out.reply.Error(op.range.error);
  // Before the start and backwards at once is empty here, though both ends would clamp to 0.
  const bool backwards = op.range.start < 0 && op.range.end < 0 && op.range.start > op.range.end;
  const auto span = backwards ? std::nullopt : Resolve(op.range, value->bytes);
  out.reply.Integer(span ? static_cast<int64_t>(CountOnes(value->bytes, *span)) : 0);
}

// Without a given end the string counts as followed by zeros for ever; with one, it does not.
void Apply(const BitPosOp& op, const OpInput& in, OpOutput& out) {
  const std::optional<Value>& value = in.values[0];
  if (!value) return out.reply.Integer(op.bit ? -1 : 0);
  if (!CheckString(value, out)) return;
  if (!op.range.error.empty()) return out.reply.Error(op.range.error);
  const auto span = Resolve(op.range, value->bytes);
  if (!span) return out.reply.Integer(-1);
  const auto found = FindFirst(op.bit, value->bytes, *span);
  if (found) return out.reply.Integer(static_cast<int64_t>(*found));
  const bool zeros_follow = !op.bit && !op.range.end_given;
  out.reply.Integer(zeros_follow ? static_cast<int64_t>(span->last + 1) : -1);
}

void Apply(const BitOpOp& op, const OpInput& in, OpOutput& out) {
  const auto sources = in.values.subspan(1);
  if (std::ranges::any_of(sources, HoldsOtherType)) return out.reply.Error(kWrongType);
  size_t longest = 0;
  for (const auto& source : sources) longest = std::max(longest, BytesOf(source).size());
  out.reply.Integer(static_cast<int64_t>(longest));
  if (longest == 0) {
    if (in.values[0]) out.changes[0] = Change::Delete();
    return;
  }

  std::string result(BytesOf(sources[0]));
  result.resize(longest);
  if (op.function == BitOpOp::Function::kNot) {
    Combine(op.function, {}, result);
  } else {
    for (const auto& source : sources.subspan(1)) Combine(op.function, BytesOf(source), result);
  }
  out.changes[0] = Change::PutOwned(std::move(result), cluster::kNoExpiry);
}

}  // namespace cartwheel::server
