// SWIM's packets as bytes: a datagram, or a message on a connection.
//
//   u8  format
//   u64 cluster, u64 from, u64 boot nonce, u64 epoch
//   u8  type, its fields: 1 ping, 3 ping request: u64 sequence, u64 target; 2 ack, 4 nack: u64
//       sequence; 5 gossip: nothing; 6 push-pull: u8 wants_answer
//   u16 number of rumors, of each: u64 node, u64 incarnation, u8 health, u64 by
//   16  first bytes of HMAC-SHA-256 over all that
//
// Integers are little endian. Whoever does not have the key cannot make nodes suspect each other;
// with a key that everybody can guess the bytes at the end still tell damage, and other clusters.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "cluster/swim_packet.h"

namespace cartwheel::cluster {

struct SwimMessage {
  uint64_t cluster_id = 0;
  NodeId from = kNoNode;
  uint64_t boot_nonce = 0;
  uint64_t epoch = 0;  // of the sender's topology
  SwimPacket packet;

  bool operator==(const SwimMessage&) const = default;
};

using SwimKey = std::span<const uint8_t, 32>;

// In this order they are looked for.
enum class SwimFault : uint8_t {
  kTooShort,
  kNewerFormat,
  kOtherCluster,  // before the key, which another cluster's is not
  kForged,        // or damaged
  kMalformed,
};
// What is wrong with it, as a part of one line for the log.
std::string_view Describe(SwimFault fault);

// Rumors past what 16 bits count are left out.
std::string EncodeSwim(const SwimMessage& message, SwimKey key);
// Never trusts the bytes.
std::expected<SwimMessage, SwimFault> DecodeSwim(std::string_view bytes, uint64_t cluster_id,
                                                 SwimKey key);

}  // namespace cartwheel::cluster
