#include "server/ops/keys.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>

#include "cluster/any_record.h"
#include "cluster/store_key.h"
#include "server/errors.h"
#include "server/ops/expiry.h"
#include "server/redis_dump.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

using cluster::Change;
using cluster::Value;

// `base_ms` >= 0 plus `time`; nullopt where that is beyond what a record can hold. Times before
// 1970 are fine: they have passed.
std::optional<int64_t> AbsoluteMs(int64_t base_ms, int64_t time, bool seconds) {
  int64_t ms = 0;
  if (__builtin_mul_overflow(time, int64_t{seconds ? 1000 : 1}, &ms)) return std::nullopt;
  if (__builtin_add_overflow(ms, base_ms, &ms) || ms > cluster::kMaxExpireAt) return std::nullopt;
  return ms;
}

// A key without an expiry lives longer than any time.
bool ConditionHolds(ExpireOp::Condition condition, cluster::ExpireAt current, int64_t wanted) {
  const bool any = current != cluster::kNoExpiry;
  switch (condition) {
    case ExpireOp::Condition::kNone: return true;
    case ExpireOp::Condition::kIfNone: return !any;
    case ExpireOp::Condition::kIfAny: return any;
    case ExpireOp::Condition::kIfGreater:
    case ExpireOp::Condition::kIfAnyAndGreater: return any && wanted > current;
    case ExpireOp::Condition::kIfLess: return !any || wanted < current;
    case ExpireOp::Condition::kIfAnyAndLess: return any && wanted < current;
  }
  return false;
}

// The source's bytes are copied: the store may move them once the first of the changes is made.
Change PutCopyOf(const Value& value) {
  return Change::PutOwned(std::string(value.bytes), value.expire_at, value.type);
}

std::string_view EncodingOf(std::string_view bytes) {
  constexpr size_t kLongestInteger = 20;
  constexpr size_t kLongestEmbedded = 44;
  if (bytes.size() <= kLongestInteger && ParseInteger(bytes)) return "int";
  return bytes.size() <= kLongestEmbedded ? "embstr" : "raw";
}

}  // namespace

void Apply(const DelOp&, const OpInput& in, OpOutput& out) {
  // The keys of one DEL are in one database: the name alone tells them apart.
  std::unordered_set<std::string_view> gone;
  for (size_t i = 0; i < in.keys.size(); ++i) {
    if (!in.values[i] || !gone.insert(in.keys[i].key).second) continue;
    out.changes[i] = Change::Delete();
  }
  out.reply.Integer(static_cast<int64_t>(gone.size()));
}

void Apply(const ExistsOp&, const OpInput& in, OpOutput& out) {
  out.reply.Integer(
      std::ranges::count_if(in.values, [](const auto& value) { return value.has_value(); }));
}

void Apply(const TypeOp&, const OpInput& in, OpOutput& out) {
  if (!in.values[0]) return out.reply.SimpleString("none");
  switch (in.values[0]->type) {
    case cluster::Type::kString: return out.reply.SimpleString("string");
  }
}

void Apply(const TtlOp& op, const OpInput& in, OpOutput& out) {
  if (!in.values[0]) return out.reply.Integer(-2);
  const cluster::ExpireAt expire_at = in.values[0]->expire_at;
  if (expire_at == cluster::kNoExpiry) return out.reply.Integer(-1);
  const int64_t ms = op.absolute ? expire_at : std::max<int64_t>(0, expire_at - in.now_ms);
  out.reply.Integer(op.milliseconds ? ms : (ms + 500) / 1000);
}

void Apply(const ExpireOp& op, const OpInput& in, OpOutput& out) {
  const auto wanted = AbsoluteMs(op.absolute ? 0 : in.now_ms, op.time, op.seconds);
  if (!wanted) return out.reply.Error(InvalidExpireTime(op.command_name));
  if (!in.values[0] || !ConditionHolds(op.condition, in.values[0]->expire_at, *wanted)) {
    return out.reply.Integer(0);
  }
  out.changes[0] = *wanted <= in.now_ms ? Change::Delete() : Change::Expire(*wanted);
  out.reply.Integer(1);
}

