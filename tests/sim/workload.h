// What clients want of a cluster: a seed's choice of commands over few keys, so that they meet.
//
// Keys come in kinds, each used in one way so that a checker can tell what must become of it:
//   r...  registers: blind SET of values that are written once, GET, DEL
//   o...  written once, read and listed
//   c...  counters: INCRBY, GET
//   s...  siblings: DYN.GET, and DYN.SET and DYN.DEL with the context that was read
//   d...  written and then deleted on one connection, and read
//   t...  written with a time to live, and read
// And sometimes they wait until so many replicas have what their connection wrote.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/cluster/random.h"
#include "tests/sim/history.h"

namespace cartwheel::sim {

// A command and what it is in the history.
struct Command {
  Operation operation;
  std::vector<std::string> arguments;
};

class Workload {
 public:
  // `contexts`: the server has the commands for them.
  Workload(uint64_t seed, bool contexts) : random_(seed), contexts_(contexts) {}

  // The next commands of a client, to be sent together.
  std::vector<Command> Next(uint64_t client);
  // What one of them came to, so that the client can go on from there: a context, a deletion.
  // `context` is empty where the reply had none.
  void Learn(const Operation& operation, const std::string& context);
  // The client's connection is another.
  void Forget(uint64_t client);
  // Reads of every key that was ever used: of siblings, where the server has the command; and a
  // strict listing.
  std::vector<Command> ReadAll() const;
  // Plain reads of the keys that were written once.
  std::vector<Command> ReadOnce() const;

 private:
  struct Read {
    std::string context;
    std::vector<std::string> values;
  };

  Command Register();
  Command Once();
  Command Counter();
  Command Siblings(uint64_t client);
  Command Deleted(uint64_t client);
  Command Expiring();
  Command Wait();
  std::string NewValue();
  Command Make(Kind kind, const std::string& key, std::vector<std::string> arguments);
  Command Set(const std::string& key, const std::string& value);

  cluster::Random random_;
  const bool contexts_;
  uint64_t next_value_ = 1;
  uint64_t next_once_ = 0;
  uint64_t next_deleted_ = 0;
  uint64_t next_expiring_ = 0;
  std::map<std::pair<uint64_t, std::string>, Read> read_;  // by client and key
  std::map<uint64_t, std::string> to_delete_;              // by client: was written just now
  std::map<std::string, bool> used_;                       // by key: with contexts
};

// Requests as clients send them.
std::string Encode(const std::vector<std::string>& arguments);

}  // namespace cartwheel::sim
