// CLUSTER VERIFY, as the node that is asked finds out, and as the others answer.
#include <algorithm>
#include <vector>

#include "cluster/node.h"

namespace cartwheel::cluster {

RequestId Node::BeginVerify(Time now) {
  const RequestId id{next_verification_++};
  verifications_.emplace(id, Verification(ring_, options_.verification, now.monotonic_us));
  PumpVerifications(now);
  return id;
}

void Node::PumpVerifications(Time now) {
  const int64_t now_us = now.monotonic_us;
  for (auto& [id, verification] : verifications_) {
    verification.OnTime(now_us);
    if (!verification.IsRoundDue(now_us)) continue;
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
}

int64_t Node::NextVerification() const {
  int64_t next_us = INT64_MAX;
  for (const auto& [id, verification] : verifications_) {
    next_us = std::min(next_us, verification.NextDeadline());
  }
  return next_us;
}

std::optional<Node::VerifyDone> Node::TakeVerified() {
  const auto over =
      std::ranges::find_if(verifications_, [](const auto& each) { return each.second.IsOver(); });
  if (over == verifications_.end()) return std::nullopt;
  VerifyDone done{.id = over->first, .verified = over->second.result()};
  verifications_.erase(over);
  return done;
}

void Node::On(NodeId from, const AskRoots& message, Time now) {
  peers_.Send(from, RootsReply{.id = message.id, .roots = anti_entropy_.Roots(now.monotonic_us)});
}

void Node::On(NodeId from, const RootsReply& message, Time now) {
  const auto found = verifications_.find(message.id);
  if (found == verifications_.end()) return;
  found->second.Answered(from, message.roots, now.monotonic_us);
}

}  // namespace cartwheel::cluster
