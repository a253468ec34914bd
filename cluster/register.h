// One value that all members agree on, and that changes one step at a time: the register of the
// cluster's topology.
//
// Each record names the voters who decide what follows it, and the record after it is chosen by one
// instance of Paxos among them (Lamport, "Paxos Made Simple", 2001). As they are fixed by a record
// that is itself chosen, there is one record for every epoch whoever the voters come to be: a
// change of the voters is a change like any other, without a joint configuration. A proposer that
// finds another's proposal half accepted completes it, and tells its caller that it came too late.
//
// Data never waits for it. A turn is: inputs; the caller's commit of state(), if it changed; then
// the outputs may be sent. So a promise is on disk before anybody hears of it.
//
// Time is monotonic microseconds and never goes back from call to call.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cluster/node_id.h"

namespace cartwheel::cluster {

// A value with its place in the order of values.
struct Record {
  uint64_t epoch = 0;
  std::vector<NodeId> voters;  // who decide what follows it; not empty, ascending
  std::string bytes;           // whatever is agreed on

  bool operator==(const Record&) const = default;
};

// Proposals for an epoch are in an order, no two the same: the nonce tells those of a proposer's
// lives apart, which need not remember their rounds.
struct Ballot {
  uint64_t round = 0;  // 0: none
  NodeId node = kNoNode;
  uint64_t nonce = 0;

  auto operator<=>(const Ballot&) const = default;
};

// Of `epoch`, the one that is to be chosen.
struct Prepare {
  uint64_t epoch = 0;
  Ballot ballot;
  bool operator==(const Prepare&) const = default;
};
struct Promise {
  uint64_t epoch = 0;
  Ballot ballot;
  Ballot accepted;  // none: nothing yet
  Record record;    // what was accepted
  bool operator==(const Promise&) const = default;
};
struct Accept {
  Ballot ballot;
  Record record;
  bool operator==(const Accept&) const = default;
};
struct Accepted {
  uint64_t epoch = 0;
  Ballot ballot;
  bool operator==(const Accepted&) const = default;
};
// The voter has promised to hear no ballot below this one.
struct Rejected {
  uint64_t epoch = 0;
  Ballot ballot;  // that was rejected
  Ballot promised;
  bool operator==(const Rejected&) const = default;
};
// It is certain: to whoever may not know.
struct Chosen {
  Record record;
  bool operator==(const Chosen&) const = default;
};
// What follows the epoch, if anything does?
struct Pull {
  uint64_t epoch = 0;
  bool operator==(const Pull&) const = default;
};
using RegisterMessage = std::variant<Prepare, Promise, Accept, Accepted, Rejected, Chosen, Pull>;

class Register {
 public:
  struct Options {
    // Of one round of messages; then the proposer begins again with a higher ballot.
    int64_t attempt_us = 500'000;
    // Two that outbid each other step back for up to so long, more each time.
    int64_t backoff_us = 50'000;
    // When the caller is told, whatever is known.
    int64_t deadline_us = 10'000'000;
  };
  // What has to survive a restart.
  struct State {
    Record chosen;
    // As a voter about what follows it.
    Ballot promised;
    Ballot accepted;
    Record record;  // accepted

    bool operator==(const State&) const = default;
  };
  struct Send {
    NodeId to;
    RegisterMessage message;
  };
  // Of a proposal, once.
  enum class Outcome : uint8_t {
    kChosen,
    kOvertaken,  // another record has its epoch: see chosen()
    kUnknown,    // a majority of the voters did not answer; it may be chosen yet
  };
  using Output = std::variant<Send, Outcome>;

  // `seed`: new for every start.
  Register(NodeId self, State state, const Options& options, uint64_t seed);

  const Record& chosen() const { return state_.chosen; }
  const State& state() const { return state_; }
  // The state has changed since the last call: it has to be on disk before the outputs are sent.
  bool TakeChanged() { return std::exchange(changed_, false); }

  // That `next` follows chosen(): its epoch is the next one. False, and nothing is done, while
  // another proposal of this node's is under way.
  bool Propose(Record next, int64_t now_us);
  bool is_proposing() const { return proposal_.has_value(); }

  void On(NodeId from, const RegisterMessage& message, int64_t now_us);
  // Somebody is said to know a later record.
  void HeardOf(NodeId node, uint64_t epoch);
  void OnTime(int64_t now_us);
  // INT64_MAX: OnTime has nothing to do.
  int64_t NextDeadline() const;
  // What to do since the last call, in order.
  std::vector<Output> TakeOutputs();

 private:
  struct Proposal {
    Record own;
    Ballot ballot;
    bool accepting = false;  // else it gathers promises
    Record record;           // what it asks to accept
    Ballot highest_accepted;
    std::set<NodeId> granted;  // voters
    int64_t begins_us = 0;     // again, after it stepped back; 0: it is under way
    int64_t attempt_until_us = 0;
    int64_t deadline_us = 0;
    int attempts = 0;
  };

  uint64_t Random();
  uint64_t NextEpoch() const { return state_.chosen.epoch + 1; }
  bool IsVoter(NodeId node) const;
  size_t Majority() const { return state_.chosen.voters.size() / 2 + 1; }
  // To a voter, which this node may be.
  void Tell(NodeId voter, const RegisterMessage& message, int64_t now_us);
  void Emit(NodeId to, RegisterMessage message);
  // True: the message is about the record that is next to be chosen. False: one of the two is
  // behind, and has been told or asked.
  bool IsCurrent(NodeId from, uint64_t epoch);
  void BeginAttempt(int64_t now_us);
  void StepBack(int64_t now_us);
  void Learn(const Record& record);
  void End(Outcome outcome);

  void On(NodeId from, const Prepare& prepare, int64_t now_us);
  void On(NodeId from, const Promise& promise, int64_t now_us);
  void On(NodeId from, const Accept& accept, int64_t now_us);
  void On(NodeId from, const Accepted& accepted, int64_t now_us);
  void On(NodeId from, const Rejected& rejected, int64_t now_us);
  void On(NodeId from, const Chosen& chosen, int64_t now_us);
  void On(NodeId from, const Pull& pull, int64_t now_us);

  const NodeId self_;
  State state_;
  const Options options_;
  uint64_t random_state_;
  bool changed_ = false;
  uint64_t highest_round_ = 0;  // heard of, for the epoch at hand
  std::optional<Proposal> proposal_;
  std::vector<Output> outputs_;
};

}  // namespace cartwheel::cluster
