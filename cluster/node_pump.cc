// What quorums want, carried out: who is asked, what is repaired, whom a write is owed to.
#include <algorithm>
#include <utility>

#include "cluster/node.h"
#include "cluster/store_key.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {

void Node::Pump(Request& request, Time now) {
  if (auto* read = std::get_if<ReadQuorum>(&request.quorum)) {
    PumpRead(request, *read, now);
  } else if (auto* write = std::get_if<WriteQuorum>(&request.quorum)) {
    PumpWrite(request, *write, now);
  } else if (const auto* list = std::get_if<ListQuorum>(&request.quorum)) {
    PumpList(request, *list);
  } else {
    PumpWait(request, std::get<CopiesWait>(request.quorum), now);
  }
  Schedule(request);
  RemoveIfOver(request);
}

void Node::Schedule(Request& request) {
  const auto deadline =
      std::visit([](const auto& quorum) { return quorum.NextDeadline(); }, request.quorum);
  if (!deadline || (request.scheduled_us != 0 && request.scheduled_us <= *deadline)) return;
  request.scheduled_us = *deadline;
  deadlines_.Add(*deadline, request.id);
}

void Node::PumpRead(Request& request, ReadQuorum& quorum, Time now) {
  while (quorum.HasOutputs()) {
    for (const ReadQuorum::Output& output : quorum.TakeOutputs()) {
      if (const auto* send = std::get_if<ReadQuorum::Send>(&output)) {
        AskForRead(request, quorum, send->node, now);
      } else if (const auto* repair = std::get_if<ReadQuorum::Repair>(&output)) {
        Repair(request, quorum, repair->node, repair->actor, now);
      } else {
        const auto& outcome = std::get<ReadOutcome>(output);
        statistics_.degraded_reads += outcome.degraded ? 1 : 0;
        statistics_.ryw_misses += outcome.session_missed ? 1 : 0;
        const bool too_few = outcome.kind == ReadOutcome::Kind::kTooFew;
        statistics_.failed_reads += too_few ? 1 : 0;
        if (too_few && owns_nothing_) {
          TellLater(request, now);
        } else {
          done_.push_back(request.id);
        }
      }
    }
  }
}

// Who is taken out loses its links a moment before it learns why: it waits for that word.
void Node::TellLater(Request& request, Time now) {
  constexpr int64_t kComesWithinUs = 1'000'000;
  request.told_at_us = now.monotonic_us + kComesWithinUs;
  deadlines_.Add(request.told_at_us, request.id);
}

void Node::AskForRead(Request& request, ReadQuorum& quorum, NodeId node, Time now) {
  if (node == options_.self) return AnswerOwnRead(request, quorum, now);
  const bool sent = peers_.Send(node, Read{.id = request.wire_id(),
                                           .ref = request.ref(),
                                           .epoch = request.epoch,
                                           .session_dots = quorum.session_dots(),
                                           .known = Known(request, quorum)});
  if (!sent) quorum.Lost(node, now.monotonic_us);
}

// Replicas mostly agree: then nobody has to send what is here already.
const std::optional<ContainerDigest>& Node::Known(Request& request, const ReadQuorum& quorum) {
  if (!request.known && quorum.Knows(options_.self)) {
    request.known = DigestOf(quorum.merged(), encoded_);
  }
  return request.known;
}

void Node::AnswerOwnRead(Request& request, ReadQuorum& quorum, Time now) {
  const auto container = store_.ReadContainer(request.ref());
  if (!container) return quorum.Lost(options_.self, now.monotonic_us);
  const DotList received = ReceivedOf(quorum.session_dots(), request.partition);
  if (staged_) read_of_turn_.push_back(request.id);
  quorum.Answered(options_.self,
                  {.container = *container,
                   .complete = store_.IsComplete(request.partition),
                   .actor = store_.ActorOf(request.partition),
                   .received = received},
                  now.monotonic_us);
}

