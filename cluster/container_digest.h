// All that a container knows, in 128 bits: what replicas that mostly agree tell each other instead.
#pragma once

#include <cstdint>
#include <string>

#include "cluster/container.h"

namespace cartwheel::cluster {

struct ContainerDigest {
  uint64_t low = 0;
  uint64_t high = 0;

  bool operator==(const ContainerDigest&) const = default;
};

// XXH3-128 of the container's form in a message, in which equal knowledge has one form. So it does
// not depend on own_contiguous. Not against somebody who makes up two values that collide: whoever
// writes both to one key hides one of them from himself, until anything else reads or repairs it.
// `scratch`: overwritten, its capacity is reused.
ContainerDigest DigestOf(const Container& container, std::string& scratch);

}  // namespace cartwheel::cluster
