#include "server/ops/strings.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "server/ops/expiry.h"
#include "server/ops/string_value.h"
#include "server/text.h"

namespace cartwheel::server {

namespace {

using cluster::Change;
using cluster::ExpireAt;
using OptionalValue = std::optional<cluster::Value>;

// What a blind write sees of its key.
constexpr OptionalValue kUnseen;

void ReplyBytes(const OptionalValue& value, OpOutput& out) {
  if (value) {
    out.reply.Bulk(value->bytes);
  } else {
    out.reply.Null();
  }
}

bool Holds(SetOp::Condition condition, const OptionalValue& value) {
  switch (condition) {
    case SetOp::Condition::kNone: break;
    case SetOp::Condition::kIfAbsent: return !value;
    case SetOp::Condition::kIfPresent: return value.has_value();
  }
  return true;
}

// False, with the error replied, when `size` + `more` bytes are too many for one value.
bool CheckLength(uint64_t size, uint64_t more, const OpInput& in, OpOutput& out) {
  if (size <= in.max_string_bytes && more <= in.max_string_bytes - size) return true;
  out.reply.Error(kStringTooLong);
  return false;
}

}  // namespace

void Apply(const GetOp&, const OpInput& in, OpOutput& out) {
  if (CheckString(in.values[0], out)) ReplyBytes(in.values[0], out);
}

void Apply(const SetOp& op, const OpInput& in, OpOutput& out) {
  const OptionalValue& old = in.values.empty() ? kUnseen : in.values[0];
  const std::optional<ExpireAt> expire_at = ResolveExpiry(op.expiry, ExpiryOf(old), in.now_ms);
  if (!expire_at) return out.reply.Error(InvalidExpireTime(op.command_name));
  if (op.return_old && !CheckString(old, out)) return;
  const bool sets = Holds(op.condition, old);
  if (sets) {
    // An expiry that is kept may be this very millisecond's, through which the key still lives.
    const bool gone =
        op.expiry.kind != ExpiryOption::Kind::kKeep && HasPassed(*expire_at, in.now_ms);
    out.changes[0] = gone ? Change::Delete() : Change::Put(op.value, *expire_at);
  }
  if (op.return_old) {
    ReplyBytes(old, out);
  } else if (sets) {
    out.reply.Ok();
  } else {
    out.reply.Null();
  }
}

void Apply(const SetNxOp& op, const OpInput& in, OpOutput& out) {
  const bool sets = !in.values[0];
  if (sets) out.changes[0] = Change::Put(op.value, cluster::kNoExpiry);
  out.reply.Integer(sets ? 1 : 0);
}

void Apply(const GetDelOp&, const OpInput& in, OpOutput& out) {
  if (!CheckString(in.values[0], out)) return;
  if (in.values[0]) out.changes[0] = Change::Delete();
  ReplyBytes(in.values[0], out);
}

void Apply(const GetExOp& op, const OpInput& in, OpOutput& out) {
  const OptionalValue& value = in.values[0];
  if (!value) return out.reply.Null();
  if (!CheckString(value, out)) return;
  if (!op.expiry_error.empty()) return out.reply.Error(op.expiry_error);
  // Without an option it is a GET, also of a key in its last millisecond.
  if (op.expiry.kind == ExpiryOption::Kind::kNone) return ReplyBytes(value, out);
  const std::optional<ExpireAt> expire_at = ResolveExpiry(op.expiry, value->expire_at, in.now_ms);
  if (!expire_at) return out.reply.Error(InvalidExpireTime("getex"));
  if (HasPassed(*expire_at, in.now_ms)) {
    out.changes[0] = Change::Delete();
  } else if (*expire_at != value->expire_at) {
    out.changes[0] = Change::Expire(*expire_at);
  }
  ReplyBytes(value, out);
}

void Apply(const MGetOp&, const OpInput& in, OpOutput& out) {
  out.reply.Array(in.values.size());
  for (const OptionalValue& value : in.values) {
    ReplyBytes(HoldsOtherType(value) ? std::nullopt : value, out);
  }
}

void Apply(const MSetOp& op, const OpInput& in, OpOutput& out) {
  for (size_t i = 0; i < in.keys.size(); ++i) {
    out.changes[i] = Change::Put(op.pairs[2 * i + 1], cluster::kNoExpiry);
  }
  out.reply.Ok();
}

void Apply(const MSetNxOp& op, const OpInput& in, OpOutput& out) {
  const bool sets = std::none_of(in.values.begin(), in.values.end(),
                                 [](const OptionalValue& value) { return value.has_value(); });
  for (size_t i = 0; sets && i < in.keys.size(); ++i) {
    out.changes[i] = Change::Put(op.pairs[2 * i + 1], cluster::kNoExpiry);
  }
  out.reply.Integer(sets ? 1 : 0);
}

void Apply(const AppendOp& op, const OpInput& in, OpOutput& out) {
  if (!CheckString(in.values[0], out)) return;
  const std::string_view old = BytesOf(in.values[0]);
  if (!CheckLength(old.size(), op.suffix.size(), in, out)) return;
  std::string bytes;
  bytes.reserve(old.size() + op.suffix.size());
  bytes.append(old).append(op.suffix);
  out.reply.Integer(static_cast<int64_t>(bytes.size()));
  out.changes[0] = Change::PutOwned(std::move(bytes), ExpiryOf(in.values[0]));
}

void Apply(const StrLenOp&, const OpInput& in, OpOutput& out) {
  if (!CheckString(in.values[0], out)) return;
  out.reply.Integer(static_cast<int64_t>(BytesOf(in.values[0]).size()));
}

void Apply(const GetRangeOp& op, const OpInput& in, OpOutput& out) {
  if (!CheckString(in.values[0], out)) return;
  const std::string_view bytes = BytesOf(in.values[0]);
  const auto size = static_cast<int64_t>(bytes.size());
  // Clamping would make one byte of two ends before the first byte, as Redis does for 0 -100.
  if (op.start < 0 && op.end < 0 && op.start > op.end) return out.reply.Bulk("");
  const int64_t start = std::max<int64_t>(op.start < 0 ? size + op.start : op.start, 0);
  const int64_t end = std::min(std::max<int64_t>(op.end < 0 ? size + op.end : op.end, 0), size - 1);
  if (start > end) return out.reply.Bulk("");
  out.reply.Bulk(bytes.substr(static_cast<size_t>(start), static_cast<size_t>(end - start) + 1));
}

void Apply(const SetRangeOp& op, const OpInput& in, OpOutput& out) {
  if (!CheckString(in.values[0], out)) return;
  const std::string_view old = BytesOf(in.values[0]);
  if (op.patch.empty()) return out.reply.Integer(static_cast<int64_t>(old.size()));
  if (!CheckLength(static_cast<uint64_t>(op.offset), op.patch.size(), in, out)) return;
  const auto offset = static_cast<size_t>(op.offset);
  std::string bytes;
  bytes.reserve(std::max(old.size(), offset + op.patch.size()));
  bytes.append(old);
  if (bytes.size() < offset + op.patch.size()) bytes.resize(offset + op.patch.size());
  bytes.replace(offset, op.patch.size(), op.patch);
  out.reply.Integer(static_cast<int64_t>(bytes.size()));
  out.changes[0] = Change::PutOwned(std::move(bytes), ExpiryOf(in.values[0]));
}

void Apply(const IncrByOp& op, const OpInput& in, OpOutput& out) {
  const OptionalValue& value = in.values[0];
  if (!CheckString(value, out)) return;
  const std::optional<int64_t> old = value ? ParseInteger(value->bytes) : 0;
  if (!old) return out.reply.Error(kNotInteger);
  int64_t sum = 0;
  if (__builtin_add_overflow(*old, op.delta, &sum)) {
    return out.reply.Error("ERR increment or decrement would overflow");
  }
  out.changes[0] = Change::Add(op.delta);
  out.reply.Integer(sum);
}

void Apply(const IncrByFloatOp& op, const OpInput& in, OpOutput& out) {
  const OptionalValue& value = in.values[0];
  if (!CheckString(value, out)) return;
  const std::optional<long double> old = value ? ParseLongDouble(value->bytes) : 0;
  if (!old) return out.reply.Error(kNotFloat);
  const long double sum = *old + op.delta;
  if (!std::isfinite(sum)) {
    return out.reply.Error("ERR increment would produce NaN or Infinity");
  }
  std::string text = FormatLongDouble(sum);
  out.reply.Bulk(text);
  out.changes[0] = Change::PutOwned(std::move(text), ExpiryOf(value));
}

}  // namespace cartwheel::server
