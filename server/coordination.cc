#include "server/coordination.h"

#include <algorithm>
#include <variant>

#include "cluster/frame.h"
#include "cluster/shown_value.h"
#include "server/cluster_errors.h"
#include "server/damaged_record.h"
#include "server/handlers.h"

namespace cartwheel::server {
namespace {

using cluster::Change;
using cluster::ReadOutcome;
using cluster::WriteOutcome;

// Of a counter each replica may count by itself: its increments are added up, so none has to be
// read before.
bool CountsLocally(const Operation& operation) {
  return std::holds_alternative<IncrByOp>(operation);
}

std::string DescribeRefused(const std::variant<WriteOutcome, cluster::Node::Busy>& refusal) {
  const auto* const outcome = std::get_if<WriteOutcome>(&refusal);
  return outcome == nullptr ? std::string(kTooManyRequests) : DescribeFailedWrite(*outcome);
}

size_t BytesOf(Args args) {
  size_t bytes = 0;
  for (const std::string_view arg : args) bytes += arg.size();
  return bytes;
}

}  // namespace

bool IsCoordinated(const Command& command) {
  return command.parse != nullptr || command.handler == DynGet || command.handler == DynSet ||
         command.handler == DynDel;
}

// ---- beginning

CallId Coordination::Begin(const Command& command, Args args, const Terms& terms,
                           const cluster::Seen* seen, cluster::Time now) {
  Call& call = Add(command, args, terms);
  const CallId id = call.id;
  if (seen != nullptr) call.seen = std::make_unique<cluster::Seen>(*seen);
  if (BytesOf(args) > kMaxReplicatedBytes) {
    Fail(call, kTooLongToReplicate);
  } else if (Parse(call, now)) {
    if (call.access == Access::kBlindWrite || CountsLocally(call.request.operation)) {
      BeginWrites(call, now);
    } else {
      BeginReads(call, now);
    }
  }
  return id;
}

Coordination::Call& Coordination::Add(const Command& command, Args args, const Terms& terms) {
  auto call = std::make_unique<Call>();
  call->id = next_id_++;
  call->command = &command;
  call->terms = terms;
  call->owned.reserve(BytesOf(args));
  for (const std::string_view arg : args) call->owned += arg;
  size_t begin = 0;
  for (const std::string_view arg : args) {
    call->args.push_back(std::string_view(call->owned).substr(begin, arg.size()));
    begin += arg.size();
  }
  return *calls_.emplace(call->id, std::move(call)).first->second;
}

bool Coordination::Parse(Call& call, cluster::Time now) {
  KeyIndexesOf(*call.command, call.args.size(), key_indexes_);
  for (const size_t index : key_indexes_) {
    call.request.keys.push_back({call.terms.database, call.args[index]});
  }
  if (call.command->parse == nullptr) return ParseDynCall(call, now);
  const auto parsed = call.command->parse({call.args.data(), call.args.size()},
                                          ParseContextOf(config_), call.request);
  if (!parsed) {
    Fail(call, parsed.error());
    return false;
  }
  call.access = AccessOf(call.request.operation);
  return true;
}

bool Coordination::ParseDynCall(Call& call, cluster::Time now) {
  auto parsed =
      ParseDyn(call.command->name, {call.args.data(), call.args.size()}, TermsOf(call, now));
  if (!parsed) {
    statistics_.CountDynRefusal(parsed.error());
    Fail(call, parsed.error());
    return false;
  }
  call.dyn = std::make_unique<DynOperation>(*std::move(parsed));
  call.access = AccessOf(*call.dyn);
  return true;
}

bool Coordination::LastWasUpdate() const {
  const auto found = calls_.find(next_id_ - 1);
  return found != calls_.end() && found->second->access == Access::kUpdate &&
         !CountsLocally(found->second->request.operation);
}

void Coordination::Forget(const cluster::SessionContext& session) {
  for (auto& [id, call] : calls_) {
    if (call->terms.session == &session) call->terms.session = nullptr;
    if (call->terms.writes == &session.writes()) call->terms.writes = nullptr;
  }
}

// ---- reading

void Coordination::BeginReads(Call& call, cluster::Time now) {
  const CallId id = call.id;
  const size_t keys = call.request.keys.size();
  if (keys > 1) call.merged.resize(keys);
  for (size_t i = 0; i < keys; ++i) {
    const cluster::KeyRef& ref = call.request.keys[i];
    const cluster::Seen* const seen = SeenBy(call, i);
    const auto request =
        node_.BeginRead(ref, call.terms.levels, seen == nullptr ? nullptr : &seen->context, now);
    if (!request) {
      boost::unordered::erase_if(parts_, [id](const auto& part) { return part.second.call == id; });
      return Fail(call, kTooManyRequests);
    }
    parts_.emplace(*request, Part{id, i});
    ++call.waiting;
  }
}

void Coordination::OnRead(Call& call, size_t key, const cluster::Node::ReadDone& done,
                          cluster::Time now) {
  if (done.outcome.kind == ReadOutcome::Kind::kTooFew) {
    call.failed_read = done.outcome;
  } else if (call.request.keys.size() == 1) {
    call.only = done.merged;
  } else {
    call.merged[key] = cluster::OwnedContainer(*done.merged);
  }
  if (--call.waiting == 0) OnReadsDone(call, now);
}

void Coordination::OnReadsDone(Call& call, cluster::Time now) {
  if (call.failed_read) {
    return Fail(call, DescribeFailedRead(*call.failed_read, node_.in_cluster()));
  }
  for (size_t i = 0; i < call.request.keys.size(); ++i)
    Learn(call, i, cluster::SeenOf(MergedOf(call, i)));
  if (call.access == Access::kUpdate) {
    if (!ReadOwnValues(call, now)) return;
    call.only = nullptr;
    return BeginWrites(call, now);
  }
  if (call.dyn) return FinishDynRead(call, now);
  FillValues(call, now);
  for (size_t i = 0; i < values_.size(); ++i) NoteRead(call, i, values_[i].has_value(), now);
  Apply(call, now);
  Finish(call);
}

void Coordination::NoteRead(const Call& call, size_t key, bool found, cluster::Time now) {
  ++(found ? statistics_.keyspace_hits : statistics_.keyspace_misses);
  if (!found) return;
  if (IsUse(call.request.operation)) node_.evicting().NoteUse(call.request.keys[key], now);
  const cluster::Container& merged = MergedOf(call, key);
  heads_.clear();
  if (merged.versions.size() > 1) cluster::ListHeads(merged, now.unix_ms, heads_);
  statistics_.CountSiblings(heads_.size());
  if (heads_.size() < 2) return;
  statistics_.conflicts_noted +=
      conflicts_.Note(ConflictKind::kHidden, call.request.keys[key], heads_, now.unix_ms,
                      config_.dyn_conflicts_max_len);
}

void Coordination::FillValues(const Call& call, cluster::Time now) {
  values_.clear();
  texts_.clear();
  texts_.resize(call.request.keys.size());  // all at once: values are views into them
  for (size_t i = 0; i < call.request.keys.size(); ++i) {
    values_.push_back(cluster::ShownValue(MergedOf(call, i), now.unix_ms, texts_[i]));
  }
}

// What the quorum knows becomes part of this node's replica, where the update is decided.
bool Coordination::ReadOwnValues(Call& call, cluster::Time now) {
  for (size_t i = 0; i < call.request.keys.size(); ++i) {
    const cluster::Container& merged = MergedOf(call, i);
    const auto own = store_.ReadContainer(call.request.keys[i]);
    if (own && (*own)->context.Includes(merged.context)) continue;
    uncommitted_ = true;
    const auto applied =
        store_.Apply(call.request.keys[i], merged, cluster::DotsOfVersions(merged), now.unix_ms);
    if (!applied) {
      Fail(call, std::string("CLUSTERDOWN this node cannot take what the others know: ")
                     .append(cluster::Describe(applied.error())));
      return false;
    }
  }
  return true;
}

// ---- writing

// Reads this node's replica, decides and writes, in one step.
void Coordination::BeginWrites(Call& call, cluster::Time now) {
  if (call.dyn) return WriteDyn(call, now);
  values_.clear();
  if (call.access != Access::kBlindWrite) {
    for (const cluster::KeyRef& ref : call.request.keys) {
      const auto value = store_.Read(ref, now.unix_ms);
      if (!value) {
        return Fail(call, DamagedRecord(ref, value.error()));
      }
      values_.push_back(*value);
    }
  }
  Apply(call, now);
  WriteChanges(call, now);
}

void Coordination::Apply(Call& call, cluster::Time now) {
  changes_.clear();
  changes_.resize(call.request.keys.size());
  resp::ReplyWriter reply(call.reply, call.terms.protocol);
  OpOutput out{.changes = changes_, .reply = reply};
  server::Apply(call.request.operation,
                OpInput{.keys = call.request.keys,
                        .values = values_,
                        .now_ms = now.unix_ms,
                        .max_string_bytes = config_.proto_max_bulk_len,
                        .use = std::holds_alternative<ObjectOp>(call.request.operation)
                                   ? UseOf(store_.usage(), call.request.keys[0], now.unix_ms)
                                   : KeyUse{}},
                out);
}

// All or none of the keys: a refusal comes before anything is done.
bool Coordination::BeginQuorums(Call& call, cluster::Time now,
                                std::vector<cluster::RequestId>& ids) {
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (changes_[i].kind() == Change::Kind::kNone) {
      ids.emplace_back();
      continue;
    }
    const auto begun = node_.BeginWrite(call.request.keys[i], call.terms.levels, now);
    if (begun) {
      ids.push_back(*begun);
      continue;
    }
    for (const cluster::RequestId id : ids) node_.Abandon(id);
    Fail(call, DescribeRefused(begun.error()));
    return false;
  }
  return true;
}

