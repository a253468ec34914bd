// A walk through every page of an LMDB file that is in use, without LMDB: whatever the bytes are,
// the walk ends and says what is wrong.
//
// It checks that each page is what points to it says, that keys ascend, that no page is used twice
// or both used and free, and that the trees' own counts are true.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/engine.h"
#include "storage/lmdb_format.h"
#include "storage/posix_file.h"

namespace cartwheel::storage {

class LmdbTreeCheck {
 public:
  // A key with its value or, of the main tree, with the tree that it names. Views for the call.
  using Visit = std::function<void(std::string_view key, std::string_view value, bool is_tree)>;

  // Reads the newest meta page of the last commit. kCorrupt: there is none.
  static Result<LmdbTreeCheck> Open(const std::string& path);

  const LmdbMeta& meta() const { return meta_; }
  const std::string& path() const { return path_; }
  uint64_t file_bytes() const { return file_bytes_; }

  // `name` is for messages.
  void Walk(const std::string& name, const LmdbTree& tree, const Visit& visit);
  // The free list; after all trees.
  void WalkFreeList();

  uint64_t used_pages() const { return used_; }
  uint64_t free_pages() const { return free_; }
  // Neither in use nor free: never used again, but no harm.
  uint64_t lost_pages() const;
  // One line each, the file first; at most 100.
  const std::vector<std::string>& damage() const { return damage_; }
  std::vector<std::string> TakeDamage() { return std::move(damage_); }
  void AddDamage(const std::string& what);

 private:
  struct Bounds {
    const std::string* from = nullptr;  // keys of a page are >= it ...
    const std::string* to = nullptr;    // ... and below it
  };

  LmdbTreeCheck(UniqueFd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  bool ReadAt(uint64_t page, size_t bytes, std::string& to);
  bool Claim(uint64_t first, uint64_t count);
  void PageDamage(uint64_t page, const std::string& what);

  void WalkPage(uint64_t number, int depth_left, const Bounds& bounds, const Visit& visit);
  void WalkBranch(uint64_t number, const LmdbTreePage& page, int depth_left, const Bounds& bounds,
                  const Visit& visit);
  void WalkLeaf(uint64_t number, const LmdbTreePage& page, const Bounds& bounds,
                const Visit& visit);
  bool ReadValue(const LmdbNode& node, std::string& to);
  void TakeFreePages(std::string_view list);

  UniqueFd file_;
  std::string path_;
  uint64_t file_bytes_ = 0;
  LmdbMeta meta_;
  std::vector<bool> seen_;  // by page
  uint64_t used_ = 0;
  uint64_t free_ = 0;
  std::vector<std::string> damage_;

  // Of the tree that is being walked.
  std::string tree_;
  LmdbTree counted_;
  bool by_number_ = false;  // keys are numbers, not bytes: the free list's
};

}  // namespace cartwheel::storage
