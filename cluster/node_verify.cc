// CLUSTER VERIFY, as the node that is asked finds out, and as the others answer.
#include <algorithm>
#include <vector>

#include "cluster/node.h"

namespace cartwheel::cluster {

namespace {

// Ids of the questions for keys, so that each verification has its own.
constexpr uint64_t kQuestionsOfOne = uint64_t{1} << 20;

}  // namespace

RequestId Node::BeginVerify(bool with_keys, Time now) {
  const RequestId id{next_verification_++};
  verifications_.emplace(
      id, Verifying{.roots = Verification(ring_, options_.verification, now.monotonic_us),
                    .wants_keys = with_keys});
  PumpVerifications(now);
  return id;
}

void Node::PumpVerifications(Time now) {
  for (auto& [id, verifying] : verifications_) {
    verifying.roots.OnTime(now.monotonic_us);
    if (verifying.roots.IsRoundDue(now.monotonic_us)) AskForRoots(id, verifying.roots, now);
    if (verifying.WaitsForKeys()) AskForKeys(id, verifying, now);
  }
}

void Node::AskForRoots(RequestId id, Verification& verification, Time now) {
  const int64_t now_us = now.monotonic_us;
  const auto members = Healthy();
  verification.BeginRound(members, now_us);
  for (const NodeId node : members) {
    if (node == options_.self) {
      verification.Answered(node, anti_entropy_.Roots(now_us), now_us);
    } else if (!peers_.Send(node, AskRoots{.id = id})) {
      verification.Lost(node, now_us);
    }
  }
}

// What is not sent, or answered here at once, leads to the next questions.
void Node::AskForKeys(RequestId id, Verifying& verifying, Time now) {
  const int64_t now_us = now.monotonic_us;
  if (!verifying.keys) {
    verifying.keys.emplace(ring_, verifying.roots.result().different,
                           static_cast<uint64_t>(id) * kQuestionsOfOne, options_.differing_keys,
                           now_us);
  }
  DifferingKeys& keys = *verifying.keys;
  keys.OnTime(now_us);
  for (auto questions = keys.TakeQuestions(); !questions.empty();
       questions = keys.TakeQuestions()) {
    for (const auto& [node, question] : questions) {
      if (node == options_.self) {
        std::vector<LocalStore::NamedDigest> names;
        keys.Answered(node, DigestsFor(question, names, now), now_us);
      } else if (!peers_.Send(node, question)) {
        keys.Lost(node, now_us);
      }
    }
  }
}

int64_t Node::NextVerification() const {
  int64_t next_us = INT64_MAX;
  for (const auto& [id, verifying] : verifications_) {
    next_us = std::min(next_us, verifying.roots.NextDeadline());
    if (!verifying.WaitsForKeys()) continue;
    next_us = std::min(next_us, verifying.keys ? verifying.keys->NextDeadline() : 0);
  }
  return next_us;
}

std::optional<Node::VerifyDone> Node::TakeVerified() {
  const auto over =
      std::ranges::find_if(verifications_, [](const auto& each) { return each.second.IsOver(); });
  if (over == verifications_.end()) return std::nullopt;
  const Verifying& verifying = over->second;
  VerifyDone done{.id = over->first, .verified = verifying.roots.result(), .keys = {}};
  if (verifying.keys) done.keys = verifying.keys->result();
  verifications_.erase(over);
  return done;
}

// `keys` owns the names.
Digests Node::DigestsFor(const AskDigests& message, std::vector<LocalStore::NamedDigest>& keys,
                         Time now) {
  AntiEntropy::Told told = anti_entropy_.Tell(message, now.monotonic_us);
  keys = std::move(told.keys);
  Digests digests{.id = message.id, .refusal = told.refusal, .leaves = std::move(told.leaves)};
  for (const auto& [database, key, digest] : keys)
    digests.keys.push_back({{database, key}, digest});
  return digests;
}

void Node::On(NodeId from, const AskDigests& message, Time now) {
  std::vector<LocalStore::NamedDigest> names;
  peers_.Send(from, DigestsFor(message, names, now));
}

void Node::On(NodeId from, const Digests& message, Time now) {
  const RequestId id{static_cast<uint64_t>(message.id) / kQuestionsOfOne};
  const auto found = verifications_.find(id);
  if (found == verifications_.end() || !found->second.keys) return;
  found->second.keys->Answered(from, message, now.monotonic_us);
  PumpVerifications(now);
}

void Node::On(NodeId from, const AskRoots& message, Time now) {
  peers_.Send(from, RootsReply{.id = message.id, .roots = anti_entropy_.Roots(now.monotonic_us)});
}

void Node::On(NodeId from, const RootsReply& message, Time now) {
  const auto found = verifications_.find(message.id);
  if (found == verifications_.end()) return;
  found->second.roots.Answered(from, message.roots, now.monotonic_us);
  PumpVerifications(now);
}

}  // namespace cartwheel::cluster
