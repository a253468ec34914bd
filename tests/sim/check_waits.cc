#include "tests/sim/check_waits.h"

#include <string>

namespace cartwheel::sim {

Violations CheckWait(const Operation& wait, const Operation& write, size_t holders) {
  const auto promised = static_cast<size_t>(wait.number);
  if (promised == 0 || holders > promised) return {};
  return {{"what WAIT counts is stored", write.key,
           "client " + std::to_string(wait.client) + " was told that " + std::to_string(promised) +
               " replicas besides one have what it wrote; of the owners " +
               std::to_string(holders) + " have " + write.value}};
}

}  // namespace cartwheel::sim
