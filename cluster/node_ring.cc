// Other owners: what a member does when the ring changes under it, and how requests are kept to the
// owners that they are meant for.
#include <algorithm>
#include <utility>
#include <vector>

#include "cluster/message_codec.h"
#include "cluster/node.h"
#include "cluster/slot.h"
#include "storage/check.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

// A record of the topology that does not come for so long does not come.
constexpr int64_t kParkedForUs = 1'000'000;

}  // namespace

Ownership OwnershipOf(const Ring& ring, NodeId self) {
  Ownership ownership;
  ownership.alone = ring.members().size() == 1;
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    ownership.owned[partition] = ring.Owns(self, partition);
    if (ring.IsPreparedFor(self, partition)) {
      ownership.arriving[partition] = ring.EpochOf(partition);
    }
  }
  return ownership;
}

void Node::SetRing(Ring ring, const Ownership& ownership, Time now) {
  for (const Member& member : ring_.members()) {
    const bool stays =
        std::ranges::find(ring.members(), member.node, &Member::node) != ring.members().end();
    if (!stays && member.node != options_.self) PeerDown(member.node, now);
  }
  const bool was_given = std::exchange(was_given_ring_, true);
  const bool was_alone = std::exchange(is_alone_, ownership.alone);
  const PartitionSet changed =
      was_given && was_alone == ownership.alone ? ring.DifferentFrom(ring_) : PartitionSet().set();
  ring_ = std::move(ring);
  peers_.SetMembers(ring_.members());
  gossip_.SetMembers(ring_.members());
  store_.SetOwnership(ownership);
  staged_ = true;
  forgetting_.RingChanged(changed);
  refill_.RingChanged(now.monotonic_us);
  in_cluster_ = ownership.alone || ownership.owned.any() || ring_.members().size() > 1;
  owns_nothing_ = in_cluster_ && !ownership.alone && ownership.owned.none();
  retire_.SetInCluster(in_cluster_);
  retire_.RingChanged(now.monotonic_us);
  anti_entropy_.RingChanged(changed, now.monotonic_us);
  evicting_.RingChanged(changed);
  former_actors_.RingChanged(changed);
  delivery_.Wake(now.monotonic_us);
  RestartMoved(now);
  TakeParked(now);
}

// ---- requests under way

uint64_t Node::EpochOfRange(ScanPlace from, ScanPlace until) const {
  uint64_t epoch = 0;
  const Partition last = PartitionOf(SlotAt(until - 1));
  for (Partition at = PartitionOf(SlotAt(from)); at <= last; ++at) {
    epoch = std::max(epoch, ring_.EpochOf(at));
  }
  return epoch;
}

uint64_t Node::EpochNowOf(const Request& request) const {
  if (request.listing == nullptr) return ring_.EpochOf(request.partition);
  return EpochOfRange(request.listing->from, request.listing->until);
}

void Node::RestartMoved(Time now) {
  std::vector<RequestId> ids;  // gathered first: what becomes of one may remove it
  for (const auto& [id, request] : by_id_) {
    const bool waits = std::holds_alternative<CopiesWait>(request->quorum);
    const bool moved = !in_cluster_ || EpochNowOf(*request) != request->epoch;
    if (!waits && moved) ids.push_back(id);
  }
  std::ranges::sort(ids);
  for (const RequestId id : ids) {
    if (Request* const request = Find(id)) Restart(*request, now);
  }
}

// What is decided already ends under the owners that it began with.
void Node::Restart(Request& request, Time now) {
  const bool decided =
      std::visit([](const auto& quorum) { return quorum.outcome().has_value(); }, request.quorum);
  if (std::exchange(request.told_at_us, 0) != 0) return done_.push_back(request.id);
  if (decided || request.failed) return;
  if (!in_cluster_) return GiveUp(request);
  ++statistics_.restarted;
  ++request.attempt;
  request.epoch = EpochNowOf(request);
  request.scheduled_us = 0;
  if (auto* const read = std::get_if<ReadQuorum>(&request.quorum)) {
    request.known.reset();
    read->Restart(CandidatesForRead(request.partition), now.monotonic_us);
  } else if (auto* const write = std::get_if<WriteQuorum>(&request.quorum)) {
    write->Restart(options_.self, CandidatesForWrite(request.partition), now.monotonic_us);
    const NodeId owner = write->local_hint_for();
    if (owner != kNoNode) Owe(owner, request, now);
  } else if (auto* const list = std::get_if<ListQuorum>(&request.quorum)) {
    list->Restart(Healthy());
    return AskForList(request, now);
  }
  Pump(request, now);
}

// This node alone, which has been taken out, knows nothing of what others hold.
void Node::GiveUp(Request& request) {
  if (auto* const write = std::get_if<WriteQuorum>(&request.quorum)) {
    write->GiveUp();
    done_.push_back(request.id);
    return;
  }
  request.failed = true;
  done_.push_back(request.id);
}

