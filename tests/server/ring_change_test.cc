// Owners that change at once while servers run. No data are to move then, but a key may be written
// while the change is on its way: the new owners get what they lack.
#include <gtest/gtest.h>

#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr size_t kNodes = 3;

// Every partition has these owners.
cluster::Topology OwnedBy(const std::vector<size_t>& owners) {
  cluster::Topology topology{
      .cluster_id = 1, .n = static_cast<uint8_t>(owners.size()), .members = {}, .owners = {}};
  for (size_t i = 0; i < kNodes; ++i) {
    topology.members.push_back(
        {.node = ClusterTester::IdOf(i), .address = {.host = "node", .port = 1}});
  }
  topology.owners.copies = owners.size();
  for (cluster::Partition partition = 0; partition < cluster::kPartitions; ++partition) {
    for (const size_t owner : owners) topology.owners.nodes.push_back(ClusterTester::IdOf(owner));
  }
  return topology;
}

class RingChange : public testing::Test {
 protected:
  void ChangeTo(const std::vector<size_t>& owners, size_t node) {
    const cluster::Topology topology = OwnedBy(owners);
    nodes_.at(node).server().gateway()->SetTopology(&topology, nodes_.at(node).now());
  }
  void ChangeTo(const std::vector<size_t>& owners) {
    for (size_t i = 0; i < kNodes; ++i) ChangeTo(owners, i);
    nodes_.Settle();
    // New owners wait for 2 s before they ask others for what they lack.
    nodes_.Advance(8 * kSecond);
  }
  // What the node itself has.
  std::string At(size_t node, std::string_view key) {
    const auto value =
        nodes_.at(node).server().store().Read({0, key}, nodes_.at(node).now().unix_ms());
    return value && *value ? std::string((*value)->bytes) : "(none)";
  }
  uint64_t Hints(size_t node) {
    uint64_t hints = 0;
    for (const auto& [target, waiting] :
         nodes_.at(node).server().gateway()->node().hints().waiting()) {
      hints += waiting.hints;
    }
    return hints;
  }
  size_t Rebuilding(size_t node) {
    return nodes_.at(node).server().gateway()->node().RebuildingPartitions();
  }

  ClusterTester nodes_{kNodes, {.n = 3, .r = 1, .w = 1}};
};

TEST_F(RingChange, NewOwnersGetWhatTheyLack) {
  ChangeTo({0});
  EXPECT_EQ(nodes_.Run(0, "SET a 1"), "OK");
  EXPECT_EQ(nodes_.Run(2, "SET b 2"), "OK");
  EXPECT_EQ(nodes_.Run(0, "INCR c"), "(integer) 1");
  EXPECT_EQ(At(2, "b"), "(none)") << "it is no owner";
  ChangeTo({0, 1, 2});
  for (size_t node = 0; node < kNodes; ++node) {
    EXPECT_EQ(At(node, "a"), "1") << node;
    EXPECT_EQ(At(node, "b"), "2") << node;
    EXPECT_EQ(At(node, "c"), "1") << node;
    EXPECT_EQ(Hints(node), 0U) << node;
    EXPECT_EQ(nodes_.Run(node, "DYN.QUORUM R 3 GET b"), "\"2\"") << node;
  }
}

TEST_F(RingChange, WhoIsNoOwnerAnyMoreHandsOnWhatItHas) {
  ChangeTo({0});
  EXPECT_EQ(nodes_.Run(1, "SET a 1"), "OK");
  EXPECT_EQ(At(0, "a"), "1");
  ChangeTo({2});
  EXPECT_EQ(At(2, "a"), "1");
  EXPECT_EQ(At(0, "a"), "(none)");
  EXPECT_EQ(nodes_.Run(1, "GET a"), "\"1\"");
  for (size_t node = 0; node < kNodes; ++node) EXPECT_EQ(Hints(node), 0U) << node;
}

TEST_F(RingChange, NewOwnersOfNothingAreCompleteSoon) {
  ChangeTo({0});
  EXPECT_EQ(Rebuilding(0), 0U);
  ChangeTo({0, 1, 2});
  for (size_t node = 0; node < kNodes; ++node) EXPECT_EQ(Rebuilding(node), 0U) << node;
}

TEST_F(RingChange, AWriteUnderTheOldTableReachesTheNewOwners) {
  ChangeTo({0});
  ChangeTo({1}, 1);
  ChangeTo({1}, 2);
  // Node 0 has not heard of it.
  EXPECT_EQ(nodes_.Run(0, "SET a 1"), "OK");
  ChangeTo({1}, 0);
  nodes_.Settle();
  nodes_.Advance(8 * kSecond);
  EXPECT_EQ(At(1, "a"), "1");
  EXPECT_EQ(nodes_.Run(2, "GET a"), "\"1\"");
}

TEST_F(RingChange, WhatIsOwedToWhoLeftIsOwedToNobody) {
  ChangeTo({0, 1});
  nodes_.CutOff(1);
  EXPECT_EQ(nodes_.Run(0, "SET a 1"), "OK");
  EXPECT_GT(Hints(0) + Hints(2), 0U);
  ChangeTo({0, 2});
  EXPECT_EQ(At(2, "a"), "1");
  for (size_t node = 0; node < kNodes; ++node) EXPECT_EQ(Hints(node), 0U) << node;
}

}  // namespace
}  // namespace cartwheel::server
