#include "cluster/link.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/message_codec.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr NodeId kSelf{1};
constexpr NodeId kPeer{2};
constexpr int64_t kDeadlineUs = 3'000'000;

Hello HelloOf(NodeId node, uint64_t boot_nonce = 70) {
  return {.cluster_id = 5, .node = node, .boot_nonce = boot_nonce};
}

template <typename T>
std::string FrameOf(const T& message) {
  std::string frame;
  EXPECT_TRUE(AppendFrame(message, frame));
  return frame;
}

std::string FrameOfType(uint8_t type, std::string_view payload) {
  std::string frame;
  const size_t begin = BeginFrame(frame);
  frame += payload;
  EXPECT_TRUE(EndFrame(type, begin, frame));
  return frame;
}

std::string Shown(const LinkEvent& event) {
  if (const auto* established = std::get_if<Established>(&event)) {
    return "established with " + std::to_string(static_cast<uint64_t>(established->peer.node));
  }
  if (const auto* failed = std::get_if<Failed>(&event)) {
    return (failed->answer ? "answered: " : "failed: ") + failed->reason;
  }
  if (const auto* asked = std::get_if<Asked>(&event)) return "asked " + std::string(asked->bytes);
  const Message& message = std::get<Received>(event).message;
  if (const auto* ping = std::get_if<Ping>(&message)) {
    return "ping " + std::to_string(ping->nonce);
  }
  if (const auto* read = std::get_if<Read>(&message)) return "read " + std::string(read->ref.key);
  return "message " + std::to_string(message.index());
}

// Each piece in a buffer of its own, which is gone before the next.
std::vector<std::string> EventsOf(Link& link, const std::vector<std::string_view>& pieces) {
  std::vector<std::string> events;
  for (const std::string_view piece : pieces) {
    const std::string buffer(piece);
    link.Feed(buffer);
    while (auto event = link.Next()) events.push_back(Shown(*event));
  }
  return events;
}

IncomingLink Incoming() {
  return {HelloOf(kSelf), {kSelf, kPeer, NodeId{3}}, kDeadlineUs};
}
OutgoingLink Outgoing() {
  return {HelloOf(kSelf), kPeer, kDeadlineUs};
}

std::vector<std::string> OnIncoming(const std::string& bytes) {
  IncomingLink link = Incoming();
  return EventsOf(link, {bytes});
}
std::vector<std::string> OnOutgoing(const std::string& bytes) {
  OutgoingLink link = Outgoing();
  return EventsOf(link, {bytes});
}

std::string Everything() {
  return FrameOf(HelloOf(kPeer)) + FrameOf(Ping{1}) + FrameOfType(200, "of a later version") +
         FrameOf(Read{.ref = {0, std::string(300, 'k')}}) + FrameOf(Ping{2});
}
std::vector<std::string> EverythingShown() {
  return {"established with 2", "ping 1", "read " + std::string(300, 'k'), "ping 2"};
}

TEST(Link, AfterHelloMessagesComeInOrder) {
  EXPECT_EQ(OnIncoming(Everything()), EverythingShown());
}

TEST(Link, WhereverTheBytesAreCutTheEventsAreTheSame) {
  const std::string bytes = Everything();
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    IncomingLink link = Incoming();
    const std::string_view all = bytes;
    ASSERT_EQ(EventsOf(link, {all.substr(0, cut), all.substr(cut)}), EverythingShown()) << cut;
  }
  IncomingLink link = Incoming();
  std::vector<std::string_view> single;
  for (size_t i = 0; i < bytes.size(); ++i) single.push_back(std::string_view(bytes).substr(i, 1));
  EXPECT_EQ(EventsOf(link, single), EverythingShown());
}

TEST(Link, UnknownMessagesAreCountedAndPassedOver) {
  IncomingLink link = Incoming();
  EventsOf(link, {FrameOf(HelloOf(kPeer)), FrameOfType(200, ""), FrameOfType(0, "x")});
  EXPECT_TRUE(link.established());
  EXPECT_EQ(link.unknown_messages(), 2);
}

TEST(Link, OnTheDialledOneThePeerSaysHelloAndNothingElse) {
  EXPECT_THAT(OnOutgoing(FrameOf(HelloOf(kPeer))), ElementsAre("established with 2"));
  EXPECT_THAT(OnOutgoing(FrameOf(HelloOf(kPeer)) + FrameOf(Ping{1})),
              ElementsAre("established with 2",
                          "failed: it spoke on a connection that is ours to speak on"));
}

TEST(Link, AnotherClusterIsRefusedWithAnAnswer) {
  Hello foreign = HelloOf(NodeId{9});
  foreign.cluster_id = 6;
  const std::string reason = "node 9 is of another cluster, its cluster-name differs from ours";
  EXPECT_THAT(OnIncoming(FrameOf(foreign)), ElementsAre("answered: " + reason));
  EXPECT_THAT(OnOutgoing(FrameOf(foreign)), ElementsAre("failed: " + reason));
}

TEST(Link, AProtocolThatIsNotSpokenIsRefusedWithAnAnswer) {
  Hello later = HelloOf(kPeer);
  later.oldest_protocol = kNewestProtocol + 1;
  later.newest_protocol = kNewestProtocol + 4;
  EXPECT_THAT(OnIncoming(FrameOf(later)),
              ElementsAre("answered: node 2 speaks protocol 2 to 5, this node 1 to 1"));
  later.oldest_protocol = kNewestProtocol;
  EXPECT_THAT(OnIncoming(FrameOf(later)), ElementsAre("established with 2"));
}

TEST(Link, ANodeThatIsNoMemberIsRefusedWithoutAnAnswer) {
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(NodeId{4}))),
              ElementsAre("failed: node 4 is not among our cluster-nodes"));
}

