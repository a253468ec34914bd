// Which partitions this node is an owner of, as far as its replica has to know.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/vnode.h"

namespace cartwheel::cluster {

struct Ownership {
  // There is no other node: whoever would have to see a deletion has seen it.
  bool alone = true;
  // Unless alone. Of the other partitions this node keeps what it stands in for.
  PartitionSet owned{};
  // Of these, the ones that are on their way here, each with the epoch in which that began: what is
  // here of them from another time may lack what was written since.
  std::map<Partition, uint64_t> arriving{};

  bool Owns(Partition partition) const { return alone || owned.test(partition); }
  bool operator==(const Ownership&) const = default;
};

// As the store keeps the one that its vnodes are of, so that a start under another one finds it
// out:
//   u8 format, u8 alone, 128 bytes, bits by partition, varint number of those on their way, of each
//   u16 partition, varint epoch; u32 checksum seeded with the key
inline constexpr std::string_view kOwnershipKey = "owned";
std::string EncodeOwnership(const Ownership& ownership);
// nullopt: damaged, or of a later version.
std::optional<Ownership> DecodeOwnership(std::string_view bytes);

}  // namespace cartwheel::cluster
