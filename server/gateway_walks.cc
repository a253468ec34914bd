// What a gateway does for a client besides operations on keys: walks over the keyspace, and WAIT.
#include <algorithm>
#include <array>
#include <utility>

#include "server/cluster_errors.h"
#include "server/command.h"
#include "server/gateway.h"
#include "server/verify_picture.h"

namespace cartwheel::server {
namespace {

std::string IntegerReply(size_t number, resp::Protocol protocol) {
  std::string bytes;
  resp::ReplyWriter(bytes, protocol).Integer(static_cast<int64_t>(number));
  return bytes;
}

}  // namespace

// ---- walks over the keyspace

void Gateway::BeginWalk(Place place, const KeyspaceRequest& request,
                        const Coordination::Terms& terms, uint64_t random, Now now) {
  const uint64_t id = next_gatherer_++;
  const auto [walk, added] =
      walks_.emplace(id, Walk{.place = place,
                              .terms = terms,
                              .walk = KeyspaceWalk(request, terms.database, terms.protocol, random),
                              .replies = {}});
  walk->second.terms.session = nullptr;  // what it has seen of the keys does not matter
  Go(id, walk->second.walk.Begin(), now);
}

void Gateway::Go(uint64_t id, KeyspaceWalk::Step step, Now now) {
  if (auto* done = std::get_if<KeyspaceWalk::Done>(&step)) {
    return EndWalk(id, std::move(done->reply));
  }
  if (const auto* ask = std::get_if<KeyspaceWalk::Ask>(&step)) return Ask(id, *ask, now);
  const auto& list = std::get<KeyspaceWalk::List>(step);
  const Coordination::Terms& terms = walks_.at(id).terms;
  const auto request =
      node_.BeginList(list.database, list.from, list.until, list.count, terms.levels, TimeOf(now));
  if (!request) return EndWalk(id, ErrorReply(kTooManyRequests, terms.protocol));
  listings_.emplace(*request, id);
}

void Gateway::OnListed(const cluster::Node::ListDone& done, Now now) {
  const auto found = listings_.find(done.id);
  if (found == listings_.end()) return;
  const uint64_t id = found->second;
  listings_.erase(found);
  Walk& walk = walks_.at(id);
  if (done.outcome.kind == cluster::ReadOutcome::Kind::kTooFew) {
    const std::string error = DescribeFailedRead(done.outcome, node_.in_cluster());
    return EndWalk(id, ErrorReply(error, walk.terms.protocol));
  }
  walk.uncommitted = uncommitted();
  Go(id, walk.walk.Listed(*done.list), now);
}

void Gateway::Ask(uint64_t id, const KeyspaceWalk::Ask& ask, Now now) {
  Walk& walk = walks_.at(id);
  walk.terms.database = ask.database;
  walk.replies.assign(ask.keys.size(), {});
  walk.missing = ask.keys.size();
  walk.uncommitted = false;
  const Coordination::Terms terms = walk.terms;  // the walk may be over with the last key
  const Command& command = *FindCommand(ask.remove ? "del" : "exists");
  for (size_t i = 0; i < ask.keys.size(); ++i) {
    const std::array<std::string_view, 2> args = {command.name, ask.keys[i]};
    const cluster::KeyRef ref{ask.database, ask.keys[i]};
    BeginAt(node_.CoordinatorOf(ref), ForWalk{id, i}, command, args, terms, now);
  }
}

void Gateway::OnAnsweredAbout(const ForWalk& key, std::string bytes, bool uncommitted, Now now) {
  const auto found = walks_.find(key.walk);
  if (found == walks_.end()) return;
  Walk& walk = found->second;
  walk.replies[key.key] = std::move(bytes);
  walk.uncommitted = walk.uncommitted || uncommitted;
  if (--walk.missing == 0) Go(key.walk, walk.walk.Answered(walk.replies), now);
}

void Gateway::EndWalk(uint64_t id, std::string reply) {
  const auto walk = walks_.extract(id);
  replies_.push_back({walk.mapped().place, std::move(reply), walk.mapped().uncommitted});
}

// ---- WAIT

void Gateway::BeginWait(Place place, const cluster::SessionContext& session,
                        resp::Protocol protocol, const cluster::CopiesWait::Terms& terms, Now now) {
  if (!session.writes().complete()) {
    replies_.push_back({place, IntegerReply(0, protocol)});
    return;
  }
  const auto request = node_.BeginWait(session.writes(), terms, TimeOf(now));
  if (request) {
    waits_.emplace(*request, Wait{place, &session, protocol});
  } else {
    replies_.push_back({place, ErrorReply(kTooManyRequests, protocol)});
  }
}

bool Gateway::EndWait(SessionId session, std::string_view error) {
  const auto wait = std::ranges::find_if(
      waits_, [session](const auto& each) { return each.second.place.session == session; });
  if (wait == waits_.end()) return false;
  const auto [id, waiting] = *wait;
  const size_t replicas = node_.EndWait(id);
  if (error.empty()) {
    OnWaited(id, replicas);
  } else {
    waits_.erase(wait);
    replies_.push_back({waiting.place, ErrorReply(error, waiting.protocol)});
  }
  return true;
}

void Gateway::OnWaited(cluster::RequestId id, size_t replicas) {
  const auto wait = waits_.extract(id);
  if (wait.empty()) return;
  replies_.push_back({wait.mapped().place, IntegerReply(replicas, wait.mapped().protocol)});
}

// ---- CLUSTER VERIFY

void Gateway::BeginVerify(Place place, resp::Protocol protocol, bool with_keys, Now now) {
  verifying_.emplace(node_.BeginVerify(with_keys, TimeOf(now)), Verifying{place, protocol});
}

void Gateway::OnVerified(const cluster::Node::VerifyDone& done) {
  const auto verifying = verifying_.extract(done.id);
  if (verifying.empty()) return;
  std::string reply;
  resp::ReplyWriter(reply, verifying.mapped().protocol)
      .Verbatim(VerifyPicture(done.verified, done.keys), "txt");
  replies_.push_back({verifying.mapped().place, std::move(reply)});
}

}  // namespace cartwheel::server
