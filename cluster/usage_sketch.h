// How recently, or how often, keys were used: a table of small cells in memory, indexed by the
// key's hash. Records carry none of it, so that a read writes nothing.
//
// Keys that share a cell are taken for as much used as the most used of them: a cold one among them
// may stay longer than it should, and a hot one never goes for a cold one's sake. A start forgets
// everything; what was not used since counts as the coldest.
//
// Frequency is Redis's logarithmic counter ("Key eviction", redis.io: lfu-log-factor,
// lfu-decay-time): the more there are the less likely one more use counts, and time takes away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "storage/lazy_memory.h"

namespace cartwheel::cluster {

class UsageSketch {
 public:
  enum class Tracks : uint8_t { kNothing, kRecency, kFrequency };
  struct Options {
    Tracks tracks = Tracks::kNothing;
    size_t cells = 0;  // a power of two, of 4 bytes each; means nothing when nothing is tracked
    uint64_t lfu_log_factor = 10;
    uint64_t lfu_decay_minutes = 1;  // 0: never
    bool operator==(const Options&) const = default;
  };

  // For data of so many bytes: about four cells a record of 256 bytes, 4 KiB to 256 MiB of memory.
  static size_t CellsFor(uint64_t bytes);

  // Forgets what was noted when something else is tracked, or in another number of cells.
  void Configure(const Options& options);
  const Options& options() const { return options_; }
  bool tracks() const { return memory_ != nullptr; }

  // A use of the key whose hash this is. True: it would tell somebody who has not seen this use
  // something new (of recency: a second has passed; of frequency: it counted). Times may go
  // backwards; no time passes then.
  bool Touch(uint64_t hash, int64_t now_ms) { return tracks() && Note(hash, now_ms, false); }
  // The key has just come to be: it is not to go before it had a chance.
  void TouchNew(uint64_t hash, int64_t now_ms) {
    if (tracks()) Note(hash, now_ms, true);
  }
  // It is used no more than one that has just come to be.
  bool IsAsNew(uint64_t hash, int64_t now_ms) {
    return FrequencyOf(hash, now_ms).value_or(0) < kNewFrequency;
  }
  // What another node is told of a use, and takes in as one of now.
  uint8_t LevelOf(uint64_t hash, int64_t now_ms);
  void Heard(uint64_t hash, uint8_t level, int64_t now_ms);

  // The larger, the sooner it should go; 0 when nothing is tracked.
  uint64_t ColdnessOf(uint64_t hash, int64_t now_ms);
  // nullopt: that is not tracked, or the key was not used since the start.
  std::optional<int64_t> IdleMs(uint64_t hash, int64_t now_ms);
  std::optional<uint8_t> FrequencyOf(uint64_t hash, int64_t now_ms);

 private:
  static constexpr int64_t kTickMs = 64;
  static constexpr uint32_t kNewsTicks = 16;
  static constexpr uint32_t kNewFrequency = 5;  // Redis's LFU_INIT_VAL
  static constexpr uint32_t kMostFrequency = 255;
  static constexpr uint32_t kFrequencyBits = 8;

  uint32_t& CellOf(uint64_t hash) {
    return reinterpret_cast<uint32_t*>(memory_->data())[hash & (options_.cells - 1)];
  }
  void Advance(int64_t now_ms);
  uint32_t Tick() const { return static_cast<uint32_t>(passed_ms_ / kTickMs) + 1; }
  uint32_t Minute() const;
  uint32_t Decayed(uint32_t cell) const;
  bool Note(uint64_t hash, int64_t now_ms, bool is_new);
  bool Counts(uint32_t frequency);

  Options options_;
  std::unique_ptr<storage::LazyMemory> memory_;
  int64_t last_ms_ = 0;
  int64_t passed_ms_ = 0;      // since it was configured, without the steps of the clock backwards
  uint64_t random_state_ = 1;  // which uses count needs no secret
};

}  // namespace cartwheel::cluster
