#include "cluster/peers.h"

#include <algorithm>
#include <utility>

namespace cartwheel::cluster {
namespace {

// A new answer counts an eighth, as in TCP's round trip times (RFC 6298).
constexpr int64_t kSmoothing = 8;

}  // namespace

Peers::Peers(NodeId self, std::span<const Member> members, const Options& options)
    : self_(self), options_(options) {
  SetMembers(members);
}

void Peers::SetMembers(std::span<const Member> members) {
  for (const Member& member : members) {
    if (member.node != self_) peers_.try_emplace(member.node);
  }
  std::erase_if(peers_, [&](const auto& peer) {
    const bool gone = std::ranges::find(members, peer.first, &Member::node) == members.end();
    if (gone) std::erase(touched_, peer.first);
    return gone;
  });
}

Peers::Peer* Peers::Find(NodeId node) {
  const auto found = peers_.find(node);
  return found == peers_.end() ? nullptr : &found->second;
}

const Peers::Peer* Peers::Find(NodeId node) const {
  const auto found = peers_.find(node);
  return found == peers_.end() ? nullptr : &found->second;
}

bool Peers::LinkUp(NodeId node, int64_t now_us) {
  Peer* const peer = Find(node);
  if (peer == nullptr) return false;
  peer->linked = true;
  peer->silent = false;
  peer->accused_us = 0;
  peer->heard_us = now_us;
  peer->backlog = 0;
  return true;
}

bool Peers::LinkDown(NodeId node) {
  Peer* const peer = Find(node);
  if (peer == nullptr) return false;
  peer->linked = false;
  peer->accused_us = 0;
  peer->output.clear();
  peer->mark = 0;
  // It may come back as another incarnation; its first answer will tell.
  return true;
}

bool Peers::IsLinked(NodeId node) const {
  const Peer* const peer = Find(node);
  return peer != nullptr && peer->linked;
}

bool Peers::HasRoom(NodeId node) const {
  const Peer* const peer = Find(node);
  return peer != nullptr && peer->linked &&
         peer->backlog + peer->output.size() <= options_.max_backlog_bytes;
}

bool Peers::IsHealthy(NodeId node) const {
  const Peer* const peer = Find(node);
  return peer != nullptr && !peer->silent && HasRoom(node);
}

void Peers::Accuse(NodeId node, int64_t now_us) {
  Peer* const peer = Find(node);
  if (peer == nullptr || !peer->linked || peer->silent || peer->accused_us != 0) return;
  peer->accused_us = now_us;
  next_accused_us_ = std::min(next_accused_us_, now_us + options_.accused_answers_within_us);
  Nudge(node, now_us);
}

void Peers::Silence(NodeId node, Peer& peer) {
  peer.accused_us = 0;
  if (!std::exchange(peer.silent, true)) silenced_.push_back(node);
}

void Peers::JudgeAccused(int64_t now_us) {
  if (now_us < next_accused_us_) return;
  next_accused_us_ = INT64_MAX;
  for (auto& [node, peer] : peers_) {
    if (peer.accused_us == 0) continue;
    const int64_t due_us = peer.accused_us + options_.accused_answers_within_us;
    if (now_us >= due_us) {
      Silence(node, peer);
    } else {
      next_accused_us_ = std::min(next_accused_us_, due_us);
    }
  }
}

void Peers::OnTime(int64_t now_us) {
  JudgeAccused(now_us);
  if (now_us < next_ping_us_) return;
  constexpr int64_t kSecondUs = 1'000'000;
  const int64_t every_us =
      std::max(options_.ping_every_us,
               static_cast<int64_t>(peers_.size()) * kSecondUs / options_.max_pings_a_second);
  next_ping_us_ = now_us + every_us;
  for (auto& [node, peer] : peers_) {
    if (!peer.linked) continue;
    if (now_us - peer.heard_us >= options_.silent_intervals * every_us) Silence(node, peer);
    Send(node, Ping{.nonce = next_nonce_++});
  }
}

void Peers::Heard(NodeId node, int64_t now_us) {
  Peer* const peer = Find(node);
  if (peer == nullptr) return;
  peer->heard_us = now_us;
  peer->silent = false;
  peer->accused_us = 0;
}

int64_t Peers::HeardAt(NodeId node) const {
  const Peer* const peer = Find(node);
  return peer == nullptr ? 0 : peer->heard_us;
}

void Peers::Missed(NodeId node) {
  Peer* const peer = Find(node);
  if (peer != nullptr) Silence(node, *peer);
}

void Peers::Nudge(NodeId node, int64_t now_us) {
  Peer* const peer = Find(node);
  if (peer == nullptr || std::exchange(peer->nudged_us, now_us) == now_us) return;
  Send(node, Ping{.nonce = next_nonce_++});
}

void Peers::NoteAnswer(NodeId node, int64_t took_us) {
  Peer* const peer = Find(node);
  if (peer == nullptr) return;
  peer->answer_us =
      peer->answer_us == 0 ? took_us : peer->answer_us + (took_us - peer->answer_us) / kSmoothing;
}

int64_t Peers::TypicalAnswer(NodeId node) const {
  const Peer* const peer = Find(node);
  return peer == nullptr ? 0 : peer->answer_us;
}

ActorId Peers::ActorAt(NodeId node, Partition partition) const {
  const Peer* const peer = Find(node);
  return peer == nullptr ? ActorId{} : peer->actors[partition];
}

void Peers::LearnActor(NodeId node, Partition partition, ActorId actor) {
  Peer* const peer = Find(node);
  if (peer != nullptr && actor != ActorId{}) peer->actors[partition] = actor;
}

void Peers::Mark() {
  for (auto& [node, peer] : peers_) peer.mark = peer.output.size();
}

void Peers::Unsend() {
  for (auto& [node, peer] : peers_) peer.output.resize(peer.mark);
}

std::string Peers::TakeOutput(NodeId node) {
  Peer* const peer = Find(node);
  if (peer == nullptr) return {};
  if (std::exchange(peer->touched, false)) std::erase(touched_, node);
  peer->mark = 0;
  return std::exchange(peer->output, {});
}

void Peers::SetBacklog(NodeId node, size_t bytes) {
  Peer* const peer = Find(node);
  if (peer != nullptr) peer->backlog = bytes;
}

size_t Peers::Backlog(NodeId node) const {
  const Peer* const peer = Find(node);
  return peer == nullptr ? 0 : peer->backlog;
}

void Peers::Touch(NodeId node, Peer& peer) {
  if (std::exchange(peer.touched, true)) return;
  touched_.push_back(node);
}

}  // namespace cartwheel::cluster
