#include "cluster/forgetting.h"

#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/frame.h"
#include "cluster/message_codec.h"
#include "cluster/owned_container.h"
#include "cluster/slot.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr size_t kNodes = 3;

NodeId IdOf(size_t node) {
  return NodeId{node + 1};
}

// Of everything, with this epoch of one partition.
Ring ThreeOwners(Partition partition, uint64_t epoch) {
  std::vector<Member> members;
  for (size_t i = 0; i < kNodes; ++i) members.push_back({.node = IdOf(i), .zone = ""});
  std::vector<uint64_t> epochs(kPartitions, 1);
  epochs[partition] = epoch;
  return {members, RotatedTable(members, kNodes), {}, epochs};
}

Ownership AllOwned() {
  Ownership ownership;
  ownership.alone = false;
  ownership.owned.set();
  return ownership;
}

// Three owners of everything, and links between them that work at once.
class ForgettingTest : public testing::Test {
 protected:
  struct Node {
    std::unique_ptr<storage::Engine> engine = storage::NewMemoryEngine();
    LocalStore store;
    Peers peers;
    Forgetting forgetting;

    Node(size_t number, const Ring& ring)
        : store(*LocalStore::Open(*engine, {.actor_seed = number + 1, .ownership = AllOwned()})),
          peers(IdOf(number), ring.members(), {}),
          forgetting(store, ring, peers, IdOf(number),
                     {.tells_partitions = kPartitions,
                      .walks_partitions = kPartitions,
                      .completes_partitions = kPartitions}) {}
  };

  ForgettingTest() {
    for (size_t i = 0; i < kNodes; ++i) nodes_.push_back(std::make_unique<Node>(i, rings_[i]));
    for (size_t i = 0; i < kNodes; ++i) {
      for (size_t j = 0; j < kNodes; ++j) {
        if (i != j) nodes_[i]->peers.LinkUp(IdOf(j), 0);
      }
    }
  }

  // A change at one owner, copied to some of the others.
  void Make(size_t at, const Change& change, const std::vector<size_t>& to) {
    LocalStore& store = nodes_[at]->store;
    store.Write(kRef, change, kNowMs);
    const DotList dots = store.minted();
    ASSERT_TRUE(store.Commit());
    const OwnedContainer copy(**store.ReadContainer(kRef));
    for (const size_t other : to) {
      nodes_[other]->store.ActorOf(PartitionOf(SlotOf(kRef.key)));  // as every copy names it
      ASSERT_TRUE(nodes_[other]->store.Apply(kRef, copy.get(), dots, kNowMs));
      ASSERT_TRUE(nodes_[other]->store.Commit());
    }
  }

  // A step at each node; the number of records forgotten.
  size_t Step() {
    size_t forgotten = 0;
    now_us_ += 1'000'000;
    for (size_t i = 0; i < kNodes; ++i) {
      forgotten += nodes_[i]->forgetting.OnTime(now_us_).forgotten;
      EXPECT_TRUE(nodes_[i]->store.Commit());
      for (size_t j = 0; j < kNodes; ++j) {
        if (i != j) Deliver(i, j);
      }
    }
    return forgotten;
  }
  void Deliver(size_t from, size_t to) {
    const std::string output = nodes_[from]->peers.TakeOutput(IdOf(to));
    bytes_ += output.size();
    for (std::string_view rest = output; !rest.empty();) {
      FrameReader reader;
      ASSERT_EQ(reader.Parse(rest), FrameReader::Status::kComplete);
      const auto message = DecodeMessage(reader.frame());
      ASSERT_TRUE(message.has_value());
      nodes_[to]->forgetting.Heard(IdOf(from), std::get<TellReceived>(*message));
      rest.remove_prefix(reader.consumed());
    }
  }
  void SetEpoch(size_t node, Partition partition, uint64_t epoch) {
    const Ring before = std::exchange(rings_[node], ThreeOwners(partition, epoch));
    nodes_[node]->forgetting.RingChanged(rings_[node].DifferentFrom(before));
  }
  // Node 0 knows that all owners of the key's partition have received it.
  bool IsWithinFloor(const Dot& dot) {
    const Floor floor = nodes_[0]->forgetting.FloorOf(PartitionOfKey(kRef.key));
    return floor(dot.actor) >= dot.number;
  }
  bool HasRecord(size_t node) {
    return !(*nodes_[node]->store.ReadContainer(kRef))->context.empty();
  }

