#include "cluster/link.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/link_proof.h"
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

constexpr Mac kKey{1, 2, 3};
constexpr Mac kOtherKey{1, 2, 4};

// Each node's challenge is its own, here the same on all its connections.
Hello HelloOf(NodeId node, uint64_t boot_nonce = 70) {
  return {.cluster_id = 5,
          .node = node,
          .boot_nonce = boot_nonce,
          .challenge = {static_cast<uint8_t>(node), 9}};
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
  if (const auto* failed = std::get_if<Failed>(&event)) return "failed: " + failed->reason;
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

std::string ProofFrame(LinkEnd prover, const std::string& diallers_hello,
                       const std::string& acceptors_hello, const Mac& key = kKey) {
  return FrameOf(Proof{LinkProof(key, prover, std::string_view(diallers_hello).substr(kFrameHead),
                                 std::string_view(acceptors_hello).substr(kFrameHead))});
}

// What a good peer proves to this node, which it has dialled, or which has dialled it.
std::string DiallersProof() {
  return ProofFrame(LinkEnd::kDialler, FrameOf(HelloOf(kPeer)), FrameOf(HelloOf(kSelf)));
}
std::string AcceptorsProof() {
  return ProofFrame(LinkEnd::kAcceptor, FrameOf(HelloOf(kSelf)), FrameOf(HelloOf(kPeer)));
}
std::string Dialled() {
  return FrameOf(HelloOf(kPeer)) + DiallersProof();
}
std::string Answered() {
  return FrameOf(HelloOf(kPeer)) + AcceptorsProof();
}

IncomingLink Incoming() {
  return {HelloOf(kSelf), kKey, {kSelf, kPeer, NodeId{3}}, kDeadlineUs};
}
OutgoingLink Outgoing() {
  return {HelloOf(kSelf), kKey, kPeer, kDeadlineUs};
}

std::vector<std::string> OnIncoming(const std::string& bytes) {
  IncomingLink link = Incoming();
  return EventsOf(link, {bytes});
}
std::vector<std::string> OnOutgoing(const std::string& bytes) {
  OutgoingLink link = Outgoing();
  return EventsOf(link, {bytes});
}

// Feeds the link what both say to it, and gives what it answers.
std::string AnswerTo(IncomingLink& link, const std::string& bytes) {
  EventsOf(link, {bytes});
  return link.TakeOutput();
}

std::string Everything() {
  return Dialled() + FrameOf(Ping{1}) + FrameOfType(200, "of a later version") +
         FrameOf(Read{.ref = {0, std::string(300, 'k')}}) + FrameOf(Ping{2});
}
std::vector<std::string> EverythingShown() {
  return {"established with 2", "ping 1", "read " + std::string(300, 'k'), "ping 2"};
}

// ---- the proofs

TEST(Link, TwoWithOneSecretProveItToEachOther) {
  OutgoingLink dialler(HelloOf(kPeer), kKey, kSelf, kDeadlineUs);
  IncomingLink acceptor = Incoming();
  const std::string hello = dialler.TakeOutput();
  EXPECT_EQ(hello, FrameOf(HelloOf(kPeer)));
  EXPECT_THAT(EventsOf(acceptor, {hello}), IsEmpty());
  EXPECT_TRUE(acceptor.awaits_proof());
  EXPECT_FALSE(acceptor.established());
  EXPECT_THAT(EventsOf(dialler, {acceptor.TakeOutput()}), ElementsAre("established with 1"));
  EXPECT_THAT(EventsOf(acceptor, {dialler.TakeOutput() + FrameOf(Ping{1})}),
              ElementsAre("established with 2", "ping 1"));
  EXPECT_EQ(acceptor.TakeOutput() + dialler.TakeOutput(), "");
}

TEST(Link, AnotherSecretIsFoundOutAtEitherEnd) {
  const std::string differs = "failed: the cluster-secret of node 2 differs from ours";
  const std::string own = FrameOf(HelloOf(kSelf));
  const std::string peer = FrameOf(HelloOf(kPeer));
  EXPECT_THAT(OnIncoming(peer + ProofFrame(LinkEnd::kDialler, peer, own, kOtherKey)),
              ElementsAre(differs));
  OutgoingLink dialler = Outgoing();
  EXPECT_EQ(dialler.TakeOutput(), own);
  EXPECT_THAT(EventsOf(dialler, {peer + ProofFrame(LinkEnd::kAcceptor, own, peer, kOtherKey)}),
              ElementsAre(differs));
  EXPECT_EQ(dialler.TakeOutput(), "") << "it proves nothing to whom it does not know";
}

TEST(Link, WhatFollowsABadProofIsNotLookedAt) {
  const std::string bytes = FrameOf(HelloOf(kPeer)) + FrameOf(Proof{}) + FrameOf(Ping{1});
  IncomingLink link = Incoming();
  EXPECT_THAT(EventsOf(link, {bytes, DiallersProof(), FrameOf(Ping{2})}),
              ElementsAre("failed: the cluster-secret of node 2 differs from ours"));
  EXPECT_FALSE(link.established());
}

TEST(Link, EveryBitOfAProofAndOfAHelloCounts) {
  const std::string hello = FrameOf(HelloOf(kPeer)).substr(kFrameHead);
  const Mac good = LinkProof(kKey, LinkEnd::kDialler, hello,
                             std::string_view(FrameOf(HelloOf(kSelf))).substr(kFrameHead));
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Mac bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    ASSERT_THAT(OnIncoming(FrameOf(HelloOf(kPeer)) + FrameOf(Proof{bad})),
                ElementsAre("failed: the cluster-secret of node 2 differs from ours"));
  }
  for (size_t bit = 0; bit < 8 * hello.size(); ++bit) {
    std::string other = hello;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    const auto events = OnIncoming(FrameOfType(1, other) + DiallersProof());
    ASSERT_THAT(events, ElementsAre(testing::StartsWith("failed: "))) << bit;
  }
  // What a later version adds to a Hello, too.
  const std::string longer = FrameOfType(1, hello + "more");
  EXPECT_THAT(OnIncoming(longer + DiallersProof()),
              ElementsAre("failed: the cluster-secret of node 2 differs from ours"));
  EXPECT_THAT(OnIncoming(longer + ProofFrame(LinkEnd::kDialler, longer, FrameOf(HelloOf(kSelf)))),
              ElementsAre("established with 2"));
}

