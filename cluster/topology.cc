#include "cluster/topology.h"

#include <algorithm>
#include <unordered_map>

#include "cluster/byte_fields.h"
#include "cluster/placement.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kMaxHostBytes = 255;  // of a DNS name, RFC 1035
constexpr size_t kMaxZoneBytes = 64;

void Append(const TopologyMember& member, ByteWriter& out) {
  out.Name(member.node)
      .Bytes(member.address.host)
      .Little<2>(member.address.port)
      .Bytes(member.zone)
      .Varint(member.weight);
}

TopologyMember TakeMember(ByteReader& in) {
  TopologyMember member;
  member.node = in.Name<NodeId>();
  member.address.host = in.Bytes();
  member.address.port = static_cast<uint16_t>(in.Little<2>());
  member.zone = in.Bytes();
  const uint64_t weight = in.Varint();
  in.Require(member.node != kNoNode && weight >= 1 && weight <= kMaxWeight);
  in.Require(!member.address.host.empty() && member.address.host.size() <= kMaxHostBytes);
  in.Require(member.address.port != 0 && member.zone.size() <= kMaxZoneBytes);
  member.weight = static_cast<uint32_t>(weight);
  return member;
}

std::vector<TopologyMember> TakeMembers(ByteReader& in) {
  std::vector<TopologyMember> members;
  const uint64_t count = in.Varint();
  in.Require(count >= 1 && count <= Ring::kMaxMembers);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    TopologyMember member = TakeMember(in);
    in.Require(members.empty() || members.back().node < member.node);
    members.push_back(std::move(member));
  }
  return members;
}

OwnerTable TakeOwners(ByteReader& in, const Topology& topology) {
  OwnerTable owners;
  owners.copies = in.U8();
  in.Require(owners.copies == std::min<size_t>(topology.n, topology.members.size()));
  for (size_t row = 0; row < kPartitions && in.ok(); ++row) {
    for (size_t copy = 0; copy < owners.copies && in.ok(); ++copy) {
      const uint64_t place = in.Little<2>();
      in.Require(place < topology.members.size());
      if (!in.ok()) break;
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
  after.owners = Place(before.owners, RingMembers(after), after.n);
  return after;
}

std::string EncodeTopology(const Topology& topology) {
  std::string bytes;
  ByteWriter out(bytes);
  out.U8(kFormat).U64(topology.cluster_id).U8(topology.n).Varint(topology.members.size());
  std::unordered_map<uint64_t, uint64_t> places;
  for (const TopologyMember& member : topology.members) {
    places.emplace(static_cast<uint64_t>(member.node), places.size());
    Append(member, out);
  }
  out.U8(static_cast<uint8_t>(topology.owners.copies));
  for (const NodeId owner : topology.owners.nodes) {
    out.Little<2>(places.at(static_cast<uint64_t>(owner)));
  }
  return bytes;
}

std::expected<Topology, std::string> DecodeTopology(std::string_view bytes) {
  ByteReader in(bytes);
  if (const uint8_t format = in.U8(); in.ok() && format != kFormat) {
    return std::unexpected("a topology of a later version, format " + std::to_string(format));
  }
  Topology topology;
  topology.cluster_id = in.U64();
  topology.n = in.U8();
  in.Require(topology.cluster_id != 0 && topology.n >= 1);
  topology.members = TakeMembers(in);
  topology.owners = TakeOwners(in, topology);
  in.Require(in.empty());
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
