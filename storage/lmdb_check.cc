#include "storage/lmdb_check.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "storage/lmdb_format.h"
#include "storage/lmdb_tree_check.h"
#include "storage/long_key_bucket.h"

namespace cartwheel::storage {
namespace {

class Checker {
 public:
  Checker(LmdbTreeCheck& walk, const VisitRecord& visit) : walk_(walk), visit_(visit) {}

  BaseCheck Run() {
    FindTrees();
    for (size_t i = 0; i < kKeyspaceCount; ++i) WalkKeyspace(static_cast<Keyspace>(i));
    if (trees_.contains(kLogName)) WalkLog();
    walk_.WalkFreeList();
    result_.file_bytes = walk_.file_bytes();
    result_.page_bytes = walk_.meta().page_size;
    result_.used_pages = walk_.used_pages();
    result_.free_pages = walk_.free_pages();
    result_.lost_pages = walk_.lost_pages();
    result_.damage = walk_.damage();
    NoteIfCutOff();
    return std::move(result_);
  }

 private:
  void FindTrees() {
    walk_.Walk("the main tree", walk_.meta().main,
               [this](std::string_view name, std::string_view value, bool is_tree) {
                 const auto tree = is_tree ? DecodeLmdbTree(value) : std::nullopt;
                 if (tree) {
                   trees_.emplace(name, *tree);
                 } else {
                   walk_.AddDamage("the main tree: an entry is no tree");
                 }
               });
  }

  void WalkKeyspace(Keyspace keyspace) {
    const std::string name = kKeyspaceNames[static_cast<size_t>(keyspace)];
    const auto tree = trees_.find(name);
    if (tree == trees_.end()) {
      // A store that no version with hints has opened yet.
      if (keyspace == Keyspace::kHints) return;
      return walk_.AddDamage(name + ": missing");
    }
    walk_.Walk(name, tree->second, [&](std::string_view key, std::string_view value, bool is_tree) {
      if (is_tree) return walk_.AddDamage(name + ": a tree in place of a record");
      if (key.size() != kStoredLongKeyBytes) return Count(keyspace, key, value);
      BucketReader record(value);
      for (; record.Valid(); record.Next()) {
        if (StoredKey(record.key()).view() != key) walk_.AddDamage(name + ": a long key elsewhere");
        Count(keyspace, record.key(), record.value());
      }
      if (record.malformed()) walk_.AddDamage(name + ": a record with a long key is damaged");
    });
  }

  void WalkLog() {
    walk_.Walk(kLogName, trees_.at(kLogName),
               [this](std::string_view key, std::string_view value, bool) {
                 if (key != kCoveredKey || value.size() != sizeof(result_.covered)) {
                   return walk_.AddDamage("log: not a log position");
                 }
                 std::memcpy(&result_.covered, value.data(), value.size());
               });
  }

  // Missing pages that are in use are damage already; this says what became of them all.
  void NoteIfCutOff() {
    const uint64_t expected = (walk_.meta().last_page + 1) * walk_.meta().page_size;
    if (result_.damage.empty() || result_.file_bytes >= expected) return;
    result_.damage.insert(result_.damage.begin(), walk_.path() + ": cut off at " +
                                                      std::to_string(result_.file_bytes) + " of " +
                                                      std::to_string(expected) + " bytes");
  }

  void Count(Keyspace keyspace, std::string_view key, std::string_view value) {
    BaseCheck::Records& records = result_.keyspaces[static_cast<size_t>(keyspace)];
    const uint64_t bytes = key.size() + value.size();
    ++records.count;
    records.bytes += bytes;
    records.largest = std::max(records.largest, bytes);
    if (visit_) visit_(keyspace, key, value);
  }

  LmdbTreeCheck& walk_;
  const VisitRecord& visit_;
  std::map<std::string, LmdbTree, std::less<>> trees_;
  BaseCheck result_;
};

}  // namespace

Result<BaseCheck> CheckBase(const std::string& data_file, const VisitRecord& visit) {
  Result<LmdbTreeCheck> walk = LmdbTreeCheck::Open(data_file);
  if (!walk) return std::unexpected(walk.error());
  return Checker(*walk, visit).Run();
}

}  // namespace cartwheel::storage
