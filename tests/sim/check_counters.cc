#include "tests/sim/check_counters.h"

#include <algorithm>

namespace cartwheel::sim {
namespace {

constexpr const char* kBounds = "P14 a counter is the sum of its increments";

// Sums of any of the uncertain increments; they are few and small.
std::vector<bool> PossibleSums(const std::vector<int64_t>& uncertain) {
  std::vector<bool> possible{true};
  for (const int64_t delta : uncertain) {
    const auto before = possible;
    possible.resize(before.size() + static_cast<size_t>(delta));
    for (size_t sum = 0; sum < before.size(); ++sum) {
      if (before[sum]) possible[sum + static_cast<size_t>(delta)] = true;
    }
  }
  return possible;
}

void CheckEnd(const Evidence& evidence, const std::string& key,
              const std::vector<const Operation*>& operations, Violations& violations) {
  int64_t acknowledged = 0;
  std::vector<int64_t> uncertain;
  for (const Operation* operation : operations) {
    if (operation->kind != Kind::kIncrement) continue;
    if (operation->outcome == Outcome::kOk) acknowledged += operation->delta;
    if (operation->outcome == Outcome::kUncertain) uncertain.push_back(operation->delta);
  }
  const auto end = evidence.end.find(key);
  const int64_t sum = end == evidence.end.end() ? 0 : end->second.sum;
  const auto possible = PossibleSums(uncertain);
  const int64_t more = sum - acknowledged;
  const bool fits = more >= 0 && static_cast<size_t>(more) < possible.size() &&
                    possible[static_cast<size_t>(more)];
  if (fits) return;
  violations.push_back({kBounds, key,
                        std::to_string(sum) + " at the end; acknowledged are " +
                            std::to_string(acknowledged) + ", uncertain up to " +
                            std::to_string(possible.size() - 1) + " more"});
}

// No reply counts what was not yet sent, or what was refused.
void CheckReplies(const std::vector<const Operation*>& operations, Violations& violations) {
  for (const Operation* read : operations) {
    if (read->outcome != Outcome::kOk) continue;
    int64_t most = 0;
    for (const Operation* operation : operations) {
      const bool counts = operation->kind == Kind::kIncrement &&
                          operation->outcome != Outcome::kFailed &&
                          operation->invoked_us < read->returned_us;
      if (counts) most += operation->delta;
    }
    if (read->number <= most) continue;
    violations.push_back({kBounds, read->key,
                          std::to_string(read->number) + " was read when at most " +
                              std::to_string(most) + " had been counted"});
  }
}

void CheckConnections(const Evidence& evidence, const std::vector<const Operation*>& operations,
                      Violations& violations) {
  for (const Operation* later : operations) {
    if (later->outcome != Outcome::kOk) continue;
    for (const Operation* earlier : operations) {
      const bool before = earlier->connection == later->connection &&
                          earlier->outcome == Outcome::kOk &&
                          earlier->returned_us <= later->invoked_us;
      if (!before || earlier->number <= later->number) continue;
      if (!evidence.alone && !evidence.Calm(earlier->invoked_us, later->returned_us)) continue;
      violations.push_back({"P10 a connection never goes back", later->key,
                            std::to_string(later->number) + " was answered after " +
                                std::to_string(earlier->number) + " on the same connection"});
    }
  }
}

}  // namespace

Violations CheckCounters(const Evidence& evidence) {
  std::map<std::string, std::vector<const Operation*>> counters;
  for (const Operation& operation : evidence.history) {
    if (operation.kind == Kind::kIncrement) counters[operation.key];
  }
  for (const Operation& operation : evidence.history) {
    if (const auto found = counters.find(operation.key); found != counters.end()) {
      found->second.push_back(&operation);
    }
  }
  Violations violations;
  for (const auto& [key, operations] : counters) {
    CheckEnd(evidence, key, operations, violations);
    CheckReplies(operations, violations);
    CheckConnections(evidence, operations, violations);
  }
  return violations;
}

}  // namespace cartwheel::sim
