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
  if (!CommonProtocol(own, peer)) {
    return Name(peer.node) + " speaks protocol " + Range(peer) + ", this node " + Range(own);
  }
  if (peer.cluster_id == 0 || own.cluster_id == 0) {
    return Name(peer.cluster_id == 0 ? peer.node : own.node) + " is not yet in a cluster";
  }
  if (peer.cluster_id != own.cluster_id) {
    return Name(peer.node) + " is of another cluster, its cluster-name differs from ours";
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

std::string FrameOf(const Hello& hello) {
  std::string frame;
  AppendFrame(hello, frame);
  return frame;
}

}  // namespace

Link::Link(Hello own, const Mac& key, NodeId expected, std::vector<NodeId> members,
           int64_t deadline_us)
    : own_(std::move(own)),
      own_frame_(FrameOf(own_)),
      key_(key),
      expected_(expected),
      members_(std::move(members)),
      deadline_us_(deadline_us) {
  if (!incoming()) output_ = own_frame_;
}

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
  if (state_ == State::kHello) return OnFirst();
  if (state_ == State::kProof) return OnSecond();
  if (std::holds_alternative<Hello>(message_)) return Fail("it said Hello twice");
  if (std::holds_alternative<Proof>(message_)) return Fail("it proved twice who it is");
  if (std::holds_alternative<UnknownMessage>(message_)) {
    ++unknown_messages_;
    return std::nullopt;
  }
  if (!incoming()) return Fail("it spoke on a connection that is ours to speak on");
  return Received{message_};
}

std::optional<LinkEvent> Link::OnFirst() {
  if (const auto* hello = std::get_if<Hello>(&message_)) return OnHello(*hello);
  const auto* question = std::get_if<JoinTalk>(&message_);
  if (question == nullptr || !incoming()) return Fail("it spoke before it said Hello");
  state_ = State::kFailed;
  return Asked{question->bytes};
}

std::optional<LinkEvent> Link::OnHello(const Hello& peer) {
  if (auto reason = WhyNotTalk(own_, peer)) {
    // The other end is to see the reason as well.
    if (incoming()) output_ = own_frame_;
    return Fail(std::move(*reason));
  }
  if (auto reason = WhyNotMember(peer.node)) return Fail(std::move(*reason));
  peer_ = peer;
  peer_bytes_ = frames_.frame().payload;
  state_ = State::kProof;
  if (incoming()) {
    output_ = own_frame_;
    AppendFrame(Proof{ProofOf(LinkEnd::kAcceptor)}, output_);
  }
  return std::nullopt;
}

LinkEvent Link::OnSecond() {
  const auto* proof = std::get_if<Proof>(&message_);
  if (proof == nullptr) {
    return Fail(Name(peer_.node) + " spoke before it proved that its cluster-secret is ours");
  }
  const Mac good = ProofOf(incoming() ? LinkEnd::kDialler : LinkEnd::kAcceptor);
  if (!Same(good, proof->mac)) {
    return Fail("the cluster-secret of " + Name(peer_.node) + " differs from ours");
  }
  // Not before: to a stranger whom it dials a node proves nothing.
  if (!incoming()) AppendFrame(Proof{ProofOf(LinkEnd::kDialler)}, output_);
  state_ = State::kEstablished;
  return Established{peer_};
}

Mac Link::ProofOf(LinkEnd prover) const {
  const std::string_view own_bytes = std::string_view(own_frame_).substr(kFrameHead);
  return incoming() ? LinkProof(key_, prover, peer_bytes_, own_bytes)
                    : LinkProof(key_, prover, own_bytes, peer_bytes_);
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
  return Failed{std::move(reason)};
}

std::optional<LinkEvent> Link::OnTime(int64_t now_us) {
  const int64_t deadline_us = NextDeadline();
  if (deadline_us == INT64_MAX || now_us < deadline_us) return std::nullopt;
  if (state_ == State::kHello) return Fail("it did not say Hello in time");
  return Fail(Name(peer_.node) + " did not prove in time that its cluster-secret is ours");
}

int64_t Link::NextDeadline() const {
  const bool shaking_hands = state_ == State::kHello || state_ == State::kProof;
  return shaking_hands ? deadline_us_ : INT64_MAX;
}

}  // namespace cartwheel::cluster
