// A client of the cluster: one connection at a time, to a node of its choice; commands as bytes,
// replies parsed, what happened written into the history. When a node does not answer it hangs up
// and tries another, as client libraries do.
//
// A state machine: it is told what happens and says what it does.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resp/reply_reader.h"
#include "tests/cluster/random.h"
#include "tests/sim/events.h"
#include "tests/sim/history.h"
#include "tests/sim/workload.h"

namespace cartwheel::sim {

class Client {
 public:
  struct Options {
    uint64_t number = 0;
    size_t nodes = 1;
    uint64_t seed = 0;
    int64_t pause_us = 300'000;  // between two batches, on average
  };
  struct Actions {
    bool hangs_up = false;
    std::optional<Host> dials;
    std::string sends;
    int64_t wakes_at_us = kNever;
  };

  // Both outlive it.
  Client(const Options& options, Workload& workload, History& history);

  // The time it asked for has come.
  Actions OnAlarm(int64_t now_us);
  Actions OnConnected(ConnectionId connection, Host node, int64_t now_us);
  Actions OnClosed(int64_t now_us);
  Actions OnBytes(std::string_view bytes, int64_t now_us);

  // From now on it sends only what it is told to.
  void StopWorkload() { works_ = false; }
  // To be sent one by one, before anything else.
  void Enqueue(Command command) { queue_.push_back(std::move(command)); }
  bool idle() const { return queue_.empty() && open_.empty(); }
  // What it read that no reply can be, if anything.
  const std::string& protocol_error() const { return protocol_error_; }
  // What it has asked for with WAIT and has been told since the last call.
  std::vector<const Operation*> TakeWaited() { return std::exchange(waited_, {}); }

 private:
  Actions Dial(int64_t now_us);
  Actions Send(int64_t now_us);
  void GiveUpOpen();
  void Finish(Operation& operation, const resp::Reply& reply, int64_t now_us);
  int64_t Pause();

  const Options options_;
  Workload& workload_;
  History& history_;
  cluster::Random random_;
  bool works_ = true;
  std::deque<Command> queue_;

  enum class State : uint8_t { kAway, kDialling, kConnected };
  State state_ = State::kAway;
  Host node_ = 0;
  ConnectionId connection_ = 0;
  std::deque<Operation*> open_;  // sent and not answered, in order
  int64_t deadline_us_ = kNever;
  std::string input_;
  resp::ReplyReader reader_;
  std::string protocol_error_;
  std::vector<const Operation*> waited_;
};

}  // namespace cartwheel::sim