void Apply(const PersistOp&, const OpInput& in, OpOutput& out) {
  if (!in.values[0] || in.values[0]->expire_at == cluster::kNoExpiry) return out.reply.Integer(0);
  out.changes[0] = Change::Expire(cluster::kNoExpiry);
  out.reply.Integer(1);
}

void Apply(const RenameOp& op, const OpInput& in, OpOutput& out) {
  if (!in.values[0]) return out.reply.Error(kNoSuchKey);
  const bool to_itself = in.keys[0] == in.keys[1];
  if (op.only_if_absent && in.values[1]) return out.reply.Integer(0);
  if (!to_itself) {
    out.changes[0] = Change::Delete();
    out.changes[1] = PutCopyOf(*in.values[0]);
  }
  if (op.only_if_absent) return out.reply.Integer(1);
  out.reply.Ok();
}

void Apply(const CopyOp& op, const OpInput& in, OpOutput& out) {
  if (!in.values[0] || (in.values[1] && !op.replace)) return out.reply.Integer(0);
  out.changes[1] = PutCopyOf(*in.values[0]);
  out.reply.Integer(1);
}

void Apply(const MoveOp&, const OpInput& in, OpOutput& out) {
  if (!in.values[0] || in.values[1]) return out.reply.Integer(0);
  out.changes[0] = Change::Delete();
  out.changes[1] = PutCopyOf(*in.values[0]);
  out.reply.Integer(1);
}

void Apply(const ObjectOp& op, const OpInput& in, OpOutput& out) {
  if (!in.values[0]) return out.reply.Null();
  const Value& value = *in.values[0];
  switch (op.question) {
    case ObjectOp::Question::kEncoding: return out.reply.Bulk(EncodingOf(value.bytes));
    case ObjectOp::Question::kIdleTime:
      if (in.use.tracks_frequency) {
        return out.reply.Error(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
            "switching between policies at runtime LRU and LFU data will take some time to "
            "adjust.");
      }
      if (in.use.idle_ms) return out.reply.Integer(*in.use.idle_ms / 1000);
      return out.reply.Integer(std::max<int64_t>(0, in.now_ms - value.written_at_ms) / 1000);
    case ObjectOp::Question::kRefCount: return out.reply.Integer(1);
    case ObjectOp::Question::kFreq:
      if (in.use.tracks_frequency) return out.reply.Integer(in.use.frequency);
      return out.reply.Error(
          "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
          "that when switching between policies at runtime LRU and LFU data will take some time "
          "to adjust.");
  }
}

void Apply(const MemoryUsageOp&, const OpInput& in, OpOutput& out) {
  if (!in.values[0]) return out.reply.Null();
  std::string store_key;
  cluster::EncodeStoreKey(in.keys[0], store_key);
  const size_t record = cluster::RecordBytesOf(*in.values[0]);
  out.reply.Integer(static_cast<int64_t>(store_key.size() + record));
}

void Apply(const DumpOp&, const OpInput& in, OpOutput& out) {
  if (!in.values[0]) return out.reply.Null();
  out.reply.Bulk(EncodeRedisDump(in.values[0]->bytes));
}

void Apply(const RestoreOp& op, const OpInput& in, OpOutput& out) {
  if (in.values[0] && !op.replace) {
    return out.reply.Error("BUSYKEY Target key name already exists.");
  }
  if (!op.value) return out.reply.Error(op.value.error());
  const bool expires = op.ttl_ms != 0;
  const auto expire_at = AbsoluteMs(op.absolute ? 0 : in.now_ms, op.ttl_ms, /*seconds=*/false);
  if (expires && !expire_at) return out.reply.Error(InvalidExpireTime("restore"));
  if (expires && *expire_at <= in.now_ms) {
    if (in.values[0]) out.changes[0] = Change::Delete();
  } else {
    out.changes[0] = Change::Put(*op.value, expires ? *expire_at : cluster::kNoExpiry);
  }
  out.reply.Ok();
}

}  // namespace cartwheel::server
