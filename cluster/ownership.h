// Stub until the replica side lands.
#pragma once
#include <bitset>

#include "cluster/vnode.h"
namespace cartwheel::cluster {
struct Ownership {
  bool alone = true;
  std::bitset<kPartitions> owned;
};
}  // namespace cartwheel::cluster
