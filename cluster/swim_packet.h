// What members tell each other about who is alive: SWIM's packets (Das, Gupta, Motivala, "SWIM:
// Scalable Weakly-consistent Infection-style Process Group Membership Protocol", DSN 2002), with
// Lifeguard's NACK (Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate
// Failure Detection", 2017).
//
// Addresses are never among it: whom a node may talk to is the topology's to say.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "cluster/node_id.h"

namespace cartwheel::cluster {

enum class Health : uint8_t {
  kAlive = 0,
  kSuspect = 1,  // it has not answered, and may still say that it lives
  kDead = 2,     // it has not said so in time
};

// A node's health as somebody knows it. Of one incarnation the worse is believed, and of two the
// later: only the node itself begins another, to say that it lives after all.
struct Rumor {
  NodeId node = kNoNode;
  uint64_t incarnation = 0;
  Health health = Health::kAlive;
  NodeId by = kNoNode;  // of kSuspect: who found out, so that independent ones count

  bool operator==(const Rumor&) const = default;
};

struct SwimPing {
  uint64_t sequence = 0;    // chosen by who asks
  NodeId target = kNoNode;  // others do not answer: an address may have become another node's
  bool operator==(const SwimPing&) const = default;
};
struct SwimAck {
  uint64_t sequence = 0;
  bool operator==(const SwimAck&) const = default;
};
// Ping the target, and pass its answer on.
struct SwimPingRequest {
  uint64_t sequence = 0;
  NodeId target = kNoNode;
  bool operator==(const SwimPingRequest&) const = default;
};
// The target of a ping request has not answered; so who asked for it can be reached at least.
struct SwimNack {
  uint64_t sequence = 0;
  bool operator==(const SwimNack&) const = default;
};
// Nothing but its rumors.
struct SwimGossip {
  bool operator==(const SwimGossip&) const = default;
};
// All that the sender knows is in its rumors; the first of two asks for the same.
struct SwimPushPull {
  bool wants_answer = false;
  bool operator==(const SwimPushPull&) const = default;
};

struct SwimPacket {
  std::variant<SwimPing, SwimAck, SwimPingRequest, SwimNack, SwimGossip, SwimPushPull> body;
  std::vector<Rumor> rumors;

  bool operator==(const SwimPacket&) const = default;
};

}  // namespace cartwheel::cluster
