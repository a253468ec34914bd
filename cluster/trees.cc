#include "cluster/trees.h"

namespace cartwheel::cluster {

void Trees::Changed(Partition partition, std::string_view store_key, RecordDigest before,
                    RecordDigest after) {
  Building* const kept = kept_[partition].get();
  if (kept == nullptr || before == after) return;
  const bool is_in_it = kept->complete || store_key <= kept->after;
  if (!is_in_it) return;
  kept->tree.Toggle(LeafOf(KeyIdOf(store_key), kept->tree.leaves()), before ^ after);
  if (before == 0) ++kept->keys;
  if (after == 0) --kept->keys;
  if (changed_.empty() || changed_.back() != partition) changed_.push_back(partition);
}

Trees::Building& Trees::At(Partition partition) {
  auto& kept = kept_[partition];
  if (kept == nullptr || (kept->complete && kept->IsOutgrown())) {
    const uint32_t leaves = LeavesFor(kept == nullptr ? 0 : kept->keys);
    kept = std::make_unique<Building>(Building{.tree = MerkleTree(leaves), .after = {}});
  }
  if (!kept->complete) changed_.push_back(partition);
  return *kept;
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