// Whoever does not know the secret has this node itself to ask for proofs, on other connections.
TEST(Link, ItsOwnProofsAreOfNoUseToAStranger) {
  const std::string hello = FrameOf(HelloOf(kPeer));
  IncomingLink first = Incoming();
  const std::string answer = AnswerTo(first, hello);
  ASSERT_TRUE(answer.starts_with(FrameOf(HelloOf(kSelf))));
  const std::string own_proof = answer.substr(FrameOf(HelloOf(kSelf)).size());
  EXPECT_THAT(EventsOf(first, {own_proof}),
              ElementsAre("failed: the cluster-secret of node 2 differs from ours"));

  // On a parallel connection, whose challenge is given back to this node as the stranger's own.
  Hello as_peer = HelloOf(kPeer);
  as_peer.challenge = HelloOf(kSelf).challenge;
  OutgoingLink dialled = Outgoing();
  IncomingLink second = Incoming();
  const std::string reflected = AnswerTo(second, FrameOf(as_peer));
  EXPECT_THAT(
      EventsOf(dialled, {FrameOf(as_peer), reflected.substr(FrameOf(HelloOf(kSelf)).size())}),
      ElementsAre("failed: the cluster-secret of node 2 differs from ours"));
  // With its own Hello it is found out before that.
  OutgoingLink mirror = Outgoing();
  EXPECT_THAT(EventsOf(mirror, {mirror.TakeOutput() + own_proof}),
              ElementsAre("failed: this node itself is at the other end"));
}

TEST(Link, WhatWasSaidOnAnEarlierConnectionProvesNothing) {
  const auto challenge = [](Hello hello, uint8_t byte) {
    hello.challenge = {byte};
    return hello;
  };
  IncomingLink acceptor(challenge(HelloOf(kSelf), 77), kKey, {kSelf, kPeer}, kDeadlineUs);
  EXPECT_THAT(EventsOf(acceptor, {Everything()}),
              ElementsAre("failed: the cluster-secret of node 2 differs from ours"));
  OutgoingLink dialler(challenge(HelloOf(kSelf), 77), kKey, kPeer, kDeadlineUs);
  EXPECT_THAT(EventsOf(dialler, {Answered()}),
              ElementsAre("failed: the cluster-secret of node 2 differs from ours"));
}

