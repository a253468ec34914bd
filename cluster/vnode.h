// This node's replica of one partition, as far as it is not its records: who it is as a writer,
// which writes it has received, and how its records name actors.
//
// All of it is stored (vnode_codec.h, vnodes.h) in the same batch as the records it speaks of.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

#include "cluster/actor_table.h"
#include "cluster/apply.h"
#include "cluster/dot.h"
#include "cluster/received_dots.h"
#include "cluster/slot.h"

namespace cartwheel::cluster {

// One of the equal arcs of the ring: the slots whose number divided by kSlotsPerPartition it is.
using Partition = uint16_t;
inline constexpr int kPartitions = 1024;
using PartitionSet = std::bitset<kPartitions>;
inline constexpr int kSlotsPerPartition = kSlotCount / kPartitions;

constexpr Partition PartitionOf(Slot slot) {
  return static_cast<Partition>(slot / kSlotsPerPartition);
}
inline Partition PartitionOfKey(std::string_view key) {
  return PartitionOf(SlotOf(key));
}

struct Vnode {
  // This incarnation; none before the partition's first write here.
  ActorId actor{};
  // The number of the actor's last write.
  uint64_t counter = 0;
  // Writes that this replica had acknowledged may be missing here: it is not to be believed alone
  // until it has compared all it has with other owners.
  bool rebuilding = false;
  // Of every actor, its own included.
  ReceivedDots received;
  FlushMap flushed;
  ActorTable actors;
};

}  // namespace cartwheel::cluster
