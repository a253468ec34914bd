// Who is alive: one member's failure detector, after SWIM and Lifeguard (swim_packet.h names them).
//
// Each member probes the others in a random order that repeats. One that does not answer is asked
// through others and over TCP, then suspected; a suspect that does not refute in time is dead. The
// dead go on being probed, as membership never changes by a failure: one that comes back says so.
//
// Requests never wait for it: it says whom to ask last, and when hints may begin at once.
//
// Time is monotonic microseconds and never goes back from call to call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <variant>
#include <vector>

#include "cluster/node_id.h"
#include "cluster/swim_packet.h"

namespace cartwheel::cluster {

class Swim {
 public:
  struct Options {
    int64_t probe_every_us = 1'000'000;
    int64_t probe_timeout_us = 500'000;  // then others are asked to probe it too
    size_t indirect_probes = 3;
    // A suspect has so many probe intervals, times log10 of the members if that is more than 1, to
    // refute; half as many once enough others suspect it independently.
    int64_t suspicion_intervals = 4;
    size_t confirmations = 2;
    int64_t gossip_every_us = 200'000;
    size_t gossip_to = 3;
    // Each rumor is passed on so many times, times log2 of the members: with fewer, one in a
    // hundred rumors does not reach everybody.
    size_t retransmissions = 4;
    size_t max_rumors = 50;  // in one packet of 1400 bytes
    int64_t push_pull_every_us = 30'000'000;
    // How far a member that notices that it is slow itself slows down its probing: Lifeguard's
    // local health multiplier.
    int max_awareness = 8;
  };

  // To be sent to a member: in a datagram, or, `reliably`, over a connection.
  struct Send {
    NodeId to;
    SwimPacket packet;
    bool reliably = false;
  };
  struct Changed {
    NodeId node;
    Health health;
  };
  using Output = std::variant<Send, Changed>;

  // `incarnation`: larger than that of any earlier start of the node, as the time of day is.
  Swim(NodeId self, uint64_t incarnation, const Options& options, uint64_t seed);

  // Who the others are from now on. New ones are taken for alive.
  void SetMembers(std::span<const NodeId> others, int64_t now_us);

  // A connection to it broke, or it did not answer a request: it is probed next, at once.
  void Doubt(NodeId node, int64_t now_us);
  // A connection to it stands: it is told, reliably, if it is taken for anything but alive.
  void Remind(NodeId node);

  // From a member; packets of others are ignored. `reliably`: over a connection, on which it is
  // answered.
  void On(NodeId from, const SwimPacket& packet, bool reliably, int64_t now_us);
  void OnTime(int64_t now_us);
  // When OnTime has something to do.
  int64_t NextDeadline() const;
  // What to do since the last call, in order.
  std::vector<Output> TakeOutputs();

  // kDead: it is no member.
  Health HealthOf(NodeId node) const;
  // How many independent members suspect it; 0 unless it is suspected.
  size_t SuspectedBy(NodeId node) const;
  uint64_t incarnation() const { return incarnation_; }
  // 0: it works well; up to max_awareness.
  int awareness() const { return awareness_; }

 private:
  struct Peer {
    Health health = Health::kAlive;
    uint64_t incarnation = 0;
    int64_t suspected_us = 0;
    std::set<NodeId> suspected_by = {};
  };
  // The probe of this interval.
  struct Probe {
    NodeId target = kNoNode;
    uint64_t sequence = 0;
    int64_t ask_others_us = 0;
    bool asked_others = false;
    size_t helpers = 0;           // asked to probe it too
    std::set<NodeId> asked = {};  // of them, who has not sent a NACK
  };
  // A ping on behalf of another member.
  struct Relay {
    NodeId for_whom;
    uint64_t its_sequence;
    int64_t nack_us;
    bool nacked = false;
  };
  struct Spreading {
    Rumor rumor;
    size_t times = 0;
  };

  uint64_t Random(uint64_t below);
  void EndProbe(bool answered, int64_t now_us);
  void BeginProbe(int64_t now_us);
  NodeId NextTarget();
  void AskOthers();
  void SendNacks(int64_t now_us);
  void Gossip();
  void PushPull();
  void BuryOverdue(int64_t now_us);
  void Worsen() { awareness_ = awareness_ < options_.max_awareness ? awareness_ + 1 : awareness_; }
  void Improve() { awareness_ = awareness_ > 0 ? awareness_ - 1 : 0; }
  int64_t Slowed(int64_t microseconds) const { return microseconds * (1 + awareness_); }
  int64_t SuspicionUs(const Peer& peer) const;
  size_t MostTellings() const;

  void Hear(const Rumor& rumor, int64_t now_us);
  void HearOfSelf(const Rumor& rumor);
  void Suspect(Peer& peer, const Rumor& rumor, int64_t now_us);
  void Become(Peer& peer, const Rumor& rumor);
  void Spread(const Rumor& rumor);
  // What is due, least told first; what it says of the receiver itself above all.
  std::vector<Rumor> RumorsFor(NodeId to);
  void Emit(NodeId to, decltype(SwimPacket::body) body, bool reliably = false);
  std::vector<NodeId> SomeOthers(size_t count, NodeId without, bool dead_too);

  void On(NodeId from, const SwimPing& ping, bool reliably, int64_t now_us);
  void On(NodeId from, const SwimAck& ack, bool reliably, int64_t now_us);
  void On(NodeId from, const SwimPingRequest& request, bool reliably, int64_t now_us);
  void On(NodeId from, const SwimNack& nack, bool reliably, int64_t now_us);
  void On(NodeId, const SwimGossip&, bool, int64_t) {}
  void On(NodeId from, const SwimPushPull& push_pull, bool reliably, int64_t now_us);

  const NodeId self_;
  uint64_t incarnation_;
  const Options options_;
  uint64_t random_state_;
  int awareness_ = 0;
  std::map<NodeId, Peer> peers_;
  std::vector<NodeId> round_;  // still to be probed in this one, the next one last
  std::optional<Probe> probe_;
  std::map<uint64_t, Relay> relays_;  // by the sequence of the ping that was sent for it
  std::map<NodeId, Spreading> spreading_;
  uint64_t next_sequence_ = 1;
  int64_t next_probe_us_ = 0;
  int64_t next_gossip_us_ = 0;
  int64_t next_push_pull_us_ = 0;
  std::vector<Output> outputs_;
};

}  // namespace cartwheel::cluster
