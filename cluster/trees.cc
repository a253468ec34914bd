#include "cluster/trees.h"

#include "cluster/store_key.h"

namespace cartwheel::cluster {

void Trees::Changed(Partition partition, std::string_view store_key, RecordDigest before,
                    RecordDigest after) {
  Building* const kept = kept_[partition].get();
  if (kept == nullptr || before == after) return;
  const bool is_in_it = kept->complete || store_key <= kept->after;
  const auto parts = DecodeStoreKey(store_key);
  if (!is_in_it || !parts) return;
  kept->tree.Toggle(LeafOf(*parts, kept->tree.leaves()), before ^ after);
  if (changed_.empty() || changed_.back() != partition) changed_.push_back(partition);
}

Trees::Building& Trees::At(Partition partition, uint32_t leaves) {
  if (kept_[partition] == nullptr) {
    kept_[partition] =
        std::make_unique<Building>(Building{.tree = MerkleTree(leaves), .after = {}});
  }
  if (!kept_[partition]->complete) changed_.push_back(partition);
  return *kept_[partition];
}

void Trees::DropAll() {
  for (auto& kept : kept_) kept.reset();
}

void Trees::Settle(bool committed) {
  if (!committed) {
    for (const Partition partition : changed_) Drop(partition);
  }
  changed_.clear();
}

}  // namespace cartwheel::cluster
