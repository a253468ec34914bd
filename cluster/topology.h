// What the members of a cluster agree on: who they are, where they listen for each other, and which
// of them own which partition. The register (register.h) holds it, one record for each epoch.
//
//   u8  format: 1; 2 where something is planned, u64 cluster id, u8 N
//   varint number of members, by ascending id; of each: u64 id, varint + bytes host, u16 port,
//       varint + bytes zone, varint weight; format 2: varint planned weight + 1, 0: none
//   u8  owners of a partition; of every partition so many u16: places in the list of members
//
// Integers are little endian.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/node_id.h"
#include "cluster/register.h"
#include "cluster/ring.h"

namespace cartwheel::cluster {

// Where a node listens for the others: a name or an address, IPv6 without brackets.
struct NodeAddress {
  std::string host;
  uint16_t port = 0;

  auto operator<=>(const NodeAddress&) const = default;
};
// HOST:PORT, or [HOST]:PORT.
std::string Text(const NodeAddress& address);

struct TopologyMember {
  NodeId node = kNoNode;
  NodeAddress address{};
  std::string zone{};
  // Of what the members hold, as the owners stand. 0: it holds nothing, but has a plan.
  uint32_t weight = 1;
  // What its weight comes to be when the plan is carried out; 0: it leaves. nullopt: what it is.
  std::optional<uint32_t> planned_weight{};

  uint32_t weight_to_be() const { return planned_weight.value_or(weight); }
  bool operator==(const TopologyMember&) const = default;
};

struct Topology {
  uint64_t cluster_id = 0;              // drawn by who created it, never 0
  uint8_t n = 0;                        // copies of a key, where there are as many members
  std::vector<TopologyMember> members;  // by id, at least one
  OwnerTable owners;

  bool operator==(const Topology&) const = default;
};

// nullptr: it is none.
const TopologyMember* FindMember(const Topology& topology, NodeId node);
// As a ring takes them.
std::vector<Member> RingMembers(const Topology& topology);
// Of those, who own something: as a placement takes them.
std::vector<Member> OwningMembers(const Topology& topology);
Ring RingOf(const Topology& topology);

// The same with these members in it, in place of those with their ids or their addresses. The
// owners are placed anew (placement.h), unless those who own something are the same.
Topology With(const Topology& before, const std::vector<TopologyMember>& members);
// The same without the member, which is not the only one that owns something.
Topology Without(const Topology& before, NodeId node);

// Something is planned, and not done yet.
bool HasPlan(const Topology& topology);
// The same with its plan carried out. At least one member is to own something.
Topology Planned(const Topology& before);

std::string EncodeTopology(const Topology& topology);
// Never trusts the bytes. The error says what is wrong with them, as a part of one line.
std::expected<Topology, std::string> DecodeTopology(std::string_view bytes);

// Who decide what follows a record: of the voters before, those who are still members, and more of
// the members, up to five. A majority of five outlives two, and more would only make it slower.
inline constexpr size_t kMaxVoters = 5;
std::vector<NodeId> VotersOf(const Topology& topology, const std::vector<NodeId>& before);

}  // namespace cartwheel::cluster
