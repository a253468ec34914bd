// Members whose one partition moves again and again, while its owners are read and written: small,
// so that thousands of interleavings of the steps, of who knows of them, and of requests under way
// are gone through in seconds, where the whole cluster (world.h) meets a few.
//
// The nodes and the rules of the moves are the production ones; who has adopted which step, which
// message is next, what is lost and who dies is the seed's choice. Each write has a key of its own,
// PW and PR are 2 of three owners: a read that began after a write was acknowledged has to find it.
#pragma once

#include <cstdint>

#include "tests/sim/world.h"

namespace cartwheel::sim {

WorldResult RunMoveWorld(const WorldOptions& options);

}  // namespace cartwheel::sim
