#include "cluster/gossip.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/frame.h"
#include "cluster/message_codec.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr uint64_t kCluster = 7;

std::array<uint8_t, 32> KeyOf(uint8_t byte) {
  std::array<uint8_t, 32> key{};
  key.fill(byte);
  return key;
}

// Members whose datagrams and links work at once, unless they are cut.
class GossipWorld {
 public:
  struct Node {
    Peers peers;
    Gossip gossip;

    Node(NodeId id, std::span<const Member> members, const Gossip::Options& options)
        : peers(id, members, {}), gossip(id, options, peers) {
      gossip.SetCluster(kCluster);
      gossip.SetMembers(members);
    }
  };

  explicit GossipWorld(size_t count) {
    for (size_t i = 0; i < count; ++i) members_.push_back({.node = IdOf(i), .zone = ""});
    for (size_t i = 0; i < count; ++i) Begin(i);
    for (size_t i = 0; i < count; ++i) LinkAll(i);
    RunFor(2 * kSecond);
  }

  static NodeId IdOf(size_t node) { return NodeId{node + 1}; }
  Node& at(size_t node) { return *nodes_[node]; }
  int64_t now_us() const { return now_us_; }

  bool datagrams_get_through = true;

  void Freeze(size_t node) { frozen_.insert(node); }
  void Thaw(size_t node) { frozen_.erase(node); }
  void Kill(size_t node) {
    frozen_.insert(node);
    for (size_t other = 0; other < nodes_.size(); ++other) {
      if (other == node) continue;
      at(other).peers.LinkDown(IdOf(node));
      at(other).gossip.Doubt(IdOf(node), now_us_);
    }
  }
  // Its links break, and no datagrams come and go; it runs.
  void CutOff(size_t node) {
    cut_off_ = node;
    for (size_t other = 0; other < nodes_.size(); ++other) {
      if (other == node) continue;
      for (const auto& [a, b] : {std::pair(other, node), std::pair(node, other)}) {
        at(a).peers.LinkDown(IdOf(b));
        at(a).gossip.Doubt(IdOf(b), now_us_);
      }
    }
  }
  void Join(size_t node) {
    cut_off_.reset();
    LinkAll(node);
    Deliver();
  }
  // It starts anew and is linked with all.
  void Return(size_t node) {
    frozen_.erase(node);
    Begin(node);
    LinkAll(node);
  }
  bool AllTakeForHealthy(size_t node) { return TakenForHealthyBy(node) == nodes_.size() - 1; }
  size_t TakenForHealthyBy(size_t node) {
    size_t count = 0;
    for (size_t other = 0; other < nodes_.size(); ++other) {
      if (other != node && at(other).peers.IsHealthy(IdOf(node))) ++count;
    }
    return count;
  }
  // Until all others take it for what is said; how long that took.
  int64_t UntilHealthIs(size_t node, Health health, int64_t at_most_us) {
    const int64_t began_us = now_us_;
    const auto all = [&] {
      for (size_t other = 0; other < nodes_.size(); ++other) {
        if (frozen_.contains(other) || other == node) continue;
        if (at(other).gossip.swim().HealthOf(IdOf(node)) != health) return false;
      }
      return true;
    };
    while (!all() && now_us_ - began_us < at_most_us) RunFor(kStepUs);
    return now_us_ - began_us;
  }
  void RunFor(int64_t microseconds) {
    for (const int64_t until_us = now_us_ + microseconds; now_us_ < until_us; now_us_ += kStepUs) {
      for (size_t i = 0; i < nodes_.size(); ++i) {
        if (frozen_.contains(i)) continue;
        at(i).peers.OnTime(now_us_);
        for (const NodeId silent : at(i).peers.TakeSilenced()) at(i).gossip.Doubt(silent, now_us_);
        at(i).gossip.OnTime(now_us_);
      }
      Deliver();
    }
  }
  void Deliver() {
    for (bool any = true; any;) {
      any = false;
      for (size_t from = 0; from < nodes_.size(); ++from) {
        if (frozen_.contains(from)) continue;
        any = DeliverDatagrams(from) || any;
        any = DeliverFrames(from) || any;
      }
    }
  }

 private:
  static constexpr int64_t kStepUs = 10'000;

