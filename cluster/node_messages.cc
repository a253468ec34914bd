// A node as a replica, and what it makes of others' answers.
#include <algorithm>
#include <utility>

#include "cluster/node.h"
#include "cluster/slot.h"

namespace cartwheel::cluster {

void Node::OnMessage(NodeId from, const Message& message, Time now) {
  if (!peers_.IsMember(from)) return;
  peers_.Heard(from, now.monotonic_us);
  std::visit([&](const auto& m) { On(from, m, now); }, message);
}

void Node::On(NodeId from, const Replicate& message, Time now) {
  const Partition partition = PartitionOfKey(message.ref.key);
  const Fence fence = Admit(from, message, ring_.EpochOf(partition), now);
  if (fence == Fence::kNotYet) return;
  const Refusal refusal = fence == Fence::kStale ? Refusal::kStale : ApplyCopy(message, now);
  ++(refusal == Refusal::kNone ? statistics_.copies_applied : statistics_.copies_refused);
  if (message.id == RequestId{}) return;
  const ActorId actor = store_.ActorOf(partition);
  if (refusal == Refusal::kNone) {
    answers_.push_back({from, message.id, actor});
  } else {
    peers_.Send(from, ReplicateReply{.id = message.id, .refusal = refusal, .actor = actor});
  }
}

Refusal Node::ApplyCopy(const Replicate& message, Time now) {
  const Partition partition = PartitionOfKey(message.ref.key);
  const bool owner = ring_.Owns(options_.self, partition);
  if (message.hint_for == kNoNode) {
    if (!owner || message.target != store_.ActorOf(partition)) return Refusal::kWrongActor;
  } else if (owner && !store_.IsComplete(partition)) {
    return Refusal::kRebuilding;
  }
  staged_ = true;
  if (message.wants_durable) store_.SyncNextCommit();
  const auto applied = store_.Apply(message.ref, message.container, message.dots, now.unix_ms);
  if (!applied) return applied.error();
  // Read repairs, which nobody waits for, and hints that are handed on tell of no use.
  const bool is_write = message.id != RequestId{} && !HintDelivery::IsDelivery(message.id);
  if (is_write) store_.NoteCopy(message.ref, now.unix_ms);
  if (message.hint_for != kNoNode) {
    store_.AddHint(message.hint_for, message.ref, message.dots, now.unix_ms);
    delivery_.Wake(now.monotonic_us);
  }
  return Refusal::kNone;
}

void Node::On(NodeId from, const ReplicateReply& message, Time now) {
  if (HintDelivery::IsDelivery(message.id)) {
    staged_ = true;
    if (delivery_.Answered(from, message, now.monotonic_us) && message.refusal == Refusal::kNone) {
      ++statistics_.hints_delivered;
    }
    return;
  }
  Request* const request = FindByWire(message.id);
  auto* const quorum = request == nullptr ? nullptr : std::get_if<WriteQuorum>(&request->quorum);
  if (quorum == nullptr) return;
  if (message.refusal == Refusal::kStale) {
    KnowsMore(from);
    // It begins again when this node knows of them too.
    if (!quorum->outcome()) return;
  }
  if (ring_.Owns(from, request->partition)) {
    peers_.LearnActor(from, request->partition, message.actor);
  }
  if (message.refusal == Refusal::kNone) {
    peers_.NoteAnswer(from, now.monotonic_us - request->began_us);
    quorum->Acknowledged(from, message.durable, now.monotonic_us);
  } else {
    quorum->Refused(from, message.refusal, now.monotonic_us);
  }
  Pump(*request, now);
}

void Node::On(NodeId from, const Read& message, Time now) {
  const Partition partition = PartitionOfKey(message.ref.key);
  const Fence fence = Admit(from, message, ring_.EpochOf(partition), now);
  if (fence == Fence::kNotYet) return;
  if (fence == Fence::kStale) {
    peers_.Send(from, ReadReply{.id = message.id, .refusal = Refusal::kStale});
    return;
  }
  const auto container = store_.ReadContainer(message.ref);
  ReadReply reply{.id = message.id, .complete = store_.IsComplete(partition)};
  if (!container) {
    reply.refusal = Refusal::kFailed;
  } else {
    reply.actor = store_.ActorOf(partition);
    reply.received = ReceivedOf(message.session_dots, partition);
    reply.as_known =
        reply.complete && message.known && *message.known == DigestOf(**container, encoded_);
    const bool tells = !reply.as_known && !(*container)->context.empty();
    if (tells) reply.container = **container;
  }
  peers_.Send(from, reply);
}

void Node::On(NodeId from, const ReadReply& message, Time now) {
  Request* const request = FindByWire(message.id);
  auto* const quorum = request == nullptr ? nullptr : std::get_if<ReadQuorum>(&request->quorum);
  if (quorum == nullptr || request->failed) return;
  if (message.refusal == Refusal::kStale) {
    KnowsMore(from);
    if (!quorum->outcome()) return;
  }
  peers_.NoteAnswer(from, now.monotonic_us - request->began_us);
  // Who is the same as something that it was not told, or rebuilds and says so, is not believed.
  const bool in_vain = message.as_known && !(message.complete && request->known);
  if (message.refusal != Refusal::kNone || in_vain) {
    quorum->Lost(from, now.monotonic_us);
  } else {
    if (ring_.Owns(from, request->partition)) {
      peers_.LearnActor(from, request->partition, message.actor);
    }
    quorum->Answered(from,
                     {.container = message.container ? &*message.container : nullptr,
                      .complete = message.complete,
                      .actor = message.actor,
                      .received = message.received,
                      .same_as = message.as_known ? options_.self : kNoNode},
                     now.monotonic_us);
  }
  Pump(*request, now);
}

void Node::On(NodeId from, const Ping& message, Time) {
  peers_.Send(from, Pong{.nonce = message.nonce});
}

void Node::On(NodeId from, const SwimTalk& message, Time now) {
  gossip_.OnTalk(from, message.bytes, now.monotonic_us);
}

void Node::On(NodeId from, const TellReceived& message, Time) {
  if (forgetting_.Heard(from, message)) staged_ = true;
}

void Node::On(NodeId from, const EvictRequest& message, Time now) {
  staged_ = true;
  evicting_.On(from, message, now);
}

void Node::On(NodeId from, const Evict& message, Time now) {
  staged_ = true;
  evicting_.On(from, message, now);
}

void Node::On(NodeId from, const Used& message, Time now) {
  evicting_.On(from, message, now);
}

void Node::On(NodeId, const UnknownMessage&, Time) {
  ++statistics_.unknown_messages;
}

void Node::On(NodeId from, const ListKeys& message, Time now) {
  const uint64_t own = EpochOfRange(message.from, message.until);
  if (Admit(from, message, own, now) == Fence::kNotYet) return;
  const ListQuorum::Answer answer = AnswerList(message, now);
  const auto& keys = answer.page.keys;
  KeyList reply{.id = message.id,
                .epoch = own,
                .complete = answer.complete,
                .database_keys = answer.database_keys,
                .next = answer.page.next,
                .keys = {keys.begin(), keys.end()}};
  peers_.Send(from, reply);
}

ListQuorum::Answer Node::AnswerList(const ListKeys& asked, Time now) {
  constexpr uint64_t kMostKeys = 65'536;
  ListQuorum::Answer answer;
  answer.page = store_.List(asked.database, asked.from, asked.until,
                            std::min(asked.count, kMostKeys), now.unix_ms);
  answer.database_keys = store_.counts(asked.database).keys;
  const Partition last = PartitionOf(SlotAt(std::max(answer.page.next, asked.from + 1) - 1));
  for (Partition at = PartitionOf(SlotAt(asked.from)); at <= last; ++at) {
    const bool rebuilds = ring_.Owns(options_.self, at) && !store_.IsComplete(at);
    answer.complete = answer.complete && !rebuilds;
  }
  return answer;
}

void Node::On(NodeId from, const KeyList& message, Time now) {
  Request* const request = FindByWire(message.id);
  auto* const quorum = request == nullptr ? nullptr : std::get_if<ListQuorum>(&request->quorum);
  if (quorum == nullptr) return;
  if (message.epoch > request->epoch) return KnowsMore(from);
  quorum->Answered(
      from,
      {.page = {.next = message.next, .keys = {message.keys.begin(), message.keys.end()}},
       .complete = message.complete,
       .database_keys = message.database_keys},
      now.monotonic_us);
  Pump(*request, now);
}

}  // namespace cartwheel::cluster
