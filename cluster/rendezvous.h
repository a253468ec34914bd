// Rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates",
// 1998): of several nodes the one with the greatest weight for a partition is chosen, so that one
// node more or less changes nothing between the others.
#pragma once

#include <cstdint>

#include "cluster/node_id.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

// The finaliser of splitmix64 (Steele, Lea, Flood 2014): every bit depends on every other.
inline uint64_t Mix(uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

// The next of splitmix64's numbers.
inline uint64_t NextRandom(uint64_t& state) {
  return Mix(state += 0x9e3779b97f4a7c15);
}

// Nodes agree on it: it never changes.
inline uint64_t Rendezvous(Partition partition, NodeId node) {
  return Mix(Mix(partition + 0x9e3779b97f4a7c15) + static_cast<uint64_t>(node));
}

}  // namespace cartwheel::cluster
