// What the tests of base stores share: flush plans from lists of changes, and what a plan does to a
// map.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base_store.h"
#include "storage/key_order.h"
#include "storage_testing.h"

namespace cartwheel::storage {

using Model = std::array<std::map<std::string, std::string, KeyOrder>, kKeyspaceCount>;

// A plan with the entries it views.
class PlanBuilder {
 public:
  PlanBuilder() = default;
  ~PlanBuilder();
  PlanBuilder(const PlanBuilder&) = delete;
  PlanBuilder& operator=(const PlanBuilder&) = delete;

  // In any order of keys; the last change of a key counts.
  void Put(Keyspace keyspace, const std::string& key, std::string_view value) {
    changes_[static_cast<size_t>(keyspace)].insert_or_assign(key, std::string(value));
  }
  void Delete(Keyspace keyspace, const std::string& key) {
    changes_[static_cast<size_t>(keyspace)].insert_or_assign(key, std::nullopt);
  }
  // Below all entries.
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) {
    plan_.changes[static_cast<size_t>(keyspace)].ranges.Assign(begin, end, ++sequence_);
  }

  // No changes after it.
  const FlushPlan& Build(LogPosition covered);
  void ApplyTo(Model& model) const;

 private:
  std::array<std::map<std::string, std::optional<std::string>, KeyOrder>, kKeyspaceCount> changes_;
  FlushPlan plan_;
  uint64_t sequence_ = 0;
};

// A random plan over few keys, so that plans meet: short keys, long ones that share buckets, values
// on pages of their own, and ranges.
void FillRandomly(Random& random, size_t changes, PlanBuilder& plan);

Model ReadAll(BaseStore& base);

inline std::unique_ptr<BaseStore> OpenBaseOrDie(const std::string& directory,
                                                const LmdbOptions& options = FastOptions().lmdb) {
  auto base = OpenLmdbBaseStore(directory, options);
  if (!base) {
    ADD_FAILURE() << base.error().message;
    std::abort();
  }
  return *std::move(base);
}

}  // namespace cartwheel::storage
