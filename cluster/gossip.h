// A member's share of the gossip: what SWIM wants to say, as bytes for the others; and what they
// say of who is not alive, whom Peers then asks at once.
//
// Datagrams may be lost, come twice or late, and come from anybody: what is not authenticated with
// the cluster's key, or not from a member, is counted and passed over. What must arrive goes over
// the links. Nothing of it waits for a commit, as nothing of it is about data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/node_id.h"
#include "cluster/peers.h"
#include "cluster/ring.h"
#include "cluster/swim.h"
#include "cluster/swim_codec.h"

namespace cartwheel::cluster {

class Gossip {
 public:
  struct Options {
    Swim::Options swim;
    std::array<uint8_t, 32> key{};  // all members'
    uint64_t boot_nonce = 0;        // new for every start
    uint64_t incarnation = 0;       // larger than those of earlier starts, as the time of day is
    uint64_t seed = 0;
  };
  // To be sent once, to the address at which the member is known. At most kMaxDatagramBytes.
  struct Datagram {
    NodeId to;
    std::string bytes;
  };
  // Fits the smallest packets of any network in use, with the headers of IPv6 and of tunnels.
  static constexpr size_t kMaxDatagramBytes = 1400;

  // `peers` outlives it.
  Gossip(NodeId self, const Options& options, Peers& peers);

  // What packets are marked with, and have to be.
  void SetCluster(uint64_t cluster_id) { cluster_id_ = cluster_id; }
  // Of this node's topology, which packets tell.
  void SetEpoch(uint64_t epoch) { epoch_ = epoch; }
  // From the next OnTime on.
  void SetMembers(std::span<const Member> members);

  // --- Inputs

  // A link to it stands: should others take it for dead, it is told so, and can contradict.
  void PeerUp(NodeId peer, int64_t now_us);
  // It broke, or is silent.
  void Doubt(NodeId peer, int64_t now_us);
  // A datagram came in, from wherever.
  void OnDatagram(std::string_view bytes, int64_t now_us);
  // The same over the link to a member.
  void OnTalk(NodeId from, std::string_view bytes, int64_t now_us);
  void OnTime(int64_t now_us);
  int64_t NextDeadline() const;

  // --- Outputs

  // Those since the last call, in order; what goes over links is with `peers` already.
  std::vector<Datagram> TakeDatagrams() { return std::exchange(datagrams_, {}); }

  const Swim& swim() const { return swim_; }
  struct Statistics {
    uint64_t datagrams_sent = 0;
    uint64_t bytes_sent = 0;  // in datagrams
    uint64_t datagrams_received = 0;
    uint64_t bytes_received = 0;
    uint64_t refused = 0;  // of the received: forged, of another cluster, or not understood
  };
  const Statistics& statistics() const { return statistics_; }

 private:
  // What Swim wants is done.
  void Carry(int64_t now_us);
  // After whatever Swim was told, as its answer looks at every member.
  void NoteDeadline() { next_us_ = swim_.NextDeadline(); }
  void Take(std::optional<NodeId> over_link_of, std::string_view bytes, int64_t now_us);

  const NodeId self_;
  const Options options_;
  Peers& peers_;
  Swim swim_;
  uint64_t cluster_id_ = 0;
  uint64_t epoch_ = 0;
  int64_t next_us_ = INT64_MAX;
  std::optional<std::vector<NodeId>> new_others_;  // until time is known
  std::vector<Datagram> datagrams_;
  Statistics statistics_;
};

}  // namespace cartwheel::cluster
