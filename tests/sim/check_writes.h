// No acknowledged write is lost, nothing that was superseded or deleted comes back, and what was
// refused or never written appears nowhere.
#pragma once

#include "tests/sim/history.h"

namespace cartwheel::sim {

// P7: of every acknowledged value, it is live at the end or a write that may have known it took its
// place. Writes with a context take the place of exactly what it was read with.
Violations CheckLostWrites(const Evidence& evidence);

// P5: what an acknowledged write or deletion had seen is not live at the end.
Violations CheckResurrections(const Evidence& evidence);

// P13, and values from nowhere: in reads and at the end there is nothing that a definite error
// answered or that nobody wrote.
Violations CheckPhantoms(const Evidence& evidence);

}  // namespace cartwheel::sim
