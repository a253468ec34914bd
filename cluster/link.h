// One connection between two nodes, without its socket: fed bytes, it yields what happened.
//
// A node dials every other member and speaks on the connections that it dialled, requests and
// replies alike, so there is one stream of frames per peer and direction. Both ends begin with a
// Hello and a Proof (link_proof.h): the dialler with a Hello, the acceptor with both in answer, and
// then it says nothing more on it; the dialler with its Proof, and messages behind that.
//
// Messages are given, and the peer's Hello is, only after a Hello that this node has nothing
// against and the Proof of it. Nothing follows a failure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cluster/frame_stream.h"
#include "cluster/link_proof.h"
#include "cluster/mac.h"
#include "cluster/message.h"

namespace cartwheel::cluster {

// The Hellos are said, good and proven. Of an outgoing link: the peer does not know it before it
// has this node's Proof, which TakeOutput gives.
struct Established {
  Hello peer;
};
// Never of the handshake nor an unknown message. Of the link, until its next call.
struct Received {
  const Message& message;
};
// The connection is to be closed, once what TakeOutput gives is sent.
struct Failed {
  std::string reason;  // a part of one line for the log, without bytes of the peer's
};
// Instead of a Hello: somebody who is no member asks something (join.h). To be answered, and then
// the connection is to be closed. The bytes are the link's, until its next call.
struct Asked {
  std::string_view bytes;
};
using LinkEvent = std::variant<Established, Received, Asked, Failed>;

class Link {
 public:
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // The connection's next bytes. They must stay until Next gives nullopt, and come only then.
  void Feed(std::string_view bytes);
  // What the bytes say, one event a call; nullopt: feed more.
  std::optional<LinkEvent> Next();
  // What this node has to say for the handshake, to be sent when Next has given nullopt, and after
  // an event as that says. "": nothing.
  std::string TakeOutput() { return std::exchange(output_, {}); }

  // Of the bytes fed, those that Next has not looked at: whole frames, mostly.
  std::string_view unread() const { return frames_.unread(); }
  // The same, given up: only to be fed again, later. After an event.
  std::string_view TakeUnread() { return frames_.TakeUnread(); }

  // A peer that says nothing must not hold a connection for ever: Failed at the deadline of the
  // handshake.
  std::optional<LinkEvent> OnTime(int64_t now_us);
  // INT64_MAX: OnTime has nothing to do.
  int64_t NextDeadline() const;

  bool established() const { return state_ == State::kEstablished; }
  // There is a good Hello, and not yet its Proof.
  bool awaits_proof() const { return state_ == State::kProof; }
  // Of later versions, passed over.
  uint64_t unknown_messages() const { return unknown_messages_; }

 protected:
  // `expected`: who answers a connection that this node dialled; kNoNode: one of `members` dials.
  Link(Hello own, const Mac& key, NodeId expected, std::vector<NodeId> members,
       int64_t deadline_us);
  ~Link() = default;

 private:
  enum class State : uint8_t { kHello, kProof, kEstablished, kFailed };

  bool incoming() const { return expected_ == kNoNode; }
  std::optional<LinkEvent> OnMessage();
  std::optional<LinkEvent> OnFirst();
  std::optional<LinkEvent> OnHello(const Hello& peer);
  LinkEvent OnSecond();
  std::optional<std::string> WhyNotMember(NodeId peer) const;
  Mac ProofOf(LinkEnd prover) const;
  LinkEvent Fail(std::string reason);

  const Hello own_;
  const std::string own_frame_;
  const Mac key_;
  const NodeId expected_;
  const std::vector<NodeId> members_;
  const int64_t deadline_us_;
  FrameStream frames_;
  Message message_;         // the last one
  Hello peer_;              // as it says
  std::string peer_bytes_;  // the payload of its Hello
  std::string output_;
  State state_ = State::kHello;
  uint64_t unknown_messages_ = 0;
};

// One that this node dialled: it has its Hello to send at once, and speaks once established.
class OutgoingLink : public Link {
 public:
  // `own`: its challenge is of this connection alone. `deadline_us`: monotonic, of the whole
  // handshake.
  OutgoingLink(const Hello& own, const Mac& key, NodeId expected, int64_t deadline_us)
      : Link(own, key, expected, {}, deadline_us) {}
};

// One that another node dialled: gives its messages.
class IncomingLink : public Link {
 public:
  // `members`: ascending, this node among them.
  IncomingLink(const Hello& own, const Mac& key, std::vector<NodeId> members, int64_t deadline_us)
      : Link(own, key, kNoNode, std::move(members), deadline_us) {}
};

}  // namespace cartwheel::cluster
