#include "cluster/forgetting.h"

#include <utility>

namespace cartwheel::cluster {

size_t Forgetting::OnTime(int64_t now_us) {
  if (now_us < next_us_) return 0;
  next_us_ = now_us + options_.step_every_us;
  TellNext();
  return WalkNext();
}

std::vector<NodeId> Forgetting::OtherOwnersOf(Partition partition) const {
  std::vector<NodeId> others;
  for (const NodeId node : ring_.OwnersOf(partition)) {
    if (node != self_) others.push_back(node);
  }
  return others;
}

void Forgetting::TellNext() {
  std::map<NodeId, ReceivedBases> messages;
  for (Partition i = 0; i < options_.tells_partitions; ++i) {
    const Partition partition = next_told_;
    next_told_ = static_cast<Partition>((next_told_ + 1) % kPartitions);
    if (!ring_.Owns(self_, partition)) continue;
    const Vnode& vnode = store_.VnodeOf(partition);
    if (vnode.actor == ActorId{}) continue;
    const OwnerBases bases = BasesOf(vnode);
    for (const NodeId node : OtherOwnersOf(partition)) {
      if (!peers_.IsLinked(node)) continue;
      if (std::exchange(told_[node][partition], bases) == bases) continue;
      messages[node].partitions.push_back({partition, bases});
    }
  }
  for (const auto& [node, message] : messages) peers_.Send(node, message);
}

void Forgetting::Heard(NodeId from, const ReceivedBases& message) {
  for (const auto& [partition, told] : message.partitions) {
    if (!ring_.Owns(self_, partition) || !ring_.Owns(from, partition)) continue;
    bases_[partition].Heard(from, told, store_.VnodeOf(partition).received);
  }
}

size_t Forgetting::WalkNext() {
  size_t forgotten = 0;
  size_t left = options_.walks_records;
  for (Partition i = 0; i < options_.walks_partitions && left > 0; ++i) {
    const Partition partition = next_walked_;
    const auto heard = bases_.find(partition);
    if (heard != bases_.end() && store_.IsComplete(partition)) {
      const Floor floor =
          heard->second.FloorOf(OtherOwnersOf(partition), store_.VnodeOf(partition));
      const auto walked = store_.Forget(partition, floor, left, walked_after_);
      forgotten += walked.forgotten;
      left -= walked.looked_at;
      if (!walked_after_.empty()) break;
    }
    walked_after_.clear();
    next_walked_ = static_cast<Partition>((next_walked_ + 1) % kPartitions);
  }
  return forgotten;
}

}  // namespace cartwheel::cluster
