#include "cluster/link.h"

#include <algorithm>
#include <utility>

#include "cluster/message_codec.h"
#include "cluster/node_name.h"

namespace cartwheel::cluster {
namespace {

// Room for a question with a topology; who has not said who it is gets no more.
constexpr size_t kMaxFirstBytes = 64UL << 10;

std::string Name(NodeId node) {
  return "node " + Text(node);
}

std::string Range(const Hello& hello) {
  return std::to_string(hello.oldest_protocol) + " to " + std::to_string(hello.newest_protocol);
}

// What both ends say alike: whoever hears it from the other knows as much.
std::optional<std::string> WhyNotTalk(const Hello& own, const Hello& peer) {
  if (peer.cluster_id == 0 || own.cluster_id == 0) {
    return Name(peer.cluster_id == 0 ? peer.node : own.node) + " is not yet in a cluster";
  }
  if (peer.cluster_id != own.cluster_id) {
    return Name(peer.node) + " is of another cluster, its cluster-name differs from ours";
  }
  if (!CommonProtocol(own, peer)) {
    return Name(peer.node) + " speaks protocol " + Range(peer) + ", this node " + Range(own);
  }
  if (peer.node == own.node && peer.boot_nonce == own.boot_nonce) {
    return "this node itself is at the other end";
  }
  if (peer.node == own.node) {
    return "another process says that it is " + Name(own.node) +
           ", which this one is: compare cluster-self";
  }
  return std::nullopt;
}

}  // namespace

std::string HelloFrame(const Hello& hello) {
  std::string frame;
  AppendFrame(hello, frame);
  return frame;
}

Link::Link(const Hello& own, NodeId expected, std::vector<NodeId> members, int64_t deadline_us)
    : own_(own), expected_(expected), members_(std::move(members)), deadline_us_(deadline_us) {}

void Link::Feed(std::string_view bytes) {
  if (state_ != State::kFailed) frames_.Feed(bytes);
}

std::optional<LinkEvent> Link::Next() {
  while (state_ != State::kFailed) {
    const size_t limit = established() ? kMaxFrameBytes : kMaxFirstBytes;
    switch (frames_.Next(limit)) {
      case FrameReader::Status::kIncomplete: return std::nullopt;
      case FrameReader::Status::kError: return Fail("it sent " + frames_.error());
      case FrameReader::Status::kComplete: break;
    }
    auto message = DecodeMessage(frames_.frame());
    if (!message) return Fail("it sent " + message.error());
    message_ = std::move(*message);
    if (auto event = OnMessage()) return event;
  }
  return std::nullopt;
}

std::optional<LinkEvent> Link::OnMessage() {
  const auto* hello = std::get_if<Hello>(&message_);
  const auto* question = std::get_if<JoinTalk>(&message_);
  if (!established() && question != nullptr && expected_ == kNoNode) {
    state_ = State::kFailed;
    return Asked{question->bytes};
  }
  if (!established()) {
    return hello != nullptr ? OnHello(*hello) : Fail("it spoke before it said Hello");
  }
  if (hello != nullptr) return Fail("it said Hello twice");
  if (std::holds_alternative<UnknownMessage>(message_)) {
    ++unknown_messages_;
    return std::nullopt;
  }
  if (expected_ != kNoNode) return Fail("it spoke on a connection that is ours to speak on");
  return Received{message_};
}

LinkEvent Link::OnHello(const Hello& peer) {
  const bool incoming = expected_ == kNoNode;
  if (auto reason = WhyNotTalk(own_, peer)) {
    state_ = State::kFailed;
    return Failed{.reason = std::move(*reason), .peer = peer.node, .answer = incoming};
  }
  if (auto reason = WhyNotMember(peer.node)) {
    state_ = State::kFailed;
    return Failed{.reason = std::move(*reason), .peer = peer.node, .answer = false};
  }
  state_ = State::kEstablished;
  return Established{peer};
}

std::optional<std::string> Link::WhyNotMember(NodeId peer) const {
  if (expected_ != kNoNode) {
    if (peer == expected_) return std::nullopt;
    return Name(peer) + " answers where " + Name(expected_) + " was expected";
  }
  if (std::ranges::binary_search(members_, peer)) return std::nullopt;
  return Name(peer) + " is not among our cluster-nodes";
}

LinkEvent Link::Fail(std::string reason) {
  state_ = State::kFailed;
  return Failed{.reason = std::move(reason)};
}

std::optional<LinkEvent> Link::OnTime(int64_t now_us) {
  if (state_ != State::kHandshake || now_us < deadline_us_) return std::nullopt;
  return Fail("it did not say Hello in time");
}

int64_t Link::NextDeadline() const {
  return state_ == State::kHandshake ? deadline_us_ : INT64_MAX;
}

}  // namespace cartwheel::cluster