// ---- what is meant for other owners

Node::Fence Node::FenceOf(uint64_t epoch, uint64_t own) {
  if (epoch == own) return Fence::kServe;
  if (epoch > own) return Fence::kNotYet;
  if (IsPlanted(Mutation::kServesPreviousEpoch)) return Fence::kServe;
  ++statistics_.refused_stale;
  return Fence::kStale;
}

template <typename M>
Node::Fence Node::Admit(NodeId from, const M& message, uint64_t own, Time now) {
  const Fence fence = FenceOf(message.epoch, own);
  if (fence != Fence::kNotYet) return fence;
  KnowsMore(from);
  Parked parked{.from = from, .since_us = now.monotonic_us, .frame = {}};
  AppendFrame(message, parked.frame);
  parked_bytes_ += parked.frame.size();
  parked_.push_back(std::move(parked));
  while (parked_bytes_ > kMostParkedBytes ||
         (!parked_.empty() && now.monotonic_us - parked_.front().since_us > kParkedForUs)) {
    parked_bytes_ -= parked_.front().frame.size();
    parked_.pop_front();
  }
  return fence;
}

template Node::Fence Node::Admit(NodeId, const Replicate&, uint64_t, Time);
template Node::Fence Node::Admit(NodeId, const Read&, uint64_t, Time);
template Node::Fence Node::Admit(NodeId, const ListKeys&, uint64_t, Time);
template Node::Fence Node::Admit(NodeId, const Fetch&, uint64_t, Time);
template Node::Fence Node::Admit(NodeId, const AskWord&, uint64_t, Time);

void Node::TakeParked(Time now) {
  parked_bytes_ = 0;
  for (const Parked& parked : std::exchange(parked_, {})) {
    if (now.monotonic_us - parked.since_us > kParkedForUs) continue;
    FrameReader reader;
    storage::Check(reader.Parse(parked.frame) == FrameReader::Status::kComplete,
                   "what was kept is a frame");
    const auto message = DecodeMessage(reader.frame());
    storage::Check(message.has_value(), "what was understood once is so again");
    OnMessage(parked.from, *message, now);
  }
}

void Node::KnowsMore(NodeId node) {
  if (std::ranges::find(ahead_, node) == ahead_.end()) ahead_.push_back(node);
}

// ---- parts of partitions

void Node::On(NodeId from, const Fetch& message, Time now) {
  constexpr uint64_t kMostPartBytes = 4UL << 20;
  // About half a millisecond, here and where it is taken in: clients of both wait for that.
  constexpr size_t kRecordsPerPart = 100;
  const uint64_t own = ring_.EpochOf(message.partition);
  Fetched reply{.id = message.id};
  const bool unfenced = IsPlanted(Mutation::kSkipsSource);
  const Fence fence = unfenced ? Fence::kServe : Admit(from, message, own, now);
  if (fence == Fence::kNotYet) return;
  if (fence == Fence::kStale) {
    reply.refusal = Refusal::kStale;
  } else if (!ring_.Owns(options_.self, message.partition)) {
    reply.refusal = Refusal::kWrongActor;
  }
  if (reply.refusal != Refusal::kNone) {
    peers_.Send(from, reply);
    return;
  }
  store_.ActorOf(message.partition);  // who has received nothing says so, too
  const auto part = store_.ReadPart(message.partition, message.after, message.known,
                                    std::min(message.max_bytes, kMostPartBytes), kRecordsPerPart);
  reply.word = WordOf(store_.VnodeOf(message.partition));
  reply.next = part.next;
  reply.last = part.last;
  staged_ = true;  // its commit makes sure of what is sent
  if (!peers_.Send(from, FetchedEncoded{reply, part.count, part.records})) {
    peers_.Send(from, Fetched{.id = message.id, .refusal = Refusal::kFailed});
  }
}

void Node::On(NodeId from, const AskWord& message, Time now) {
  const uint64_t own = ring_.EpochOf(message.partition);
  const Fence fence = Admit(from, message, own, now);
  if (fence == Fence::kNotYet) return;
  Fetched reply{.id = message.id, .last = true};
  if (fence == Fence::kStale) {
    reply.refusal = Refusal::kStale;
  } else if (!ring_.Owns(options_.self, message.partition)) {
    reply.refusal = Refusal::kWrongActor;
  } else {
    store_.ActorOf(message.partition);
    reply.word = WordOf(store_.VnodeOf(message.partition));
    staged_ = true;
  }
  peers_.Send(from, reply);
}

void Node::On(NodeId from, const Fetched& message, Time now) {
  if (Retire::IsRetire(message.id)) return retire_.On(from, message, now.monotonic_us);
  if (!Refill::IsRefill(message.id)) return;
  staged_ = true;
  refill_.On(from, message, now);
}

}  // namespace cartwheel::cluster
