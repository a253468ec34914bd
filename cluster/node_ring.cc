// Other owners: what a member does with what it holds when the ring changes under it.
#include <algorithm>
#include <utility>
#include <vector>

#include "cluster/node.h"

namespace cartwheel::cluster {

Ownership OwnershipOf(const Ring& ring, NodeId self) {
  Ownership ownership;
  ownership.alone = ring.members().size() == 1;
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    ownership.owned[partition] = ring.Owns(self, partition);
  }
  return ownership;
}

void Node::SetRing(Ring ring, const Ownership& ownership, Time now) {
  for (const Member& member : ring_.members()) {
    const bool stays =
        std::ranges::find(ring.members(), member.node, &Member::node) != ring.members().end();
    if (!stays && member.node != options_.self) PeerDown(member.node, now);
  }
  const Ring before = std::exchange(ring_, std::move(ring));
  peers_.SetMembers(ring_.members());
  gossip_.SetMembers(ring_.members());
  store_.SetOwnership(ownership);
  HandOver(before, now);
  forgetting_.RingChanged();
  delivery_.Wake(now.monotonic_us);
  staged_ = true;
}

void Node::HandOver(const Ring& before, Time now) {
  if (store_.IsEmpty()) return;
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    const auto were = before.OwnersOf(partition);
    const auto are = ring_.OwnersOf(partition);
    std::vector<NodeId> lacking;
    for (const NodeId node : are) {
      const bool had = std::ranges::find(were, node) != were.end();
      // What is here alone, as with who stood in, all of them may lack.
      const bool may_lack =
          !had || !before.Owns(options_.self, partition) || !ring_.Owns(options_.self, partition);
      if (node != options_.self && may_lack) lacking.push_back(node);
    }
    std::vector<NodeId> departed;
    for (const NodeId node : were) {
      if (std::ranges::find(are, node) == are.end()) departed.push_back(node);
    }
    if (std::ranges::equal(were, are)) continue;
    if (lacking.empty() && departed.empty()) continue;
    store_.HandOver(partition, lacking, departed, now.unix_ms);
  }
}

}  // namespace cartwheel::cluster
