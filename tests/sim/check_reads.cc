#include "tests/sim/check_reads.h"

#include <algorithm>
#include <set>

#include "tests/sim/known_before.h"

namespace cartwheel::sim {
namespace {

using Operations = std::vector<const Operation*>;

struct Groups {
  std::map<std::string, Operations> by_key;
  std::map<std::string, const Operation*> write_of;  // by value
};

// Counters have checks of their own, and what expires may be gone.
Groups Group(const History& history) {
  Groups groups;
  std::map<std::string, bool> left_out;
  for (const Operation& operation : history) {
    if (operation.kind == Kind::kIncrement || operation.expires) left_out[operation.key] = true;
  }
  for (const Operation& operation : history) {
    if (left_out.contains(operation.key)) continue;
    groups.by_key[operation.key].push_back(&operation);
    if (operation.writes_value()) groups.write_of[operation.value] = &operation;
  }
  return groups;
}

// A deletion that can have come after the write: it was not over when the write began.
bool MayBeDeleted(const Operations& operations, const Operation& write, const Operation& read) {
  return std::ranges::any_of(operations, [&](const Operation* deletion) {
    if (!deletion->deletes() || !deletion->may_supersede()) return false;
    if (deletion->invoked_us > read.returned_us) return false;
    return deletion->outcome != Outcome::kOk || deletion->returned_us > write.invoked_us;
  });
}

std::string Text(const Operation& read) {
  std::string text;
  for (const std::string& value : read.values) text += (text.empty() ? "" : ", ") + value;
  return text.empty() ? "nothing" : text;
}

bool OverBefore(const Operation& write, int64_t at_us) {
  return write.outcome == Outcome::kOk && write.returned_us <= at_us;
}

// Something that was not over when the write began may have come after it; but what brings its own
// context takes the place of what it was read with, and of nothing else.
bool MayStandFor(const KnownBefore& known_before, const Operation& other, const Operation& write) {
  if (!other.blind()) return known_before.Of(other.value).contains(write.value);
  return !OverBefore(other, write.invoked_us);
}

// To a write that has seen it and may itself be lost: contexts know that it was superseded.
bool MayHaveGivenWay(const KnownBefore& known_before,
                     const std::vector<const Operation*>& operations, const Operation& write) {
  return std::ranges::any_of(operations, [&](const Operation* later) {
    return later->outcome == Outcome::kUncertain && later->may_supersede() && !later->blind() &&
           known_before.SeenBy(*later).contains(write.value);
  });
}

// Whatever was broken between the two: by then every owner had the write, and a replica that lost
// it knows that it is not to be believed.
bool BothInCalm(const Evidence& evidence, const Operation& write, const Operation& read) {
  constexpr int64_t kUntilAllHaveItUs = 1'000'000;
  return evidence.Calm(write.invoked_us, write.returned_us + kUntilAllHaveItUs) &&
         evidence.Calm(read.invoked_us, read.returned_us);
}

bool IsLive(const Evidence& evidence, const Operation& write) {
  const auto end = evidence.end.find(write.key);
  return end != evidence.end.end() &&
         std::ranges::find(end->second.live, write.value) != end->second.live.end();
}

}  // namespace

Violations CheckSessions(const Evidence& evidence) {
  Violations violations;
  const KnownBefore known_before(evidence.history);
  const Groups groups = Group(evidence.history);
  for (const auto& [key, operations] : groups.by_key) {
    for (const Operation* read : operations) {
      if (read->kind != Kind::kGet || read->outcome != Outcome::kOk) continue;
      for (const std::string& seen : known_before.SeenBy(*read)) {
        const auto write = groups.write_of.find(seen);
        if (write == groups.write_of.end()) continue;
        const int64_t since_us = write->second->invoked_us;
        if (!evidence.alone && !evidence.Calm(since_us, read->returned_us)) continue;
        const bool gone = read->values.empty() && !MayBeDeleted(operations, *write->second, *read);
        const bool older = std::ranges::any_of(read->values, [&](const std::string& value) {
          return known_before.Of(seen).contains(value);
        });
        if (!gone && !older) continue;
        violations.push_back({"P10 a connection never goes back", key,
                              Text(*read) + " was read on a connection that had seen " + seen});
      }
    }
  }
  return violations;
}

Violations CheckHealedReads(const Evidence& evidence) {
  Violations violations;
  if (!evidence.alone && !evidence.strict) return violations;
  for (const auto& [key, operations] : Group(evidence.history).by_key) {
    for (const Operation* read : operations) {
      const bool found_none = read->kind == Kind::kGet && read->outcome == Outcome::kOk &&
                              read->values.empty() && read->invoked_us >= evidence.healed_us;
      if (!found_none) continue;
      for (const Operation* write : operations) {
        if (!write->writes_value() || write->outcome != Outcome::kOk) continue;
        if (!IsLive(evidence, *write)) continue;
        const bool a_copy_may_lack = write->invoked_us <= evidence.copies_lost_us;
        if (a_copy_may_lack && !evidence.alone) continue;
        violations.push_back({"P9 a read finds what is there once all is healed", key,
                              "nothing was read, though " + write->value + " is there"});
      }
    }
  }
  return violations;
}

Violations CheckListings(const Evidence& evidence) {
  Violations violations;
  for (const Operation& list : evidence.history) {
    if (list.kind != Kind::kList || list.outcome != Outcome::kOk) continue;
    const std::set<std::string> listed(list.listed.begin(), list.listed.end());
    std::set<std::string> begun;
    for (const Operation& write : evidence.history) {
      const bool is_one = write.kind == Kind::kSet && write.key.starts_with(list.key.front());
      if (!is_one || write.invoked_us > list.returned_us) continue;
      if (write.outcome != Outcome::kFailed) begun.insert(write.key);
      if (!OverBefore(write, list.invoked_us) || listed.contains(write.key)) continue;
      if (evidence.alone || (evidence.strict && BothInCalm(evidence, write, list))) {
        violations.push_back({"P8 a listing shows what was acknowledged before it", write.key,
                              "it is not listed after " + write.value + " had been acknowledged"});
      } else if (list.invoked_us >= evidence.healed_us && IsLive(evidence, write)) {
        violations.push_back({"P9 a listing shows every key once all is healed", write.key,
                              "it is not listed in the end"});
      }
    }
    for (const std::string& key : listed) {
      if (begun.contains(key)) continue;
      violations.push_back({"a listing shows only keys", key, "nobody had begun to write it"});
    }
  }
  return violations;
}

Violations CheckStrictReads(const Evidence& evidence) {
  Violations violations;
  if (!evidence.alone && !evidence.strict) return violations;
  const KnownBefore known_before(evidence.history);
  const Groups groups = Group(evidence.history);
  for (const auto& [key, operations] : groups.by_key) {
    for (const Operation* read : operations) {
      if (!read->reads() || read->outcome != Outcome::kOk) continue;
      // A plain read shows one of several by their clocks.
      if (read->kind == Kind::kGet && !evidence.alone && !evidence.right_clocks) continue;
      for (const Operation* write : operations) {
        if (!write->writes_value() || !OverBefore(*write, read->invoked_us)) continue;
        if (!evidence.alone && !BothInCalm(evidence, *write, *read)) continue;
        const bool shown = std::ranges::any_of(read->values, [&](const std::string& value) {
          const auto other = groups.write_of.find(value);
          return value == write->value || other == groups.write_of.end() ||
                 MayStandFor(known_before, *other->second, *write);
        });
        if (shown || MayBeDeleted(operations, *write, *read)) continue;
        if (MayHaveGivenWay(known_before, operations, *write)) continue;
        violations.push_back(
            {"P8 a read shows what was acknowledged before it", key,
             Text(*read) + " was read after " + write->value + " had been acknowledged"});
      }
    }
  }
  return violations;
}

}  // namespace cartwheel::sim
