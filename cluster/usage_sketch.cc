#include "cluster/usage_sketch.h"

#include <algorithm>
#include <bit>

#include "cluster/rendezvous.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kMinuteMs = 60'000;

}  // namespace

size_t UsageSketch::CellsFor(uint64_t bytes) {
  constexpr uint64_t kBytesPerCell = 64;
  constexpr uint64_t kFewest = 1 << 10;
  constexpr uint64_t kMost = 1 << 26;
  return std::bit_ceil(std::clamp(bytes / kBytesPerCell, kFewest, kMost));
}

void UsageSketch::Configure(const Options& options) {
  if (options == options_) return;
  const bool same = options.tracks == options_.tracks && options.cells == options_.cells;
  options_ = options;
  if (same) return;
  memory_.reset();
  last_ms_ = passed_ms_ = 0;
  if (options.tracks == Tracks::kNothing) return;
  memory_ = std::make_unique<storage::LazyMemory>(options.cells * sizeof(uint32_t));
  // The system grants no address space: nothing is tracked, and any key is as cold as the others.
  if (memory_->data() == nullptr) memory_.reset();
}

void UsageSketch::Advance(int64_t now_ms) {
  if (last_ms_ != 0) passed_ms_ += std::max<int64_t>(0, now_ms - last_ms_);
  last_ms_ = now_ms;
}

// Of a cell with a frequency: when it was last noted, beside it. From 1, so that 0 is no use.
uint32_t UsageSketch::Minute() const {
  return static_cast<uint32_t>(passed_ms_ / kMinuteMs) + 1;
}

uint32_t UsageSketch::Decayed(uint32_t cell) const {
  const uint32_t frequency = cell & kMostFrequency;
  if (options_.lfu_decay_minutes == 0) return frequency;
  const uint64_t periods = (Minute() - (cell >> kFrequencyBits)) / options_.lfu_decay_minutes;
  return periods >= frequency ? 0 : frequency - static_cast<uint32_t>(periods);
}

// One use in (frequency - kNewFrequency) * factor + 1.
bool UsageSketch::Counts(uint32_t frequency) {
  if (frequency >= kMostFrequency) return false;
  if (frequency <= kNewFrequency) return true;
  return NextRandom(random_state_) % ((frequency - kNewFrequency) * options_.lfu_log_factor + 1) ==
         0;
}

bool UsageSketch::Note(uint64_t hash, int64_t now_ms, bool is_new) {
  Advance(now_ms);
  uint32_t& cell = CellOf(hash);
  if (options_.tracks == Tracks::kRecency) {
    const bool news = cell == 0 || Tick() - cell >= kNewsTicks;
    cell = Tick();
    return news;
  }
  const uint32_t before = Decayed(cell);
  uint32_t frequency = before;
  if (is_new) {
    frequency = std::max(frequency, kNewFrequency);
  } else if (Counts(before)) {
    ++frequency;
  }
  cell = Minute() << kFrequencyBits | frequency;
  return frequency != before;
}

uint8_t UsageSketch::LevelOf(uint64_t hash, int64_t now_ms) {
  return FrequencyOf(hash, now_ms).value_or(0);
}

void UsageSketch::Heard(uint64_t hash, uint8_t level, int64_t now_ms) {
  if (!tracks()) return;
  Advance(now_ms);
  uint32_t& cell = CellOf(hash);
  if (options_.tracks == Tracks::kRecency) {
    cell = Tick();
  } else {
    cell = Minute() << kFrequencyBits | std::max<uint32_t>(Decayed(cell), level);
  }
}

uint64_t UsageSketch::ColdnessOf(uint64_t hash, int64_t now_ms) {
  if (!tracks()) return 0;
  Advance(now_ms);
  const uint32_t cell = CellOf(hash);
  if (options_.tracks == Tracks::kRecency) return cell == 0 ? UINT32_MAX : Tick() - cell;
  return kMostFrequency - (cell == 0 ? 0 : Decayed(cell));
}

std::optional<int64_t> UsageSketch::IdleMs(uint64_t hash, int64_t now_ms) {
  if (!tracks() || options_.tracks != Tracks::kRecency || CellOf(hash) == 0) return std::nullopt;
  Advance(now_ms);
  return int64_t{Tick() - CellOf(hash)} * kTickMs;
}

std::optional<uint8_t> UsageSketch::FrequencyOf(uint64_t hash, int64_t now_ms) {
  if (!tracks() || options_.tracks != Tracks::kFrequency || CellOf(hash) == 0) return std::nullopt;
  Advance(now_ms);
  return static_cast<uint8_t>(Decayed(CellOf(hash)));
}

}  // namespace cartwheel::cluster
