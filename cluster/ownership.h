// Which partitions this node is an owner of, as far as its replica has to know.
#pragma once

#include <bitset>

#include "cluster/vnode.h"

namespace cartwheel::cluster {

struct Ownership {
  // There is no other node: whoever would have to see a deletion has seen it.
  bool alone = true;
  // Unless alone. Of the other partitions this node keeps what it stands in for.
  std::bitset<kPartitions> owned;

  bool Owns(Partition partition) const { return alone || owned.test(partition); }
};

}  // namespace cartwheel::cluster
