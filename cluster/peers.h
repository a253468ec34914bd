// The other members as this node sees them: who can be reached, how fast they answer, which
// incarnations their replicas have, and what is to be sent to them.
//
// A peer is healthy while the link to it stands and it answers pings. A link that stands says
// little by itself: a process that is stopped, or a network that drops packets, keeps it for
// minutes. What others say of it (gossip.h) never outweighs what it says itself: it is only asked
// at once, and has less time to answer. Otherwise one that was cut off, and has taken all others
// for dead, would make them take each other for it when it comes back.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cluster/dot.h"
#include "cluster/message.h"
#include "cluster/message_codec.h"
#include "cluster/node_id.h"
#include "cluster/ring.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

class Peers {
 public:
  struct Options {
    int64_t ping_every_us = 500'000;
    // Of all peers together; of more peers each is pinged less often.
    int64_t max_pings_a_second = 32;
    // Without an answer for so many intervals, requests go to others first.
    int64_t silent_intervals = 3;
    int64_t accused_answers_within_us = 500'000;
    // Of output that the link has not taken. Past it new requests go to others.
    size_t max_backlog_bytes = 64UL << 20;
  };

  Peers(NodeId self, std::span<const Member> members, const Options& options);

  // Who the members are from now on. Of those that are none any more nothing is kept.
  void SetMembers(std::span<const Member> members);

  // No link is there until LinkUp. Both false: the node is no other member.
  bool LinkUp(NodeId node, int64_t now_us);
  bool LinkDown(NodeId node);
  bool IsLinked(NodeId node) const;
  bool IsHealthy(NodeId node) const;
  // Others say that it does not answer: it has to, soon, or is silent.
  void Accuse(NodeId node, int64_t now_us);
  // Who has fallen silent since the last call.
  std::vector<NodeId> TakeSilenced() { return std::exchange(silenced_, {}); }
  // Linked, and what waits for it is not too much already.
  bool HasRoom(NodeId node) const;
  bool IsMember(NodeId node) const { return peers_.contains(node); }

  // Sends pings that are due and looks at who did not answer.
  void OnTime(int64_t now_us);
  int64_t NextDeadline() const { return std::min(next_ping_us_, next_accused_us_); }
  // A message of the peer, whatever it is, shows that it is alive.
  void Heard(NodeId node, int64_t now_us);
  // When that was last.
  int64_t HeardAt(NodeId node) const;
  // It has let a request go unanswered and said nothing else meanwhile: it is silent until it is
  // heard again.
  void Missed(NodeId node);
  // It is asked to say something now, once a turn; so its silence will mean something.
  void Nudge(NodeId node, int64_t now_us);
  // How long it took to answer a request.
  void NoteAnswer(NodeId node, int64_t took_us);
  // Smoothed; 0: no answer yet.
  int64_t TypicalAnswer(NodeId node) const;

  // The incarnation of the peer's replica, as it last told; none: it has not.
  ActorId ActorAt(NodeId node, Partition partition) const;
  void LearnActor(NodeId node, Partition partition, ActorId actor);

  // Appends the message to what the peer is sent after the turn. False: there is no link, or the
  // message is too long for a frame.
  template <typename M>
  bool Send(NodeId node, const M& message) {
    Peer* const peer = Find(node);
    if (peer == nullptr || !peer->linked || !AppendFrame(message, peer->output)) return false;
    Touch(node, *peer);
    return true;
  }
  // What is sent in this turn from here on may have to be taken back.
  void Mark();
  // Takes it back: what it was based on has not been kept.
  void Unsend();

  // To everybody who is linked and has room; the others miss it.
  template <typename M>
  void SendToAll(const M& message) {
    for (const auto& [node, peer] : peers_) {
      if (HasRoom(node)) Send(node, message);
    }
  }

  // Those with output, each once.
  std::span<const NodeId> touched() const { return touched_; }
  std::string TakeOutput(NodeId node);
  void SetBacklog(NodeId node, size_t bytes);
  size_t Backlog(NodeId node) const;

 private:
  struct Peer {
    bool linked = false;
    bool touched = false;
    bool silent = false;
    int64_t accused_us = 0;  // and not heard since; 0: it is not
    int64_t heard_us = 0;
    int64_t nudged_us = 0;
    int64_t answer_us = 0;
    size_t backlog = 0;
    size_t mark = 0;
    std::string output;
    std::array<ActorId, kPartitions> actors{};
  };

  Peer* Find(NodeId node);
  const Peer* Find(NodeId node) const;
  void Touch(NodeId node, Peer& peer);
  void Silence(NodeId node, Peer& peer);
  void JudgeAccused(int64_t now_us);

  NodeId self_;
  Options options_;
  std::map<NodeId, Peer> peers_;
  std::vector<NodeId> touched_;
  std::vector<NodeId> silenced_;
  int64_t next_ping_us_ = 0;
  int64_t next_accused_us_ = INT64_MAX;  // when the first that is accused has to have answered
  uint64_t next_nonce_ = 1;
};

}  // namespace cartwheel::cluster
