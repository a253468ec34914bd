#include "cluster/forgetting.h"

#include <algorithm>

namespace cartwheel::cluster {
namespace {

// As boost::hash_combine does it, over 64 bits.
void Mix(uint64_t& fingerprint, uint64_t number) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;
  fingerprint ^= number + kGolden + (fingerprint << 6) + (fingerprint >> 2);
}

uint64_t FingerprintOf(const OwnerBases& bases) {
  uint64_t fingerprint = 1;
  Mix(fingerprint, static_cast<uint64_t>(bases.actor));
  Mix(fingerprint, bases.counter);
  for (const auto& [actor, base] : bases.bases) {
    Mix(fingerprint, static_cast<uint64_t>(actor));
    Mix(fingerprint, base);
  }
  return fingerprint;
}

}  // namespace

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
    const uint64_t fingerprint = FingerprintOf(bases);
    for (const NodeId node : OtherOwnersOf(partition)) {
      if (!peers_.IsLinked(node)) continue;
      auto& told = told_[node];
      told.resize(kPartitions);
      if (std::exchange(told[partition], fingerprint) == fingerprint) continue;
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
    next_walked_ = static_cast<Partition>((next_walked_ + 1) % kPartitions);
  }
  return forgotten;
}

}  // namespace cartwheel::cluster