TEST(Link, AProofIsOfThoseTwoNodes) {
  // Node 3 knows the secret, and claims to be node 2 with what it may say as itself.
  const std::string own = FrameOf(HelloOf(kSelf));
  const std::string as_itself = ProofFrame(LinkEnd::kDialler, FrameOf(HelloOf(NodeId{3})), own);
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(NodeId{3})) + as_itself),
              ElementsAre("established with 3"));
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(kPeer)) + as_itself),
              ElementsAre("failed: the cluster-secret of node 2 differs from ours"));
}

TEST(Link, NothingElseIsSaidBeforeTheProof) {
  for (const std::string& frame :
       {FrameOf(Ping{1}), FrameOfType(200, ""), FrameOf(JoinTalk{"?"}), FrameOf(HelloOf(kPeer))}) {
    EXPECT_THAT(
        OnIncoming(FrameOf(HelloOf(kPeer)) + frame + DiallersProof()),
        ElementsAre("failed: node 2 spoke before it proved that its cluster-secret is ours"));
    EXPECT_THAT(
        OnOutgoing(FrameOf(HelloOf(kPeer)) + frame + AcceptorsProof()),
        ElementsAre("failed: node 2 spoke before it proved that its cluster-secret is ours"));
  }
  EXPECT_THAT(OnIncoming(DiallersProof()), ElementsAre("failed: it spoke before it said Hello"));
  EXPECT_THAT(OnIncoming(Dialled() + DiallersProof()),
              ElementsAre("established with 2", "failed: it proved twice who it is"));
}

TEST(Link, WhoIsRefusedAnywayGetsNoProof) {
  Hello foreign = HelloOf(kPeer);
  foreign.cluster_id = 6;
  Hello other_version = HelloOf(kPeer);
  other_version.newest_protocol = other_version.oldest_protocol = 1;
  for (const Hello& hello : {foreign, other_version, HelloOf(kSelf)}) {
    IncomingLink link = Incoming();
    EXPECT_EQ(AnswerTo(link, FrameOf(hello)), FrameOf(HelloOf(kSelf)));
  }
  IncomingLink link = Incoming();
  EXPECT_EQ(AnswerTo(link, FrameOf(HelloOf(NodeId{4}))), "");
}

// ---- messages

TEST(Link, WhatFollowsTheProofCanBeGivenUpAndFedAgain) {
  const std::string bytes = Everything();
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    IncomingLink link = Incoming();
    std::vector<std::string> events;
    std::string held;
    for (const std::string& piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
      if (link.established()) {
        held += piece;
        continue;
      }
      link.Feed(piece);
      while (auto event = link.Next()) {
        events.push_back(Shown(*event));
        held = link.TakeUnread();
      }
    }
    for (const std::string& event : EventsOf(link, {held})) events.push_back(event);
    ASSERT_EQ(events, EverythingShown()) << cut;
  }
}

TEST(Link, AfterTheProofMessagesComeInOrder) {
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
  EventsOf(link, {Dialled(), FrameOfType(200, ""), FrameOfType(0, "x")});
  EXPECT_TRUE(link.established());
  EXPECT_EQ(link.unknown_messages(), 2);
}

TEST(Link, OnTheDialledOneThePeerShakesHandsAndNothingElse) {
  EXPECT_THAT(OnOutgoing(Answered()), ElementsAre("established with 2"));
  EXPECT_THAT(OnOutgoing(Answered() + FrameOf(Ping{1})),
              ElementsAre("established with 2",
                          "failed: it spoke on a connection that is ours to speak on"));
}

TEST(Link, AnotherClusterIsRefusedWithAnAnswer) {
  Hello foreign = HelloOf(NodeId{9});
  foreign.cluster_id = 6;
  const std::string reason = "node 9 is of another cluster, its cluster-name differs from ours";
  EXPECT_THAT(OnIncoming(FrameOf(foreign)), ElementsAre("failed: " + reason));
  EXPECT_THAT(OnOutgoing(FrameOf(foreign)), ElementsAre("failed: " + reason));
}