  void Begin(size_t node) {
    nodes_.resize(members_.size());
    nodes_[node] = std::make_unique<Node>(
        IdOf(node), members_,
        Gossip::Options{.swim = {},
                        .key = KeyOf(1),
                        .boot_nonce = ++starts_,
                        .incarnation = static_cast<uint64_t>(now_us_) + starts_,
                        .seed = starts_});
  }
  void LinkAll(size_t node) {
    for (size_t other = 0; other < nodes_.size(); ++other) {
      if (other == node) continue;
      at(node).peers.LinkUp(IdOf(other), now_us_);
      at(node).gossip.PeerUp(IdOf(other), now_us_);
      at(other).peers.LinkUp(IdOf(node), now_us_);
      at(other).gossip.PeerUp(IdOf(node), now_us_);
    }
  }
  static size_t At(NodeId id) { return static_cast<size_t>(id) - 1; }
  bool DeliverDatagrams(size_t from) {
    const auto datagrams = at(from).gossip.TakeDatagrams();
    for (const auto& [to, bytes] : datagrams) {
      EXPECT_LE(bytes.size(), Gossip::kMaxDatagramBytes);
      const bool cut = cut_off_ && (*cut_off_ == from || *cut_off_ == At(to));
      if (!datagrams_get_through || cut || frozen_.contains(At(to))) continue;
      at(At(to)).gossip.OnDatagram(bytes, now_us_);
    }
    return !datagrams.empty();
  }
  bool DeliverFrames(size_t from) {
    const auto touched = at(from).peers.touched();
    const std::vector<NodeId> peers(touched.begin(), touched.end());
    for (const NodeId to : peers) {
      const std::string bytes = at(from).peers.TakeOutput(to);
      if (frozen_.contains(At(to))) continue;
      std::string_view rest = bytes;
      for (FrameReader reader; !rest.empty(); rest.remove_prefix(reader.consumed())) {
        EXPECT_EQ(reader.Parse(rest), FrameReader::Status::kComplete);
        const auto message = DecodeMessage(reader.frame());
        Take(from, At(to), *message);
      }
    }
    return !peers.empty();
  }
  void Take(size_t from, size_t to, const Message& message) {
    at(to).peers.Heard(IdOf(from), now_us_);
    if (const auto* ping = std::get_if<Ping>(&message)) {
      at(to).peers.Send(IdOf(from), Pong{ping->nonce});
    } else if (const auto* talk = std::get_if<SwimTalk>(&message)) {
      at(to).gossip.OnTalk(IdOf(from), talk->bytes, now_us_);
    }
  }

  std::vector<Member> members_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::set<size_t> frozen_;
  std::optional<size_t> cut_off_;
  uint64_t starts_ = 0;
  int64_t now_us_ = 1;
};

TEST(Gossip, AllAreHealthyWhileAllAnswer) {
  GossipWorld world(5);
  world.RunFor(120 * kSecond);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(world.AllTakeForHealthy(i)) << i;
    EXPECT_EQ(world.at(i).gossip.statistics().refused, 0U);
    EXPECT_GT(world.at(i).gossip.statistics().datagrams_received, 100U);
  }
}

TEST(Gossip, OneThatIsSilentIsNotAskedFirstAnyMoreAndIsDeadToAllSoon) {
  GossipWorld world(9);
  world.Freeze(4);
  world.RunFor(2'100'000);
  EXPECT_EQ(world.TakenForHealthyBy(4), 0U);
  EXPECT_LE(world.UntilHealthIs(4, Health::kDead, 20 * kSecond), 6 * kSecond);
  world.Thaw(4);
  world.RunFor(2 * kSecond);
  EXPECT_TRUE(world.AllTakeForHealthy(4));
}

TEST(Gossip, OneWhoseLinksBreakIsDeadToAllWithinFiveSeconds) {
  GossipWorld world(9);
  world.Kill(3);
  EXPECT_LE(world.UntilHealthIs(3, Health::kDead, 20 * kSecond), 5 * kSecond);
}

