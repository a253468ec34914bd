#include "storage/lmdb_leaves.h"

namespace cartwheel::storage {
namespace {

std::optional<LmdbTree> TreeOf(MDB_txn* txn, Keyspace keyspace) {
  MDB_dbi main = 0;  // has the other trees by name
  if (mdb_dbi_open(txn, nullptr, 0, &main) != 0) return std::nullopt;
  MDB_val name = ToVal(kKeyspaceNames[static_cast<size_t>(keyspace)]);
  MDB_val tree;
  if (mdb_get(txn, main, &name, &tree) != 0) return std::nullopt;
  return DecodeLmdbTree(ToView(tree));
}

std::optional<LmdbTreePage> TreePageAt(const LmdbStore& store, uint64_t number) {
  return LmdbTreePage::Parse(store.PageInMap(number), number);
}

// Of a branch page the node whose child has the key's place. A branch's first node has no key.
std::optional<size_t> ChildFor(const LmdbTreePage& branch, std::string_view key) {
  size_t below = 1;
  size_t above = branch.size();
  while (below < above) {
    const size_t middle = (below + above) / 2;
    const auto node = branch.Node(middle);
    if (!node) return std::nullopt;
    if (node->key <= key) {
      below = middle + 1;
    } else {
      above = middle;
    }
  }
  return below - 1;
}

std::optional<std::vector<LmdbTreePage>> ChildrenOf(const LmdbStore& store,
                                                    const LmdbTreePage& branch) {
  std::vector<LmdbTreePage> children;
  for (size_t i = 0; i < branch.size(); ++i) {
    const auto node = branch.Node(i);
    if (!node) return std::nullopt;
    const auto child = TreePageAt(store, node->child);
    if (!child || !child->is_leaf()) return std::nullopt;
    children.push_back(*child);
  }
  return children;
}

}  // namespace

std::optional<LmdbSiblings> SiblingsAt(const LmdbStore& store, MDB_txn* txn, Keyspace keyspace,
                                       std::string_view key) {
  const std::optional<LmdbTree> tree = TreeOf(txn, keyspace);
  if (!tree || tree->depth < 2) return std::nullopt;
  auto branch = TreePageAt(store, tree->root);
  LmdbSiblings siblings;
  // From the root down to the branches above the leaves.
  for (int level = 2; level < tree->depth && branch && !branch->is_leaf(); ++level) {
    const auto index = ChildFor(*branch, key);
    if (!index) return std::nullopt;
    if (*index + 1 < branch->size()) {
      const auto next = branch->Node(*index + 1);
      if (!next) return std::nullopt;
      siblings.end.assign(next->key);
    }
    const auto node = branch->Node(*index);
    if (!node) return std::nullopt;
    branch = TreePageAt(store, node->child);
  }
  if (!branch || branch->is_leaf()) return std::nullopt;
  auto children = ChildrenOf(store, *branch);
  if (!children) return std::nullopt;
  siblings.leaves = *std::move(children);
  return siblings;
}

}  // namespace cartwheel::storage
