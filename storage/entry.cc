#include "storage/entry.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "storage/check.h"

namespace cartwheel::storage {
namespace {

constexpr size_t kSmallestStep = 16;

}  // namespace

// Allocators keep about four sizes between a power of two and the next.
size_t Entry::MemoryOf(size_t key_bytes, size_t value_bytes) {
  const size_t bytes = sizeof(Entry) + key_bytes + value_bytes;
  const size_t step = std::max(kSmallestStep, std::bit_floor(bytes - 1) / 4);
  return (bytes + step - 1) / step * step;
}

Entry* Entry::New(std::string_view key, std::optional<std::string_view> value, uint64_t sequence) {
  const std::string_view bytes = value.value_or(std::string_view());
  constexpr size_t kMost = std::numeric_limits<uint32_t>::max();
  Check(key.size() <= kMost && bytes.size() <= kMost, "keys and values are below 4 GiB");
  void* block = std::malloc(sizeof(Entry) + key.size() + bytes.size());
  Check(block != nullptr, "there is memory");
  auto* entry = new (block) Entry();
  entry->tombstone_ = !value;
  entry->key_bytes_ = static_cast<uint32_t>(key.size());
  entry->value_bytes_ = static_cast<uint32_t>(bytes.size());
  entry->sequence_high_ = static_cast<uint16_t>(sequence >> 32);
  entry->sequence_low_ = static_cast<uint32_t>(sequence);
  char* to = reinterpret_cast<char*>(entry + 1);
  std::memcpy(to, key.data(), key.size());
  if (!bytes.empty()) std::memcpy(to + key.size(), bytes.data(), bytes.size());
  return entry;
}

void Entry::Free(Entry* entry) {
  std::free(entry);
}

}  // namespace cartwheel::storage
