#include "storage/lmdb_format.h"

#include <bit>
#include <cstring>

namespace cartwheel::storage {
namespace {

constexpr size_t kFlagsAt = 10;
constexpr size_t kLowerAt = 12;
constexpr size_t kUpperAt = 14;
constexpr size_t kValuePagesAt = 12;
constexpr size_t kMagicAt = 16;
constexpr size_t kVersionAt = 20;
constexpr size_t kFreeListAt = 40;
constexpr size_t kMainAt = 88;
constexpr size_t kLastPageAt = 136;
constexpr size_t kTransactionAt = 144;

constexpr uint32_t kMagic = 0xBEEFC0DE;
constexpr uint32_t kVersion = 1;
constexpr uint32_t kSmallestPage = 256;
constexpr uint32_t kLargestPage = 0x8000;

constexpr uint16_t kBranchFlag = 0x01;
constexpr uint16_t kLeafFlag = 0x02;
constexpr uint16_t kOverflowFlag = 0x04;
constexpr uint16_t kMetaFlag = 0x08;

constexpr size_t kNodeHeaderBytes = 8;
constexpr uint16_t kDataOnPages = 0x01;
constexpr uint16_t kDataIsTree = 0x02;

template <typename T>
T FieldAt(std::string_view bytes, size_t offset) {
  T field;
  std::memcpy(&field, bytes.data() + offset, sizeof(field));
  return field;
}

}  // namespace

std::optional<LmdbTree> DecodeLmdbTree(std::string_view bytes) {
  if (bytes.size() != kLmdbTreeBytes) return std::nullopt;
  return LmdbTree{.depth = FieldAt<uint16_t>(bytes, 6),
                  .branch_pages = FieldAt<uint64_t>(bytes, 8),
                  .leaf_pages = FieldAt<uint64_t>(bytes, 16),
                  .overflow_pages = FieldAt<uint64_t>(bytes, 24),
                  .entries = FieldAt<uint64_t>(bytes, 32),
                  .root = FieldAt<uint64_t>(bytes, 40)};
}

std::optional<LmdbMeta> DecodeLmdbMeta(std::string_view page) {
  if (page.size() < kLmdbMetaBytes || (FieldAt<uint16_t>(page, kFlagsAt) & kMetaFlag) == 0 ||
      FieldAt<uint32_t>(page, kMagicAt) != kMagic ||
      FieldAt<uint32_t>(page, kVersionAt) != kVersion) {
    return std::nullopt;
  }
  const LmdbMeta meta{.page_size = FieldAt<uint32_t>(page, kFreeListAt),
                      .free_list = *DecodeLmdbTree(page.substr(kFreeListAt, kLmdbTreeBytes)),
                      .main = *DecodeLmdbTree(page.substr(kMainAt, kLmdbTreeBytes)),
                      .last_page = FieldAt<uint64_t>(page, kLastPageAt),
                      .transaction = FieldAt<uint64_t>(page, kTransactionAt)};
  if (!std::has_single_bit(meta.page_size) || meta.page_size < kSmallestPage ||
      meta.page_size > kLargestPage || meta.last_page < 1 || meta.last_page >= (1ULL << 47)) {
    return std::nullopt;
  }
  return meta;
}

uint64_t LmdbNode::LeafBytes() const {
  const uint64_t bytes = kNodeHeaderBytes + key.size() + data.size();
  return (bytes + 1) / 2 * 2 + sizeof(uint16_t);  // nodes begin at even bytes; the offset
}

std::optional<LmdbTreePage> LmdbTreePage::Parse(std::string_view bytes, uint64_t number) {
  if (bytes.size() < kLmdbPageHeaderBytes || FieldAt<uint64_t>(bytes, 0) != number) {
    return std::nullopt;
  }
  const auto flags = FieldAt<uint16_t>(bytes, kFlagsAt);
  const size_t lower = FieldAt<uint16_t>(bytes, kLowerAt);
  LmdbTreePage page;
  page.bytes_ = bytes;
  page.is_leaf_ = flags == kLeafFlag;
  page.upper_ = FieldAt<uint16_t>(bytes, kUpperAt);
  if ((flags != kLeafFlag && flags != kBranchFlag) || lower <= kLmdbPageHeaderBytes ||
      lower % sizeof(uint16_t) != 0 || lower > page.upper_ || page.upper_ >= bytes.size()) {
    return std::nullopt;
  }
  page.size_ = (lower - kLmdbPageHeaderBytes) / sizeof(uint16_t);
  return page;
}

std::optional<LmdbNode> LmdbTreePage::Node(size_t index) const {
  const size_t at = FieldAt<uint16_t>(bytes_, kLmdbPageHeaderBytes + index * sizeof(uint16_t));
  if (at < upper_ || bytes_.size() - kNodeHeaderBytes < at) return std::nullopt;
  const uint64_t low = FieldAt<uint16_t>(bytes_, at);
  const uint64_t high = FieldAt<uint16_t>(bytes_, at + 2);
  const auto flags = FieldAt<uint16_t>(bytes_, at + 4);
  const size_t key_bytes = FieldAt<uint16_t>(bytes_, at + 6);
  const std::string_view rest = bytes_.substr(at + kNodeHeaderBytes);
  if (rest.size() < key_bytes) return std::nullopt;
  LmdbNode node;
  node.key = rest.substr(0, key_bytes);
  if (!is_leaf_) {
    node.child = low | high << 16 | uint64_t{flags} << 32;
    return node;
  }
  node.is_on_pages = flags == kDataOnPages;
  node.is_tree = flags == kDataIsTree;
  node.value_bytes = low | high << 16;
  const uint64_t here = node.is_on_pages ? sizeof(uint64_t) : node.value_bytes;
  if ((flags & ~(kDataOnPages | kDataIsTree)) != 0 || rest.size() - key_bytes < here) {
    return std::nullopt;
  }
  node.data = rest.substr(key_bytes, here);
  return node;
}

std::optional<uint64_t> DecodeLmdbValuePages(std::string_view page, uint64_t number) {
  if (page.size() < kLmdbPageHeaderBytes || FieldAt<uint64_t>(page, 0) != number ||
      FieldAt<uint16_t>(page, kFlagsAt) != kOverflowFlag) {
    return std::nullopt;
  }
  return FieldAt<uint32_t>(page, kValuePagesAt);
}

}  // namespace cartwheel::storage
