// Writes that wait for a commit: per keyspace the keys put or deleted, and the ranges deleted
// before them.
//
// A key's own entry wins over a range; an entry is never older than a range that covers it, because
// deleting a range removes the entries in it. So a commit applies the ranges first, then the
// entries. Ranges neither overlap nor touch.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "storage/engine.h"
#include "storage/key_order.h"

namespace cartwheel::storage {

class WriteBatch {
 public:
  using Entries = std::map<std::string, std::optional<std::string>, KeyOrder>;  // none: deleted
  using Ranges = std::map<std::string, std::string, KeyOrder>;  // begin -> end, "": no end

  enum class State : uint8_t { kValue, kDeleted, kUntouched };
  struct Found {
    State state;
    std::string_view value;  // valid until the next change of the batch
  };

  void Put(Keyspace keyspace, std::string_view key, std::string_view value);
  void Delete(Keyspace keyspace, std::string_view key);
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end);
  void Clear();

  Found Find(Keyspace keyspace, std::string_view key) const;
  // The range that covers `key`, or nullptr.
  const Ranges::value_type* CoveringRange(Keyspace keyspace, std::string_view key) const;

  bool empty() const { return empty_; }
  uint64_t bytes() const { return bytes_; }  // of keys and values
  const Entries& entries(Keyspace keyspace) const { return Of(keyspace).entries; }
  const Ranges& ranges(Keyspace keyspace) const { return Of(keyspace).ranges; }

 private:
  struct Changes {
    Entries entries;
    Ranges ranges;
  };
  Changes& Of(Keyspace keyspace) { return changes_[static_cast<size_t>(keyspace)]; }
  const Changes& Of(Keyspace keyspace) const { return changes_[static_cast<size_t>(keyspace)]; }
  void Write(Keyspace keyspace, std::string_view key, std::optional<std::string_view> value);

  std::array<Changes, kKeyspaceCount> changes_;
  bool empty_ = true;
  uint64_t bytes_ = 0;
};

}  // namespace cartwheel::storage
