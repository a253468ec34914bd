// What can happen next in a simulated cluster: small values, each with the life it belongs to, so
// that those of a process or connection that is gone are passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

namespace cartwheel::sim {

// Nodes come first, clients after them.
using Host = size_t;
// No two connections of a run have the same.
using ConnectionId = uint64_t;

// The next bytes under way reach the end of one direction of a connection.
struct Arrival {
  ConnectionId connection = 0;
  bool forward = true;  // from who dialled
};
// A message between nodes that came before comes again, or comes late.
struct Replay {
  ConnectionId connection = 0;
  std::string frame;
};
// A direction that has made no headway since gives up.
struct GiveUp {
  ConnectionId connection = 0;
  uint64_t stall = 0;
};
// The other end learns that a connection is gone.
struct Hangup {
  ConnectionId connection = 0;
  Host at = 0;
};
// Between nodes, outside of connections.
struct DatagramArrives {
  Host from = 0;
  Host to = 0;
  std::string bytes;
};
struct DialPeer {
  Host from = 0;
  Host to = 0;
  uint64_t life = 0;
};
// The connection is there; between nodes: and the dialler's Hello has come.
struct Established {
  ConnectionId connection = 0;
};
// Between nodes: who dialled has an answer; or should have one by now.
struct Answered {
  ConnectionId connection = 0;
};
struct HandshakeEnds {
  ConnectionId connection = 0;
};
struct NodeTurn {
  Host node = 0;
  uint64_t life = 0;
};
struct NodeTimer {
  Host node = 0;
  uint64_t life = 0;
  int64_t at_us = 0;
};
enum class Helper : uint8_t { kSyncer, kFlusher };
struct HelperDone {
  Host node = 0;
  uint64_t life = 0;
  Helper helper = Helper::kSyncer;
};
struct ClientWakes {
  size_t client = 0;
  uint64_t alarm = 0;
};
// What an operator has planned is to be carried out.
struct OperatorCommits {
  Host node = 0;
};
struct FaultBegins {};
struct FaultEnds {
  size_t fault = 0;
};

using Event = std::variant<Arrival, Replay, GiveUp, Hangup, DatagramArrives, DialPeer, Established,
                           Answered, HandshakeEnds, NodeTurn, NodeTimer, HelperDone, ClientWakes,
                           OperatorCommits, FaultBegins, FaultEnds>;

}  // namespace cartwheel::sim
