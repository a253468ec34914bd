// How a node that is in no cluster finds one and asks to be let in: a question on a connection of
// its own, and its answer. Any node of the cluster can be asked.
//
// Both carry a MAC of the cluster's secret, and an answer names its question: who does not know the
// secret neither gets in nor draws anybody away, and nothing said before can be said again.
//
//   u8 format, u8 1 request, 2 reply
//   request  u16 oldest, u16 newest protocol, u64 nonce, u64 node, u64 boot nonce, u64 cluster,
//            u8 holds keys, bytes host, u16 port asked, bytes host, u16 port, bytes
//            zone, varint weight, bytes record (register_codec.h: chosen)
//   reply    u64 nonce of the request, u64 node, u64 boot nonce, u64 cluster, varint members,
//            u8 verdict, bytes seen host, bytes reason, bytes record
//   16       first bytes of HMAC-SHA-256 over all that
//
// Integers are little endian, bytes have their length before them as a varint.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "cluster/message.h"
#include "cluster/topology.h"

namespace cartwheel::cluster {

struct JoinRequest {
  uint16_t oldest_protocol = kOldestProtocol;
  uint16_t newest_protocol = kNewestProtocol;
  uint64_t nonce = 0;       // of this question
  NodeId node = kNoNode;    // who asks
  uint64_t boot_nonce = 0;  // of its start
  uint64_t cluster_id = 0;  // that it is in or wants to be in; 0: which is there?
  bool holds_keys = false;
  NodeAddress asked;    // where it found who it asks
  NodeAddress address;  // where it listens; an empty host: where it asks from
  std::string zone;
  uint32_t weight = 1;
  // The topology that it knows, as a Chosen; empty: none. Who is behind it learns it so.
  std::string record;

  bool operator==(const JoinRequest&) const = default;
};

struct JoinReply {
  enum class Verdict : uint8_t {
    kUnformed = 0,  // the node is in no cluster itself
    kFormed = 1,    // it is in the one named: ask again for that
    kPending = 2,   // who asks will be let in: ask again
    kMember = 3,    // who asks is a member, as the record says
    kRefused = 4,   // see reason
  };
  uint64_t nonce = 0;
  NodeId node = kNoNode;  // who answers
  uint64_t boot_nonce = 0;
  uint64_t cluster_id = 0;  // 0: none
  uint64_t members = 0;     // of it
  Verdict verdict = Verdict::kUnformed;
  std::string seen_host;  // where the question came from
  std::string reason;     // for the log and the operator
  std::string record;     // as a Chosen; empty: none

  bool operator==(const JoinReply&) const = default;
};

using JoinMessage = std::variant<JoinRequest, JoinReply>;
using JoinKey = std::span<const uint8_t, 32>;

std::string EncodeJoin(const JoinMessage& message, JoinKey key);
// Never trusts the bytes. The error says what is wrong, as a part of one line for the log.
std::expected<JoinMessage, std::string> DecodeJoin(std::string_view bytes, JoinKey key);

}  // namespace cartwheel::cluster
