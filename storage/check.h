// The assertion: stays on in every build, because a broken invariant must not reach the disk.
#pragma once

#include <source_location>

namespace cartwheel::storage {

[[noreturn]] void FailCheck(const char* claim, const std::source_location& where);

// Prints `claim` with its place and aborts when it does not hold.
inline void Check(bool holds, const char* claim,
                  const std::source_location& where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    FailCheck(claim, where);
}

}  // namespace cartwheel::storage
