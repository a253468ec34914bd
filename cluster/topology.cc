#include "cluster/topology.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "cluster/byte_fields.h"
#include "cluster/levels.h"
#include "cluster/placement.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 3;
constexpr uint8_t kFormatWithPlan = 2;
constexpr uint8_t kFirstFormat = 1;
constexpr size_t kMaxHostBytes = 255;  // of a DNS name, RFC 1035
constexpr size_t kMaxZoneBytes = 64;
constexpr uint64_t kNoPlace = 0xffff;
// No cluster has seen so many changes; what is added to one of them still fits.
constexpr uint64_t kMaxEpoch = uint64_t{1} << 62;

// ---- encoding

// Members by their place in the list.
using Places = std::unordered_map<uint64_t, uint64_t>;

void Append(const TopologyMember& member, ByteWriter& out) {
  out.Name(member.node)
      .Bytes(member.address.host)
      .Little<2>(member.address.port)
      .Bytes(member.zone)
      .Varint(member.weight)
      .Varint(member.planned_weight ? uint64_t{*member.planned_weight} + 1 : 0)
      .U8(member.gone ? 1 : 0);
}

void Append(const Move& move, const Places& places, ByteWriter& out) {
  out.Little<2>(move.partition).U8(static_cast<uint8_t>(move.step));
  out.U8(static_cast<uint8_t>(move.to.size()));
  for (const NodeId owner : move.to) out.Little<2>(places.at(static_cast<uint64_t>(owner)));
}

// ---- decoding

TopologyMember TakeMember(uint8_t format, ByteReader& in) {
  TopologyMember member;
  member.node = in.Name<NodeId>();
  member.address.host = in.Bytes();
  member.address.port = static_cast<uint16_t>(in.Little<2>());
  member.zone = in.Bytes();
  const uint64_t weight = in.Varint();
  const uint64_t planned = format >= kFormatWithPlan ? in.Varint() : 0;
  member.gone = format >= kFormat && in.Flag();
  in.Require(member.node != kNoNode && weight <= kMaxWeight && planned <= kMaxWeight + 1);
  // One form of each topology: a plan is a change.
  in.Require(planned == 0 ? weight > 0 || format >= kFormat : planned - 1 != weight);
  in.Require(!member.address.host.empty() && member.address.host.size() <= kMaxHostBytes);
  in.Require(member.address.port != 0 && member.zone.size() <= kMaxZoneBytes);
  member.weight = static_cast<uint32_t>(weight);
  if (planned > 0) member.planned_weight = static_cast<uint32_t>(planned - 1);
  in.Require(!member.gone || member.weight_to_be() == 0);
  return member;
}

std::vector<TopologyMember> TakeMembers(uint8_t format, ByteReader& in) {
  std::vector<TopologyMember> members;
  std::set<NodeAddress> addresses;
  const uint64_t count = in.Varint();
  in.Require(count >= 1 && count <= Ring::kMaxMembers);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    TopologyMember member = TakeMember(format, in);
    in.Require(members.empty() || members.back().node < member.node);
    in.Require(member.gone || addresses.insert(member.address).second);
    members.push_back(std::move(member));
  }
  return members;
}

NodeId TakeOwner(const Topology& topology, ByteReader& in) {
  const uint64_t place = in.Little<2>();
  in.Require(place < topology.members.size());
  return in.ok() ? topology.members[place].node : kNoNode;
}

// Distinct ones, at least one.
std::vector<NodeId> TakeDistinct(uint64_t count, const Topology& topology, ByteReader& in) {
  std::vector<NodeId> owners;
  in.Require(count >= 1 && count <= kMaxCopies);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const NodeId owner = TakeOwner(topology, in);
    in.Require(std::ranges::find(owners, owner) == owners.end());
    owners.push_back(owner);
  }
  return owners;
}

