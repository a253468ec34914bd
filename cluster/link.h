// One connection between two nodes, without its socket: fed bytes, it yields what happened.
//
// A node dials every other member and speaks on the connections that it dialled, requests and
// replies alike, so there is one stream of frames per peer and direction. Both ends begin with a
// Hello: the dialler at once, the acceptor in answer, and then it says nothing more on it.
//
// Messages are given only after a Hello that this node has nothing against, and nothing follows a
// failure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cluster/frame_stream.h"
#include "cluster/message.h"

namespace cartwheel::cluster {

// The Hellos are said and good. Of an incoming link: the answer is yet to be sent (HelloFrame).
struct Established {
  Hello peer;
};
// Never a Hello nor an unknown message. Of the link, until its next call.
struct Received {
  const Message& message;
};
// The connection is to be closed.
struct Failed {
  std::string reason;     // a part of one line for the log, without bytes of the peer's
  NodeId peer = kNoNode;  // who it says it is, if it said so
  // Answer with this node's Hello before closing, so that the other end sees the reason as well.
  bool answer = false;
};
// Instead of a Hello: somebody who is no member asks something (join.h). To be answered, and then
// the connection is to be closed. The bytes are the link's, until its next call.
struct Asked {
  std::string_view bytes;
};
using LinkEvent = std::variant<Established, Received, Asked, Failed>;

// The frame that this node begins a connection with.
std::string HelloFrame(const Hello& hello);

class Link {
 public:
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // The connection's next bytes. They must stay until Next gives nullopt, and come only then.
  void Feed(std::string_view bytes);
  // What the bytes say, one event a call; nullopt: feed more.
  std::optional<LinkEvent> Next();

  // Of the bytes fed, those that Next has not looked at: whole frames, mostly.
  std::string_view unread() const { return frames_.unread(); }

  // A peer that says nothing must not hold a connection for ever: Failed at the deadline of the
  // handshake.
  std::optional<LinkEvent> OnTime(int64_t now_us);
  // INT64_MAX: OnTime has nothing to do.
  int64_t NextDeadline() const;

  bool established() const { return state_ == State::kEstablished; }
  // Of later versions, passed over.
  uint64_t unknown_messages() const { return unknown_messages_; }

 protected:
  // `expected`: who answers a connection that this node dialled; kNoNode: one of `members` dials.
  Link(const Hello& own, NodeId expected, std::vector<NodeId> members, int64_t deadline_us);
  ~Link() = default;

 private:
  enum class State : uint8_t { kHandshake, kEstablished, kFailed };

  std::optional<LinkEvent> OnMessage();
  LinkEvent OnHello(const Hello& peer);
  std::optional<std::string> WhyNotMember(NodeId peer) const;
  LinkEvent Fail(std::string reason);

  const Hello own_;
  const NodeId expected_;
  const std::vector<NodeId> members_;
  const int64_t deadline_us_;
  FrameStream frames_;
  Message message_;  // the last one
  State state_ = State::kHandshake;
  uint64_t unknown_messages_ = 0;
};

// One that this node dialled: it sends HelloFrame(own) first, and its messages once established.
class OutgoingLink : public Link {
 public:
  // `deadline_us`: monotonic, of the whole handshake.
  OutgoingLink(const Hello& own, NodeId expected, int64_t deadline_us)
      : Link(own, expected, {}, deadline_us) {}
};

// One that another node dialled: gives its messages.
class IncomingLink : public Link {
 public:
  // `members`: ascending, this node among them.
  IncomingLink(const Hello& own, std::vector<NodeId> members, int64_t deadline_us)
      : Link(own, kNoNode, std::move(members), deadline_us) {}
};

}  // namespace cartwheel::cluster
