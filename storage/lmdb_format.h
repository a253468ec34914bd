// The bytes of an LMDB 0.9 data file (64 bits, little endian), as far as they can be checked
// without LMDB, which trusts them: it may crash on a damaged page.
//
//   page    16 bytes: u64 own number, u16, u16 flags, then u16 lower, u16 upper (of a tree page:
//   the
//           end of the offsets behind the header, the begin of the nodes) or u32 pages (of a value)
//   meta    pages 0 and 1, behind the header: u32 magic, u32 version, u64 address, u64 map size,
//           the free list's tree, the main tree, u64 last page, u64 transaction
//   tree    48 bytes: u32 (of the free list: page size), u16 flags, u16 depth, u64 branch pages,
//           u64 leaf pages, u64 overflow pages, u64 entries, u64 root
//   node    u16 low, u16 high, u16 flags, u16 key bytes, key, data; low and high are the size of
//   the
//           data, in a branch they and the flags are the child's page
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/engine.h"

namespace cartwheel::storage {

inline constexpr size_t kLmdbMetaBytes = 152;
inline constexpr uint64_t kLmdbNoPage = ~0ULL;

struct LmdbTree {
  uint16_t depth = 0;
  uint64_t branch_pages = 0;
  uint64_t leaf_pages = 0;
  uint64_t overflow_pages = 0;
  uint64_t entries = 0;
  uint64_t root = kLmdbNoPage;
};
inline constexpr size_t kLmdbTreeBytes = 48;
// nullopt: not the size of a tree.
std::optional<LmdbTree> DecodeLmdbTree(std::string_view bytes);

struct LmdbMeta {
  uint32_t page_size = 0;
  LmdbTree free_list;
  LmdbTree main;
  uint64_t last_page = 0;  // nothing behind it is in use
  uint64_t transaction = 0;
};
// Of the first kLmdbMetaBytes of a page; nullopt: no meta page.
std::optional<LmdbMeta> DecodeLmdbMeta(std::string_view page);

struct LmdbNode {
  std::string_view key;
  uint64_t child = 0;        // in a branch
  bool is_on_pages = false;  // in a leaf: the data is the number of the first page of the value
  bool is_tree = false;      // in a leaf: the data is a tree
  uint64_t value_bytes = 0;  // in a leaf
  std::string_view data;     // in a leaf

  // What it takes of a leaf.
  uint64_t LeafBytes() const;
};

// A page of a tree; every access is within its bytes, whatever they are.
class LmdbTreePage {
 public:
  // nullopt: it is not page `number`, no branch or leaf, or its nodes do not fit.
  static std::optional<LmdbTreePage> Parse(std::string_view bytes, uint64_t number);

  bool is_leaf() const { return is_leaf_; }
  size_t size() const { return size_; }
  std::optional<LmdbNode> Node(size_t index) const;

 private:
  std::string_view bytes_;
  bool is_leaf_ = false;
  size_t size_ = 0;
  size_t upper_ = 0;
};

// The pages that the large value on page `number` takes; nullopt: it is not one's first page.
std::optional<uint64_t> DecodeLmdbValuePages(std::string_view page, uint64_t number);
inline constexpr size_t kLmdbPageHeaderBytes = 16;

// The named trees of a store: one a keyspace (hints since format 3) and, since format 2, the one
// with the log position.
inline constexpr std::array<const char*, kKeyspaceCount> kKeyspaceNames = {"data", "expiry", "meta",
                                                                           "hints"};
inline constexpr const char* kLogName = "log";
inline constexpr std::string_view kCoveredKey = "covered";

}  // namespace cartwheel::storage
