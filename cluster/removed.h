// Whether a replica had something once and has it no longer, though no context may be left that
// says so: its record was forgotten, and perhaps begun anew.
#pragma once

#include "cluster/container.h"
#include "cluster/received_dots.h"

namespace cartwheel::cluster {

// `record`: the replica's own; nullptr when it has none. `received`: of the same moment.
bool WasRemoved(const Version& version, const Container* record, const ReceivedDots& received);

// Of a counter's entry, as far as it goes. A record keeps its entries, so one that it has not, or
// not as far, though its last increment arrived, was all reset and forgotten. (It may have come
// back shorter: as what the writer of a SET had seen long before.)
bool WasRemoved(const Counter::Entry& entry, const Container* record, const ReceivedDots& received);

}  // namespace cartwheel::cluster
