#include "cluster/merkle_tree.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

#include <xxhash.h>

#include "cluster/store_key.h"
#include "cluster/vnode.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

// Of a KeyId, around those of the hash.
constexpr int kSlotBits = 4;
constexpr int kDatabaseBits = 4;
constexpr int kHashBitsLeftOut = kSlotBits + kDatabaseBits;

// So that each of a record's dots and counts has one hash, whatever their order and number.
uint64_t HashOf(uint64_t seed, std::initializer_list<uint64_t> fields) {
  return XXH3_64bits_withSeed(fields.begin(), fields.size() * sizeof(uint64_t), seed);
}

uint64_t Sum(std::span<const uint64_t> digests) {
  return std::accumulate(digests.begin(), digests.end(), uint64_t{0}, std::bit_xor<>());
}

}  // namespace

static_assert(kSlotsPerPartition == 1 << kSlotBits && kMaxDatabases == 1 << kDatabaseBits);

KeyId KeyIdOf(std::string_view store_key) {
  const StoreKeyParts parts = *DecodeStoreKey(store_key);
  const uint64_t slot = parts.slot % kSlotsPerPartition;
  return slot << (64 - kSlotBits) | parts.hash >> kHashBitsLeftOut << kDatabaseBits |
         parts.database;
}

std::string FirstStoreKeyOf(Partition partition, KeyId id) {
  const auto slot =
      static_cast<Slot>(uint64_t{partition} * kSlotsPerPartition + (id >> (64 - kSlotBits)));
  const auto database = static_cast<Database>(id % kMaxDatabases);
  return StoreKeyPrefix(slot, database, id >> kDatabaseBits << kHashBitsLeftOut);
}

RecordDigest DigestOfRecord(std::string_view store_key, const Container& container) {
  if (container.IsDeleted()) return 0;
  constexpr uint64_t kOfVersion = 1;
  constexpr uint64_t kOfCount = 2;
  uint64_t live = 0;
  for (const Version& version : container.versions) {
    live ^= HashOf(kOfVersion, {static_cast<uint64_t>(version.dot.actor), version.dot.number});
  }
  for (const Counter::Entry& entry : container.counter.entries()) {
    if (!entry.IsLive()) continue;
    live ^= HashOf(kOfCount, {static_cast<uint64_t>(entry.first.actor), entry.first.number,
                              entry.total.number, entry.reset.number});
  }
  return HashOf(KeyIdOf(store_key), {live});
}

uint32_t LeavesFor(uint64_t keys) {
  constexpr uint64_t kKeysPerLeaf = 8;
  const uint64_t leaves = std::bit_ceil(std::max<uint64_t>(keys / kKeysPerLeaf, 1));
  return static_cast<uint32_t>(std::clamp<uint64_t>(leaves, kFewestLeaves, kMostLeaves));
}

uint64_t MerkleTree::Root() const {
  return Sum(leaves_);
}

MerkleTree MerkleTree::Folded(uint32_t leaves) const {
  storage::Check(leaves != 0 && this->leaves() % leaves == 0, "a tree folds to a part of itself");
  const uint32_t width = this->leaves() / leaves;
  MerkleTree folded(leaves);
  for (uint32_t i = 0; i < this->leaves(); ++i) folded.leaves_[i / width] ^= leaves_[i];
  return folded;
}

std::vector<uint64_t> MerkleTree::Branches() const {
  std::vector<uint64_t> branches;
  branches.reserve(leaves() / kLeavesPerBranch + 1);
  for (uint32_t i = 0; i * kLeavesPerBranch < leaves(); ++i) branches.push_back(Sum(LeavesOf(i)));
  return branches;
}

std::span<const uint64_t> MerkleTree::LeavesOf(uint32_t branch) const {
  const size_t begin = std::min<size_t>(size_t{branch} * kLeavesPerBranch, leaves_.size());
  return std::span(leaves_).subspan(begin,
                                    std::min<size_t>(kLeavesPerBranch, leaves_.size() - begin));
}

}  // namespace cartwheel::cluster
