// What clients did and what they were told: all that most checkers know.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/scheduler.h"

namespace cartwheel::sim {

enum class Kind : uint8_t {
  kGet,            // GET
  kSet,            // SET of a value that is written once in a run, of a client that need not read
  kDelete,         // DEL
  kIncrement,      // INCRBY
  kReadSiblings,   // DYN.GET
  kWriteContext,   // DYN.SET of a value that is written once in a run, with or without a context
  kDeleteContext,  // DYN.DEL
  kList,           // KEYS o*, of keys that are written once and never deleted
  kWait,           // WAIT
};

enum class Outcome : uint8_t {
  kOk,
  kUncertain,  // no reply, or one that says so: it happened, happens later, or never does
  kFailed,     // a reply that promises that it never happened
};

struct Operation {
  uint64_t client = 0;
  uint64_t connection = 0;  // no two of a run have the same
  uint64_t node = 0;        // that it is to
  Kind kind = Kind::kGet;
  std::string key = {};
  std::string value = {};                  // of writes
  int64_t delta = 0;                       // of kIncrement
  bool expires = false;                    // kSet with a time to live
  std::vector<std::string> observed = {};  // what its context was read with
  int64_t invoked_us = 0;
  int64_t returned_us = kNever;
  Outcome outcome = Outcome::kUncertain;
  std::vector<std::string> values = {};  // what a read returned
  std::vector<std::string> listed = {};  // the keys that a kList returned
  int64_t number = 0;                    // replies that are one: of kDelete, kIncrement, kWait
  std::string reply = {};                // for people

  bool reads() const { return kind == Kind::kGet || kind == Kind::kReadSiblings; }
  bool deletes() const { return kind == Kind::kDelete || kind == Kind::kDeleteContext; }
  bool writes_value() const { return kind == Kind::kSet || kind == Kind::kWriteContext; }
  // Its context is what the replica and the connection know, not what a client hands in.
  bool blind() const { return kind == Kind::kSet || kind == Kind::kDelete; }
  // Whether it may have taken away versions: a deletion that found none did not.
  bool may_supersede() const {
    if (outcome == Outcome::kFailed) return false;
    return writes_value() || (deletes() && !(outcome == Outcome::kOk && number == 0));
  }
};

// In order of invocation; references stay valid.
using History = std::deque<Operation>;

// From begin to end, both included.
struct Interval {
  int64_t begin_us = 0;
  int64_t end_us = 0;
};

// What the owners of a key hold together when everything is healed.
struct KeyEnd {
  std::vector<std::string> live;  // values of versions
  int64_t sum = 0;                // of a counter
};

struct Evidence {
  History history;
  std::map<std::string, KeyEnd> end;  // absent: no owner has a record
  // When anything was broken, or not yet recovered. Some promises hold at other times alone.
  std::vector<Interval> faults;
  bool alone = false;           // one node: nothing is ever concurrent
  bool strict = false;          // R + W > N
  bool right_clocks = false;    // of all nodes, within the network's delay
  int64_t copies_lost_us = -1;  // last: with its disk, or what was not synced
  int64_t healed_us = kNever;   // from then on nothing is broken, and all hints are delivered

  bool Calm(int64_t begin_us, int64_t end_us) const {
    for (const Interval& fault : faults) {
      if (fault.begin_us <= end_us && begin_us <= fault.end_us) return false;
    }
    return true;
  }
};

struct Violation {
  std::string rule;
  std::string key;
  std::string text;
};
using Violations = std::vector<Violation>;

}  // namespace cartwheel::sim
