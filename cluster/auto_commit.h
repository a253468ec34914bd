// Whether who is let into a cluster comes to own its share without anybody saying so.
#pragma once

#include <cstdint>

namespace cartwheel::cluster {

enum class AutoCommit : uint8_t {
  kWhenEmpty,  // while nobody holds keys; afterwards it is planned
  kYes,        // also when keys have to be moved
  kNo,         // it is always planned
};

}  // namespace cartwheel::cluster
