// The connections between the nodes, and what each node's transport makes of them: what
// server/uv_peers.h is to a real node, over the simulated network and with the same LinkPair.
//
// A node dials every other and speaks on what it dialled. A peer is up at one end while both
// connections are there in its eyes; the two ends learn of changes at different times.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/link_pair.h"
#include "tests/cluster/random.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"

namespace cartwheel::sim {

class PeerWires {
 public:
  PeerWires(Scheduler<Event>& scheduler, Network& network, uint64_t seed)
      : scheduler_(scheduler), network_(network), random_(seed) {}

  // A process begins: it has not linked anybody yet. Lives of a host are numbered.
  void Start(Host node, uint64_t life, size_t nodes);
  // It is gone; its connections are closed by who ended it.
  void End(Host node);

  void OnDial(const DialPeer& event);
  // The handshake: the Hello has come, the Hello and Proof in answer, the Proof in answer to that.
  void OnEstablished(const Connection& connection);
  void OnAnswered(Connection& connection);
  void OnProven(const Connection& connection);
  void OnTooLate(const Connection& connection);
  // The connection is gone in the eyes of this end.
  void OnLost(const Connection& connection, Host at);
  void OnFrame(const Connection& connection, std::string frame);

  // Where a node speaks to a peer that is up; 0: it is not.
  ConnectionId WireTo(Host node, Host peer) const;
  // When the last of so many nodes had met each other once; kNever: some have not yet.
  int64_t FormedAt(size_t nodes) const {
    return met_.size() == nodes * (nodes - 1) ? last_met_us_ : kNever;
  }
  // What the transports have for the nodes since the last call.
  std::vector<std::pair<Host, Node::Input>> TakeInputs() { return std::exchange(inputs_, {}); }

 private:
  // One node's view of one peer.
  struct Side {
    cluster::LinkPair pair = {};
    ConnectionId outgoing = 0;  // dialled
    bool answered = false;
    ConnectionId incoming = 0;
    bool told_up = false;
    std::vector<std::string> held = {};  // said by the peer, which thinks that it is up
  };

  bool Runs(Host node) const { return lives_.contains(node); }
  bool IsWanted(const Connection& connection) const;
  // Never the same for two starts.
  uint64_t BootNonce(Host node) const;
  void DialSoon(Host from, Host to, int64_t at_least_us);
  void DropOutgoing(Host node, Host peer);
  void DropIncoming(Host node, Host peer);
  void Update(Host node, Host peer);

  Scheduler<Event>& scheduler_;
  Network& network_;
  cluster::Random random_;
  std::map<Host, uint64_t> lives_;  // of the processes that run
  std::map<std::pair<Host, Host>, Side> sides_;
  std::vector<std::pair<Host, Node::Input>> inputs_;
  std::set<std::pair<Host, Host>> met_;  // who was told that whom is up
  int64_t last_met_us_ = 0;
};

}  // namespace cartwheel::sim
