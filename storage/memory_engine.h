// The engine without a disk: for tests, the simulator and `save ""`. Its commits never fail;
// snapshots are versions kept per key, so that a snapshot costs only what changes while it lives.
#pragma once

#include <memory>

#include "storage/engine.h"

namespace cartwheel::storage {

std::unique_ptr<Engine> NewMemoryEngine();

}  // namespace cartwheel::storage