DotList Node::ReceivedOf(const DotList& dots, Partition partition) {
  DotList received;
  for (const Dot dot : dots) {
    if (store_.HasReceived(partition, dot)) received.push_back(dot);
  }
  return received;
}

void Node::Repair(Request& request, const ReadQuorum& quorum, NodeId node, ActorId actor,
                  Time now) {
  if (!std::exchange(request.sloppy, true)) ++statistics_.divergent_reads;
  ++statistics_.repairs;
  const DotList dots = DotsOfVersions(quorum.merged());
  if (node == options_.self) {
    std::ignore = store_.Apply(request.ref(), quorum.merged(), dots, now.unix_ms);
    staged_ = true;
    return;
  }
  peers_.Send(node, Replicate{.ref = request.ref(),
                              .epoch = request.epoch,
                              .target = actor,
                              .dots = dots,
                              .container = quorum.merged()});
}

void Node::PumpWrite(Request& request, WriteQuorum& quorum, Time now) {
  while (quorum.HasOutputs()) {
    for (const WriteQuorum::Output& output : quorum.TakeOutputs()) {
      if (const auto* send = std::get_if<WriteQuorum::Send>(&output)) {
        request.sloppy = request.sloppy || send->hint_for != kNoNode;
        if (!SendCopy(request, quorum, *send)) {
          quorum.Lost(send->node, now.monotonic_us);
        } else if (IsPlanted(Mutation::kCountsWhatItSent)) {
          quorum.Acknowledged(send->node, false, now.monotonic_us);
        }
      } else if (const auto* hint = std::get_if<WriteQuorum::StoreHint>(&output)) {
        request.sloppy = true;
        Owe(hint->owner, request, now);
      } else {
        const auto& outcome = std::get<WriteOutcome>(output);
        if (outcome.kind == WriteOutcome::Kind::kUncertain) ++statistics_.uncertain_writes;
        done_.push_back(request.id);
      }
    }
  }
}

// Who is no owner any more needs nothing: those who are, do.
void Node::Owe(NodeId owner, const Request& request, Time now) {
  staged_ = true;
  delivery_.Wake(now.monotonic_us);
  if (ring_.Owns(owner, request.partition)) {
    store_.AddHint(owner, request.ref(), request.dots, now.unix_ms);
    return;
  }
  for (const NodeId now_owner : ring_.OwnersOf(request.partition)) {
    if (now_owner == options_.self) continue;
    store_.AddHint(now_owner, request.ref(), request.dots, now.unix_ms);
  }
}

void Node::PumpList(Request& request, const ListQuorum& quorum) {
  if (!quorum.IsOver() || std::exchange(request.decided, true)) return;
  done_.push_back(request.id);
}

// At first as the write made it; what is sent to others in the end is the record as it is by then:
// what came after the write may go with it. A node that stands in may have handed the write on to
// all it was for, and forgotten it; then there is nothing to send, least of all a claim that the
// write is in what is left.
bool Node::SendCopy(const Request& request, const WriteQuorum& quorum,
                    const WriteQuorum::Send& send) {
  const auto [node, hint_for] = send;
  Replicate message{
      .id = request.wire_id(),
      .ref = request.ref(),
      .epoch = request.epoch,
      .target = hint_for == kNoNode ? peers_.ActorAt(node, request.partition) : ActorId{},
      .hint_for = hint_for,
      .wants_durable = quorum.wants_durable(),
      .dots = request.dots,
      .container = {}};
  if (!request.copy.empty()) return peers_.Send(node, ReplicateEncoded{message, request.copy});
  const auto container = store_.ReadContainer(request.ref());
  if (!container) return false;
  const bool is_there =
      std::ranges::all_of(request.dots, [&](Dot dot) { return (*container)->context.Covers(dot); });
  if (!is_there) return false;
  message.container = **container;
  return peers_.Send(node, message);
}

}  // namespace cartwheel::cluster