  static constexpr KeyRef kRef{0, "key"};
  std::vector<Ring> rings_ = std::vector<Ring>(kNodes, ThreeOwners(0, 1));  // as each knows it
  std::vector<std::unique_ptr<Node>> nodes_;
  int64_t now_us_ = 0;
  size_t bytes_ = 0;  // that passed between nodes
};

TEST_F(ForgettingTest, WhatAllOwnersHaveSeenDeletedGoes) {
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  Make(0, Change::Delete(), {1, 2});
  for (size_t i = 0; i < kNodes; ++i) EXPECT_TRUE(HasRecord(i)) << i;
  size_t forgotten = 0;
  for (int i = 0; i < 3; ++i) forgotten += Step();
  EXPECT_EQ(forgotten, kNodes);
  for (size_t i = 0; i < kNodes; ++i) EXPECT_FALSE(HasRecord(i)) << i;
}

TEST_F(ForgettingTest, ADeletionThatOneOwnerHasNotSeenStays) {
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  Make(0, Change::Delete(), {1});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Step(), 0) << i;
  EXPECT_TRUE(HasRecord(0));
  EXPECT_TRUE(HasRecord(1));
}

TEST_F(ForgettingTest, WhatIsLiveStays) {
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Step(), 0) << i;
  EXPECT_TRUE(HasRecord(2));
}

TEST_F(ForgettingTest, NothingGoesWhileAnOwnerRebuilds) {
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  Make(0, Change::Delete(), {1, 2});
  // It is told of a write of its own that it never made.
  Container ahead;
  const Dot unknown{nodes_[2]->store.ActorOf(PartitionOf(SlotOf(kRef.key))), 1'000};
  NoteDeletion(ahead, unknown);
  ASSERT_TRUE(nodes_[0]->store.Apply(kRef, ahead, std::vector{unknown}, kNowMs));
  ASSERT_TRUE(nodes_[0]->store.Commit());
  ASSERT_TRUE(nodes_[2]->store.Apply(kRef, ahead, {}, kNowMs));
  ASSERT_TRUE(nodes_[2]->store.Commit());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Step(), 0) << i;
}

TEST_F(ForgettingTest, NewMembersAreCompleteOnceEachHasHeardOfAllOthers) {
  const Partition partition = PartitionOfKey(kRef.key);
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  for (size_t i = 0; i < kNodes; ++i) EXPECT_FALSE(nodes_[i]->store.IsComplete(partition));
  nodes_[2]->peers.LinkDown(IdOf(0));
  for (int i = 0; i < 3; ++i) Step();
  EXPECT_FALSE(nodes_[0]->store.IsComplete(partition)) << "it has not heard of one";
  EXPECT_TRUE(nodes_[1]->store.IsComplete(partition));
  nodes_[2]->peers.LinkUp(IdOf(0), now_us_);
  nodes_[2]->forgetting.PeerUp(IdOf(0));
  for (int i = 0; i < 2; ++i) Step();
  for (size_t i = 0; i < kNodes; ++i) {
    for (Partition at = 0; at < kPartitions; ++at) {
      EXPECT_TRUE(nodes_[i]->store.IsComplete(at)) << i << ", partition " << at;
    }
  }
}

TEST_F(ForgettingTest, WhoLacksWhatAnotherHasIsNotComplete) {
  const Partition partition = PartitionOfKey(kRef.key);
  Make(0, Change::Put("v", kNoExpiry), {1});
  for (int i = 0; i < 3; ++i) Step();
  EXPECT_TRUE(nodes_[0]->store.IsComplete(partition));
  EXPECT_TRUE(nodes_[1]->store.IsComplete(partition));
  EXPECT_FALSE(nodes_[2]->store.IsComplete(partition));
  // Until it is handed that.
  const OwnedContainer copy(**nodes_[0]->store.ReadContainer(kRef));
  const DotList dots = {copy.get().versions[0].dot};
  ASSERT_TRUE(nodes_[2]->store.Apply(kRef, copy.get(), dots, kNowMs));
  ASSERT_TRUE(nodes_[2]->store.Commit());
  Step();
  EXPECT_TRUE(nodes_[2]->store.IsComplete(partition));
}