void Coordination::WriteChanges(Call& call, cluster::Time now) {
  std::vector<cluster::RequestId> ids;
  if (!BeginQuorums(call, now, ids)) return;
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (ids[i] == cluster::RequestId{}) continue;
    const cluster::KeyRef& ref = call.request.keys[i];
    if (Write(call, i, now)) watches_.Touch(ref);
    if (Supersedes(changes_[i]) && store_.siblings_found().size() > 1) {
      statistics_.conflicts_noted +=
          conflicts_.Note(ConflictKind::kSuperseded, ref, store_.siblings_found(), now.unix_ms,
                          config_.dyn_conflicts_max_len);
    }
    if (store_.minted().empty()) {  // there was nothing to delete
      node_.Abandon(ids[i]);
      continue;
    }
    uncommitted_ = true;
    NoteWritten(call, i);
    node_.Written(ids[i], store_.minted(), store_.copy(), now);
    parts_.emplace(ids[i], Part{call.id, i});
    ++call.waiting;
  }
  if (call.waiting == 0) Finish(call);
}

// A blind write supersedes what is here and what its client has seen elsewhere.
bool Coordination::Write(const Call& call, size_t key, cluster::Time now) {
  const cluster::KeyRef& ref = call.request.keys[key];
  const cluster::Seen* const seen = SeenBy(call, key);
  if (seen == nullptr || changes_[key].kind() == Change::Kind::kAdd) {
    return store_.Write(ref, changes_[key], now.unix_ms);
  }
  const auto own = store_.ReadContainer(ref);
  if (!own || (*own)->context.Includes(seen->context)) {
    return store_.Write(ref, changes_[key], now.unix_ms);
  }
  cluster::Seen both = cluster::SeenOf(**own);
  both.Join(*seen);
  return store_.Write(ref, changes_[key], now.unix_ms, &both);
}

