// The Merkle trees of this node's partitions. A tree is built when it is first asked for, a few
// records at a time while others change, and from then on follows every change of a record. When
// the partition has outgrown it, it is built again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/merkle_tree.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

class Trees {
 public:
  // Of a tree that is being built: where it goes on.
  struct Building {
    MerkleTree tree;
    std::string after;  // records up to this store key are in it; empty: none
    uint64_t keys = 0;  // that are live in it
    bool complete = false;

    // It has so few leaves that each difference costs a large one.
    bool IsOutgrown() const {
      constexpr uint64_t kMostKeysPerLeaf = 16;
      return keys > kMostKeysPerLeaf * tree.leaves() && tree.leaves() < kMostLeaves;
    }
  };

  // nullptr: it is not there, or not yet.
  const MerkleTree* Of(Partition partition) const {
    const auto& kept = kept_[partition];
    return kept != nullptr && kept->complete && !kept->IsOutgrown() ? &kept->tree : nullptr;
  }
  // The record is going to change: a hint for the processor.
  void Prefetch(Partition partition, std::string_view store_key) const {
    const Building* const kept = kept_[partition].get();
    if (kept != nullptr) kept->tree.Prefetch(LeafOf(KeyIdOf(store_key), kept->tree.leaves()));
  }
  // Every change of a record has to be noted.
  bool Follows(Partition partition) const { return kept_[partition] != nullptr; }
  // A record of the partition was something else before. 0: it was not there, or is not any more.
  void Changed(Partition partition, std::string_view store_key, RecordDigest before,
               RecordDigest after);

  // What is there of it; begins anew when there is nothing, or too small a tree. How many keys
  // there are is not known before.
  Building& At(Partition partition);
  void Drop(Partition partition) { kept_[partition].reset(); }
  void DropAll();
  // What became of the turn's commit: without it what the turn changed has to be built again.
  void Settle(bool committed);

 private:
  std::array<std::unique_ptr<Building>, kPartitions> kept_;
  std::vector<Partition> changed_;  // in this turn; may repeat
};

}  // namespace cartwheel::cluster
