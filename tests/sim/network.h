// The wires between hosts: connections of two ordered byte streams that are late, stall where the
// network is broken, and break as a whole after a while, as TCP's do.
//
// Nothing is duplicated or reordered inside a stream. (The cluster does that to whole messages,
// when it is asked to.)
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/cluster/random.h"
#include "tests/sim/events.h"
#include "tests/sim/scheduler.h"

namespace cartwheel::sim {

struct Connection {
  ConnectionId id = 0;
  Host dialler = 0;
  Host acceptor = 0;
  bool between_nodes = false;
  std::optional<Host> closed_by = {};  // the other end has not heard of it yet
  std::string received = {};           // between nodes: the begin of a frame not yet whole
  bool proven = false;                 // between nodes: the dialler's Proof has come

  struct Stream {
    std::deque<std::string> under_way;
    int64_t last_arrival_us = 0;
    size_t stuck = 0;    // of those under way, how many stand where the network is broken
    uint64_t stall = 0;  // counts the times that it got stuck; see GiveUp
  };
  Stream forward = {};
  Stream backward = {};

  Stream& stream(bool is_forward) { return is_forward ? forward : backward; }
  Host From(bool is_forward) const { return is_forward ? dialler : acceptor; }
  Host To(bool is_forward) const { return is_forward ? acceptor : dialler; }
};

class Network {
 public:
  Network(Scheduler<Event>& scheduler, uint64_t seed) : scheduler_(scheduler), random_(seed) {}

  // Tries to connect; Established follows if both directions work now. 0: they do not.
  ConnectionId Dial(Host from, Host to, bool between_nodes);
  // nullptr: it is gone.
  Connection* Find(ConnectionId id);
  std::vector<ConnectionId> ConnectionsOf(Host host) const;

  void Send(Connection& connection, bool forward, std::string bytes);
  // A datagram, which may be lost, or come again.
  void SendDatagram(Host from, Host to, const std::string& bytes);
  // What arrives if it gets through; otherwise it waits for the network to heal.
  std::optional<std::string> Receive(const Arrival& arrival);
  // Whether the stream is still stuck where it was.
  bool HasGivenUp(const GiveUp& event);
  // `by` closed it, or found it broken, or died. The other end gets what was under way to it, then
  // a Hangup; where nobody is left to tell it, it finds out after a while.
  void Close(ConnectionId id, Host by, bool told);
  // The other end has heard of it. False: it had closed itself.
  bool Forget(const Hangup& event) { return connections_.erase(event.connection) != 0; }

  // One direction between two hosts.
  void Block(Host from, Host to) { blocked_.insert({from, to}); }
  bool Reaches(Host from, Host to) const { return !blocked_.contains({from, to}); }
  // Everything that this host sends and receives takes so many times as long.
  void SetSlowness(Host host, uint32_t times) { slowness_[host] = times; }
  void Heal();
  // What the next packet takes.
  int64_t Delay(Host from, Host to);

 private:
  void Schedule(Connection& connection, bool forward, std::string bytes, int64_t delay_us);

  Scheduler<Event>& scheduler_;
  cluster::Random random_;
  std::map<ConnectionId, Connection> connections_;
  ConnectionId next_id_ = 1;
  std::set<std::pair<Host, Host>> blocked_;
  std::map<Host, uint32_t> slowness_;
};

}  // namespace cartwheel::sim
