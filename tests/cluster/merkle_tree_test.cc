#include "cluster/merkle_tree.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "cluster/store_key.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {
namespace {

std::string StoreKey(size_t number) {
  std::string key;
  const std::string name = "key" + std::to_string(number);
  EncodeStoreKey({0, name}, key);
  return key;
}

Container WithVersion(uint64_t actor, uint64_t number) {
  Container container;
  const Dot dot{ActorId{actor}, number};
  container.versions.push_back({.dot = dot, .value_dot = dot, .hlc = {}, .bytes = "v"});
  container.context.AppendInterval({.actor = dot.actor, .first = number, .last = number});
  return container;
}

TEST(MerkleTree, ADigestIsOfTheKeyAndOfWhatIsLive) {
  const Container container = WithVersion(7, 5);
  const RecordDigest digest = DigestOfRecord(StoreKey(1), container);
  EXPECT_NE(digest, 0U);
  EXPECT_NE(DigestOfRecord(StoreKey(2), container), digest);
  EXPECT_NE(DigestOfRecord(StoreKey(1), WithVersion(7, 6)), digest);
  EXPECT_NE(DigestOfRecord(StoreKey(1), WithVersion(8, 5)), digest);
  Container more_context = container;
  more_context.context.AppendInterval({.actor = ActorId{9}, .first = 1, .last = 3});
  EXPECT_EQ(DigestOfRecord(StoreKey(1), more_context), digest);
  Container own = container;
  own.own_contiguous = !own.own_contiguous;
  EXPECT_EQ(DigestOfRecord(StoreKey(1), own), digest);
}

TEST(MerkleTree, WhatIsDeletedHasNoDigest) {
  Container deleted = WithVersion(7, 5);
  deleted.versions.clear();
  EXPECT_EQ(DigestOfRecord(StoreKey(1), deleted), 0U);
}

TEST(MerkleTree, CountsHaveOne) {
  Container counted;
  counted.counter.Add({ActorId{7}, 3}, 10, 1);
  const RecordDigest digest = DigestOfRecord(StoreKey(1), counted);
  EXPECT_NE(digest, 0U);
  counted.counter.Add({ActorId{7}, 4}, 10, 1);
  EXPECT_NE(DigestOfRecord(StoreKey(1), counted), digest);
}

TEST(MerkleTree, LeavesFollowTheOrderOfTheStore) {
  std::set<std::string> keys;
  for (size_t i = 0; i < 20'000; ++i) keys.insert(StoreKey(i));
  for (const uint32_t leaves : {kFewestLeaves, 1024U, kMostLeaves}) {
    int partition = -1;
    LeafNumber before = 0;
    for (const std::string& key : keys) {
      const StoreKeyParts parts = *DecodeStoreKey(key);
      const LeafNumber leaf = LeafOf(KeyIdOf(key), leaves);
      ASSERT_LT(leaf, leaves);
      if (partition == PartitionOf(parts.slot)) {
        ASSERT_GE(leaf, before);
      }
      partition = PartitionOf(parts.slot);
      before = leaf;
    }
  }
}

TEST(MerkleTree, AnIdSaysWhereItsKeyStands) {
  std::string before;
  std::set<std::string> keys;
  for (size_t i = 0; i < 20'000; ++i) keys.insert(StoreKey(i));
  for (const std::string& key : keys) {
    const KeyId id = KeyIdOf(key);
    const Partition partition = PartitionOf(DecodeStoreKey(key)->slot);
    const std::string first = FirstStoreKeyOf(partition, id);
    ASSERT_LE(first, key);
    ASSERT_GT(first, before) << "nothing else is between";
    ASSERT_EQ(KeyIdOf(first), id);
    before = key;
  }
}

TEST(MerkleTree, HowManyLeavesThereAreFollowsTheKeys) {
  EXPECT_EQ(LeavesFor(0), kFewestLeaves);
  EXPECT_EQ(LeavesFor(8 * 1024), 1024U);
  EXPECT_EQ(LeavesFor(8 * 1024 + 8), 2048U);
  EXPECT_EQ(LeavesFor(1'000'000'000), kMostLeaves);
}

TEST(MerkleTree, FoldedItIsTheTreeOfFewerLeaves) {
  MerkleTree large(4096);
  MerkleTree small(256);
  for (size_t i = 0; i < 5'000; ++i) {
    const std::string key = StoreKey(i);
    const RecordDigest digest = DigestOfRecord(key, WithVersion(1, i + 1));
    large.Toggle(LeafOf(KeyIdOf(key), 4096), digest);
    small.Toggle(LeafOf(KeyIdOf(key), 256), digest);
  }
  EXPECT_EQ(large.Folded(256), small);
  EXPECT_EQ(large.Folded(4096), large);
  EXPECT_EQ(large.Root(), small.Root()) << "so that trees of any size can be told apart by it";
}

TEST(MerkleTree, BranchesAndRootAreSums) {
  MerkleTree tree(512);
  tree.Toggle(3, 10);
  tree.Toggle(127, 7);
  tree.Toggle(128, 4);
  EXPECT_EQ(tree.Branches(), (std::vector<uint64_t>{10 ^ 7, 4, 0, 0}));
  EXPECT_EQ(tree.Root(), 10U ^ 7U ^ 4U);
  EXPECT_EQ(tree.LeavesOf(1).size(), kLeavesPerBranch);
  EXPECT_EQ(tree.LeavesOf(1)[0], 4U);
  EXPECT_TRUE(tree.LeavesOf(4).empty()) << "there is no such branch";
  tree.Toggle(3, 10);
  EXPECT_EQ(tree.Branches()[0], 7U);
}

TEST(MerkleTree, FewLeavesAreOneBranch) {
  const MerkleTree tree(kFewestLeaves);
  EXPECT_EQ(tree.Branches().size(), 1U);
  EXPECT_EQ(tree.LeavesOf(0).size(), kFewestLeaves);
}

}  // namespace
}  // namespace cartwheel::cluster
