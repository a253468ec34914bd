#include "server/executor.h"

#include <string>

#include "server/config_text.h"
#include "server/errors.h"

namespace cartwheel::server {
namespace {

constexpr size_t kShownOfKey = 128;

}  // namespace

bool Executor::ReadValues(const OperationRequest& request, Access access, int64_t now_ms,
                          resp::ReplyWriter& reply) {
  for (const cluster::KeyRef& ref : request.keys) {
    auto value = store_.Read(ref, now_ms);
    if (!value) {
      reply.Error(std::string(kDamagedRecord)
                      .append(cluster::Describe(value.error()))
                      .append(" (key ")
                      .append(QuoteWord(ref.key.substr(0, kShownOfKey)))
                      .append(")"));
      return false;
    }
    if (access == Access::kRead) {
      ++(value->has_value() ? statistics_.keyspace_hits : statistics_.keyspace_misses);
    }
    values_.push_back(*value);
  }
  return true;
}

void Executor::Execute(const OperationRequest& request, int64_t now_ms, size_t max_string_bytes,
                       resp::ReplyWriter& reply) {
  const Access access = AccessOf(request.operation);
  values_.clear();
  if (access != Access::kBlindWrite && !ReadValues(request, access, now_ms, reply)) return;
  changes_.clear();
  changes_.resize(request.keys.size());
  OpOutput out{.changes = changes_, .reply = reply};
  Apply(request.operation,
        OpInput{.keys = request.keys,
                .values = values_,
                .now_ms = now_ms,
                .max_string_bytes = max_string_bytes},
        out);
  if (access == Access::kRead) return;
  // The values die with the first write: operations own or borrow from the request whatever they
  // store.
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (changes_[i].kind() == cluster::Change::Kind::kNone) continue;
    uncommitted_ = true;
    if (store_.Write(request.keys[i], changes_[i], now_ms)) watches_.Touch(request.keys[i]);
  }
}

}  // namespace cartwheel::server
