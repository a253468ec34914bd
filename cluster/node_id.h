// Who a node is: chosen once for its data directory, never reused, independent of its addresses.
#pragma once

#include <cstdint>

namespace cartwheel::cluster {

enum class NodeId : uint64_t {};
inline constexpr NodeId kNoNode{};  // names no node

// One that a request may be sent to, as its coordinator sees it.
struct Candidate {
  NodeId node = kNoNode;
  bool owner = false;    // of the key's partition; else a fallback
  bool healthy = false;  // the failure detector has nothing against it
  // Of an owner: the quorums that its copy counts to, as bits. While a partition moves there are
  // two, of the owners before and of those after, and a write needs both (ring.h).
  uint8_t quorums = 1;
};

}  // namespace cartwheel::cluster
