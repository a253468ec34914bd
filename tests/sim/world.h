// One run of the simulator: a cluster and its clients, made and broken as a seed says, then healed,
// given time, and held against everything that was promised.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/history.h"

namespace cartwheel::sim {

struct WorldOptions {
  uint64_t seed = 1;
  size_t nodes = 1;
  size_t operations = 300;  // of all clients; then it heals
  bool in_memory = false;
  bool faults = true;
  bool moves = false;           // members and owners change
  bool rebuilds = false;        // see Faults::Options
  bool tells_messages = false;  // in the story, those about the key; slow
  std::string key = {};         // that the story is about; empty: of the first violation
};

struct WorldResult {
  Violations violations;
  uint64_t trace = 0;  // of one seed always the same
  std::string story;   // of a run that broke something, for people
  // What the run did, so that one that stopped doing anything is noticed.
  uint64_t operations = 0;
  uint64_t acknowledged = 0;
  uint64_t uncertain = 0;
  uint64_t failed = 0;
  uint64_t faults = 0;
  int64_t virtual_us = 0;
};

WorldResult RunWorld(const WorldOptions& options);

}  // namespace cartwheel::sim
