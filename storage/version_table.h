// One keyspace of the memory engine: per key a chain of versions, the newest first.
//
// The table keeps every version until its owner, who knows the snapshots, drops it. A key stays in
// the table while it has a value or an older version; views of keys and values stay put until their
// version goes. Ordered by a tree, found by a hash index, since point reads are most of the work.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/engine.h"
#include "storage/key_order.h"

namespace cartwheel::storage {

class VersionTable {
 public:
  struct Version {
    uint64_t sequence;
    std::optional<std::string> value;  // none: deleted
    std::unique_ptr<Version> older;
  };
  using Tree = std::map<std::string, std::unique_ptr<Version>, KeyOrder>;

  // A version that a later one of another sequence has replaced.
  struct Replaced {
    VersionTable* table;
    Tree::iterator key;
    uint64_t sequence;
  };

  // Sees everything, the open batch included.
  static constexpr uint64_t kNewest = UINT64_MAX;

  // Writes the value, or its deletion, at `sequence`: not below any sequence written before. What
  // it replaces is added to `replaced`; a version of the same sequence is overwritten.
  void Write(std::string_view key, std::optional<std::string_view> value, uint64_t sequence,
             std::vector<Replaced>& replaced);
  void DeleteRange(std::string_view begin, std::string_view end, uint64_t sequence,
                   std::vector<Replaced>& replaced);

  // Frees a replaced version, once.
  void Drop(const Replaced& version);

  // The value at `sequence`.
  std::optional<std::string_view> Get(std::string_view key, uint64_t sequence) const;
  // Later writes leave the cursor standing while the version it shows is kept.
  std::unique_ptr<Cursor> NewCursor(uint64_t sequence) const;

  // Keys, values and an estimate of what holds them.
  uint64_t bytes() const { return bytes_; }

 private:
  void Insert(std::string_view key, std::string_view value, uint64_t sequence);
  Tree::iterator Replace(Tree::iterator key, std::optional<std::string_view> value,
                         uint64_t sequence, std::vector<Replaced>& replaced);
  Tree::iterator Erase(Tree::iterator key);

  Tree tree_;
  std::unordered_map<std::string_view, Tree::iterator> index_;  // views of the tree's keys
  uint64_t bytes_ = 0;
};

}  // namespace cartwheel::storage
