// What the members of a cluster agree on: who they are, where they listen for each other, and which
// of them own which partition. The register (register.h) holds it, one record for each epoch.
//
//   u8  format: 3; u64 cluster id, u8 N
//   varint number of members, by ascending id; of each: u64 id, varint + bytes host, u16 port,
//       varint + bytes zone, varint weight, varint planned weight + 1, 0: none; u8 gone
//   u8  most owners of a partition; of every partition so many u16: places in the list of members,
//       0xffff where there are fewer
//   of every partition varint epoch
//   varint number of moves, by ascending partition; of each: u16 partition, u8 step, u8 number of
//       owners after it, of each u16: its place
//   varint + bytes why nothing is moved
// Formats 1 and 2 ended with the owners, knew nobody gone, and 1 no plans either.
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
  // Of what the members are to hold; they come to it by moves (moves.h). 0: it has a plan, or is
  // on its way out: who holds nothing any more is taken out.
  uint32_t weight = 1;
  // What its weight comes to be when the plan is carried out; 0: it leaves. nullopt: what it is.
  std::optional<uint32_t> planned_weight{};
  // It is dead, says an operator: what it alone holds is given up. Its weight is, or is to be, 0.
  bool gone = false;

  uint32_t weight_to_be() const { return planned_weight.value_or(weight); }
  bool operator==(const TopologyMember&) const = default;
};

struct Topology {
  uint64_t cluster_id = 0;              // drawn by who created it, never 0
  uint8_t n = 0;                        // copies of a key, where there are as many members
  std::vector<TopologyMember> members;  // by id, at least one
  OwnerTable owners;
  std::vector<uint64_t> epochs = std::vector<uint64_t>(kPartitions);  // of each partition (ring.h)
  std::vector<Move> moves{};                                          // by partition
  // Why no partition is moved, though the weights ask for it, as a part of one line. Empty: they
  // are.
  std::string halt{};

  bool operator==(const Topology&) const = default;
};

// nullptr: it is none.
const TopologyMember* FindMember(const Topology& topology, NodeId node);
// As a ring takes them.
std::vector<Member> RingMembers(const Topology& topology);
// Of those, who own something: as a placement takes them.
std::vector<Member> OwningMembers(const Topology& topology);
Ring RingOf(const Topology& topology);
// It owns something, or will after a move that is under way.
bool IsOwner(const Topology& topology, NodeId node);

// Whether owners change with the members, or come to it by moves, as they have to where there are
// keys. At once there must be no moves under way.
enum class Placing : uint8_t { kAtOnce, kByMoves };

// The same with these members in it, in place of those with their ids or their addresses. At once:
// the owners are placed anew (placement.h), unless those who own something are the same. By moves:
// whose address a new member has now is gone, but stays as long as it owns something. A member that
// was one before and comes to another's address leaves that one its own: when machines start again
// their addresses may have changed places. Who is gone counts as being at no address.
Topology With(const Topology& before, const std::vector<TopologyMember>& members,
              Placing placing = Placing::kAtOnce);
// The same without the member, which is not the only one that owns something. By moves: it stays,
// with no weight and gone, as long as it owns something.
Topology Without(const Topology& before, NodeId node, Placing placing = Placing::kAtOnce);

// Something is planned, and not done yet.
bool HasPlan(const Topology& topology);
// The same with its plan carried out. At least one member is to own something. By moves: who leaves
// stays, with no weight, until it has handed on what it has. Whatever halted moves does so no more.
Topology Planned(const Topology& before, Placing placing = Placing::kAtOnce);

// What is to follow `before` has this epoch: that of each partition whose owners, in whatever
// order, or whose move are others there.
void StampEpochs(const Topology& before, Topology& next, uint64_t epoch);

// Of Topology::halt, printable ASCII.
inline constexpr size_t kMaxHaltBytes = 200;

// `owners` is as narrow as its rows are.
std::string EncodeTopology(const Topology& topology);
// Never trusts the bytes. The error says what is wrong with them, as a part of one line.
std::expected<Topology, std::string> DecodeTopology(std::string_view bytes);

// Who decide what follows a record: of the voters before, those who are still members, and more of
// the members, up to five. A majority of five outlives two, and more would only make it slower. Who
// is on its way out gives way to others, and who is gone decides nothing.
inline constexpr size_t kMaxVoters = 5;
std::vector<NodeId> VotersOf(const Topology& topology, const std::vector<NodeId>& before);

}  // namespace cartwheel::cluster