TEST(Link, AProtocolThatIsNotSpokenIsRefusedWithAnAnswer) {
  Hello later = HelloOf(kPeer);
  later.oldest_protocol = kNewestProtocol + 1;
  later.newest_protocol = kNewestProtocol + 4;
  later.cluster_id = 6;  // which means what it means in that version
  EXPECT_THAT(OnIncoming(FrameOf(later)),
              ElementsAre("failed: node 2 speaks protocol 4 to 7, this node 3 to 3"));
  later = HelloOf(kPeer);
  later.newest_protocol = kNewestProtocol + 4;
  EXPECT_THAT(OnIncoming(FrameOf(later) +
                         ProofFrame(LinkEnd::kDialler, FrameOf(later), FrameOf(HelloOf(kSelf)))),
              ElementsAre("established with 2"));
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
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(kSelf))), ElementsAre("failed: " + itself));
  EXPECT_THAT(OnOutgoing(FrameOf(HelloOf(kSelf))), ElementsAre("failed: " + itself));
  EXPECT_THAT(
      OnIncoming(FrameOf(HelloOf(kSelf, 71))),
      ElementsAre("failed: another process says that it is node 1, which this one is: compare "
                  "cluster-self"));
}

TEST(Link, NothingIsSaidBeforeHello) {
  for (const std::string& frame : {FrameOf(Ping{1}), FrameOfType(200, "")}) {
    EXPECT_THAT(OnIncoming(frame + FrameOf(HelloOf(kPeer))),
                ElementsAre("failed: it spoke before it said Hello"));
  }
}

TEST(Link, HelloIsSaidOnce) {
  EXPECT_THAT(OnIncoming(Dialled() + FrameOf(HelloOf(kPeer))),
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
  EXPECT_THAT(OnIncoming(FrameOf(without)), ElementsAre("failed: node 2 is not yet in a cluster"));
}

TEST(Link, WhatIsNoFrameFailsWithOneLine) {
  EXPECT_THAT(OnIncoming("GET / HTTP/1.1\r\n\r\n"),
              ElementsAre("failed: it sent a frame of 542393680 bytes, over the limit of 65536"));
  std::string damaged = FrameOf(HelloOf(kPeer));
  damaged.back() ^= 1;
  EXPECT_THAT(OnIncoming(damaged),
              ElementsAre("failed: it sent a frame of 72 bytes whose checksum does not match"));
  EXPECT_THAT(OnIncoming(Dialled() + FrameOfType(8, "short")),
              ElementsAre("established with 2", "failed: it sent an ill-formed Ping of 5 bytes"));
  EXPECT_THAT(OnIncoming(FrameOfType(1, std::string(44, '\0'))),
              ElementsAre("failed: it sent an ill-formed Hello of 44 bytes"));
}

TEST(Link, WhoHasProvenNothingGetsLittleRoom) {
  const std::string large = FrameOfType(200, std::string(70'000, 'x'));
  const std::string over = "failed: it sent a frame of 70009 bytes, over the limit of 65536";
  EXPECT_THAT(OnIncoming(large), ElementsAre(over));
  EXPECT_THAT(OnIncoming(FrameOf(HelloOf(kPeer)) + large), ElementsAre(over));
  EXPECT_THAT(OnIncoming(Dialled() + large), ElementsAre("established with 2"));
  EXPECT_THAT(OnIncoming(Dialled() + "\xff\xff\xff\x7f"),
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

  // One for all of it.
  IncomingLink unproven = Incoming();
  OutgoingLink unproven_answer = Outgoing();
  for (Link* each : std::vector<Link*>{&unproven, &unproven_answer}) {
    EXPECT_THAT(EventsOf(*each, {FrameOf(HelloOf(kPeer)) + DiallersProof().substr(0, 20)}),
                IsEmpty());
    EXPECT_EQ(each->NextDeadline(), kDeadlineUs);
    EXPECT_FALSE(each->OnTime(kDeadlineUs - 1));
    EXPECT_EQ(Shown(each->OnTime(kDeadlineUs).value()),
              "failed: node 2 did not prove in time that its cluster-secret is ours");
    EXPECT_THAT(EventsOf(*each, {DiallersProof()}), IsEmpty());
  }

  IncomingLink in_time = Incoming();
  EventsOf(in_time, {Dialled()});
  EXPECT_EQ(in_time.NextDeadline(), INT64_MAX);
  EXPECT_FALSE(in_time.OnTime(kDeadlineUs + 1));
}

TEST(Link, GarbageFailsOrWaits) {
  Random random(42);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = random.Percent(75) ? FrameOf(HelloOf(kPeer)) : "";
    const bool established = !bytes.empty() && random.Percent(50);
    if (established) bytes += DiallersProof();
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
