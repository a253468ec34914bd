// A key with its value, or with its absence, as one write left them: one block of memory.
//
// Key, value and sequence never change, so that a helper thread can read an entry while the owner's
// thread puts a newer one in its place. The other fields are the owner's thread's alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cartwheel::storage {

class Entry {
 public:
  // `value` none: the key is absent (a tombstone). Freed with Free.
  static Entry* New(std::string_view key, std::optional<std::string_view> value, uint64_t sequence);
  static void Free(Entry* entry);

  std::string_view key() const { return {bytes(), key_bytes_}; }
  std::string_view value() const {
    return {bytes() + key_bytes_, value_bytes_};
  }  // not of a tombstone
  bool is_tombstone() const { return tombstone_; }
  uint64_t sequence() const { return sequence_; }  // of the write, over the life of the process
  // Memory it takes, rounded up as allocators do.
  size_t memory() const { return MemoryOf(key_bytes_, value_bytes_); }
  static size_t MemoryOf(size_t key_bytes, size_t value_bytes);

  // Its place in its layer.
  uint32_t ordinal = 0;
  // The base store has it too and no layer needs it: it may be evicted.
  bool clean = false;
  // A newer entry of the key has taken its place in the index.
  bool superseded = false;
  // Read since the clock hand last passed.
  bool referenced = false;

 private:
  Entry() = default;
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }

  bool tombstone_ = false;
  uint32_t key_bytes_ = 0;
  uint32_t value_bytes_ = 0;
  uint64_t sequence_ = 0;
};

}  // namespace cartwheel::storage
