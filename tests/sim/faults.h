// What goes wrong in a run, and when it is over: the nemesis. A seed chooses the faults; a budget
// keeps to what a cluster promises to survive, so that a lost write is a bug and not bad luck.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/cluster.h"

namespace cartwheel::sim {

enum class Fault : uint8_t {
  kKill,
  kStop,
  kPause,
  kLosePower,
  kWipeDisk,
  kRollBack,
  kFullDisk,
  kSlowDisk,
  kFailDisk,
  kJumpClock,
  kDriftClock,
  kSlowNetwork,
  kCutClients,   // from one node
  kIsolate,      // one node from all others
  kOneWay,       // what one node says to another is not heard
  kSingleLink,   // two nodes do not reach each other
  kHalves,       // of the nodes, each with some clients
  kBridge,       // two halves with one node that reaches both
  kMajorityRing  // every node reaches a majority, no two the same
};
inline constexpr int kFaults = static_cast<int>(Fault::kMajorityRing) + 1;
std::string_view NameOf(Fault fault);

class Faults {
 public:
  struct Options {
    uint64_t seed = 0;
    int64_t between_us = 900'000;  // on average
    bool durable_at_once = false;  // appendfsync always
    bool in_memory = false;
    bool clocks = true;  // they may be wrong
    // Whether a node that lost data gets it back from the others; until it does, only one may.
    bool rebuilds = false;
    // Operators change members and their weights, in the middle of everything.
    bool moves = false;
  };

  Faults(const Options& options, Cluster& cluster);

  void Begin();
  void OnEvent(const Event& event);
  // Nothing more breaks, and what is broken is repaired; dead nodes start.
  void HealAll();

  // When anything was wrong, the time to recover included.
  const std::vector<Interval>& intervals() const { return intervals_; }
  // Writes acknowledged in one of these may be lost: data were lost that had no other copy.
  const std::vector<Interval>& excuses() const { return excuses_; }
  // When a node last lost copies of writes that others may have.
  int64_t copies_lost_us() const { return lost_power_at_us_.value_or(-1); }
  bool clocks_were_wrong() const { return clocks_were_wrong_; }

 private:
  struct Active {
    Fault fault;
    Host node;
    size_t interval;
    bool over = false;
  };

  void Strike();
  void Operate();
  bool IsPossible(Fault fault, Host node) const;
  bool OthersAreDurable(Host node) const;
  void Apply(Fault fault, Host node);
  void ApplyToNetwork(Fault fault, Host node);
  void LoseData(Fault fault, Host node);
  void Undo(Active& active);
  int64_t EarliestLoss() const;
  void Excuse(int64_t begin_us);
  void BlockBoth(Host a, Host b);
  std::vector<Host> ShuffledNodes();
  void ScheduleNext();

  const Options options_;
  Cluster& cluster_;
  cluster::Random random_;
  bool healed_ = false;
  std::vector<Active> active_;
  std::vector<Interval> intervals_;
  std::vector<Interval> excuses_;
  bool clocks_were_wrong_ = false;
  bool lost_data_ = false;
  bool one_left_ = false;
  std::optional<int64_t> lost_power_at_us_;
};

}  // namespace cartwheel::sim
