#include "server/operation.h"

#include <algorithm>

#include "cluster/store_key.h"
#include "server/config.h"

namespace cartwheel::server {

namespace {

// A plain SET is the write that must not cost a read.
Access AccessOf(const SetOp& op) {
  const bool blind = !op.return_old && op.condition == SetOp::Condition::kNone &&
                     op.expiry.kind != ExpiryOption::Kind::kKeep;
  return blind ? Access::kBlindWrite : Access::kUpdate;
}

Access AccessOf(const BitFieldOp& op) {
  const bool only_gets = std::all_of(op.steps.begin(), op.steps.end(), [](const auto& step) {
    return step.kind == BitFieldOp::Step::Kind::kGet;
  });
  return only_gets ? Access::kRead : Access::kUpdate;
}

template <typename Op>
Access AccessOf(const Op&) {
  return Op::kAccess;
}

}  // namespace

ParseContext ParseContextOf(const Config& config) {
  return {.databases = config.databases, .max_string_bytes = config.proto_max_bulk_len};
}

Access AccessOf(const Operation& operation) {
  return std::visit([](const auto& op) { return AccessOf(op); }, operation);
}

bool IsUse(const Operation& operation) {
  const auto is_one_of = [&]<typename... Ops>() {
    return (std::holds_alternative<Ops>(operation) || ...);
  };
  return !is_one_of.operator()<ObjectOp, MemoryUsageOp, TtlOp, TypeOp>();
}

KeyUse UseOf(cluster::UsageSketch& usage, const cluster::KeyRef& ref, int64_t now_ms) {
  std::string store_key;
  cluster::EncodeStoreKey(ref, store_key);
  const uint64_t hash = cluster::UseHashOf(store_key);
  return {.tracks_frequency =
              usage.tracks() && usage.options().tracks == cluster::UsageSketch::Tracks::kFrequency,
          .frequency = usage.FrequencyOf(hash, now_ms).value_or(0),
          .idle_ms = usage.IdleMs(hash, now_ms)};
}

void Apply(const Operation& operation, const OpInput& in, OpOutput& out) {
  std::visit([&](const auto& op) { Apply(op, in, out); }, operation);
}

}  // namespace cartwheel::server