TEST(Gossip, OneThatComesBackIsHealthyAsSoonAsItIsLinked) {
  GossipWorld world(5);
  world.Kill(2);
  world.RunFor(30 * kSecond + 50'000);  // between two turns of rumors
  world.Return(2);
  // Long before a rumor has its turn.
  EXPECT_LE(world.UntilHealthIs(2, Health::kAlive, kSecond), 20'000);
  EXPECT_TRUE(world.AllTakeForHealthy(2));
  world.RunFor(30 * kSecond);
  EXPECT_TRUE(world.AllTakeForHealthy(2));
}

// It has taken all others for dead meanwhile, and says so.
TEST(Gossip, OneThatWasCutOffMakesNobodyTakeOthersForDead) {
  GossipWorld world(5);
  world.CutOff(2);
  world.RunFor(30 * kSecond);
  for (const size_t node : {0U, 1U, 3U, 4U}) {
    EXPECT_EQ(world.at(2).gossip.swim().HealthOf(GossipWorld::IdOf(node)), Health::kDead);
  }
  world.Join(2);
  for (int i = 0; i < 1'000; ++i) {
    world.RunFor(10'000);
    for (size_t node = 0; node < 5; ++node) ASSERT_TRUE(world.AllTakeForHealthy(node)) << i;
  }
  for (size_t node = 0; node < 5; ++node) {
    EXPECT_EQ(world.UntilHealthIs(node, Health::kAlive, 1), 0) << node;
  }
}

TEST(Gossip, WhereDatagramsDoNotGetThroughLinksDo) {
  GossipWorld world(5);
  world.datagrams_get_through = false;
  for (int i = 0; i < 300; ++i) {
    world.RunFor(kSecond);
    for (size_t node = 0; node < 5; ++node) {
      ASSERT_EQ(world.UntilHealthIs(node, Health::kAlive, 1), 0) << i;
    }
  }
  world.Freeze(1);
  EXPECT_LE(world.UntilHealthIs(1, Health::kDead, 60 * kSecond), 20 * kSecond);
}

TEST(Gossip, WhatIsForgedOrOfOthersIsCountedAndPassedOver) {
  GossipWorld world(3);
  Gossip& gossip = world.at(0).gossip;
  const SwimMessage dead{.cluster_id = kCluster,
                         .from = GossipWorld::IdOf(1),
                         .boot_nonce = 1,
                         .epoch = 0,
                         .packet = {.body = SwimGossip{},
                                    .rumors = {{.node = GossipWorld::IdOf(2),
                                                .incarnation = 1'000'000'000,
                                                .health = Health::kDead}}}};
  const auto refuses = [&](const SwimMessage& message, uint8_t key) {
    const uint64_t before = gossip.statistics().refused;
    gossip.OnDatagram(EncodeSwim(message, KeyOf(key)), world.now_us());
    return gossip.statistics().refused == before + 1;
  };
  EXPECT_TRUE(refuses(dead, 2));
  SwimMessage other = dead;
  other.cluster_id = kCluster + 1;
  EXPECT_TRUE(refuses(other, 1));
  other = dead;
  other.from = NodeId{77};
  EXPECT_TRUE(refuses(other, 1));
  gossip.OnDatagram("no packet at all", world.now_us());
  gossip.OnDatagram("", world.now_us());
  EXPECT_EQ(gossip.swim().HealthOf(GossipWorld::IdOf(2)), Health::kAlive);
  // The same, as it has to be.
  EXPECT_FALSE(refuses(dead, 1));
  EXPECT_EQ(gossip.swim().HealthOf(GossipWorld::IdOf(2)), Health::kDead);
}

TEST(Gossip, OverALinkOnlyItsMemberSpeaks) {
  GossipWorld world(3);
  Gossip& gossip = world.at(0).gossip;
  const std::string bytes =
      EncodeSwim({.cluster_id = kCluster, .from = GossipWorld::IdOf(1), .packet = {}}, KeyOf(1));
  gossip.OnTalk(GossipWorld::IdOf(2), bytes, world.now_us());
  EXPECT_EQ(gossip.statistics().refused, 1U);
  gossip.OnTalk(GossipWorld::IdOf(1), bytes, world.now_us());
  EXPECT_EQ(gossip.statistics().refused, 1U);
}

TEST(Gossip, DatagramsOfALargeClusterFit) {
  GossipWorld world(70);  // whose world expects that of each of them
  EXPECT_TRUE(world.AllTakeForHealthy(69));
}

TEST(Gossip, ANodeAloneHasNothingToSay) {
  const std::vector<Member> members = {{.node = NodeId{1}, .zone = ""}};
  Peers peers(NodeId{1}, members, {});
  Gossip gossip(NodeId{1}, {}, peers);
  gossip.SetMembers(members);
  EXPECT_EQ(gossip.NextDeadline(), 0);
  gossip.OnTime(5);
  EXPECT_EQ(gossip.NextDeadline(), INT64_MAX);
  EXPECT_THAT(gossip.TakeDatagrams(), testing::IsEmpty());
}

}  // namespace
}  // namespace cartwheel::cluster