const cluster::Seen* Coordination::SeenBy(const Call& call, size_t key) const {
  if (call.terms.session != nullptr) return call.terms.session->Find(call.request.keys[key]);
  return call.request.keys.size() == 1 ? call.seen.get() : nullptr;
}

// ---- commands that know of siblings

DynTerms Coordination::TermsOf(const Call& call, cluster::Time now) const {
  return {.ref = call.request.keys[0],
          .token_key = token_key_,
          .now_ms = now.unix_ms,
          .max_string_bytes = config_.proto_max_bulk_len};
}

void Coordination::FinishDynRead(Call& call, cluster::Time now) {
  resp::ReplyWriter reply(call.reply, call.terms.protocol);
  const size_t shown =
      ReplyDyn(*call.dyn, MergedOf(call, 0), std::nullopt, TermsOf(call, now), reply);
  ++(shown == 0 ? statistics_.keyspace_misses : statistics_.keyspace_hits);
  if (shown > 0) statistics_.CountSiblings(shown);
  if (shown > 0) node_.evicting().NoteUse(call.request.keys[0], now);
  Finish(call);
}

void Coordination::WriteDyn(Call& call, cluster::Time now) {
  const DynTerms terms = TermsOf(call, now);
  auto own = store_.ReadContainer(terms.ref);
  if (!own) return Fail(call, DamagedRecord(terms.ref, own.error()));
  const auto write = DecideDyn(*call.dyn, **own, terms);
  if (!write) {
    statistics_.CountDynRefusal(write.error());
    return Fail(call, write.error());
  }
  resp::ReplyWriter reply(call.reply, call.terms.protocol);
  if (!*write) {
    ReplyDyn(*call.dyn, **own, std::nullopt, terms, reply);
    return Finish(call);
  }
  const auto begun = node_.BeginWrite(terms.ref, call.terms.levels, now);
  if (!begun) return Fail(call, DescribeRefused(begun.error()));
  if (store_.Write(terms.ref, (*write)->change, now.unix_ms, server::SeenBy(*call.dyn))) {
    watches_.Touch(terms.ref);
  }
  uncommitted_ = true;
  const cluster::DotList dots = store_.minted();
  NoteWritten(call, 0);
  own = store_.ReadContainer(terms.ref);
  if (!own || dots.empty()) {
    node_.Abandon(*begun);
    return Fail(call, kNothingWritten);
  }
  ReplyDyn(*call.dyn, **own, dots.back(), terms, reply);
  node_.Written(*begun, dots, store_.copy(), now);
  parts_.emplace(*begun, Part{call.id, 0});
  ++call.waiting;
}