TEST_F(ForgettingTest, WhoHearsOfMoreThanItMadeHasGoneBackInTime) {
  for (int i = 0; i < 3; ++i) Step();
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  const Partition partition = PartitionOf(SlotOf(kRef.key));
  LocalStore& store = nodes_[0]->store;
  ASSERT_TRUE(store.IsComplete(partition));
  const ActorId actor = store.ActorOf(partition);
  const auto hear_of = [&](uint64_t number) {
    TellReceived message;
    message.partitions.push_back({partition, rings_[0].EpochOf(partition), {}});
    message.partitions[0].told.received.RaiseBase(actor, number);
    return nodes_[0]->forgetting.Heard(IdOf(1), message);
  };
  EXPECT_FALSE(hear_of(1));
  EXPECT_EQ(store.ActorOf(partition), actor);
  EXPECT_TRUE(hear_of(2));
  EXPECT_NE(store.ActorOf(partition), actor);
  EXPECT_FALSE(store.IsComplete(partition)) << "it is to hear of what it lost";
  EXPECT_FALSE(hear_of(2)) << "that is of another incarnation now";
}

TEST_F(ForgettingTest, WhatAPeerKnowsItIsNotToldAgainUntilItMayHaveForgotten) {
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  for (int i = 0; i < 3; ++i) Step();
  bytes_ = 0;
  Step();
  EXPECT_EQ(bytes_, 0);
  nodes_[0]->forgetting.PeerUp(IdOf(1));
  Step();
  EXPECT_GT(bytes_, 0);
}

TEST_F(ForgettingTest, WhatOwnersSaidUnderAnEarlierEpochCountsNoMore) {
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  for (int i = 0; i < 3; ++i) Step();
  const Partition partition = PartitionOfKey(kRef.key);
  const Dot dot = (*nodes_[0]->store.ReadContainer(kRef))->versions[0].dot;
  EXPECT_TRUE(IsWithinFloor(dot));
  SetEpoch(0, partition, 2);
  EXPECT_FALSE(IsWithinFloor(dot));
  for (int i = 0; i < 3; ++i) Step();
  EXPECT_FALSE(IsWithinFloor(dot)) << "they do not know of it";
  for (size_t i = 1; i < kNodes; ++i) SetEpoch(i, partition, 2);
  Step();
  EXPECT_TRUE(IsWithinFloor(dot));
}

// They say it once; it is not to be forgotten until they have something else to say.
TEST_F(ForgettingTest, WhatOwnersSaidUnderALaterEpochCountsOnceItIsKnownHere) {
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  const Partition partition = PartitionOfKey(kRef.key);
  const Dot dot = (*nodes_[0]->store.ReadContainer(kRef))->versions[0].dot;
  for (int i = 0; i < 3; ++i) Step();
  for (size_t i = 1; i < kNodes; ++i) SetEpoch(i, partition, 2);
  for (int i = 0; i < 3; ++i) Step();
  SetEpoch(0, partition, 2);
  EXPECT_TRUE(IsWithinFloor(dot));
}

TEST_F(ForgettingTest, AnotherEpochOfOnePartitionLeavesWhatWasSaidOfTheOthers) {
  Make(0, Change::Put("v", kNoExpiry), {1, 2});
  for (int i = 0; i < 3; ++i) Step();
  const size_t all = std::exchange(bytes_, 0);
  const Partition partition = PartitionOfKey(kRef.key);
  const Dot dot = (*nodes_[0]->store.ReadContainer(kRef))->versions[0].dot;
  const auto another = static_cast<Partition>((partition + 1) % kPartitions);
  for (size_t i = 0; i < kNodes; ++i) SetEpoch(i, another, 2);
  EXPECT_TRUE(IsWithinFloor(dot));
  for (int i = 0; i < 3; ++i) Step();
  EXPECT_GT(bytes_, 0) << "that one is spoken of anew";
  EXPECT_LT(bytes_, all / 100);
}

}  // namespace
}  // namespace cartwheel::cluster
