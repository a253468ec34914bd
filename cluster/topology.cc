#include "cluster/topology.h"

#include <algorithm>
#include <unordered_map>

#include "cluster/byte_fields.h"
#include "cluster/placement.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kFormatWithPlan = 2;
constexpr size_t kMaxHostBytes = 255;  // of a DNS name, RFC 1035
constexpr size_t kMaxZoneBytes = 64;

void Append(const TopologyMember& member, uint8_t format, ByteWriter& out) {
  out.Name(member.node)
      .Bytes(member.address.host)
      .Little<2>(member.address.port)
      .Bytes(member.zone)
      .Varint(member.weight);
  if (format != kFormatWithPlan) return;
  out.Varint(member.planned_weight ? uint64_t{*member.planned_weight} + 1 : 0);
}

TopologyMember TakeMember(uint8_t format, ByteReader& in) {
  TopologyMember member;
  member.node = in.Name<NodeId>();
  member.address.host = in.Bytes();
  member.address.port = static_cast<uint16_t>(in.Little<2>());
  member.zone = in.Bytes();
  const uint64_t weight = in.Varint();
  const uint64_t planned = format == kFormatWithPlan ? in.Varint() : 0;
  in.Require(member.node != kNoNode && weight <= kMaxWeight && planned <= kMaxWeight + 1);
  // One form of each topology: a plan is a change, and who holds nothing has one.
  in.Require(planned == 0 ? weight > 0 : planned - 1 != weight);
  in.Require(!member.address.host.empty() && member.address.host.size() <= kMaxHostBytes);
  in.Require(member.address.port != 0 && member.zone.size() <= kMaxZoneBytes);
  member.weight = static_cast<uint32_t>(weight);
  if (planned > 0) member.planned_weight = static_cast<uint32_t>(planned - 1);
  return member;
}

// Where who owns something stays the same, nothing is to move.
void PlaceAnew(const Topology& before, Topology& after) {
  const std::vector<Member> owning = OwningMembers(after);
  if (OwningMembers(before) != owning) after.owners = Place(before.owners, owning, after.n);
}

std::vector<TopologyMember> TakeMembers(uint8_t format, ByteReader& in) {
  std::vector<TopologyMember> members;
  const uint64_t count = in.Varint();
  in.Require(count >= 1 && count <= Ring::kMaxMembers);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    TopologyMember member = TakeMember(format, in);
    in.Require(members.empty() || members.back().node < member.node);
    members.push_back(std::move(member));
  }
  return members;
}

OwnerTable TakeOwners(ByteReader& in, const Topology& topology) {
  OwnerTable owners;
  owners.copies = in.U8();
  const auto owning = static_cast<size_t>(std::ranges::count_if(
      topology.members, [](const TopologyMember& member) { return member.weight > 0; }));
  in.Require(owning > 0 && owners.copies == std::min<size_t>(topology.n, owning));
  for (size_t row = 0; row < kPartitions && in.ok(); ++row) {
    for (size_t copy = 0; copy < owners.copies && in.ok(); ++copy) {
      const uint64_t place = in.Little<2>();
      in.Require(place < topology.members.size());
      if (!in.ok()) break;
      in.Require(topology.members[place].weight > 0);
      const NodeId owner = topology.members[place].node;
      const auto begin = owners.nodes.end() - static_cast<ptrdiff_t>(copy);
      in.Require(std::find(begin, owners.nodes.end(), owner) == owners.nodes.end());
      owners.nodes.push_back(owner);
    }
  }
  return owners;
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
    members.push_back({.node = member.node, .zone = member.zone, .weight = member.weight});
  }
  return members;
}

std::vector<Member> OwningMembers(const Topology& topology) {
  std::vector<Member> members = RingMembers(topology);
  std::erase_if(members, [](const Member& member) { return member.weight == 0; });
  return members;
}

Ring RingOf(const Topology& topology) {
  return {RingMembers(topology), topology.owners};
}

Topology With(const Topology& before, const std::vector<TopologyMember>& members) {
  Topology after = before;
  for (const TopologyMember& member : members) {
    std::erase_if(after.members, [&member](const TopologyMember& other) {
      return other.address == member.address && other.node != member.node;
    });
    const auto at = std::ranges::lower_bound(after.members, member.node, {}, &TopologyMember::node);
    if (at != after.members.end() && at->node == member.node) {
      *at = member;
    } else {
      after.members.insert(at, member);
    }
  }
  PlaceAnew(before, after);
  return after;
}

Topology Without(const Topology& before, NodeId node) {
  Topology after = before;
  std::erase_if(after.members,
                [node](const TopologyMember& member) { return member.node == node; });
  PlaceAnew(before, after);
  return after;
}

bool HasPlan(const Topology& topology) {
  return std::ranges::any_of(topology.members, [](const TopologyMember& member) {
    return member.planned_weight.has_value();
  });
}

Topology Planned(const Topology& before) {
  Topology after = before;
  std::erase_if(after.members,
                [](const TopologyMember& member) { return member.weight_to_be() == 0; });
  for (TopologyMember& member : after.members) {
    member.weight = member.weight_to_be();
    member.planned_weight.reset();
  }
  PlaceAnew(before, after);
  return after;
}

std::string EncodeTopology(const Topology& topology) {
  std::string bytes;
  ByteWriter out(bytes);
  // So that earlier versions can read what they can make use of.
  const uint8_t format = HasPlan(topology) ? kFormatWithPlan : kFormat;
  out.U8(format).U64(topology.cluster_id).U8(topology.n).Varint(topology.members.size());
  std::unordered_map<uint64_t, uint64_t> places;
  for (const TopologyMember& member : topology.members) {
    places.emplace(static_cast<uint64_t>(member.node), places.size());
    Append(member, format, out);
  }
  out.U8(static_cast<uint8_t>(topology.owners.copies));
  for (const NodeId owner : topology.owners.nodes) {
    out.Little<2>(places.at(static_cast<uint64_t>(owner)));
  }
  return bytes;
}

std::expected<Topology, std::string> DecodeTopology(std::string_view bytes) {
  ByteReader in(bytes);
  const uint8_t format = in.U8();
  if (in.ok() && format != kFormat && format != kFormatWithPlan) {
    return std::unexpected("a topology of a later version, format " + std::to_string(format));
  }
  Topology topology;
  topology.cluster_id = in.U64();
  topology.n = in.U8();
  in.Require(topology.cluster_id != 0 && topology.n >= 1);
  topology.members = TakeMembers(format, in);
  topology.owners = TakeOwners(in, topology);
  // Without a plan it has the other format.
  in.Require(in.empty() && HasPlan(topology) == (format == kFormatWithPlan));
  if (!in.ok()) return std::unexpected("an ill-formed topology");
  return topology;
}

std::vector<NodeId> VotersOf(const Topology& topology, const std::vector<NodeId>& before) {
  std::vector<NodeId> voters;
  for (const NodeId voter : before) {
    if (FindMember(topology, voter) != nullptr) voters.push_back(voter);
  }
  for (const TopologyMember& member : topology.members) {
    if (voters.size() >= kMaxVoters) break;
    if (std::ranges::find(voters, member.node) == voters.end()) voters.push_back(member.node);
  }
  std::ranges::sort(voters);
  return voters;
}

}  // namespace cartwheel::cluster
