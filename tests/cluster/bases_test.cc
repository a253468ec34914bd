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
  static OwnerBases Told(ActorId actor, uint64_t counter, uint64_t base) {
    return {actor, counter, {{kOwn, base}, {kPeers, base}, {kOthers, base}, {kStranger, base}}};
  }
  void Hear(NodeId owner, const OwnerBases& told) { bases_.Heard(owner, told, own_.received); }

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
  OwnerBases told = Told(kOthers, 5, 5);
  told.bases.erase(kStranger);
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
  Hear(kPeer, BasesOf(rebuilding));
  EXPECT_EQ(bases_.FloorOf(kBoth, own_)(kOwn), 0);
}

TEST_F(BasesTest, ActorsThatNoOwnerIsAreFormerOnes) {
  Hear(kOther, Told(kOthers, 5, 8));
  Hear(kPeer, Told(kPeers, 5, 8));
  const Floor floor = bases_.FloorOf(kBoth, own_);
  EXPECT_TRUE(floor.IsFormer(kStranger));
  for (const ActorId actor : {kOwn, kPeers, kOthers}) EXPECT_FALSE(floor.IsFormer(actor));
}

TEST_F(BasesTest, AVnodesWordIsWhatItHasReceived) {
  const OwnerBases own = BasesOf(own_);
  EXPECT_EQ(own, Told(kOwn, 9, 9));
}

}  // namespace
}  // namespace cartwheel::cluster
