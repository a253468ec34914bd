// What a replica holds of one partition, as a tree of digests: two replicas whose trees agree hold
// the same, and where they differ a few kilobytes say in which keys (Merkle trees as in the Dynamo
// paper, 4.7).
//
// A leaf is a range of places in the partition (its slot and the first bits of the key's hash), so
// that its keys stand together in the store. A digest is the XOR of the digests of what is below it
// (u64): whether keys come or go, in whatever order, each costs one XOR in the leaf and none above.
// Branches are summed up when they are asked for.
//
// In memory alone: after a start the trees are built again from the records, which also finds what
// the disk has lost meanwhile.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "cluster/container.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {

// What a record adds to its leaf: a digest of its key and of what is live of it, that is of the
// dots of its versions and of its counts. Not of its context, which may differ where nothing else
// does; not of values, as a dot names one for ever. 0: nothing is live.
using RecordDigest = uint64_t;
RecordDigest DigestOfRecord(std::string_view store_key, const Container& container);

// As other nodes are told of a key: XXH3-64 of its store key.
uint64_t KeyIdOf(std::string_view store_key);
struct KeyDigest {
  uint64_t id = 0;
  RecordDigest digest = 0;
  auto operator<=>(const KeyDigest&) const = default;
};

// Both are powers of two, as are all numbers of leaves.
inline constexpr uint32_t kFewestLeaves = 64;
inline constexpr uint32_t kMostLeaves = 16'384;
inline constexpr uint32_t kLeavesPerBranch = 128;  // 1 KiB of digests

using LeafNumber = uint32_t;
// Of so many leaves.
LeafNumber LeafOf(const StoreKeyParts& parts, uint32_t leaves);
// How many leaves suit a partition of so many keys: about eight keys each, within the limits.
uint32_t LeavesFor(uint64_t keys);

class MerkleTree {
 public:
  explicit MerkleTree(uint32_t leaves) : leaves_(leaves) {}

  uint32_t leaves() const { return static_cast<uint32_t>(leaves_.size()); }
  // A record comes, goes, or becomes another.
  void Toggle(LeafNumber leaf, RecordDigest digest) { leaves_[leaf] ^= digest; }

  RecordDigest leaf(LeafNumber leaf) const { return leaves_[leaf]; }

  uint64_t Root() const;
  // The tree as one of fewer leaves; `leaves` divides its own number.
  MerkleTree Folded(uint32_t leaves) const;
  // Of kLeavesPerBranch leaves each, or of all of them where there are fewer.
  std::vector<uint64_t> Branches() const;
  std::span<const uint64_t> LeavesOf(uint32_t branch) const;

  bool operator==(const MerkleTree&) const = default;

 private:
  std::vector<uint64_t> leaves_;
};

}  // namespace cartwheel::cluster
