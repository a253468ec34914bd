// What a write is known to have come after: every value that its connection had read or written
// under the same key before, or that its context was read with, and all that those came after.
// The versions of these values are covered by the write's own, so that whoever has seen it must
// not be shown them again.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/sim/history.h"

namespace cartwheel::sim {

class KnownBefore {
 public:
  explicit KnownBefore(const History& history);

  // Of the write of `value`, which was acknowledged or seen; empty for one that nobody wrote.
  const std::set<std::string>& Of(const std::string& value) const;
  // What an operation's connection, or its context, had seen when it was invoked.
  const std::set<std::string>& SeenBy(const Operation& operation) const;

 private:
  std::map<std::string, std::set<std::string>> before_;
  std::map<const Operation*, std::set<std::string>> seen_;
};

}  // namespace cartwheel::sim
