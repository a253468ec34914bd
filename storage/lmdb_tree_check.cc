#include "storage/lmdb_tree_check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <utility>

#include "storage/lmdb_file_check.h"

namespace cartwheel::storage {
namespace {

// A tree of the most pages that a file can have is far lower.
constexpr uint16_t kHighestTree = 32;
constexpr size_t kMostLines = 100;

// 0 if there are no such bytes.
uint64_t NumberAt(std::string_view bytes, size_t index) {
  uint64_t number = 0;
  if (bytes.size() < (index + 1) * sizeof(number)) return number;
  std::memcpy(&number, bytes.data() + index * sizeof(number), sizeof(number));
  return number;
}

}  // namespace

Result<LmdbTreeCheck> LmdbTreeCheck::Open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    return std::unexpected(ErrnoError(errno, path));
  }
  LmdbTreeCheck check(std::move(fd), path);
  check.file_bytes_ = static_cast<uint64_t>(status.st_size);
  const Result<LmdbMeta> meta = ReadNewestMeta(check.file_.get(), path);
  if (!meta) return std::unexpected(meta.error());
  check.meta_ = *meta;
  check.seen_.resize(
      std::min(check.meta_.last_page + 1, check.file_bytes_ / check.meta_.page_size + 1));
  return check;
}

void LmdbTreeCheck::AddDamage(const std::string& what) {
  if (damage_.size() < kMostLines) damage_.push_back(path_ + ": " + what);
}

void LmdbTreeCheck::PageDamage(uint64_t page, const std::string& what) {
  AddDamage("page " + std::to_string(page) + " (" + tree_ + "): " + what);
}

