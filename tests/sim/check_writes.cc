#include "tests/sim/check_writes.h"

#include <algorithm>

#include "tests/sim/known_before.h"

namespace cartwheel::sim {
namespace {

bool Contains(const std::vector<std::string>& values, const std::string& value) {
  return std::ranges::find(values, value) != values.end();
}

bool IsLive(const Evidence& evidence, const Operation& write) {
  const auto end = evidence.end.find(write.key);
  return end != evidence.end.end() && Contains(end->second.live, write.value);
}

// By real time alone where the writer's knowledge is the server's own.
bool MayHaveSuperseded(const Operation& later, const Operation& write) {
  if (&later == &write || !later.may_supersede()) return false;
  if (!later.blind()) return Contains(later.observed, write.value);
  return later.outcome != Outcome::kOk || later.returned_us > write.invoked_us;
}

using ByKey = std::map<std::string, std::vector<const Operation*>>;
ByKey GroupByKey(const History& history) {
  ByKey groups;
  for (const Operation& operation : history) groups[operation.key].push_back(&operation);
  return groups;
}

}  // namespace

Violations CheckLostWrites(const Evidence& evidence) {
  Violations violations;
  for (const auto& [key, operations] : GroupByKey(evidence.history)) {
    for (const Operation* write : operations) {
      if (!write->writes_value() || write->outcome != Outcome::kOk || write->expires) continue;
      if (IsLive(evidence, *write)) continue;
      const bool superseded = std::ranges::any_of(
          operations, [&](const Operation* later) { return MayHaveSuperseded(*later, *write); });
      if (superseded) continue;
      violations.push_back({"P7 no acknowledged write is lost", key,
                            write->value + " was acknowledged, nothing superseded it, and it is "
                                           "not live at the end"});
    }
  }
  return violations;
}

Violations CheckResurrections(const Evidence& evidence) {
  Violations violations;
  const KnownBefore known_before(evidence.history);
  for (const Operation& later : evidence.history) {
    if (later.outcome != Outcome::kOk || !later.may_supersede()) continue;
    const auto end = evidence.end.find(later.key);
    if (end == evidence.end.end()) continue;
    for (const std::string& value : known_before.SeenBy(later)) {
      if (!Contains(end->second.live, value)) continue;
      violations.push_back({"P5 what is superseded or deleted stays so", later.key,
                            value + " is live at the end, though " +
                                (later.deletes() ? "a deletion" : "the write of " + later.value) +
                                " that had seen it was acknowledged"});
    }
  }
  return violations;
}

Violations CheckPhantoms(const Evidence& evidence) {
  std::map<std::string, const Operation*> writes;
  for (const Operation& operation : evidence.history) {
    if (operation.writes_value()) writes[operation.value] = &operation;
  }
  Violations violations;
  const auto check = [&](const std::string& key, const std::string& value, const char* where) {
    const auto found = writes.find(value);
    if (found == writes.end() || found->second->key != key) {
      violations.push_back(
          {"values come from writes", key, value + ", which nobody wrote there, is " + where});
    } else if (found->second->outcome == Outcome::kFailed) {
      violations.push_back(
          {"P13 what was refused never appears", key,
           value + " was answered \"" + found->second->reply + "\" and is " + where});
    }
  };
  for (const Operation& operation : evidence.history) {
    for (const std::string& value : operation.values) check(operation.key, value, "read");
  }
  for (const auto& [key, end] : evidence.end) {
    for (const std::string& value : end.live) check(key, value, "live at the end");
  }
  return violations;
}

}  // namespace cartwheel::sim