// In the formats that knew no moves: as many as there can be, and only those who have a weight.
OwnerTable TakeFullRows(const Topology& topology, ByteReader& in) {
  const auto owning = static_cast<size_t>(std::ranges::count_if(
      topology.members, [](const TopologyMember& member) { return member.weight > 0; }));
  OwnerTable owners{.copies = in.U8(), .nodes = {}};
  in.Require(owning > 0 && owners.copies == std::min<size_t>(topology.n, owning));
  for (size_t row = 0; row < kPartitions && in.ok(); ++row) {
    for (const NodeId owner : TakeDistinct(owners.copies, topology, in)) {
      const TopologyMember* const member = FindMember(topology, owner);
      in.Require(member != nullptr && member->weight > 0);
      owners.nodes.push_back(owner);
    }
  }
  return owners;
}

OwnerTable TakeRows(const Topology& topology, ByteReader& in) {
  OwnerTable owners{.copies = in.U8(), .nodes = {}};
  in.Require(owners.copies >= 1 && owners.copies <= kMaxCopies);
  size_t longest = 0;
  for (size_t row = 0; row < kPartitions && in.ok(); ++row) {
    ByteReader bytes(in.Take(2 * owners.copies));
    size_t length = 0;
    for (ByteReader ahead = bytes; length < owners.copies; ++length) {
      if (ahead.Little<2>() == kNoPlace) break;
    }
    for (const NodeId owner : TakeDistinct(length, topology, bytes)) owners.nodes.push_back(owner);
    for (size_t i = length; i < owners.copies; ++i) {
      bytes.Require(bytes.Little<2>() == kNoPlace);
      owners.nodes.push_back(kNoNode);
    }
    in.Require(bytes.ok());
    longest = std::max(longest, length);
  }
  in.Require(longest == owners.copies);
  return owners;
}

std::vector<uint64_t> TakeEpochs(ByteReader& in) {
  std::vector<uint64_t> epochs;
  for (size_t partition = 0; partition < kPartitions; ++partition) {
    epochs.push_back(in.Varint());
    in.Require(epochs.back() <= kMaxEpoch);
  }
  return epochs;
}

std::vector<Move> TakeMoves(const Topology& topology, ByteReader& in) {
  std::vector<Move> moves;
  const uint64_t count = in.Varint();
  in.Require(count <= kPartitions);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const uint64_t partition = in.Little<2>();
    const uint8_t step = in.U8();
    in.Require(partition < kPartitions && (step == 1 || step == 2));
    in.Require(moves.empty() || moves.back().partition < partition);
    Move move{.partition = static_cast<Partition>(partition),
              .step = MoveStep{step},
              .to = TakeDistinct(in.U8(), topology, in)};
    if (!in.ok()) break;
    in.Require(!std::ranges::is_permutation(RowOf(topology.owners, move.partition), move.to));
    moves.push_back(std::move(move));
  }
  return moves;
}

bool IsPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return ' ' <= c && c <= '~'; });
}

// ---- changes

// Where who owns something stays the same, nothing is to move.
void PlaceAnew(const Topology& before, Topology& after) {
  storage::Check(before.moves.empty(), "what is moving is not placed at once");
  const std::vector<Member> owning = OwningMembers(after);
  const bool all_own = std::ranges::all_of(after.owners.nodes, [&](NodeId owner) {
    const TopologyMember* const member = FindMember(after, owner);
    return owner == kNoNode || (member != nullptr && member->weight > 0);
  });
  if (OwningMembers(before) == owning && all_own) return;
  after.owners = Place(before.owners, owning, after.n);
}

void MarkGone(TopologyMember& member) {
  member.weight = 0;
  member.planned_weight.reset();
  member.gone = true;
}

void EraseGoneThatOwnNothing(Topology& topology) {
  std::erase_if(topology.members, [&](const TopologyMember& member) {
    return member.gone && member.weight == 0 && !IsOwner(topology, member.node);
  });
}