bool LmdbTreeCheck::ReadAt(uint64_t page, size_t bytes, std::string& to) {
  const uint64_t offset = page * meta_.page_size;
  if (file_bytes_ < offset || file_bytes_ - offset < bytes) {
    PageDamage(page, "behind the end of the file");
    return false;
  }
  to.resize(bytes);
  for (size_t done = 0; done < bytes;) {
    const ssize_t got =
        ::pread(file_.get(), to.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (got <= 0) {
      PageDamage(page, got < 0 ? std::string("cannot be read, ") + std::strerror(errno)
                               : "the file became shorter");
      return false;
    }
    done += static_cast<size_t>(got);
  }
  return true;
}

// Takes the pages for one use; false: they do not exist or are in use already.
bool LmdbTreeCheck::Claim(uint64_t first, uint64_t count) {
  if (first < 2 || first > meta_.last_page || count == 0 || count > meta_.last_page - first + 1) {
    PageDamage(first, "there is no such page");
    return false;
  }
  // Those behind the end of the file cannot be read, however many there are said to be.
  const uint64_t end = std::min<uint64_t>(first + count, seen_.size());
  for (uint64_t page = first; page < end; ++page) {
    if (seen_[page]) {
      PageDamage(page, "in use twice");
      return false;
    }
    seen_[page] = true;
  }
  return true;
}

uint64_t LmdbTreeCheck::lost_pages() const {
  const uint64_t pages = meta_.last_page + 1;
  return pages - std::min(pages, 2 + used_ + free_);
}

void LmdbTreeCheck::Walk(const std::string& name, const LmdbTree& tree, const Visit& visit) {
  tree_ = name;
  counted_ = {};
  if (tree.root == kLmdbNoPage) {
    if (tree.entries != 0) AddDamage(name + ": has entries, but no pages");
    return;
  }
  if (tree.depth == 0 || tree.depth > kHighestTree) return AddDamage(name + ": of no height");
  const size_t damaged = damage_.size();
  WalkPage(tree.root, tree.depth - 1, {}, visit);
  if (damage_.size() == damaged &&
      (counted_.entries != tree.entries || counted_.branch_pages != tree.branch_pages ||
       counted_.leaf_pages != tree.leaf_pages || counted_.overflow_pages != tree.overflow_pages)) {
    AddDamage(name + ": has " + std::to_string(counted_.entries) + " entries, but says " +
              std::to_string(tree.entries) + ", or its pages are miscounted");
  }
}

void LmdbTreeCheck::WalkPage(uint64_t number, int depth_left, const Bounds& bounds,
                             const Visit& visit) {
  std::string bytes;
  if (!Claim(number, 1) || !ReadAt(number, meta_.page_size, bytes)) return;
  ++used_;
  const auto page = LmdbTreePage::Parse(bytes, number);
  if (!page || page->is_leaf() != (depth_left == 0)) {
    return PageDamage(number, "its bytes are not what was written there");
  }
  if (page->is_leaf()) {
    ++counted_.leaf_pages;
    WalkLeaf(number, *page, bounds, visit);
  } else {
    ++counted_.branch_pages;
    WalkBranch(number, *page, depth_left, bounds, visit);
  }
}

// The first key of a branch says nothing: whatever is below the second lies there.
void LmdbTreeCheck::WalkBranch(uint64_t number, const LmdbTreePage& page, int depth_left,
                               const Bounds& bounds, const Visit& visit) {
  std::string from;
  for (size_t i = 0; i < page.size(); ++i) {
    const auto node = page.Node(i);
    const auto next = i + 1 < page.size() ? page.Node(i + 1) : node;
    if (!node || !next) return PageDamage(number, "an entry does not fit");
    const std::string to(next->key);
    WalkPage(node->child, depth_left - 1,
             {.from = i == 0 ? bounds.from : &from, .to = i + 1 < page.size() ? &to : bounds.to},
             visit);
    from = to;
  }
}

void LmdbTreeCheck::WalkLeaf(uint64_t number, const LmdbTreePage& page, const Bounds& bounds,
                             const Visit& visit) {
  const auto is_less = [this](std::string_view a, std::string_view b) {
    return by_number_ ? NumberAt(a, 0) < NumberAt(b, 0) : a < b;
  };
  std::string value;
  std::optional<std::string_view> before;
  for (size_t i = 0; i < page.size(); ++i) {
    const auto node = page.Node(i);
    if (!node || (by_number_ && node->key.size() != sizeof(uint64_t))) {
      return PageDamage(number, "an entry does not fit");
    }
    if ((before && !is_less(*before, node->key)) ||
        (bounds.from != nullptr && is_less(node->key, *bounds.from)) ||
        (bounds.to != nullptr && !is_less(node->key, *bounds.to))) {
      return PageDamage(number, "a key is out of order");
    }
    before = node->key;
    ++counted_.entries;
    if (!node->is_on_pages) {
      visit(node->key, node->data, node->is_tree);
    } else if (ReadValue(*node, value)) {
      visit(node->key, value, false);
    }
  }
}

bool LmdbTreeCheck::ReadValue(const LmdbNode& node, std::string& to) {
  const uint64_t first = NumberAt(node.data, 0);
  if (first > meta_.last_page) {
    PageDamage(first, "there is no such page");
    return false;
  }
  if (!ReadAt(first, kLmdbPageHeaderBytes, to)) return false;
  const auto pages = DecodeLmdbValuePages(to, first);
  if (!pages || *pages * meta_.page_size < kLmdbPageHeaderBytes + node.value_bytes) {
    PageDamage(first, "its bytes are not what was written there");
    return false;
  }
  if (!Claim(first, *pages) || !ReadAt(first, kLmdbPageHeaderBytes + node.value_bytes, to)) {
    return false;
  }
  used_ += *pages;
  counted_.overflow_pages += *pages;
  to.erase(0, kLmdbPageHeaderBytes);
  return true;
}

void LmdbTreeCheck::WalkFreeList() {
  by_number_ = true;
  Walk("the free list", meta_.free_list,
       [this](std::string_view, std::string_view list, bool) { TakeFreePages(list); });
  by_number_ = false;
}

// The count of the pages, then their numbers.
void LmdbTreeCheck::TakeFreePages(std::string_view list) {
  const size_t numbers = list.size() / sizeof(uint64_t);
  if (numbers == 0 || NumberAt(list, 0) > numbers - 1) {
    return AddDamage("the free list: an entry is cut off");
  }
  for (uint64_t i = 1; i <= NumberAt(list, 0); ++i) {
    if (Claim(NumberAt(list, i), 1)) ++free_;
  }
}

}  // namespace cartwheel::storage
