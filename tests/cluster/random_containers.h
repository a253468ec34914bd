// Containers of one key as replicas might hold them: a few replicas write, and take in what others
// had at any earlier time.
#pragma once

#include <string>
#include <vector>

#include "cluster/container.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {

class RandomContainers {
 public:
  // Histories of `writes` writes.
  RandomContainers(uint64_t seed, int writes);

  // Any of those that there ever were.
  const Container& Pick(Random& random) const { return states_[random.Below(states_.size())]; }
  const std::vector<Container>& states() const { return states_; }

 private:
  void Write(Random& random, size_t replica, uint64_t number);

  std::vector<Container> replicas_;
  std::vector<Container> states_;
};

// All that can be seen of a container, so that "the same" means to the byte.
std::string MessageOf(const Container& container);

}  // namespace cartwheel::cluster
