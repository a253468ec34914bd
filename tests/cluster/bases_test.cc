#include "cluster/bases.h"

#include <vector>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr NodeId kPeer{1};
constexpr NodeId kOther{2};
constexpr ActorId kOwn{10};
constexpr ActorId kPeers{11};
constexpr ActorId kOthers{12};
constexpr ActorId kStranger{13};
const std::vector<NodeId> kBoth{kPeer, kOther};

class BasesTest : public testing::Test {
 protected:
  BasesTest() {
    own_.actor = kOwn;
    own_.counter = 9;
    for (const ActorId actor : {kOwn, kPeers, kOthers, kStranger}) {
      own_.received.RaiseBase(actor, 9);
    }
  }
  static OwnerWord Told(ActorId actor, uint64_t counter, uint64_t base) {
    OwnerWord told{.actor = actor, .counter = counter, .rebuilding = false, .received = {}};
    for (const ActorId of : {kOwn, kPeers, kOthers, kStranger}) told.received.RaiseBase(of, base);
    return told;
  }
  void Hear(NodeId owner, const OwnerWord& told) { bases_.Heard(owner, told, own_.received); }

  Vnode own_;
  Bases bases_;
};

TEST_F(BasesTest, TheFloorIsTheLeastThatAnyOwnerTold) {
  Hear(kPeer, Told(kPeers, 5, 5));
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kOwn), 0) << "the other has told nothing";
  Hear(kOther, Told(kOthers, 5, 7));
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kOwn), 5);
  EXPECT_EQ(bases_.FloorOf(std::vector{kOther}, own_)(kOwn), 7);
  Hear(kPeer, Told(kPeers, 9, 20));
  Hear(kOther, Told(kOthers, 9, 20));
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kOwn), 9) << "this node's own counts too";
}

TEST_F(BasesTest, WhatOneOwnerNeverReceivedIsNotWithinTheFloor) {
  Hear(kPeer, Told(kPeers, 5, 5));
  OwnerWord told = Told(kOthers, 5, 5);
  told.received = {};
  told.received.RaiseBase(kOthers, 5);
  told.received.RaiseBase(kOwn, 5);
  Hear(kOther, told);
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kStranger), 0);
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kOwn), 5);
}

TEST_F(BasesTest, AWordCountsOnceItsOwnersWritesAreHere) {
  Hear(kOther, Told(kOthers, 5, 8));
  Hear(kPeer, Told(kPeers, 5, 3));
  Hear(kPeer, Told(kPeers, 12, 8));
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kOwn), 3) << "the word before still counts";
  own_.received.RaiseBase(kPeers, 12);
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kOwn), 8);
}

TEST_F(BasesTest, AnotherIncarnationForgetsWhatTheOneBeforeTold) {
  Hear(kOther, Told(kOthers, 5, 8));
  Hear(kPeer, Told(kPeers, 5, 8));
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kOwn), 8);
  Vnode rebuilding;
  rebuilding.actor = ActorId{99};
  rebuilding.rebuilding = true;
  rebuilding.received.RaiseBase(kOwn, 9);
  Hear(kPeer, WordOf(rebuilding));
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kOwn), 0);
}

TEST_F(BasesTest, ActorsThatNoOwnerIsAreFormerOnes) {
  Hear(kOther, Told(kOthers, 5, 8));
  Hear(kPeer, Told(kPeers, 5, 8));
  const Floor floor = bases_.FloorOf(kBoth, own_);
  EXPECT_TRUE(floor.IsFormer(kStranger));
  for (const ActorId actor : {kOwn, kPeers, kOthers}) EXPECT_FALSE(floor.IsFormer(actor));
}

TEST_F(BasesTest, OneThatAllOwnersHaveClosedIsNoFormerOne) {
  own_.received.Close(kStranger);
  Hear(kOther, Told(kOthers, 5, 8));
  OwnerWord told = Told(kPeers, 5, 8);
  told.received.Close(kStranger);
  Hear(kPeer, told);
  EXPECT_TRUE(bases_.FloorOf(kBoth, own_).IsFormer(kStranger));
  told = Told(kOthers, 5, 8);
  told.received.Close(kStranger);
  Hear(kOther, told);
  const Floor floor = bases_.FloorOf(kBoth, own_);
  EXPECT_FALSE(floor.IsFormer(kStranger));
  EXPECT_EQ(floor(kStranger), kMaxDotNumber);
}

TEST_F(BasesTest, AVnodesWordIsWhatItHasReceived) {
  const OwnerWord own = WordOf(own_);
  EXPECT_EQ(own, Told(kOwn, 9, 9));
}

TEST_F(BasesTest, ItIsAllHereOnceEveryOwnerSaysNothingElse) {
  EXPECT_TRUE(bases_.IsAllHere({}, own_.received));
  Hear(kPeer, Told(kPeers, 9, 9));
  EXPECT_FALSE(bases_.IsAllHere(kBoth, own_.received)) << "the other has told nothing";
  OwnerWord told = Told(kOthers, 12, 9);
  told.received.Add({kStranger, 11});
  Hear(kOther, told);
  EXPECT_FALSE(bases_.IsAllHere(kBoth, own_.received));
  own_.received.Add({kStranger, 11});
  EXPECT_TRUE(bases_.IsAllHere(kBoth, own_.received)) << "also with gaps, and by the latest word";
  EXPECT_FALSE(bases_.IsAllHere(kBoth, ReceivedDots()));
}

TEST_F(BasesTest, TwoThatBothHaveNothingHaveItAll) {
  Vnode fresh;
  fresh.actor = kPeers;
  fresh.rebuilding = true;
  Hear(kPeer, WordOf(fresh));
  EXPECT_TRUE(bases_.IsAllHere(std::vector{kPeer}, ReceivedDots()));
}

}  // namespace
}  // namespace cartwheel::cluster