void Coordination::OnWrite(Call& call, size_t key, const cluster::Node::WriteDone& done,
                           cluster::Time) {
  NoteOwnWrites(call, done);
  if (done.outcome.kind != WriteOutcome::Kind::kAcknowledged) {
    if (!call.failed_write) call.failed_write = done.outcome;
  } else {
    Learn(call, key, call.written[key]);
  }
  if (--call.waiting > 0) return;
  if (call.failed_write) return Fail(call, DescribeFailedWrite(*call.failed_write));
  Finish(call);
}

// ---- what became of it

// Its client has seen it once it is acknowledged.
void Coordination::NoteWritten(Call& call, size_t key) {
  call.written.resize(call.request.keys.size());
  call.written[key] = store_.SeenByWriter();
}

// Those too of which it is uncertain who has them: they are made, and on their way.
void Coordination::NoteOwnWrites(Call& call, const cluster::Node::WriteDone& done) {
  if (done.outcome.kind == WriteOutcome::Kind::kNotStored) return;
  cluster::OwnWrites* writes = call.terms.writes;
  if (writes == nullptr && call.seen != nullptr) writes = &call.writes;
  if (writes == nullptr) return;
  for (const cluster::Dot dot : *done.dots) writes->Note(done.partition, dot);
}

void Coordination::Learn(Call& call, size_t key, const cluster::Seen& seen) {
  if (seen.context.empty()) return;
  if (call.terms.session != nullptr) {
    call.terms.session->Learn(call.request.keys[key], seen);
  } else if (call.seen != nullptr && call.request.keys.size() == 1) {
    call.seen->Join(seen);
  }
}

void Coordination::On(const cluster::Node::Event& event, cluster::Time now) {
  const cluster::RequestId id = std::visit([](const auto& done) { return done.id; }, event);
  const auto found = parts_.find(id);
  if (found == parts_.end()) return;
  const Part part = found->second;
  parts_.erase(found);
  const auto call = calls_.find(part.call);
  if (call == calls_.end()) return;
  if (const auto* read = std::get_if<cluster::Node::ReadDone>(&event)) {
    OnRead(*call->second, part.key, *read, now);
  } else {
    OnWrite(*call->second, part.key, std::get<cluster::Node::WriteDone>(event), now);
  }
}

void Coordination::Fail(Call& call, std::string_view error) {
  call.reply.clear();
  resp::ReplyWriter(call.reply, call.terms.protocol).Error(error);
  Finish(call);
}

// The call is gone.
void Coordination::Finish(Call& call) {
  finished_.push_back({.id = call.id,
                       .reply = std::move(call.reply),
                       .uncommitted = uncommitted_ || node_.has_staged(),
                       .seen = std::move(call.seen),
                       .writes = std::move(call.writes)});
  calls_.erase(call.id);
}

}  // namespace cartwheel::server
