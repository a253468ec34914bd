// Deleted ranges of one keyspace: which of them covers a key last.
//
// Ranges never overlap: a new one cuts away what it covers of older ones, so there are at most as
// many as there were different bounds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "storage/key_order.h"

namespace cartwheel::storage {

class RangeMap {
 public:
  struct Range {
    std::string end;        // "": no end
    uint64_t sequence = 0;  // of the deletion
  };
  using Ranges = std::map<std::string, Range, KeyOrder>;  // by begin

  // `sequence` is the highest so far. An empty range does nothing.
  void Assign(std::string_view begin, std::string_view end, uint64_t sequence);

  // The range that covers `key`, or nullptr.
  const Ranges::value_type* Covering(std::string_view key) const;
  // Whether the key's state of `sequence` was deleted later by a range.
  bool Hides(std::string_view key, uint64_t sequence) const;

  // Later ranges over these ones.
  void Merge(const RangeMap& later);

  bool empty() const { return ranges_.empty(); }
  const Ranges& ranges() const { return ranges_; }
  void Clear() { ranges_.clear(); }

 private:
  Ranges ranges_;
};

}  // namespace cartwheel::storage
