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

#include <bit>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/container.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

// What a record adds to its leaf: a digest of its key's place and of what is live of it, that is of
// the dots of its versions and of its counts. Not of its context, which may differ where nothing
// else does; not of values, nor of all of the key, as a dot names one write for ever. 0: nothing is
// live.
using RecordDigest = uint64_t;
RecordDigest DigestOfRecord(std::string_view store_key, const Container& container);

// As other nodes are told of a key: its place in the partition, that is 4 bits of its slot, the
// first 56 of its hash, 4 of its database. Ids stand in the order of leaves, and of the store but
// for the databases. That two keys of a partition have the same is rare (of a million keys, in one
// partition of two million), and costs that both are sent where one is asked for.
using KeyId = uint64_t;
// The key is as EncodeStoreKey makes it.
KeyId KeyIdOf(std::string_view store_key);
// The smallest store key of the partition that has this id.
std::string FirstStoreKeyOf(Partition partition, KeyId id);

struct KeyDigest {
  KeyId id = 0;
  RecordDigest digest = 0;
  auto operator<=>(const KeyDigest&) const = default;
};

// Both are powers of two, as are all numbers of leaves.
inline constexpr uint32_t kFewestLeaves = 64;
inline constexpr uint32_t kMostLeaves = 16'384;
inline constexpr uint32_t kLeavesPerBranch = 128;  // 1 KiB of digests

using LeafNumber = uint32_t;
// Of so many leaves.
constexpr LeafNumber LeafOf(KeyId id, uint32_t leaves) {
  return static_cast<LeafNumber>(id >> (64 - std::countr_zero(leaves)));
}
// How many leaves suit a partition of so many keys: about eight keys each, within the limits.
uint32_t LeavesFor(uint64_t keys);

class MerkleTree {
 public:
  explicit MerkleTree(uint32_t leaves) : leaves_(leaves) {}

  uint32_t leaves() const { return static_cast<uint32_t>(leaves_.size()); }
  // A record comes, goes, or becomes another.
  void Toggle(LeafNumber leaf, RecordDigest digest) { leaves_[leaf] ^= digest; }
  // It is going to be toggled: a hint for the processor.
  void Prefetch(LeafNumber leaf) const { __builtin_prefetch(&leaves_[leaf], 1); }

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
