#include "server/executor.h"

#include <string>

#include "server/damaged_record.h"
#include "server/errors.h"

namespace cartwheel::server {

bool Executor::ReadValues(const OperationRequest& request, Access access, int64_t now_ms,
                          resp::ReplyWriter& reply) {
  for (const cluster::KeyRef& ref : request.keys) {
    auto value = store_.Read(ref, now_ms);
    if (!value) {
      reply.Error(DamagedRecord(ref, value.error()));
      return false;
    }
    if (access == Access::kRead) NoteRead(ref, value->has_value(), now_ms);
    const bool used = *value && access == Access::kRead && IsUse(request.operation);
    if (used) store_.NoteUse(ref, now_ms);
    values_.push_back(*value);
  }
  return true;
}

void Executor::NoteRead(const cluster::KeyRef& ref, bool found, int64_t now_ms) {
  if (!found) {
    ++statistics_.keyspace_misses;
    return;
  }
  ++statistics_.keyspace_hits;
  statistics_.CountSiblings(store_.siblings_found().size());
  NoteConflicts(ConflictKind::kHidden, ref, now_ms);
}

// Of what the last read or write of the store found.
void Executor::NoteConflicts(ConflictKind kind, const cluster::KeyRef& ref, int64_t now_ms) {
  const auto siblings = store_.siblings_found();
  if (siblings.size() < 2) return;
  statistics_.conflicts_noted +=
      conflicts_.Note(kind, ref, siblings, now_ms, config_.dyn_conflicts_max_len);
}

void Executor::FindUse(const cluster::KeyRef& ref, int64_t now_ms) {
  use_ = UseOf(store_.usage(), ref, now_ms);
}

void Executor::Execute(const OperationRequest& request, int64_t now_ms, size_t max_string_bytes,
                       resp::ReplyWriter& reply) {
  const Access access = AccessOf(request.operation);
  values_.clear();
  if (access != Access::kBlindWrite && !ReadValues(request, access, now_ms, reply)) return;
  changes_.clear();
  changes_.resize(request.keys.size());
  OpOutput out{.changes = changes_, .reply = reply};
  if (std::holds_alternative<ObjectOp>(request.operation)) FindUse(request.keys[0], now_ms);
  Apply(request.operation,
        OpInput{.keys = request.keys,
                .values = values_,
                .now_ms = now_ms,
                .max_string_bytes = max_string_bytes,
                .use = use_},
        out);
  if (access == Access::kRead) return;
  // The values die with the first write: operations own or borrow from the request whatever they
  // store.
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (changes_[i].kind() == cluster::Change::Kind::kNone) continue;
    uncommitted_ = true;
    if (store_.Write(request.keys[i], changes_[i], now_ms)) watches_.Touch(request.keys[i]);
    if (Supersedes(changes_[i])) {
      NoteConflicts(ConflictKind::kSuperseded, request.keys[i], now_ms);
    }
  }
}

const cluster::Container* Executor::ReadContainer(const cluster::KeyRef& ref,
                                                  resp::ReplyWriter& reply) {
  const auto container = store_.ReadContainer(ref);
  if (container) return *container;
  reply.Error(DamagedRecord(ref, container.error()));
  return nullptr;
}

void Executor::WriteSeen(const cluster::KeyRef& ref, const cluster::Change& change,
                         const cluster::Seen& seen, int64_t now_ms) {
  uncommitted_ = true;
  if (store_.Write(ref, change, now_ms, &seen)) watches_.Touch(ref);
}

}  // namespace cartwheel::server
