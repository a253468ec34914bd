// How much is to go from a store on disk that several owners keep below its limit together.
//
// What is deleted shows late: it leaves holes in pages, which later flushes fill. So from nine
// tenths of the limit on what keys and records take stays as it is, and only where a flush leaves
// the store well above does it shrink, by as much as it is above.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace cartwheel::server {

class RoomTarget {
 public:
  // `in_use` of `limit` bytes of disk; `volume`: of keys and records (LocalStore::volume);
  // `flushes` so far. How many bytes of keys and records are to go; below 0: so many may come.
  int64_t BytesToGo(uint64_t in_use, uint64_t limit, int64_t volume, uint64_t flushes) {
    const bool flushed = std::exchange(flushes_seen_, flushes) != flushes;
    const uint64_t start = StartOf(limit);
    if (in_use < start) {
      target_.reset();
      return 0;
    }
    if (!target_) target_ = volume;
    if (flushed && in_use > start + limit / 20) {
      target_ = std::min(*target_, volume) - static_cast<int64_t>(in_use - start);
    }
    return volume - *target_;
  }

  static uint64_t StartOf(uint64_t limit) { return limit / 10 * 9 + limit % 10 * 9 / 10; }

 private:
  std::optional<int64_t> target_;  // of the volume
  uint64_t flushes_seen_ = 0;
};

}  // namespace cartwheel::server