void PlaceOwners(const Topology& before, Topology& after, Placing placing) {
  if (placing == Placing::kAtOnce) {
    PlaceAnew(before, after);
  } else {
    EraseGoneThatOwnNothing(after);
  }
}

// Nobody but the member is at its address any more.
void ClearAddress(Topology& topology, const TopologyMember& member, Placing placing) {
  const auto other = std::ranges::find_if(topology.members, [&](const TopologyMember& it) {
    return !it.gone && it.node != member.node && it.address == member.address;
  });
  if (member.gone || other == topology.members.end()) return;
  if (const TopologyMember* const before = FindMember(topology, member.node)) {
    other->address = before->address;
  } else if (placing == Placing::kByMoves) {
    MarkGone(*other);
  } else {
    topology.members.erase(other);
  }
}

}  // namespace

std::string Text(const NodeAddress& address) {
  const bool bracketed = address.host.contains(':');
  return (bracketed ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

const TopologyMember* FindMember(const Topology& topology, NodeId node) {
  const auto found = std::ranges::lower_bound(topology.members, node, {}, &TopologyMember::node);
  return found == topology.members.end() || found->node != node ? nullptr : &*found;
}

std::vector<Member> RingMembers(const Topology& topology) {
  std::vector<Member> members;
  members.reserve(topology.members.size());
  for (const TopologyMember& member : topology.members) {
    members.push_back(
        {.node = member.node, .zone = member.zone, .weight = member.weight, .gone = member.gone});
  }
  return members;
}

// Who is gone has no weight, or a plan that takes it: until then its place is kept.
std::vector<Member> OwningMembers(const Topology& topology) {
  std::vector<Member> members = RingMembers(topology);
  std::erase_if(members, [](const Member& member) { return member.weight == 0; });
  return members;
}

Ring RingOf(const Topology& topology) {
  return {RingMembers(topology), topology.owners, topology.moves, topology.epochs};
}

bool IsOwner(const Topology& topology, NodeId node) {
  return std::ranges::find(topology.owners.nodes, node) != topology.owners.nodes.end() ||
         std::ranges::any_of(topology.moves, [node](const Move& move) {
           return std::ranges::find(move.to, node) != move.to.end();
         });
}

Topology With(const Topology& before, const std::vector<TopologyMember>& members, Placing placing) {
  Topology after = before;
  for (const TopologyMember& member : members) {
    ClearAddress(after, member, placing);
    const auto at = std::ranges::lower_bound(after.members, member.node, {}, &TopologyMember::node);
    if (at != after.members.end() && at->node == member.node) {
      *at = member;
    } else {
      after.members.insert(at, member);
    }
  }
  PlaceOwners(before, after, placing);
  return after;
}

Topology Without(const Topology& before, NodeId node, Placing placing) {
  Topology after = before;
  if (placing == Placing::kByMoves && IsOwner(before, node)) {
    for (TopologyMember& member : after.members) {
      if (member.node == node) MarkGone(member);
    }
  } else {
    std::erase_if(after.members,
                  [node](const TopologyMember& member) { return member.node == node; });
  }
  PlaceOwners(before, after, placing);
  return after;
}

bool HasPlan(const Topology& topology) {
  return std::ranges::any_of(topology.members, [](const TopologyMember& member) {
    return member.planned_weight.has_value();
  });
}

Topology Planned(const Topology& before, Placing placing) {
  Topology after = before;
  after.halt.clear();
  if (placing == Placing::kAtOnce) {
    std::erase_if(after.members,
                  [](const TopologyMember& member) { return member.weight_to_be() == 0; });
  }
  for (TopologyMember& member : after.members) {
    member.weight = member.weight_to_be();
    member.planned_weight.reset();
  }
  PlaceOwners(before, after, placing);
  return after;
}

void StampEpochs(const Topology& before, Topology& next, uint64_t epoch) {
  std::vector<const Move*> moves(kPartitions);
  for (const Move& move : before.moves) moves[move.partition] = &move;
  std::vector<bool> changes(kPartitions);
  for (const Move& move : next.moves) {
    const Move* const was = std::exchange(moves[move.partition], nullptr);
    changes[move.partition] = was == nullptr || *was != move;
  }
  for (size_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<Partition>(i);
    const bool stopped = moves[i] != nullptr;
    const bool others = !std::ranges::is_permutation(RowOf(before.owners, partition),
                                                     RowOf(next.owners, partition));
    if (changes[i] || stopped || others) next.epochs[i] = epoch;
  }
}

std::string EncodeTopology(const Topology& topology) {
  storage::Check(topology.epochs.size() == kPartitions, "each partition has an epoch");
  std::string bytes;
  ByteWriter out(bytes);
  out.U8(kFormat).U64(topology.cluster_id).U8(topology.n).Varint(topology.members.size());
  Places places;
  for (const TopologyMember& member : topology.members) {
    places.emplace(static_cast<uint64_t>(member.node), places.size());
    Append(member, out);
  }
  out.U8(static_cast<uint8_t>(topology.owners.copies));
  for (const NodeId owner : topology.owners.nodes) {
    out.Little<2>(owner == kNoNode ? kNoPlace : places.at(static_cast<uint64_t>(owner)));
  }
  for (const uint64_t epoch : topology.epochs) out.Varint(epoch);
  out.Varint(topology.moves.size());
  for (const Move& move : topology.moves) Append(move, places, out);
  out.Bytes(topology.halt);
  return bytes;
}

std::expected<Topology, std::string> DecodeTopology(std::string_view bytes) {
  ByteReader in(bytes);
  const uint8_t format = in.U8();
  if (in.ok() && format > kFormat) {
    return std::unexpected("a topology of a later version, format " + std::to_string(format));
  }
  in.Require(format >= kFirstFormat);
  Topology topology;
  topology.cluster_id = in.U64();
  topology.n = in.U8();
  in.Require(topology.cluster_id != 0 && topology.n >= 1 && topology.n <= kMaxCopies);
  topology.members = TakeMembers(format, in);
  if (format < kFormat) {
    topology.owners = TakeFullRows(topology, in);
    // Without a plan it had the other format.
    in.Require(HasPlan(topology) == (format == kFormatWithPlan));
  } else {
    topology.owners = TakeRows(topology, in);
    topology.epochs = TakeEpochs(in);
    topology.moves = TakeMoves(topology, in);
    topology.halt = in.Bytes();
    in.Require(topology.halt.size() <= kMaxHaltBytes && IsPrintable(topology.halt));
  }
  in.Require(in.empty());
  if (!in.ok()) return std::unexpected("an ill-formed topology");
  return topology;
}

std::vector<NodeId> VotersOf(const Topology& topology, const std::vector<NodeId>& before) {
  const auto leaves = [](const TopologyMember& member) {
    return member.weight == 0 && !member.planned_weight;
  };
  std::vector<NodeId> voters;
  for (const NodeId voter : before) {
    const TopologyMember* const member = FindMember(topology, voter);
    if (member != nullptr && !member->gone && !leaves(*member)) voters.push_back(voter);
  }
  const auto add = [&](auto&& may_be_one) {
    for (const TopologyMember& member : topology.members) {
      if (voters.size() >= kMaxVoters) return;
      const bool is_one = std::ranges::find(voters, member.node) != voters.end();
      if (!is_one && may_be_one(member)) voters.push_back(member.node);
    }
  };
  add([](const TopologyMember& member) { return !member.gone && member.weight > 0; });
  add([&](const TopologyMember& member) { return !member.gone && !leaves(member); });
  add([](const TopologyMember& member) { return !member.gone; });
  // Somebody has to decide.
  if (voters.empty()) add([](const TopologyMember&) { return true; });
  std::ranges::sort(voters);
  return voters;
}

}  // namespace cartwheel::cluster
