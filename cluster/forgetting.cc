#include "cluster/forgetting.h"

#include <utility>

namespace cartwheel::cluster {

Forgetting::Step Forgetting::OnTime(int64_t now_us) {
  Step step;
  if (now_us >= next_us_) {
    next_us_ = now_us + options_.step_every_us;
    step.completed = CompleteNext();
    TellNext();
  }
  if (now_us >= next_walk_us_) {
    step.forgotten = WalkNext();
    next_walk_us_ = now_us + (step.forgotten > 0 ? options_.walk_again_us : options_.step_every_us);
  }
  return step;
}

void Forgetting::PeerUp(NodeId peer) {
  told_.erase(peer);
  untold_.insert(peer);
  for (Partition partition = 0; partition < kPartitions; ++partition) ForgetAhead(partition, peer);
}

void Forgetting::RingChanged(const PartitionSet& changed) {
  if (changed.all()) {
    told_.clear();
    for (const Member& member : ring_.members()) {
      if (peers_.IsLinked(member.node)) untold_.insert(member.node);
    }
  }
  for (size_t i = 0; i < kPartitions; ++i) {
    if (!changed[i]) continue;
    const auto partition = static_cast<Partition>(i);
    for (auto& [node, told] : told_) told.erase(partition);
    bases_.erase(partition);
    TakeAhead(partition);
    TellSoon(partition);
  }
}

void Forgetting::ForgetAhead(Partition partition, NodeId node) {
  const auto ahead = ahead_.find(partition);
  if (ahead == ahead_.end()) return;
  ahead->second.erase(node);
  if (ahead->second.empty()) ahead_.erase(ahead);
}

void Forgetting::TakeAhead(Partition partition) {
  const auto ahead = ahead_.find(partition);
  if (ahead == ahead_.end()) return;
  const uint64_t epoch = ring_.EpochOf(partition);
  for (auto& [node, said] : ahead->second) {
    const bool counts = ring_.Owns(self_, partition) && ring_.Owns(node, partition);
    if (said.epoch != epoch || !counts) continue;
    bases_[partition].Heard(node, std::move(said.word), store_.VnodeOf(partition).received);
  }
  std::erase_if(ahead->second, [&](const auto& entry) { return entry.second.epoch <= epoch; });
  if (ahead->second.empty()) ahead_.erase(ahead);
}

std::vector<NodeId> Forgetting::OtherOwnersOf(Partition partition) const {
  std::vector<NodeId> others;
  for (const NodeId node : ring_.HoldersOf(partition)) {
    if (node != self_) others.push_back(node);
  }
  return others;
}

void Forgetting::TellNext() {
  Messages messages;
  for (const NodeId node : std::exchange(untold_, {})) {
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      Tell(partition, node, messages);
    }
  }
  for (size_t i = 0; i < options_.tells_soon && !soon_.empty(); ++i) {
    const Partition partition = soon_.extract(soon_.begin()).value();
    for (const NodeId node : OtherOwnersOf(partition)) Tell(partition, node, messages);
  }
  for (Partition i = 0; i < options_.tells_partitions; ++i) {
    for (const NodeId node : OtherOwnersOf(next_told_)) Tell(next_told_, node, messages);
    next_told_ = static_cast<Partition>((next_told_ + 1) % kPartitions);
  }
  for (const auto& [node, message] : messages) peers_.Send(node, message);
}

// Of a partition that both own.
void Forgetting::Tell(Partition partition, NodeId node, Messages& messages) {
  const bool both = ring_.Owns(self_, partition) && ring_.Owns(node, partition);
  if (!both || !peers_.IsLinked(node)) return;
  store_.ActorOf(partition);  // one that has received nothing says so, too
  OwnerWord word = WordOf(store_.VnodeOf(partition));
  OwnerWord& told = told_[node][partition];
  if (told == word) return;
  told = word;
  messages[node].partitions.push_back({partition, ring_.EpochOf(partition), std::move(word)});
}

bool Forgetting::Heard(NodeId from, const TellReceived& message) {
  bool changed = false;
  for (const auto& [partition, epoch, told] : message.partitions) {
    const bool both_own = ring_.Owns(self_, partition) && ring_.Owns(from, partition);
    const uint64_t own = ring_.EpochOf(partition);
    ForgetAhead(partition, from);
    if (epoch > own) {
      ahead_[partition][from] = {.epoch = epoch, .word = told};
      continue;
    }
    // Under the owners before, others may have had writes acknowledged that it has not received.
    if (epoch < own || !both_own) continue;
    changed = store_.RotateIfBehind(partition, told.received) || changed;
    bases_[partition].Heard(from, told, store_.VnodeOf(partition).received);
  }
  return changed;
}

const OwnerWord* Forgetting::LastWordOf(Partition partition, NodeId owner) const {
  const auto heard = bases_.find(partition);
  return heard == bases_.end() ? nullptr : heard->second.LastOf(owner);
}

Floor Forgetting::FloorOf(Partition partition) {
  const auto heard = bases_.find(partition);
  if (heard == bases_.end()) return {};
  return heard->second.FloorOf(OtherOwnersOf(partition), store_.VnodeOf(partition));
}

size_t Forgetting::WalkNext() {
  size_t forgotten = 0;
  size_t left = options_.walks_records;
  for (Partition i = 0; i < options_.walks_partitions && left > 0; ++i) {
    const Partition partition = next_walked_;
    const auto heard = bases_.find(partition);
    if (heard != bases_.end() && store_.IsComplete(partition)) {
      const auto walked = store_.Forget(partition, FloorOf(partition), left, walked_after_);
      forgotten += walked.forgotten;
      left -= walked.looked_at;
      if (!walked_after_.empty()) break;
    }
    walked_after_.clear();
    next_walked_ = static_cast<Partition>((next_walked_ + 1) % kPartitions);
  }
  return forgotten;
}

size_t Forgetting::CompleteNext() {
  size_t completed = 0;
  for (Partition i = 0; i < options_.completes_partitions; ++i) {
    const Partition partition = next_completed_;
    next_completed_ = static_cast<Partition>((next_completed_ + 1) % kPartitions);
    // What comes here is complete when it has been brought (refill.h).
    if (store_.IsComplete(partition) || ring_.IsMoving(partition)) continue;
    const auto heard = bases_.find(partition);
    if (heard == bases_.end()) continue;
    const Vnode& vnode = store_.VnodeOf(partition);
    if (!heard->second.IsAllHere(OtherOwnersOf(partition), vnode.received)) continue;
    store_.MarkComplete(partition);
    ++completed;
  }
  return completed;
}

}  // namespace cartwheel::cluster
