// WAIT: how many owners hold what a client has written, as one of its nodes finds out and as the
// others answer.
#include <algorithm>
#include <utility>
#include <vector>

#include "cluster/node.h"

namespace cartwheel::cluster {

std::optional<RequestId> Node::BeginWait(const OwnWrites& writes, const CopiesWait::Terms& terms,
                                         Time now) {
  if (by_id_.size() >= options_.max_requests) return std::nullopt;
  Request& request = Add(std::make_unique<Request>(CopiesWait(ring_, writes.Ranges(), terms,
                                                              options_.wait, now.monotonic_us)),
                         {}, 0, now);
  const RequestId id = request.id;
  Pump(request, now);
  return id;
}

size_t Node::EndWait(RequestId id) {
  const Request* const request = Find(id);
  if (request == nullptr) return 0;
  const size_t replicas = std::get<CopiesWait>(request->quorum).replicas();
  by_id_.erase(id);
  return replicas;
}

void Node::PumpWait(Request& request, CopiesWait& wait, Time now) {
  if (wait.IsRoundDue(now.monotonic_us)) {
    for (const NodeId node : wait.BeginRound(Healthy(), now.monotonic_us)) {
      AskReceived question{.id = request.id, .writes = wait.WritesAt(node)};
      if (node == options_.self) {
        wait.Answered(node, HeldOf(question.writes), now.monotonic_us);
      } else if (!peers_.Send(node, question)) {
        wait.Lost(node, now.monotonic_us);
      }
    }
  }
  if (wait.IsOver() && !std::exchange(request.decided, true)) done_.push_back(request.id);
}

// What others have written counts as received once it is committed; what this node itself has
// written in this turn nobody can have heard of.
std::vector<Partition> Node::HeldOf(std::span<const WriteRange> writes) {
  std::vector<Partition> held;
  for (auto at = writes.begin(); at != writes.end();) {
    const Partition partition = at->partition;
    const ReceivedDots& received = store_.VnodeOf(partition).received;
    bool all = ring_.Owns(options_.self, partition) && store_.IsComplete(partition);
    for (; at != writes.end() && at->partition == partition; ++at) {
      all = all && received.HasAll(at->actor, at->first, at->last);
    }
    if (all) held.push_back(partition);
  }
  return held;
}

void Node::On(NodeId from, const AskReceived& message, Time) {
  peers_.Send(from, ReceivedReply{.id = message.id, .held = HeldOf(message.writes)});
}

void Node::On(NodeId from, const ReceivedReply& message, Time now) {
  Request* const request = Find(message.id);
  auto* const wait = request == nullptr ? nullptr : std::get_if<CopiesWait>(&request->quorum);
  if (wait == nullptr) return;
  wait->Answered(from, message.held, now.monotonic_us);
  Pump(*request, now);
}

}  // namespace cartwheel::cluster
