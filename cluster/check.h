// The assertion for our own bugs, on in every build. Never for bytes from a disk or a socket: those
// are data, and wrong data gets an answer.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace cartwheel::cluster {

// Ends the process when `holds` is false, naming the place. Going on with a broken invariant would
// write the damage to disk.
inline void Check(bool holds, const char* invariant,
                  std::source_location place = std::source_location::current()) {
  if (holds) [[likely]] {
    return;
  }
  std::fprintf(stderr, "%s:%u: broken invariant: %s\n", place.file_name(),
               static_cast<unsigned>(place.line()), invariant);
  std::abort();
}

}  // namespace cartwheel::cluster
