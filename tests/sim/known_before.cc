#include "tests/sim/known_before.h"

namespace cartwheel::sim {
namespace {

const std::set<std::string> kNothing;

// What a reply shows its connection.
std::vector<std::string> ShownBy(const Operation& operation) {
  if (operation.outcome != Outcome::kOk) return {};
  if (operation.reads()) return operation.values;
  if (operation.writes_value()) return {operation.value};
  return {};
}

}  // namespace

KnownBefore::KnownBefore(const History& history) {
  std::map<std::pair<uint64_t, std::string>, std::vector<const Operation*>> of_connection;
  for (const Operation& operation : history) {
    std::set<std::string>& seen = seen_[&operation];
    const auto add = [&](const std::string& value) {
      if (value == operation.value) return;
      seen.insert(value);
      const auto& before = Of(value);
      seen.insert(before.begin(), before.end());
    };
    // Commands that bring their own context go by it alone.
    if (operation.blind() || operation.reads()) {
      auto& earlier = of_connection[{operation.connection, operation.key}];
      for (const Operation* other : earlier) {
        if (other->returned_us > operation.invoked_us) continue;
        for (const std::string& value : ShownBy(*other)) add(value);
      }
      earlier.push_back(&operation);
    }
    for (const std::string& value : operation.observed) add(value);
    if (operation.writes_value()) before_[operation.value] = seen;
  }
}

const std::set<std::string>& KnownBefore::Of(const std::string& value) const {
  const auto found = before_.find(value);
  return found == before_.end() ? kNothing : found->second;
}

const std::set<std::string>& KnownBefore::SeenBy(const Operation& operation) const {
  const auto found = seen_.find(&operation);
  return found == seen_.end() ? kNothing : found->second;
}

}  // namespace cartwheel::sim