TEST(Link, WhoeverDialsKnowsWhom) {
  EXPECT_THAT(OnOutgoing(FrameOf(HelloOf(NodeId{3}))),
              ElementsAre("failed: node 3 answers where node 2 was expected"));
}

TEST(Link, ThisNodeItselfAndItsNamesakeAreToldApart) {
  const std::string itself = "this node itself is at the other end";
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(kSelf))), ElementsAre("answered: " + itself));
  EXPECT_THAT(OnOutgoing(FrameOf(HelloOf(kSelf))), ElementsAre("failed: " + itself));
  EXPECT_THAT(
      OnIncoming(FrameOf(HelloOf(kSelf, 71))),
      ElementsAre("answered: another process says that it is node 1, which this one is: compare "
                  "cluster-self"));
}

TEST(Link, NothingIsSaidBeforeHello) {
  for (const std::string& frame : {FrameOf(Ping{1}), FrameOfType(200, "")}) {
    EXPECT_THAT(OnIncoming(frame + FrameOf(HelloOf(kPeer))),
                ElementsAre("failed: it spoke before it said Hello"));
  }
}

TEST(Link, HelloIsSaidOnce) {
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(kPeer)) + FrameOf(HelloOf(kPeer))),
              ElementsAre("established with 2", "failed: it said Hello twice"));
}

TEST(Link, WhoIsNoMemberMayAskOneThingInsteadOfAHello) {
  const std::string question = FrameOf(JoinTalk{"let me in"});
  EXPECT_THAT(OnIncoming(question), ElementsAre("asked let me in"));
  EXPECT_THAT(OnIncoming(question + question), ElementsAre("asked let me in"));
  EXPECT_THAT(OnOutgoing(question), ElementsAre("failed: it spoke before it said Hello"));
}

TEST(Link, ANodeWithoutAClusterTalksToNobody) {
  Hello without = HelloOf(kPeer);
  without.cluster_id = 0;
  EXPECT_THAT(OnIncoming(FrameOf(without)),
              ElementsAre("answered: node 2 is not yet in a cluster"));
}

TEST(Link, WhatIsNoFrameFailsWithOneLine) {
  EXPECT_THAT(OnIncoming("GET / HTTP/1.1\r\n\r\n"),
              ElementsAre("failed: it sent a frame of 542393680 bytes, over the limit of 65536"));
  std::string damaged = FrameOf(HelloOf(kPeer));
  damaged.back() ^= 1;
  EXPECT_THAT(OnIncoming(damaged),
              ElementsAre("failed: it sent a frame of 56 bytes whose checksum does not match"));
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(kPeer)) + FrameOfType(8, "short")),
              ElementsAre("established with 2", "failed: it sent an ill-formed Ping of 5 bytes"));
  EXPECT_THAT(OnIncoming(FrameOfType(1, std::string(44, '\0'))),
              ElementsAre("failed: it sent an ill-formed Hello of 44 bytes"));
}

TEST(Link, WhoHasNotSaidHelloGetsLittleRoom) {
  EXPECT_THAT(OnIncoming(FrameOfType(1, std::string(70'000, 'x'))),
              ElementsAre("failed: it sent a frame of 70009 bytes, over the limit of 65536"));
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(kPeer)) + FrameOfType(200, std::string(70'000, 'x'))),
              ElementsAre("established with 2"));
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(kPeer)) + "\xff\xff\xff\x7f"),
              ElementsAre("established with 2", HasSubstr("over the limit of 67108864")));
}

TEST(Link, AfterAFailureNothingFollows) {
  IncomingLink link = Incoming();
  EXPECT_THAT(EventsOf(link, {"this is no frame", FrameOf(HelloOf(kPeer))}),
              ElementsAre(HasSubstr("over the limit")));
  EXPECT_EQ(link.NextDeadline(), INT64_MAX);
  EXPECT_FALSE(link.OnTime(INT64_MAX));
}

TEST(Link, TheHandshakeHasADeadline) {
  IncomingLink link = Incoming();
  EXPECT_EQ(link.NextDeadline(), kDeadlineUs);
  EXPECT_THAT(EventsOf(link, {FrameOf(HelloOf(kPeer)).substr(0, 20)}), IsEmpty());
  EXPECT_FALSE(link.OnTime(kDeadlineUs - 1));
  EXPECT_EQ(Shown(link.OnTime(kDeadlineUs).value()), "failed: it did not say Hello in time");
  EXPECT_FALSE(link.OnTime(kDeadlineUs + 1));

  IncomingLink in_time = Incoming();
  EventsOf(in_time, {FrameOf(HelloOf(kPeer))});
  EXPECT_EQ(in_time.NextDeadline(), INT64_MAX);
  EXPECT_FALSE(in_time.OnTime(kDeadlineUs + 1));
}

TEST(Link, GarbageFailsOrWaits) {
  Random random(42);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = random.Percent(50) ? FrameOf(HelloOf(kPeer)) : "";
    const bool established = !bytes.empty();
    for (uint64_t left = random.Below(200); left > 0; --left) {
      bytes += static_cast<char>(random.Below(256));
    }
    const size_t cut = random.Below(bytes.size() + 1);
    IncomingLink link = Incoming();
    const std::string_view all = bytes;
    const auto events = EventsOf(link, {all.substr(0, cut), all.substr(cut)});
    ASSERT_LE(events.size(), established ? 2 : 1) << "round " << round;
    ASSERT_EQ(link.established() || (!events.empty() && events[0] == "established with 2"),
              established);
  }
}

}  // namespace
}  // namespace cartwheel::cluster
