// What reads promise to those who wrote or read before.
#pragma once

#include "tests/sim/history.h"

namespace cartwheel::sim {

// P10: a connection reads what it has seen of a key, or something later or concurrent; it never
// finds nothing unless somebody deleted.
Violations CheckSessions(const Evidence& evidence);

// P8: with R + W > N, or one node, and nothing broken, a read that began after a write was
// acknowledged does not miss it: it shows it, or something that was not over when it began.
Violations CheckStrictReads(const Evidence& evidence);

// P9: once everything is healed and hints are delivered, with R + W > N or one node, a plain read
// finds every acknowledged value that is still there, though nothing has been repaired. Not one
// that a replica lost: while that one is slow, others answer for it, and none of them owes it that.
Violations CheckHealedReads(const Evidence& evidence);

// The same of a listing: with R + W > N, or one node, and nothing broken, it shows every key that
// was written before it; when everything is healed, every key with an acknowledged value.
// It never shows what nobody had begun to write.
Violations CheckListings(const Evidence& evidence);

}  // namespace cartwheel::sim
