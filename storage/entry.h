// A key with its value, or with its absence, as one write left them: one block of memory.
//
// Key, value and sequence never change, so that a helper thread can read an entry while the owner's
// thread puts a newer one in its place. The ordinal and the flags are the owner's thread's alone.
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
  std::string_view value() const {  // not of a tombstone
    return {bytes() + key_bytes_, value_bytes_};
  }
  bool is_tombstone() const { return tombstone_; }
  // Of the write, over the life of the process: 48 bits, nine years at a million writes a second.
  uint64_t sequence() const { return uint64_t{sequence_high_} << 32 | sequence_low_; }
  // Memory it takes, rounded up as allocators do.
  size_t memory() const { return MemoryOf(key_bytes_, value_bytes_); }
  static size_t MemoryOf(size_t key_bytes, size_t value_bytes);

  // The base store has it too and no layer needs it: it may be evicted.
  bool clean() const { return (owner_flags_ & kClean) != 0; }
  void set_clean() { owner_flags_ |= kClean; }
  // A newer entry of the key has taken its place in the index.
  bool superseded() const { return (owner_flags_ & kSuperseded) != 0; }
  void set_superseded(bool is) { is ? owner_flags_ |= kSuperseded : owner_flags_ &= ~kSuperseded; }
  // Read since the clock hand last passed.
  bool referenced() const { return (owner_flags_ & kReferenced) != 0; }
  void set_referenced() { owner_flags_ |= kReferenced; }
  // Forgets that it was read; whether it was.
  bool TakeReferenced() {
    const bool was = referenced();
    owner_flags_ &= ~kReferenced;
    return was;
  }

  // Its place in its layer.
  uint32_t ordinal = 0;

 private:
  static constexpr uint8_t kClean = 1;
  static constexpr uint8_t kSuperseded = 2;
  static constexpr uint8_t kReferenced = 4;

  Entry() = default;
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }

  uint8_t owner_flags_ = 0;
  bool tombstone_ = false;
  uint16_t sequence_high_ = 0;
  uint32_t sequence_low_ = 0;
  uint32_t key_bytes_ = 0;
  uint32_t value_bytes_ = 0;
};
// One more byte would move the usual small record into the allocator's next size.
static_assert(sizeof(Entry) == 20);

}  // namespace cartwheel::storage
