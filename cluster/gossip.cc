#include "cluster/gossip.h"

#include <variant>

#include "cluster/message.h"
#include "storage/check.h"

namespace cartwheel::cluster {

Gossip::Gossip(NodeId self, const Options& options, Peers& peers)
    : self_(self),
      options_(options),
      peers_(peers),
      swim_(self, options.incarnation, options.swim, options.seed) {}

void Gossip::SetMembers(std::span<const Member> members) {
  std::vector<NodeId>& others = new_others_.emplace();
  for (const Member& member : members) {
    if (member.node != self_) others.push_back(member.node);
  }
}

void Gossip::PeerUp(NodeId peer, int64_t now_us) {
  swim_.Remind(peer);
  Carry(now_us);
}

void Gossip::Doubt(NodeId peer, int64_t now_us) {
  swim_.Doubt(peer, now_us);
  NoteDeadline();
}

void Gossip::OnDatagram(std::string_view bytes, int64_t now_us) {
  ++statistics_.datagrams_received;
  statistics_.bytes_received += bytes.size();
  Take(std::nullopt, bytes, now_us);
}

void Gossip::OnTalk(NodeId from, std::string_view bytes, int64_t now_us) {
  Take(from, bytes, now_us);
}

void Gossip::Take(std::optional<NodeId> over_link_of, std::string_view bytes, int64_t now_us) {
  const auto message = DecodeSwim(bytes, cluster_id_, options_.key);
  const bool is_members = message && peers_.IsMember(message->from) &&
                          (!over_link_of || message->from == *over_link_of);
  if (!is_members) {
    ++statistics_.refused;
    return;
  }
  swim_.On(message->from, message->packet, over_link_of.has_value(), now_us);
  Carry(now_us);
}

int64_t Gossip::NextDeadline() const {
  return new_others_ ? 0 : next_us_;
}

void Gossip::OnTime(int64_t now_us) {
  if (const auto others = std::exchange(new_others_, std::nullopt)) {
    swim_.SetMembers(*others, now_us);
    NoteDeadline();
  }
  if (now_us < next_us_) return;
  swim_.OnTime(now_us);
  Carry(now_us);
}

void Gossip::Carry(int64_t now_us) {
  for (const Swim::Output& output : swim_.TakeOutputs()) {
    if (const auto* changed = std::get_if<Swim::Changed>(&output)) {
      if (changed->health != Health::kAlive) peers_.Accuse(changed->node, now_us);
      continue;
    }
    const auto& send = std::get<Swim::Send>(output);
    std::string bytes = EncodeSwim({.cluster_id = cluster_id_,
                                    .from = self_,
                                    .boot_nonce = options_.boot_nonce,
                                    .epoch = epoch_,
                                    .packet = send.packet},
                                   options_.key);
    if (send.reliably) {
      peers_.Send(send.to, SwimTalk{bytes});
      continue;
    }
    storage::Check(bytes.size() <= kMaxDatagramBytes, "Swim::Options::max_rumors fit a datagram");
    ++statistics_.datagrams_sent;
    statistics_.bytes_sent += bytes.size();
    datagrams_.push_back({send.to, std::move(bytes)});
  }
  NoteDeadline();
}

}  // namespace cartwheel::cluster
